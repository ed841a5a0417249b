//! Whom clients trust, and the handshake from their side.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Host;

use super::super::timed_tcp::TimedTcp;
use super::{TlsError, provider};

/// The certificates of the authorities a client trusts. There is no way to trust everybody.
#[derive(Clone, Debug)]
pub struct Roots {
    base: Base,
    added: Vec<CertificateDer<'static>>,
}

#[derive(Clone, Copy, Debug)]
enum Base {
    System,
    Bundled,
    Empty,
}

impl Roots {
    /// Those of the operating system (or of the file in `SSL_CERT_FILE`); where it has none, as in
    /// small containers, the bundled ones. The default.
    pub const fn system() -> Self {
        Self { base: Base::System, added: Vec::new() }
    }

    /// Those of Mozilla at the time this was built.
    pub const fn bundled() -> Self {
        Self { base: Base::Bundled, added: Vec::new() }
    }

    /// None but those that are [added](Self::with_pem).
    pub const fn empty() -> Self {
        Self { base: Base::Empty, added: Vec::new() }
    }

    /// Adds the certificates in a PEM text: of a private authority, or a server's own self-signed one.
    ///
    /// # Errors
    ///
    /// When it is not PEM, has no certificate, or one that cannot be a root.
    pub fn with_pem(mut self, pem: &[u8]) -> Result<Self, RootsError> {
        let added: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|_| RootsError::Pem)?;
        if added.is_empty() {
            return Err(RootsError::Pem);
        }
        let mut check = RootCertStore::empty();
        for certificate in &added {
            check.add(certificate.clone()).map_err(|error| RootsError::Root(TlsError(error)))?;
        }
        self.added.extend(added);
        Ok(self)
    }

    fn store(&self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        if let Base::System = self.base {
            // Some that cannot be used are usual; only having none at all is a problem.
            let found = rustls_native_certs::load_native_certs();
            store.add_parsable_certificates(found.certs);
            if store.is_empty() {
                tracing::debug!("no certificates in the system: the bundled ones are trusted");
            }
        }
        if matches!(self.base, Base::Bundled | Base::System) && store.is_empty() {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        store.add_parsable_certificates(self.added.iter().cloned());
        store
    }
}

impl Default for Roots {
    fn default() -> Self {
        Self::system()
    }
}

/// Why certificates cannot be trusted as roots.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// There is no certificate in the PEM text, or it is not PEM.
    #[error("no certificate in the text: it takes PEM text with `-----BEGIN CERTIFICATE-----`")]
    Pem,
    /// A certificate cannot be a root.
    #[error("unusable certificate")]
    Root(#[source] TlsError),
}

/// The roots of a [`Dialer`](super::super::Dialer), loaded at its first encrypted connection.
#[derive(Clone, Default)]
pub(crate) struct ClientTls {
    roots: Roots,
    config: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl ClientTls {
    pub(crate) fn new(roots: Roots) -> Self {
        Self { roots, config: Arc::default() }
    }

    async fn config(&self) -> io::Result<Arc<ClientConfig>> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let roots = self.roots.clone();
        // Hundreds of files on some systems.
        let store =
            tokio::task::spawn_blocking(move || roots.store()).await.map_err(io::Error::other)?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has cipher suites for both versions")
            .with_root_certificates(store)
            .with_no_client_auth();
        // Upgrades are a thing of HTTP/1.1.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientTls").field("roots", &self.roots).finish_non_exhaustive()
    }
}

/// Encrypts `stream`, after checking that the other end is `host`. Errors of TLS come as what they are,
/// within those of the stream.
pub(crate) async fn handshake(
    tls: &ClientTls,
    host: &Host,
    stream: TimedTcp,
) -> io::Result<TlsStream<TimedTcp>> {
    let name = match host {
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|_| io::ErrorKind::InvalidInput)?
        }
        Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(*address)),
        Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(*address)),
    };
    let connector = TlsConnector::from(tls.config().await?);
    connector.connect(name, stream).await
}
