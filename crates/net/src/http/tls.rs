//! TLS for the listener and for clients, by rustls: TLS 1.2 and 1.3.

#[cfg(feature = "client-tls")]
mod client;
mod server;

use std::io;
use std::path::PathBuf;
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
    #[error("no certificate in PEM")]
    Certificate,
    /// There is no private key in the PEM text (PKCS#8, PKCS#1 or SEC1), or it is not PEM.
    #[error("no private key in PEM")]
    Key,
    /// The key cannot be used, or belongs to another certificate.
    #[error("unusable certificate or key")]
    Pair(#[source] TlsError),
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
