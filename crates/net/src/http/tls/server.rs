//! The server's certificate, read again when its files change.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;

use super::{TlsConfigError, TlsError, provider};
use crate::metrics;

/// The protocols offered, the preferred one first (RFC 7301).
const ALPN: &[&[u8]] = if cfg!(feature = "http2") { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };

/// A certificate with its key, for [`HttpServer::tls`](crate::http::HttpServer::tls).
///
/// Given as files, they are looked at every ten seconds while the server runs, and read again when
/// either has changed; connections that exist keep the certificate they began with. What cannot be
/// read then is logged as a warning and counted, and the old certificate stays.
///
/// ```no_run
/// use sockeye_net::http::{HttpServer, TlsConfig, bind};
///
/// # async fn example(router: axum::Router) -> Result<(), Box<dyn std::error::Error>> {
/// let tls = TlsConfig::from_pem_files("cert.pem", "key.pem")?;
/// HttpServer::new(bind(443).await?, router).tls(tls).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TlsConfig {
    certificate: Arc<Certificate>,
    reload_interval: Duration,
}

impl TlsConfig {
    /// Reads a certificate chain, the server's own certificate first, and its private key from PEM
    /// files.
    ///
    /// # Errors
    ///
    /// When a file cannot be read, has not what it should, or the two do not belong together.
    pub fn from_pem_files(
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Result<Self, TlsConfigError> {
        let files = Files { certificate: certificate.into(), key: key.into() };
        // The stamp is older than what is read, so a change in between is seen later.
        let stamp = files.stamp();
        let pair = files.read()?;
        Ok(Self::new(pair, Some(Watched { files, stamp: Mutex::new(stamp) })))
    }

    /// The same from PEM text.
    ///
    /// # Errors
    ///
    /// When there is no certificate or no key in it, or the two do not belong together.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        Ok(Self::new(parse(certificate, key, None)?, None))
    }

    /// How often the files are looked at. Default: 10 seconds.
    #[must_use]
    pub const fn reload_interval(mut self, interval: Duration) -> Self {
        self.reload_interval = interval;
        self
    }

    fn new(pair: Arc<CertifiedKey>, watched: Option<Watched>) -> Self {
        let certificate = Arc::new(Certificate { current: RwLock::new(pair), watched });
        Self { certificate, reload_interval: Duration::from_secs(10) }
    }

    /// What does the handshakes.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let mut config = rustls::ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for both versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&self.certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }

    /// Reads the files again whenever they change. Never ends, but the server drops it.
    pub(crate) async fn watch(self) {
        if self.certificate.watched.is_none() {
            return;
        }
        let mut ticks = interval(self.reload_interval.max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let certificate = Arc::clone(&self.certificate);
            // Files may be on a slow disk. A panic there costs one look.
            let _ = spawn_blocking(move || certificate.reload()).await;
        }
    }
}

impl std::fmt::Debug for TlsConfig {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsConfig")
            .field("files", &self.certificate.watched.as_ref().map(|watched| &watched.files))
            .finish_non_exhaustive()
    }
}

struct Certificate {
    current: RwLock<Arc<CertifiedKey>>,
    watched: Option<Watched>,
}

struct Watched {
    files: Files,
    /// Of what was last read, whether or not it could be used.
    stamp: Mutex<Stamp>,
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// When the files changed last and their lengths.
type Stamp = [Option<(SystemTime, u64)>; 2];

impl Certificate {
    fn reload(&self) {
        let Some(watched) = &self.watched else { return };
        let stamp = watched.files.stamp();
        if *watched.stamp.lock() == stamp {
            return;
        }
        match watched.files.read() {
            Ok(pair) => {
                *self.current.write() = pair;
                *watched.stamp.lock() = stamp;
                tracing::info!(file = %watched.files.certificate.display(), "certificate read again");
            }
            Err(error) => {
                // Half of a replacement is seen like this, so it is tried again until it is whole.
                metrics::certificate_unusable();
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "changed certificate cannot be used; the old one stays"
                );
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").finish_non_exhaustive()
    }
}

impl Files {
    fn stamp(&self) -> Stamp {
        [&self.certificate, &self.key].map(|path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        })
    }

    fn read(&self) -> Result<Arc<CertifiedKey>, TlsConfigError> {
        parse(&read(&self.certificate)?, &read(&self.key)?, Some(self))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsConfigError> {
    fs::read(path).map_err(|source| TlsConfigError::File { path: path.to_owned(), source })
}

/// The pair in two PEM texts; `files` are where they came from.
fn parse(
    certificate: &[u8],
    key: &[u8],
    files: Option<&Files>,
) -> Result<Arc<CertifiedKey>, TlsConfigError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<_, _>>()
        .ok()
        .filter(|chain: &Vec<_>| !chain.is_empty())
        .ok_or_else(|| TlsConfigError::Certificate {
            file: files.map(|files| files.certificate.clone()),
        })?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| TlsConfigError::Key { file: files.map(|files| files.key.clone()) })?;
    let pair =
        CertifiedKey::from_der(chain, key, &provider()).map_err(|error| TlsConfigError::Pair {
            files: files.map(|files| (files.certificate.clone(), files.key.clone())),
            source: TlsError(error),
        })?;
    Ok(Arc::new(pair))
}
