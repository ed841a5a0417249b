//! The reading side of a connection: turns of reading, handling and replying.

use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sockeye_net::Rate;
use sockeye_net::pipe::{FrameReader, Negotiated, websocket};
use sockeye_net::stream::Stream;
use sockeye_ws as ws;
use sockeye_ws::{CloseCode, Connection, Event, Role};
use tokio::time::Instant;

use crate::config::Config;
use crate::ending::Ending;
use crate::error::RecvError;
use crate::keep_alive::{Due, KeepAlive};
use crate::message::{Closed, Message};
use crate::metrics;
use crate::outbox::{Failure, HIGH_WATER_BYTES, Outbox};
use crate::outgoing::Outgoing;
use crate::writer::Writer;

/// Reads that one poll may do before other tasks get their turn.
const READS_PER_POLL: u32 = 8;

/// The reading side of a split [`WebSocket`](crate::WebSocket). It answers pings and the peer's close
/// frame, so it has to be read until the end even if nothing is expected.
#[derive(Debug)]
pub struct Reader {
    frames: FrameReader,
    turns: Turns,
}

/// Everything of the reading side but the bytes.
#[derive(Debug)]
struct Turns {
    writer: Writer,
    /// Set when we closed or no more messages come.
    ending: Option<Box<Ending>>,
    /// There when time matters to the connection.
    keep_alive: Option<Box<KeepAlive>>,
    /// There once the peer has pinged.
    pings: Option<Box<Rate>>,
    /// Messages may be compressed, and frames are made where they are queued.
    compresses: bool,
    /// The replies of the last turn wait behind more than they should.
    congested: bool,
    /// A data message has arrived in part.
    mid_message: bool,
}

/// What is done with each message; replies go to the [`Outgoing`]. Nothing more is handed on in this poll
/// once it breaks.
trait Handle: FnMut(ws::Message<'_>, &mut Outgoing) -> ControlFlow<()> {}
impl<F: FnMut(ws::Message<'_>, &mut Outgoing) -> ControlFlow<()>> Handle for F {}

/// What a peer that does not read its replies is to expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Nothing: what is received must not depend on what is sent, or two such ends would wait for each
    /// other. The only replies are pongs, bounded by [`Config::queued_bytes_max`].
    Application,
    /// Nothing more is read from it.
    Replies,
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
        let compression = (negotiated, &config.compression);
        let (frames, mut pipe) = websocket(stream, rest, role, config.protocol(), compression);
        let minds_time = config.keep_alive_interval.is_some() || config.idle_timeout.is_some();
        let keep_alive = minds_time.then(|| KeepAlive::new(&config));
        let compresses = pipe.compressor().is_some();
        let writer = Writer { outbox: Outbox::new(pipe, config) };
        Self {
            frames,
            turns: Turns {
                writer,
                ending: None,
                keep_alive,
                pings: None,
                compresses,
                congested: false,
                mid_message: false,
            },
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
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, RecvError>> {
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
        let error = self.turns.ending.as_mut().and_then(|ending| ending.take_error());
        Poll::Ready(error.map_or(Ok(None), Err))
    }

    /// How the peer closed, once [`recv`](Self::recv) has returned `None`.
    pub fn closed(&self) -> Option<&Closed> {
        self.turns.ending.as_ref().and_then(|ending| ending.closed())
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
                    closed = outgoing.closed;
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
        self.turns.writer.outbox.close(code, reason, false);
        self.frames.ws.handle_close_sent();
        self.turns.ending();
        let mut ignore = |_: ws::Message<'_>, _: &mut Outgoing| ControlFlow::Continue(());
        poll_fn(|cx| self.poll_to_end(cx, Pace::Application, &mut ignore)).await
    }

    /// The writing side.
    pub(crate) const fn writer(&self) -> &Writer {
        &self.turns.writer
    }

    fn poll_to_end(
        &mut self,
        cx: &mut Context<'_>,
        pace: Pace,
        handler: &mut impl Handle,
    ) -> Poll<Result<Closed, RecvError>> {
        ready!(self.poll_turns(cx, pace, handler));
        let result = self.turns.ending.take().and_then(|ending| ending.result);
        Poll::Ready(result.unwrap_or(Err(RecvError::ConnectionLost)))
    }

    /// Turns, until `handler` breaks or no more messages come and the connection has ended.
    fn poll_turns(
        &mut self,
        cx: &mut Context<'_>,
        pace: Pace,
        handler: &mut impl Handle,
    ) -> Poll<()> {
        let Self { frames, turns } = self;
        for _ in 0..READS_PER_POLL {
            if let Some(ending) = &mut turns.ending {
                if ending.is_reading() && ending.is_overdue(cx) {
                    turns.writer.outbox.time_out();
                    ending.end(RecvError::Timeout);
                }
                if !ending.is_reading() {
                    return ending.poll_end(frames, &turns.writer.outbox, cx);
                }
            }
            if turns.keep_alive.is_some() && turns.handle_time(cx, &mut frames.ws) {
                continue;
            }
            if turns.congested && pace == Pace::Replies {
                ready!(turns.writer.outbox.poll_room(cx));
                turns.congested = false;
            }
            let mut flow = ControlFlow::Continue(());
            let is_fresh = !frames.holds_input();
            let read = frames.poll_input(cx, |ws, input| {
                if let Some(keep_alive) = turns.keep_alive.as_mut().filter(|_| is_fresh) {
                    keep_alive.note_heard();
                }
                let used;
                (used, flow) = turns.turn(ws, input, handler);
                used
            });
            match read {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(result) => turns.handle_end(&mut frames.ws, result.err()),
                Poll::Pending => {
                    turns.writer.outbox.flush_unwritten();
                    return Poll::Pending;
                }
            }
            if flow.is_break() {
                return Poll::Ready(());
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Turns {
    /// One turn: handles `input` until it is used or `handler` breaks, and writes what that led to. It
    /// stops as well when the peer does not read its replies.
    fn turn(
        &mut self,
        ws: &mut Connection,
        input: &mut [u8],
        handler: &mut impl Handle,
    ) -> (usize, ControlFlow<()>) {
        let mut outgoing = Outgoing::new(&self.writer.outbox, ws.role(), self.compresses);
        let mut used = 0;
        let mut flow = ControlFlow::Continue(());
        while used < input.len() && flow.is_continue() {
            let count;
            (count, flow) = self.handle_input(ws, &mut input[used..], &mut outgoing, handler);
            used += count;
            if outgoing.queued_bytes() > HIGH_WATER_BYTES {
                self.commit(ws, &mut outgoing);
                if self.congested {
                    break;
                }
            }
        }
        self.commit(ws, &mut outgoing);
        self.note_message();
        (used, flow)
    }

    /// Handles the bytes up to the next event, and the event. Returns how many bytes that were: all, if no
    /// more messages come.
    fn handle_input(
        &mut self,
        ws: &mut Connection,
        input: &mut [u8],
        outgoing: &mut Outgoing,
        handler: &mut impl Handle,
    ) -> (usize, ControlFlow<()>) {
        let len = input.len();
        let (used, flow) = match ws.handle_read(input) {
            Ok((used, None)) => {
                self.mid_message = ws.buffered() > 0;
                return (used, ControlFlow::Continue(()));
            }
            Ok((used, Some(event))) => match message_of(event) {
                Ok(ws::Message::Ping(_)) if !self.admits_ping() => {
                    metrics::websocket_ended("ping_flood");
                    refuse(ws, CloseCode::POLICY, "too many pings", outgoing);
                    self.ending().finish(Err(RecvError::PingFlood));
                    return (len, ControlFlow::Continue(()));
                }
                Ok(message) => {
                    // Control frames come in the middle of messages as well.
                    self.mid_message &= message.opcode().is_control();
                    (used, handler(message, outgoing))
                }
                Err(closed) => {
                    self.ending().finish(Ok(closed));
                    reply(ws, outgoing);
                    outgoing.closed = true;
                    return (len, ControlFlow::Continue(()));
                }
            },
            Err(error) => {
                metrics::websocket_violation(error.close_code());
                refuse(ws, error.close_code(), "", outgoing);
                self.ending().finish(Err(error.into()));
                return (len, ControlFlow::Continue(()));
            }
        };
        if outgoing.closed {
            ws.handle_close_sent();
            self.ending();
        }
        reply(ws, outgoing);
        (used, flow)
    }

    /// Counts a ping: each costs an answer.
    fn admits_ping(&mut self) -> bool {
        let limit = self.writer.outbox.config.pings_per_second_max;
        let now = Instant::now().into_std();
        self.pings.get_or_insert_with(|| Box::new(Rate::new(now))).admit(limit, now)
    }

    /// Starts or stops the time that a message may take.
    fn note_message(&mut self) {
        let config = &self.writer.outbox.config;
        if self.mid_message && config.message_timeout.is_some() {
            self.keep_alive.get_or_insert_with(|| KeepAlive::new(config));
        }
        if let Some(keep_alive) = &mut self.keep_alive {
            keep_alive.note_message(self.mid_message, config);
        }
    }

    /// Does what time demands; true when the connection is ending for it.
    fn handle_time(&mut self, cx: &mut Context<'_>, ws: &mut Connection) -> bool {
        let Some(keep_alive) = &mut self.keep_alive else { return false };
        let outbox = &self.writer.outbox;
        while let Poll::Ready(due) = keep_alive.poll_due(cx, &outbox.config) {
            let (error, code, reason, label) = match due {
                Due::Ping => {
                    outbox.ping();
                    continue;
                }
                // We do not listen while it does not read.
                Due::Idle if self.congested => {
                    keep_alive.note_heard();
                    continue;
                }
                Due::Idle => (RecvError::Idle, CloseCode::GOING_AWAY, "idle", "idle"),
                Due::SlowMessage => {
                    let reason = "message took too long";
                    (RecvError::SlowMessage, CloseCode::POLICY, reason, "slow_message")
                }
            };
            metrics::websocket_ended(label);
            outbox.close(code, reason, false);
            ws.handle_close_sent();
            self.keep_alive = None;
            self.ending().finish(Err(error));
            return true;
        }
        false
    }

    fn commit(&mut self, ws: &mut Connection, outgoing: &mut Outgoing) {
        let replied = outgoing.queued_bytes() > 0;
        let committed = self.writer.outbox.commit(outgoing);
        if !committed.open {
            // A writer closed the connection, or it is broken: nothing is left to send.
            ws.handle_close_sent();
        }
        self.congested |= replied && committed.queued_bytes > HIGH_WATER_BYTES;
    }

    /// The transport ended or broke.
    fn handle_end(&mut self, ws: &mut Connection, error: Option<io::Error>) {
        ws.handle_eof();
        let outbox = &self.writer.outbox;
        match (outbox.failure(), error) {
            (None, None) => {
                // The peer may still read what is queued.
                outbox.finish();
                self.ending().finish(Err(RecvError::ConnectionLost));
            }
            (None, Some(error)) => {
                outbox.abort(Failure::Io(error.kind()));
                self.ending().end(RecvError::Io(error));
            }
            (Some(failure), _) => self.ending().end(failure.into()),
        }
    }

    /// From the first call on the peer has the close timeout.
    fn ending(&mut self) -> &mut Ending {
        let close_timeout = self.writer.outbox.config.close_timeout;
        self.ending.get_or_insert_with(|| Ending::new(close_timeout))
    }
}

/// Closes the connection for what the peer did.
fn refuse(ws: &mut Connection, code: CloseCode, reason: &str, outgoing: &mut Outgoing) {
    let key = outgoing.masking_key();
    ws.close(code, reason, key, &mut outgoing.frames);
    outgoing.closed = true;
}

/// Appends the control frames that the connection has to send.
fn reply(ws: &mut Connection, outgoing: &mut Outgoing) {
    while ws.has_transmit() {
        let key = outgoing.masking_key();
        ws.poll_transmit(key, &mut outgoing.frames);
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
