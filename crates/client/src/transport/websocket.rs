//! One WebSocket: its bytes, what waits to be written, and the keys that mask it.

use std::{
    io,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, StatusCode, header::HOST};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use sockeye_engine_proto::{TransportId, TransportKind};
use sockeye_websocket::{ReadHalf, Stream, WRITE_TIMEOUT, WriteBuffer, WriteHalf};
use sockeye_ws::{
    CloseCode, Config, Connection, Event, Message, ProtocolError, Role,
    handshake::client::Handshake,
};
use tokio::net::TcpStream;

use super::{excerpt, http_error};
use crate::{TransportError, random, target::Target};

/// Of an answer that refuses the handshake no more is read.
const ERROR_BODY_BYTES_MAX: usize = 4096;

/// An established WebSocket of one session: its only transport, or the probe of an upgrade.
#[derive(Debug)]
pub(crate) struct WebSocket {
    pub(crate) id: TransportId,
    pub(crate) connection: Connection,
    /// What arrived together with the handshake's answer.
    pub(crate) early: Vec<u8>,
    read: ReadHalf,
    write: WriteHalf,
    out: WriteBuffer,
    keys: MaskingKeys,
}

impl WebSocket {
    /// Connects. With `sid` it belongs to that session, to upgrade it.
    pub(crate) async fn connect(
        target: &Target,
        sid: Option<&str>,
        message_bytes_max: usize,
    ) -> Result<Self, TransportError> {
        let tcp = TcpStream::connect(target.address()).await?;
        tcp.set_nodelay(true)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(tcp)).await.map_err(http_error)?;
        // Ends with the handshake, or when the sender is dropped.
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "the connection of a WebSocket handshake failed");
            }
        });
        let handshake = Handshake::new(random::bytes(), &[]);
        let mut request = Request::builder()
            .uri(target.path_and_query(TransportKind::WebSocket, sid))
            .header(HOST, target.authority())
            .body(Empty::<Bytes>::new())
            .map_err(http_error)?;
        request.headers_mut().extend(target.headers.clone());
        handshake.extend_headers(request.headers_mut());

        let response = sender.send_request(request).await.map_err(http_error)?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let body = Limited::new(response.into_body(), ERROR_BODY_BYTES_MAX).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            return Err(TransportError::Status { status: status.as_u16(), body: excerpt(&body) });
        }
        handshake.check(&response).map_err(TransportError::Handshake)?;
        let upgraded = hyper::upgrade::on(response).await.map_err(http_error)?;
        let (stream, early) = Stream::from_upgraded(upgraded);
        let (read, write) = stream.split();
        let config = Config { message_bytes_max, ..Config::default() };
        let serial = u32::from(sid.is_some());
        Ok(WebSocket {
            id: TransportId::new(TransportKind::WebSocket, serial),
            connection: Connection::new(Role::Client, config),
            early,
            read,
            write,
            out: WriteBuffer::new(),
            keys: MaskingKeys::default(),
        })
    }

    /// Reads into `buffer`; 0 is the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.read.poll_read(cx, buffer)
    }

    /// Takes in bytes, which are unmasked in place: how many were used and at most one event.
    pub(crate) fn handle_read<'a>(
        &'a mut self,
        input: &'a mut [u8],
    ) -> Result<(usize, Option<Event<'a>>), ProtocolError> {
        self.connection.handle_read(input)
    }

    /// Queues a text message.
    pub(crate) fn text(&mut self, text: &str) {
        self.message(Message::Text(text));
    }

    /// Queues a binary message.
    pub(crate) fn binary(&mut self, data: &[u8]) {
        self.message(Message::Binary(data));
    }

    /// Queues a close frame, the last one.
    pub(crate) fn close(&mut self, code: CloseCode) {
        let key = self.keys.next();
        self.connection.close(code, "", Some(key), self.out.tail());
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.out.len()
    }

    /// Queues the replies that are owed, and writes as much as possible. Ready: nothing waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let key = self.keys.peek();
        while self.connection.poll_transmit(Some(key), self.out.tail()) {
            self.keys.next();
        }
        loop {
            if self.out.is_empty() || self.out.write_to(&self.write)? {
                return Poll::Ready(Ok(()));
            }
            if self.write.poll_writable(cx, WRITE_TIMEOUT)?.is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn message(&mut self, message: Message<'_>) {
        let key = self.keys.next();
        if let Err(error) = self.connection.send(message, Some(key), self.out.tail()) {
            // The peer has closed; the end of the session follows.
            tracing::debug!(%error, "a message was not sent");
        }
    }
}

/// Unpredictable masking keys (RFC 6455 §5.3), drawn from the system a few at a time.
#[derive(Debug, Default)]
struct MaskingKeys {
    keys: [[u8; 4]; 16],
    left: usize,
}

impl MaskingKeys {
    fn peek(&mut self) -> [u8; 4] {
        if self.left == 0 {
            let bytes: [u8; 64] = random::bytes();
            for (key, bytes) in self.keys.iter_mut().zip(bytes.chunks_exact(4)) {
                key.copy_from_slice(bytes);
            }
            self.left = self.keys.len();
        }
        self.keys[self.left - 1]
    }

    fn next(&mut self) -> [u8; 4] {
        let key = self.peek();
        self.left -= 1;
        key
    }
}
