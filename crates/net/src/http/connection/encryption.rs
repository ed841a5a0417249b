//! TLS at the listener.

use std::io;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::settings::Settings;
use super::super::timed_tcp::TimedTcp;
use super::super::tls::TlsConfig;

/// An encrypted connection.
pub(super) type Encrypted = TlsStream<TimedTcp>;

/// The certificate, and what does the handshakes with it.
#[derive(Clone)]
pub(super) struct Encryption {
    acceptor: TlsAcceptor,
    config: TlsConfig,
}

impl Encryption {
    /// `None`: there is no certificate, and connections are plain.
    pub(super) fn of(settings: &Settings) -> Option<Self> {
        let config = settings.tls.clone()?;
        Some(Self { acceptor: config.acceptor(), config })
    }

    /// Looks after the certificate.
    pub(super) async fn watch(&self) {
        self.config.clone().watch().await;
    }

    /// The connection behind its handshake, and whether HTTP/2 was negotiated there.
    pub(super) async fn accept(&self, stream: TimedTcp) -> io::Result<(Encrypted, bool)> {
        let stream = self.acceptor.accept(stream).await?;
        let speaks_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((stream, speaks_http2))
    }
}
