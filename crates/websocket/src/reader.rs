//! The reading side of a connection: turns of reading, handling and replying.

use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sockeye_ws as ws;
use sockeye_ws::{CloseCode, Event, Role};

use crate::compression::{self, Negotiated};
use crate::config::Config;
use crate::ending::Ending;
use crate::error::RecvError;
use crate::keep_alive::{Due, KeepAlive};
use crate::message::{Closed, Message};
use crate::metrics;
use crate::outbox::{Failure, HIGH_WATER_BYTES, Outbox};
use crate::outgoing::Outgoing;
use crate::ping_flood::Pings;
use crate::scratch::with_scratch;
use crate::stream::{ReadHalf, Stream};
use crate::writer::Writer;

/// Reads that one poll may do before other tasks get their turn.
const READS_PER_POLL: u32 = 8;

/// The reading side of a split [`WebSocket`](crate::WebSocket). It answers pings and the peer's close
/// frame, so it has to be read until the end even if nothing is expected.
#[derive(Debug)]
pub struct Reader {
    read: ReadHalf,
    connection: ws::Connection,
    writer: Writer,
    /// Read but not looked at: what came with the handshake, or behind the last message given out.
    rest: Option<Box<Rest>>,
    /// Set when we closed or no more messages come.
    ending: Option<Box<Ending>>,
    /// There when time matters to the connection.
    keep_alive: Option<Box<KeepAlive>>,
    /// There once the peer has pinged.
    pings: Option<Box<Pings>>,
    /// The replies of the last turn wait behind more than they should.
    congested: bool,
    /// A data message has arrived in part.
    mid_message: bool,
}

/// What a peer that does not read its replies is to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Nothing: what is received must not depend on what is sent, or two such ends would wait for each
    /// other. The only replies are pongs, bounded by [`Config::queued_bytes_max`].
    Application,
    /// Nothing more is read from it.
    Replies,
}

#[derive(Debug)]
struct Rest {
    bytes: Vec<u8>,
    start: usize,
}

impl Reader {
    /// Takes over a stream after its handshake; `rest` was read behind it.
    pub(crate) fn new(
        stream: Stream,
        rest: Vec<u8>,
        role: Role,
        config: Arc<Config>,
        negotiated: Option<&Negotiated>,
    ) -> Self {
        let (read, write) = stream.split();
        let connection = ws::Connection::new(role, config.protocol());
        let connection = compression::receive(connection, negotiated);
        let keep_alive = KeepAlive::at_start(&config);
        let writer = Writer::new(Outbox::new(write, role, config, negotiated));
        let rest = (!rest.is_empty()).then(|| Box::new(Rest { bytes: rest, start: 0 }));
        Self {
            read,
            connection,
            writer,
            rest,
            ending: None,
            keep_alive,
            pings: None,
            congested: false,
            mid_message: false,
        }
    }

    /// The next message, pings and pongs included. `None` when the connection was closed in good
    /// order ([`closed`](Self::closed) says how), and always after that.
    ///
    /// # Errors
    ///
    /// When the connection ended in any other way: once, then `None` follows.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn recv(&mut self) -> Result<Option<Message>, RecvError> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) for hand-written futures.
    ///
    /// # Errors
    ///
    /// As `recv`.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, RecvError>> {
        let mut received = None;
        let mut take = |message: ws::Message<'_>, _: &mut Outgoing| {
            received = Some(match message {
                ws::Message::Text(text) => Message::Text(text.to_owned()),
                ws::Message::Binary(bytes) => Message::Binary(Bytes::copy_from_slice(bytes)),
                ws::Message::Ping(bytes) => Message::Ping(Bytes::copy_from_slice(bytes)),
                ws::Message::Pong(bytes) => Message::Pong(Bytes::copy_from_slice(bytes)),
            });
            ControlFlow::Break(())
        };
        ready!(self.poll_turns(cx, Pace::Application, &mut take));
        if received.is_some() {
            return Poll::Ready(Ok(received));
        }
        ready!(self.poll_end(cx));
        let error = self.ending.as_mut().and_then(|ending| ending.take_error());
        Poll::Ready(error.map_or(Ok(None), Err))
    }

    /// How the peer closed, once [`recv`](Self::recv) has returned `None`.
    #[must_use]
    pub fn closed(&self) -> Option<&Closed> {
        self.ending.as_ref().and_then(|ending| ending.closed())
    }

    /// Hands each text and binary message to `handler` until the connection ends; see
    /// [`WebSocket::for_each`](crate::WebSocket::for_each).
    ///
    /// # Errors
    ///
    /// When it ended in any other way than by a close handshake.
    pub fn for_each<F>(
        mut self,
        mut handler: F,
    ) -> impl Future<Output = Result<Closed, RecvError>> + use<F>
    where
        F: FnMut(ws::Message<'_>, &mut Outgoing),
    {
        let mut closed = false;
        // Not an `async fn`, which would hold the reader twice.
        poll_fn(move |cx| {
            let mut handler = |message: ws::Message<'_>, outgoing: &mut Outgoing| {
                if matches!(message, ws::Message::Text(_) | ws::Message::Binary(_)) && !closed {
                    handler(message, outgoing);
                    closed = outgoing.is_closed();
                }
                ControlFlow::Continue(())
            };
            self.poll_to_end(cx, Pace::Replies, &mut handler)
        })
    }

    /// Sends a close frame and waits for the end; what is received until then is dropped.
    pub(crate) async fn close(
        mut self,
        code: CloseCode,
        reason: &str,
    ) -> Result<Closed, RecvError> {
        self.writer.outbox().close(code, reason, false);
        self.connection.handle_close_sent();
        self.ending();
        let mut ignore = |_: ws::Message<'_>, _: &mut Outgoing| ControlFlow::Continue(());
        poll_fn(|cx| self.poll_to_end(cx, Pace::Application, &mut ignore)).await
    }

    /// The writing side.
    pub(crate) const fn writer(&self) -> &Writer {
        &self.writer
    }

    fn poll_to_end<F>(
        &mut self,
        cx: &mut Context<'_>,
        pace: Pace,
        handler: &mut F,
    ) -> Poll<Result<Closed, RecvError>>
    where
        F: FnMut(ws::Message<'_>, &mut Outgoing) -> ControlFlow<()>,
    {
        ready!(self.poll_turns(cx, pace, handler));
        ready!(self.poll_end(cx));
        let ending = self.ending.take();
        Poll::Ready(ending.map_or(Err(RecvError::ConnectionLost), |ending| ending.into_result()))
    }

    /// Turns, until `handler` breaks or no more messages come.
    fn poll_turns<F>(&mut self, cx: &mut Context<'_>, pace: Pace, handler: &mut F) -> Poll<()>
    where
        F: FnMut(ws::Message<'_>, &mut Outgoing) -> ControlFlow<()>,
    {
        for _ in 0..READS_PER_POLL {
            if self.is_finished() {
                return Poll::Ready(());
            }
            if self.ending.as_mut().is_some_and(|ending| ending.is_overdue(cx)) {
                self.writer.outbox().time_out();
                self.end(RecvError::Timeout);
                return Poll::Ready(());
            }
            if self.keep_alive.is_some() && self.handle_time(cx) {
                continue;
            }
            if self.congested && pace == Pace::Replies {
                ready!(self.writer.outbox().poll_room(cx));
                self.congested = false;
            }
            let flow = match self.rest.take() {
                Some(rest) => self.handle_rest(rest, handler),
                None => ready!(self.poll_read_turn(cx, handler)),
            };
            if flow.is_break() {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once and handles what was read.
    fn poll_read_turn<F>(&mut self, cx: &mut Context<'_>, handler: &mut F) -> Poll<ControlFlow<()>>
    where
        F: FnMut(ws::Message<'_>, &mut Outgoing) -> ControlFlow<()>,
    {
        with_scratch(|buffer| match self.read.poll_read(cx, buffer) {
            Poll::Ready(Ok(count)) if count > 0 => {
                if let Some(keep_alive) = &mut self.keep_alive {
                    keep_alive.note_heard();
                }
                let (used, flow) = self.turn(&mut buffer[..count], handler);
                if used < count {
                    let bytes = buffer[used..count].to_vec();
                    self.rest = Some(Box::new(Rest { bytes, start: 0 }));
                }
                Poll::Ready(flow)
            }
            Poll::Ready(result) => {
                self.handle_end(result.err());
                Poll::Ready(ControlFlow::Break(()))
            }
            Poll::Pending => {
                self.writer.outbox().flush_fed();
                Poll::Pending
            }
        })
    }

    fn handle_rest<F>(&mut self, mut rest: Box<Rest>, handler: &mut F) -> ControlFlow<()>
    where
        F: FnMut(ws::Message<'_>, &mut Outgoing) -> ControlFlow<()>,
    {
        let (used, flow) = self.turn(&mut rest.bytes[rest.start..], handler);
        rest.start += used;
        if rest.start < rest.bytes.len() {
            self.rest = Some(rest);
        }
        flow
    }

    /// One turn: handles `input` until it is used, `handler` breaks, or no more messages come, and
    /// writes what that led to. It stops as well when the peer does not read its replies.
    fn turn<F>(&mut self, input: &mut [u8], handler: &mut F) -> (usize, ControlFlow<()>)
    where
        F: FnMut(ws::Message<'_>, &mut Outgoing) -> ControlFlow<()>,
    {
        let mut outgoing = Outgoing::new(self.writer.outbox());
        let mut used = 0;
        let mut flow = ControlFlow::Continue(());
        while used < input.len() && flow.is_continue() {
            let count;
            (count, flow) = self.handle_input(&mut input[used..], &mut outgoing, handler);
            used += count;
            if outgoing.queued_bytes() > HIGH_WATER_BYTES {
                self.commit(&mut outgoing);
                if self.congested {
                    break;
                }
            }
        }
        self.commit(&mut outgoing);
        self.note_message();
        (used, flow)
    }

    /// Handles the bytes up to the next event, and the event. Returns how many bytes that were.
    fn handle_input<F>(
        &mut self,
        input: &mut [u8],
        outgoing: &mut Outgoing,
        handler: &mut F,
    ) -> (usize, ControlFlow<()>)
    where
        F: FnMut(ws::Message<'_>, &mut Outgoing) -> ControlFlow<()>,
    {
        let len = input.len();
        let (used, flow) = match self.connection.handle_read(input) {
            Ok((used, None)) => {
                self.mid_message = self.connection.buffered() > 0;
                return (used, ControlFlow::Continue(()));
            }
            Ok((used, Some(event))) => match message_of(event) {
                Ok(ws::Message::Ping(_))
                    if !Pings::note(
                        &mut self.pings,
                        self.writer.outbox().config().pings_per_second_max,
                    ) =>
                {
                    metrics::websocket_ended("ping_flood");
                    self.refuse(CloseCode::POLICY, "too many pings", outgoing);
                    self.finish(Err(RecvError::PingFlood));
                    return (len, ControlFlow::Break(()));
                }
                Ok(message) => {
                    // Control frames come in the middle of messages as well.
                    self.mid_message &= message.opcode().is_control();
                    (used, handler(message, outgoing))
                }
                Err(closed) => {
                    self.finish(Ok(closed));
                    self.reply(outgoing);
                    outgoing.note_closed();
                    return (len, ControlFlow::Break(()));
                }
            },
            Err(error) => {
                metrics::websocket_violation(error.close_code());
                self.refuse(error.close_code(), "", outgoing);
                self.finish(Err(error.into()));
                return (len, ControlFlow::Break(()));
            }
        };
        if outgoing.is_closed() {
            self.connection.handle_close_sent();
            self.ending();
        }
        self.reply(outgoing);
        (used, flow)
    }

    /// Closes the connection for what the peer did.
    fn refuse(&mut self, code: CloseCode, reason: &str, outgoing: &mut Outgoing) {
        let key = outgoing.masking_key();
        self.connection.close(code, reason, key, outgoing.frames());
        outgoing.note_closed();
    }

    /// Starts or stops the time that a message may take.
    fn note_message(&mut self) {
        let config = self.writer.outbox().config();
        match &mut self.keep_alive {
            Some(keep_alive) => keep_alive.note_message(self.mid_message, config),
            None if self.mid_message && config.message_timeout.is_some() => {
                let mut keep_alive = KeepAlive::new(config);
                keep_alive.note_message(true, config);
                self.keep_alive = Some(Box::new(keep_alive));
            }
            None => {}
        }
    }

    /// Does what time demands; true when the connection is ending for it.
    fn handle_time(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(keep_alive) = &mut self.keep_alive else { return false };
        let outbox = self.writer.outbox();
        while let Poll::Ready(due) = keep_alive.poll_due(cx, outbox.config()) {
            let (error, code, reason) = match due {
                Due::Ping => {
                    outbox.ping();
                    continue;
                }
                // We do not listen while it does not read.
                Due::Idle if self.congested => {
                    keep_alive.note_heard();
                    continue;
                }
                Due::Idle => (RecvError::Idle, CloseCode::GOING_AWAY, "idle"),
                Due::SlowMessage => {
                    (RecvError::SlowMessage, CloseCode::POLICY, "message took too long")
                }
            };
            metrics::websocket_ended(reason_label(due));
            outbox.close(code, reason, false);
            self.connection.handle_close_sent();
            self.keep_alive = None;
            self.finish(Err(error));
            return true;
        }
        false
    }

    /// Appends the frames the connection owes the peer.
    fn reply(&mut self, outgoing: &mut Outgoing) {
        while self.connection.has_transmit() {
            let key = outgoing.masking_key();
            self.connection.poll_transmit(key, outgoing.frames());
        }
    }

    fn commit(&mut self, outgoing: &mut Outgoing) {
        let replied = outgoing.queued_bytes() > 0;
        let committed = self.writer.outbox().commit(outgoing);
        if !committed.open {
            // A writer closed the connection, or it is broken: nothing is owed any more.
            self.connection.handle_close_sent();
        }
        self.congested |= replied && committed.queued_bytes > HIGH_WATER_BYTES;
    }

    /// The transport ended or broke.
    fn handle_end(&mut self, error: Option<io::Error>) {
        self.connection.handle_eof();
        let outbox = self.writer.outbox();
        match (outbox.failure(), error) {
            (None, None) => {
                // The peer may still read what is queued.
                outbox.finish();
                self.finish(Err(RecvError::ConnectionLost));
            }
            (None, Some(error)) => {
                outbox.abort(Failure::Io(error.kind()));
                self.end(RecvError::Io(error));
            }
            (Some(failure), _) => self.end(failure.into()),
        }
    }

    /// Nothing can be read or written any more.
    fn end(&mut self, error: RecvError) {
        self.finish(Err(error));
        self.ending().end();
    }

    /// No more messages come.
    fn finish(&mut self, result: Result<Closed, RecvError>) {
        self.ending().finish(result);
    }

    /// From the first call on the peer has the close timeout.
    fn ending(&mut self) -> &mut Ending {
        let outbox = self.writer.outbox();
        self.ending.get_or_insert_with(|| Ending::new(outbox))
    }

    fn is_finished(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| !ending.is_reading())
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let outbox = self.writer.outbox();
        match &mut self.ending {
            Some(ending) => ending.poll_end(&mut self.read, outbox, cx),
            None => Poll::Ready(()),
        }
    }
}

const fn reason_label(due: Due) -> &'static str {
    match due {
        Due::SlowMessage => "slow_message",
        Due::Idle | Due::Ping => "idle",
    }
}

fn message_of(event: Event<'_>) -> Result<ws::Message<'_>, Closed> {
    match event {
        Event::Text(text) => Ok(ws::Message::Text(text)),
        Event::Binary(bytes) => Ok(ws::Message::Binary(bytes)),
        Event::Ping(bytes) => Ok(ws::Message::Ping(bytes)),
        Event::Pong(bytes) => Ok(ws::Message::Pong(bytes)),
        Event::Close(Some(frame)) => {
            Err(Closed { code: frame.code, reason: frame.reason.to_owned() })
        }
        Event::Close(None) => Err(Closed { code: CloseCode::NO_STATUS, reason: String::new() }),
    }
}
