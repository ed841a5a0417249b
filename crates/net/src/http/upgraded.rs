//! The byte stream of a connection that hyper gives back after an upgrade.

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::stream::HttpStream;
use super::timed_tcp::TimedTcp;
use crate::stream::Stream;

/// Takes the stream back from hyper after an upgrade, with the bytes that were read with the
/// request: copied, so that hyper's read buffer is not kept alive by them, and usually none.
///
/// A `TcpStream` served by [`HttpServer`](super::HttpServer), by hyper itself, by `hyper_util`'s
/// `auto` server or by `axum::serve` comes back as what it was; anything else is boxed: TLS, and
/// a stream of HTTP/2.
pub fn into_stream(upgraded: Upgraded) -> (Stream, Vec<u8>) {
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => return (Stream::from_tcp(parts.io.into_inner()), copy(&parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<HttpStream<TimedTcp>>() {
        Ok(parts) => {
            let (tcp, ahead) = parts.io.into_parts();
            return (tcp.into_stream(), [parts.read_buf, ahead].concat());
        }
        Err(upgraded) => upgraded,
    };
    let upgraded = match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
        Ok(parts) => return (Stream::from_tcp(parts.io.into_inner()), copy(&parts.read_buf)),
        Err(upgraded) => upgraded,
    };
    #[cfg(feature = "tls")]
    let upgraded = match downcast_tls(upgraded) {
        Ok(opened) => return opened,
        Err(upgraded) => upgraded,
    };
    // Its read side begins with the bytes already read.
    (Stream::from_io(TokioIo::new(upgraded)), Vec::new())
}

/// Saves TLS a layer and a box between it and the connection, of either role.
#[cfg(feature = "tls")]
fn downcast_tls(upgraded: Upgraded) -> Result<(Stream, Vec<u8>), Upgraded> {
    use tokio_rustls::{client, server};

    let upgraded = match upgraded.downcast::<HttpStream<server::TlsStream<TimedTcp>>>() {
        Ok(parts) => {
            let (io, ahead) = parts.io.into_parts();
            return Ok((io.into_stream(), [parts.read_buf, ahead].concat()));
        }
        Err(upgraded) => upgraded,
    };
    let upgraded = match upgraded.downcast::<TokioIo<server::TlsStream<TcpStream>>>() {
        Ok(parts) => return Ok((Stream::from_io(parts.io.into_inner()), copy(&parts.read_buf))),
        Err(upgraded) => upgraded,
    };
    let parts = upgraded.downcast::<TokioIo<client::TlsStream<TimedTcp>>>()?;
    let mut io = parts.io.into_inner();
    let watched = io.get_mut().0.watch();
    Ok((Stream::from_watched(io, watched), copy(&parts.read_buf)))
}

fn copy(bytes: &Bytes) -> Vec<u8> {
    bytes.to_vec()
}

/// A connection of the listener that can be handed over.
pub(super) trait IntoStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// From here on somebody else measures the time of its writes.
    fn into_stream(self) -> Stream;
}

impl IntoStream for TimedTcp {
    fn into_stream(self) -> Stream {
        Stream::from_tcp(self.into_inner())
    }
}

#[cfg(feature = "tls")]
impl IntoStream for tokio_rustls::server::TlsStream<TimedTcp> {
    fn into_stream(mut self) -> Stream {
        let watched = self.get_mut().0.watch();
        Stream::from_watched(self, watched)
    }
}
