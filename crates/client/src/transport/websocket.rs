//! One WebSocket of a session.

use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use sockeye_engine_proto::{TransportId, TransportKind};
use sockeye_net::WRITE_TIMEOUT;
use sockeye_net::http::into_stream;
use sockeye_net::pipe::{Closing, FrameReader, Pipe};
use sockeye_ws::handshake::client::Handshake;
use sockeye_ws::{CloseCode, Config, Connection, Opcode, Role};

use super::{excerpt, http_error};
use crate::error::TransportError;
use crate::random;
use crate::target::Target;

/// Of an answer that refuses the handshake no more is read.
const ERROR_BODY_BYTES_MAX: usize = 4096;
/// How long the peer may take to answer our close frame; nobody waits for it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An established WebSocket of one session: its only transport, or the probe of an upgrade.
#[derive(Debug)]
pub(crate) struct WebSocket {
    pub(crate) id: TransportId,
    pub(crate) reader: FrameReader,
    pipe: Pipe,
}

impl WebSocket {
    /// Connects. With `sid` it belongs to that session, to upgrade it.
    pub(crate) async fn connect(
        target: &Target,
        sid: Option<&str>,
        message_bytes_max: usize,
    ) -> Result<Self, TransportError> {
        let handshake = Handshake::new(random::bytes(), &[]);
        let mut request = Request::builder()
            .uri(target.path_and_query(TransportKind::WebSocket, sid))
            .body(Empty::<Bytes>::new())
            .map_err(http_error)?;
        request.headers_mut().extend(target.headers.clone());
        handshake.extend_headers(request.headers_mut());

        let response = target.dialer.send(&target.destination, WRITE_TIMEOUT, request).await?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let body = Limited::new(response.into_body(), ERROR_BODY_BYTES_MAX).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            return Err(TransportError::Status { status: status.as_u16(), body: excerpt(&body) });
        }
        handshake.check(&response).map_err(TransportError::Handshake)?;
        let upgraded = hyper::upgrade::on(response).await.map_err(http_error)?;
        let (stream, early) = into_stream(upgraded);
        let (read, write) = stream.split();
        let ws = Connection::new(Role::Client, Config { message_bytes_max, ..Config::default() });
        Ok(WebSocket {
            id: TransportId::new(TransportKind::WebSocket, u32::from(sid.is_some())),
            reader: FrameReader::new(read, ws, early),
            pipe: Pipe::new(write, Role::Client, None),
        })
    }

    /// Queues a text message.
    pub(crate) fn text(&mut self, text: &str) {
        self.message(Opcode::Text, text.as_bytes());
    }

    /// Queues a binary message.
    pub(crate) fn binary(&mut self, data: &[u8]) {
        self.message(Opcode::Binary, data);
    }

    fn message(&mut self, opcode: Opcode, payload: &[u8]) {
        // When either side has closed, the end of the session follows.
        if self.reader.ws.is_open() {
            self.pipe.push(opcode, (&[], payload), false);
        }
    }

    /// Queues a close frame, the last one.
    pub(crate) fn close(&mut self, code: CloseCode) {
        let key = self.pipe.masking_key();
        self.reader.ws.close(code, "", key, self.pipe.tail());
    }

    /// Bytes that wait to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.pipe.queued_bytes()
    }

    /// Queues the replies that are owed, and writes as much as possible. Ready: nothing waits.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.queue_replies();
        self.pipe.poll_write(cx, WRITE_TIMEOUT)
    }

    fn queue_replies(&mut self) {
        while self.reader.ws.has_transmit() {
            let key = self.pipe.masking_key();
            self.reader.ws.poll_transmit(key, self.pipe.tail());
        }
    }

    /// Ends it in good order, behind what is queued; nobody waits for it. `failed`: the peer broke the
    /// protocol.
    pub(crate) fn finish(mut self, code: CloseCode, failed: bool) {
        self.queue_replies();
        let mut closing = Closing::new(self.pipe, self.reader, code, failed);
        if !closing.is_done_at_once() {
            tokio::spawn(tokio::time::timeout(CLOSE_TIMEOUT, closing.carry_out(WRITE_TIMEOUT)));
        }
    }

    /// Writes what the kernel takes at once, and drops the rest.
    pub(crate) fn drop_flushed(mut self) {
        let _ = self.poll_flush(&mut Context::from_waker(Waker::noop()));
    }
}
