//! WebSocket: the only transport of a session, or the one that it upgrades to.

use std::io;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Collected, Empty, Limited};
use sockeye_engine_proto::{DecodeError, Message, Packet, TransportId, TransportKind};
use sockeye_net::WRITE_TIMEOUT;
use sockeye_net::http::into_stream;
use sockeye_net::pipe::{Closing, FrameReader, Pipe};
use sockeye_ws::handshake::client::Handshake;
use sockeye_ws::{CloseCode, Config, Connection, Event, Opcode, ProtocolError, Role};
use tokio::time::timeout;

use super::{http_error, status_error};
use crate::engine::target::Target;
use crate::error::TransportError;
use crate::random;

/// Bytes that are read of a response that refuses the handshake.
const ERROR_BODY_BYTES_MAX: usize = 4096;
/// How long the server may take to answer the close frame, in the background.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An established WebSocket of a session: its transport, or the probe of an upgrade.
#[derive(Debug)]
pub(crate) struct WebSocket {
    pub(crate) id: TransportId,
    pub(crate) reader: FrameReader,
    pipe: Pipe,
}

impl WebSocket {
    /// Connects, for a new session or for the upgrade of the session `sid`.
    pub(crate) async fn connect(
        target: &Target,
        sid: Option<&str>,
    ) -> Result<Self, TransportError> {
        let connected = timeout(target.open_timeout, Self::open(target, sid)).await;
        connected.map_err(|_| TransportError::Timeout)?
    }

    async fn open(target: &Target, sid: Option<&str>) -> Result<Self, TransportError> {
        let handshake = Handshake::new(random::bytes(), &[]);
        let uri = target.path_and_query(TransportKind::WebSocket, sid);
        let mut request = target.request(uri, Empty::<Bytes>::new()).map_err(http_error)?;
        handshake.extend_headers(request.headers_mut());

        let response = target.dialer.send(&target.destination, WRITE_TIMEOUT, request).await?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let body = Limited::new(response.into_body(), ERROR_BODY_BYTES_MAX).collect().await;
            return Err(status_error(status, &body.map(Collected::to_bytes).unwrap_or_default()));
        }
        handshake.check(&response).map_err(TransportError::Handshake)?;
        let upgraded = hyper::upgrade::on(response).await.map_err(http_error)?;
        let (stream, early) = into_stream(upgraded);
        let (read, write) = stream.split();
        let message_bytes_max = target.message_bytes_max;
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
        // After a close frame of either side nothing may be sent; the session is about to end.
        if self.reader.ws.is_open() {
            self.pipe.push(opcode, (&[], payload), false);
        }
    }

    /// Queues a close frame. Nothing can be queued after it.
    pub(crate) fn close(&mut self, code: CloseCode) {
        let key = self.pipe.masking_key();
        self.reader.ws.close(code, "", key, self.pipe.tail());
    }

    /// Bytes in the write buffer.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.pipe.queued_bytes()
    }

    /// Queues replies to pings and close frames, and writes as much as possible. Ready: the buffer is
    /// empty.
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

    /// Writes what is queued and finishes the closing handshake, in the background. `has_failed`: the
    /// server broke the protocol.
    pub(crate) fn finish(mut self, code: CloseCode, has_failed: bool) {
        self.queue_replies();
        let mut closing = Closing::new(self.pipe, self.reader, (code, ""), has_failed);
        if !closing.is_done_at_once() {
            tokio::spawn(timeout(CLOSE_TIMEOUT, closing.carry_out(WRITE_TIMEOUT)));
        }
    }

    /// Writes what the kernel takes immediately, and drops the rest.
    pub(crate) fn drop_flushed(mut self) {
        let _ = self.poll_flush(&mut Context::from_waker(Waker::noop()));
    }
}

/// Gives the packets in `input` to `handle`. Whether more can follow: not after a close frame.
pub(crate) fn read_frames(
    ws: &mut Connection,
    input: &mut [u8],
    mut handle: impl FnMut(Result<Packet<'_>, DecodeError>),
) -> Result<bool, ProtocolError> {
    let mut used = 0;
    while used < input.len() {
        let (count, frame) = ws.handle_read(&mut input[used..])?;
        used += count;
        match frame {
            Some(Event::Text(text)) => handle(Packet::decode(text, &mut Vec::new())),
            Some(Event::Binary(data)) => handle(Ok(Packet::Message(Message::Binary(data)))),
            Some(Event::Close(_)) => return Ok(false),
            Some(Event::Ping(_) | Event::Pong(_)) | None => {}
        }
    }
    Ok(true)
}
