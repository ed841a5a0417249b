//! The life of one session without IO: opening, heartbeat, receivers, closing.
//!
//! One input or command, then `poll_transmit` until empty, then `poll_event` until empty, then
//! `poll_timeout`. Every input carries the time, and what is overdue by then happens before the input is
//! looked at.
//!
//! A *receiver* is what carries frames to the client: a WebSocket, as long as the session lives; or an HTTP
//! request, of which one follows another. A poll carries one frame, a stream as many as its limit lets it.
//!
//! | input | open | closing | closed |
//! |---|---|---|---|
//! | receiver comes, the first one | `o` | `o` | – |
//! | receiver comes | heartbeat in `heartbeat_delay` | `c[..]`, behind what is queued | – |
//! | receiver comes while there is one | nothing: whoever brought it says `c[2010,..]` | same | – |
//! | receiver is done | ends in `disconnect_delay` if no other comes | same; at once if the server shuts down | – |
//! | receiver is lost | ends: transport close or error | ends: forced close | – |
//! | receiver broke a rule | ends: transport error | same | – |
//! | message | to the application | dropped | error |
//! | what is no message, on a WebSocket | ends: parse error | same | error |
//! | `heartbeat_delay` over | `h`; on a WebSocket a ping with it | same | – |
//! | `heartbeat_timeout` over after the ping has left | ends: ping timeout | same | – |
//! | anything comes from a WebSocket, pongs included | the ping counts as answered | same | – |
//! | command `close` | closing; `c[..]` to the receiver that is there, behind what is queued | – | – |
//!
//! A closing session that takes HTTP requests goes on saying `c[..]` to whoever asks, until nobody has for
//! `disconnect_delay` (SockJS 0.3.3, "Protocol.test_closeSession").

use std::sync::Arc;
use std::time::{Duration, Instant};

use sockeye_engine_proto::{
    CloseReason, Control, Event, Message, Packet, SessionError, Transmit, TransportChange,
    TransportId, TransportKind,
};

/// How long what may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delays {
    /// From one heartbeat to the next.
    pub(crate) heartbeat: Duration,
    /// From a heartbeat on a WebSocket to a sign of life.
    pub(crate) heartbeat_timeout: Duration,
    /// Without a receiver.
    pub(crate) disconnect: Duration,
}

/// One session. See the table at the top of the source file.
#[derive(Debug)]
pub(crate) struct State {
    delays: Arc<Delays>,
    via: TransportId,
    phase: Phase,
    /// `o` was not given out.
    unopened: bool,
    /// `c[..]` is to be given out to the receiver that is there.
    unclosed: bool,
    /// `h` is to be given out.
    unpinged: bool,
    /// Something carries frames.
    receiver: bool,
    /// HTTP: a frame of the session itself may be given out; only one goes with each poll.
    writable: bool,
    /// Messages wait for a receiver: `c[..]` comes behind them.
    backlog: bool,
    /// Raw WebSocket: nothing is ever said by the session itself.
    silent: bool,
    ping: Ping,
    /// Something is due: the heartbeat, its answer, or the end.
    due: Option<Instant>,
    ended: Option<CloseReason>,
    /// Why it closes or has ended.
    reason: Option<CloseReason>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Closed,
}

/// The ping of a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    None,
    /// Given out, and perhaps behind much else.
    Out,
    /// It has left.
    Written,
}

impl State {
    /// A session that arrived on `via`: a WebSocket is its receiver from the beginning; polls are reported.
    pub(crate) fn accept(
        delays: Arc<Delays>,
        via: TransportId,
        silent: bool,
        now: Instant,
    ) -> Self {
        let receiver = via.kind() == TransportKind::WebSocket;
        let mut state = State {
            delays,
            via,
            phase: Phase::Open,
            unopened: !silent,
            unclosed: false,
            unpinged: false,
            receiver,
            writable: false,
            backlog: false,
            silent,
            ping: Ping::None,
            due: None,
            ended: None,
            reason: None,
        };
        state.schedule(now);
        state
    }

    /// The transport it lives on.
    pub(crate) fn transport(&self) -> TransportId {
        self.via
    }

    /// Whether messages are taken in.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether it is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether a ping was given out whose leaving is to be reported.
    pub(crate) fn is_ping_out(&self) -> bool {
        self.ping == Ping::Out
    }

    /// Takes in a packet: a message is given back for the application while the session is open.
    ///
    /// # Errors
    /// When the session is over.
    pub(crate) fn handle_packet<'a>(
        &mut self,
        packet: Packet<'a>,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError> {
        self.expire(now);
        if self.phase == Phase::Closed {
            return Err(SessionError::Closed);
        }
        self.handle_life(now);
        match packet {
            Packet::Message(message) if self.phase == Phase::Open => Ok(Some(message)),
            _ => Ok(None),
        }
    }

    /// Takes in that what came was no message.
    pub(crate) fn handle_malformed(&mut self, now: Instant) {
        self.expire(now);
        self.end(CloseReason::ParseError);
    }

    /// Takes in a sign of life, which answers the ping of a WebSocket.
    pub(crate) fn handle_life(&mut self, now: Instant) {
        if self.ping != Ping::None && self.phase != Phase::Closed {
            self.ping = Ping::None;
            self.schedule(now);
        }
    }

    /// Takes in what happened to the receiver.
    pub(crate) fn handle_transport(&mut self, change: TransportChange, now: Instant) {
        self.expire(now);
        if self.phase == Phase::Closed {
            return;
        }
        match change {
            TransportChange::Writable => {
                self.writable = true;
                self.unclosed |= self.phase == Phase::Closing;
                if !self.receiver {
                    self.receiver = true;
                    self.schedule(now);
                }
            }
            TransportChange::Answered => {
                (self.receiver, self.writable) = (false, false);
                self.unpinged = false;
                match self.reason {
                    // Nobody is there any more who could ask again.
                    Some(CloseReason::ServerShutdown) => self.end(CloseReason::ServerShutdown),
                    _ => self.schedule(now),
                }
            }
            TransportChange::Broken => self.end(CloseReason::TransportError),
            TransportChange::Lost(loss) => self.end(match self.phase {
                Phase::Closing => CloseReason::ForcedClose,
                _ => loss.reason(),
            }),
            TransportChange::Opened | TransportChange::Polling | TransportChange::Posting => {}
        }
    }

    /// Takes in that time went by.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
    }

    /// Takes in that nothing is read at present: what would answer the ping may be among it.
    pub(crate) fn handle_pause(&mut self, now: Instant) {
        if self.ping == Ping::Written && self.due.is_some_and(|due| due <= now) {
            self.due = Some(now + self.delays.heartbeat_timeout);
        }
        self.expire(now);
    }

    /// Takes in that the ping has left: from now on its answer can be late.
    pub(crate) fn handle_ping_written(&mut self, now: Instant) {
        self.expire(now);
        if self.ping == Ping::Out {
            self.ping = Ping::Written;
            self.due = Some(now + self.delays.heartbeat_timeout);
        }
    }

    /// Says whether messages wait for a receiver.
    pub(crate) fn set_backlog(&mut self, waits: bool) {
        self.backlog = waits;
    }

    /// Ends the session in good order.
    pub(crate) fn close(&mut self, reason: CloseReason, now: Instant) {
        self.expire(now);
        if self.phase == Phase::Open {
            self.phase = Phase::Closing;
            self.reason = Some(reason);
            self.unclosed = self.receiver;
            self.unpinged = false;
            if !self.receiver {
                self.due = Some(now + self.delays.disconnect);
            }
        }
    }

    /// Ends the session at once.
    pub(crate) fn abort(&mut self, reason: CloseReason) {
        self.end(reason);
    }

    /// Why it closes or has ended.
    pub(crate) fn reason(&self) -> Option<CloseReason> {
        self.reason
    }

    /// The next frame of the session itself.
    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        let is_http = self.via.kind() == TransportKind::Polling;
        if !self.receiver || is_http && !self.writable || self.phase == Phase::Closed {
            return None;
        }
        let control = if std::mem::take(&mut self.unopened) {
            Control::Open
        } else if self.unclosed && !self.backlog {
            self.unclosed = false;
            Control::Close
        } else if std::mem::take(&mut self.unpinged) {
            if !is_http {
                self.ping = Ping::Out;
            }
            Control::Ping
        } else {
            return None;
        };
        self.writable = false;
        Some(Transmit { via: self.via, control })
    }

    /// What the layer above should know.
    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.ended.take().map(Event::Closed)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// What is due next: the heartbeat while something could carry it, else the end.
    fn schedule(&mut self, now: Instant) {
        self.due = match (self.receiver, self.silent) {
            (true, true) => None,
            (true, false) => Some(now + self.delays.heartbeat),
            (false, _) => Some(now + self.delays.disconnect),
        };
    }

    fn expire(&mut self, now: Instant) {
        if self.phase == Phase::Closed || self.due.is_none_or(|due| due > now) {
            return;
        }
        self.due = None;
        match (self.receiver, self.ping) {
            (false, _) if self.phase == Phase::Closing => self.end(CloseReason::ForcedClose),
            (false, _) | (true, Ping::Written) => self.end(CloseReason::PingTimeout),
            // What is not yet written is not asked for again.
            (true, Ping::Out) => {}
            (true, Ping::None) => {
                self.unpinged = true;
                self.due = Some(now + self.delays.heartbeat);
            }
        }
    }

    fn end(&mut self, reason: CloseReason) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.due = None;
            self.reason.get_or_insert(reason);
            self.ended = Some(reason);
        }
    }
}
