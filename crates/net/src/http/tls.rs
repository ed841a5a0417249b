//! TLS for the listener and for clients, by rustls: TLS 1.2 and 1.3.

#[cfg(feature = "client-tls")]
mod client;
mod server;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

#[cfg(feature = "client-tls")]
pub(crate) use self::client::{ClientTls, handshake};
#[cfg(feature = "client-tls")]
pub use self::client::{Roots, RootsError};
pub use self::server::TlsConfig;

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsConfigError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate in the PEM text, or it is not PEM.
    #[error(
        "no certificate in {}: it takes PEM text with `-----BEGIN CERTIFICATE-----`; \
         the certificate is the first argument, the key the second",
        name(file.as_deref())
    )]
    Certificate {
        /// The file. `None`: it was given as text.
        file: Option<PathBuf>,
    },
    /// There is no private key in the PEM text (PKCS#8, PKCS#1 or SEC1), or it is not PEM.
    #[error(
        "no private key in {}: it takes PEM text with `-----BEGIN PRIVATE KEY-----`, \
         which no passphrase protects (`openssl pkey -in <key> -out <plain key>` takes it off)",
        name(file.as_deref())
    )]
    Key {
        /// The file. `None`: it was given as text.
        file: Option<PathBuf>,
    },
    /// The key cannot be used, or belongs to another certificate.
    #[error("{}", describe_pair(files.as_ref(), source))]
    Pair {
        /// The files of the certificate and of the key. `None`: they were given as text.
        files: Option<(PathBuf, PathBuf)>,
        /// What is wrong with them.
        source: TlsError,
    },
}

fn name(file: Option<&Path>) -> String {
    file.map_or_else(|| "the text".to_owned(), |file| file.display().to_string())
}

fn describe_pair(files: Option<&(PathBuf, PathBuf)>, error: &TlsError) -> String {
    let place = |file: &PathBuf| format!(" in {}", file.display());
    let (certificate, key) =
        files.map_or_else(Default::default, |(certificate, key)| (place(certificate), place(key)));
    if matches!(error.0, rustls::Error::InconsistentKeys(_)) {
        format!(
            "the key{key} is not that of the first certificate{certificate}: take both from the \
             same issue, with the server's own certificate before those of its authorities"
        )
    } else {
        format!(
            "the certificate{certificate} or the key{key} cannot be used: a key is RSA of 2048 \
             bits or more, ECDSA on P-256 or P-384, or Ed25519; make both anew if they are damaged"
        )
    }
}

/// What TLS has to say about a handshake or a certificate.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct TlsError(#[from] pub(crate) rustls::Error);

impl TlsError {
    /// Whether the peer's certificate was refused: unknown issuer, another host's, expired, revoked.
    pub const fn is_certificate(&self) -> bool {
        matches!(
            self.0,
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented
        )
    }
}

/// One provider for everything, whatever else in the process installed as its default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
