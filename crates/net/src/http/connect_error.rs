//! What can go wrong when a connection is opened.

use std::io;

use sockeye_ws::handshake::client::ResponseError;

#[cfg(feature = "client-tls")]
use super::tls::TlsError;

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is not a URL.
    #[error("invalid URL")]
    Url(#[from] url::ParseError),
    /// The URL's scheme is not `ws`, nor `wss` where the feature `tls` is on.
    #[error("unsupported URL scheme")]
    Scheme,
    /// The URL has no host.
    #[error("URL without a host")]
    Host,
    /// No address of the host accepted a connection, or it broke.
    #[error("cannot reach the host")]
    Io(#[from] io::Error),
    /// No TLS with this server: above all, its certificate was refused.
    #[cfg(feature = "client-tls")]
    #[error("TLS handshake failed")]
    Tls(#[source] TlsError),
    /// The server did not speak HTTP, or ended the connection.
    #[error("HTTP exchange failed")]
    Http(#[from] hyper::Error),
    /// The server refused, or its handshake is wrong.
    #[error("handshake refused")]
    Response(#[from] ResponseError),
    /// It took longer than the timeout.
    #[error("timed out")]
    Timeout,
}

#[cfg(feature = "client-tls")]
impl ConnectError {
    /// tokio-rustls hands errors of TLS through those of the stream.
    pub(super) fn of_handshake(error: io::Error) -> Self {
        match error.downcast::<rustls::Error>() {
            Ok(error) => Self::Tls(TlsError::from(error)),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Self::Host,
            Err(error) => Self::Io(error),
        }
    }
}
