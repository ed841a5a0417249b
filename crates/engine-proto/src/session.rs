//! The life of one session: opening, heartbeat, transports, upgrade, closing.
//!
//! The contract: one input ([`handle_packet`](Session::handle_packet) and its like) or command,
//! then [`poll_transmit`](Session::poll_transmit) until empty, then
//! [`poll_event`](Session::poll_event) until empty, then [`poll_timeout`](Session::poll_timeout).
//! Every input carries the time, and what is overdue by then expires before the input is looked
//! at, so it makes no difference how late a timer fires.
//!
//! *main* is the transport the session lives on, *probe* the WebSocket of an upgrade in progress.
//! "close X" stands for a [`Control::Close`] to transport X.
//!
//! # Server
//!
//! | input | open | closing | closed |
//! |---|---|---|---|
//! | `4` on main | to the application | dropped | error |
//! | `3` on main, revision 4 | next ping after `ping_interval`; dropped while a ping has not been written | same | error |
//! | ping written later than it was given out | its pong has `ping_timeout` from now | same | – |
//! | first other packet while a pong is outstanding | the pong's deadline starts again, once | same | error |
//! | `2` on main, revision 3 | `3`; the next is due after `ping_interval + ping_timeout` | same | error |
//! | `2` in revision 4, `3` in revision 3 on main | ends: transport error | same | error |
//! | `1` on main, polling | `6` to a parked poll, ends: transport close | same | error |
//! | `1` on main, WebSocket; `0`, `5`, `6` | dropped | dropped | error |
//! | undecodable on main | ends: parse error | same | error |
//! | `2probe` on probe | `3probe`; then `6` to a parked poll every 100 ms | same | error |
//! | `5` on probe | `6` to a parked poll; probe becomes main | same, then close main | error |
//! | anything else on probe, or undecodable | close probe, the packet is lost | same | error |
//! | WebSocket opened, main is polling, no probe | it is the probe | close it | close it |
//! | any other WebSocket opened | close it | close it | close it |
//! | poll parked | outlet | `6` and close main, unless there is a backlog | – |
//! | poll parked while one is parked | ends: transport error (close answers the first) | same | – |
//! | poll answered | no outlet | ends if close was sent | – |
//! | main lost | ends: transport close or error | ends: forced close | – |
//! | main broken | ends: transport error | same | – |
//! | probe broken | close probe | close probe | – |
//! | probe lost | no probe | no probe | – |
//! | `ping_interval` over, revision 4 | ping | ping | – |
//! | deadline of the pong, in revision 3 of the client's ping | ends: ping timeout | same | – |
//! | `upgrade_timeout` over | close probe | close probe | – |
//! | close timeout over | – | ends: forced close | – |
//! | pause at that deadline | the deadline starts again | same | – |
//! | command `close` | closing | – | – |
//!
//! # Client
//!
//! | input | opening | open | closing |
//! |---|---|---|---|
//! | `0` on main | open, or ends: parse error | dropped | dropped |
//! | `4` on main | ends: transport error | to the application | dropped |
//! | `2` on main | ends: transport error | pong; the server's next ping is due | same |
//! | `1` on main, polling | ends: transport close | same | same |
//! | `1` on main, WebSocket; `3`, `5`, `6` | dropped | dropped | dropped |
//! | undecodable on main | ends: parse error | same | same |
//! | WebSocket opened, main is polling, no probe | close it | it is the probe: `2probe` | close it |
//! | `3probe` on probe | – | pausing: no new poll, no outlet | same |
//! | anything else on probe, or undecodable | – | close probe, the packet is lost | same |
//! | pausing, and neither GET nor POST under way | – | `5`; probe becomes main | same, then close |
//! | main lost | ends: transport close or error | same | ends: forced close |
//! | main broken | ends: transport error | same | same |
//! | probe lost, or broken (close probe) | – | polling goes on | same |
//! | no ping for `pingInterval + pingTimeout` | – | ends: ping timeout | same |
//! | `upgrade_timeout` over | – | close probe, polling goes on | same |
//! | `open_timeout` over | ends: transport error | – | – |
//! | close timeout over | – | – | ends: forced close |
//! | command `close` | ends: forced close | closing | – |

mod client;
mod server;
#[cfg(test)]
mod tests;
mod unsent;
mod upgrade;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;

use self::unsent::UnsentControls;
use self::upgrade::{NOOP_INTERVAL, Probe, Stage};
use crate::close::{CloseReason, Loss};
use crate::config::Config;
use crate::id::SessionId;
use crate::open::OpenData;
use crate::packet::{Control, Message, Packet};
use crate::transport::{Revision, TransportId, TransportKind};

/// One session, either role. See the tables at the top of the source file.
#[derive(Debug)]
pub struct Session {
    config: Arc<Config>,
    role: Role,
    revision: Revision,
    phase: Phase,
    /// Empty on a client until OPEN.
    id: SessionId,
    main: TransportId,
    /// Server, polling: a poll is parked. Client, polling: no POST is under way.
    writable: bool,
    /// Client, polling: a GET is under way.
    polling: bool,
    probe: Option<Probe>,
    heartbeat: Heartbeat,
    unsent: UnsentControls,
    /// Opening (client) or closing ends here at the latest.
    phase_ends_at: Option<Instant>,
    /// Everything due by then has happened.
    expired_by: Option<Instant>,
    /// Server: messages wait for an outlet.
    backlog: bool,
    /// Client: what OPEN said.
    open_data: Option<Box<OpenData>>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

/// Which end of a session this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Accepts sessions, pings.
    Server,
    /// Initiates sessions, answers pings.
    Client,
}

/// What happened to a transport. Not every change exists in both roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportChange {
    /// A WebSocket that belongs to this session was established.
    Opened,
    /// Server, polling: a poll is parked and may be answered. Client, polling: the POST was
    /// answered, another may be sent.
    Writable,
    /// Polling: the poll was answered. A client reports it after the answer's packets.
    Answered,
    /// Client, polling: a GET was sent.
    Polling,
    /// Client, polling: a POST was sent.
    Posting,
    /// It broke a rule of its own protocol, but can still be told so.
    Broken,
    /// It is gone.
    Lost(Loss),
}

/// A packet of the session itself, ready to go: the transport can take it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transmit {
    /// Where.
    pub via: TransportId,
    /// What.
    pub control: Control,
}

/// What the layer above should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// The session is open; messages may go out.
    Opened,
    /// The probe of an upgrade was answered (server) or its answer arrived (client).
    Upgrading,
    /// The session lives on `to` now. On a client, and on a server whose client pauses polling as
    /// it should, nothing is under way on `from` any more.
    Upgraded {
        /// The polling transport; it can be dropped once its last `6` is written.
        from: TransportId,
        /// The WebSocket.
        to: TransportId,
    },
    /// The session is over; nothing but the goodbyes already in `poll_transmit` goes out.
    Closed(CloseReason),
}

/// Why a packet was refused. The session acted on it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The session is over.
    #[error("session closed")]
    Closed,
    /// A client sent a ping in revision 4, where servers do, or a pong in revision 3.
    #[error("invalid heartbeat direction")]
    HeartbeatDirection,
    /// A server sent something before OPEN.
    #[error("packet before open")]
    NotOpen,
    /// A server's OPEN could not be read.
    #[error("malformed open packet")]
    Open(#[source] crate::open::OpenError),
}

impl Session {
    /// The role given at the beginning.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The revision of the protocol; a client speaks 4.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// The session's id; empty on a client that has not seen OPEN.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// The transport the session lives on.
    pub fn transport(&self) -> TransportId {
        self.main
    }

    /// Whether messages are taken in: opened, and neither closing nor closed.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether the session is over.
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// The transport of an upgrade in progress, at any stage.
    pub fn probe(&self) -> Option<TransportId> {
        self.probe.as_ref().map(|probe| probe.id)
    }

    /// Client: what the server said in OPEN. Server: what to say in it.
    pub fn open_data(&self) -> Option<OpenData> {
        match self.role {
            Role::Server => Some(OpenData::new(&self.config, self.id.as_str(), self.main.kind())),
            Role::Client => self.open_data.as_deref().cloned(),
        }
    }

    /// Where messages may go now. `None`: keep them. In a closing session this is where the last
    /// messages go before [`Control::Close`].
    pub fn outlet(&self) -> Option<TransportId> {
        let open = matches!(self.phase, Phase::Open | Phase::Closing);
        (open && self.main_takes_packets()).then_some(self.main)
    }

    /// Takes in one packet that arrived on `via`. A message for the application is given back as
    /// it came; everything else acts on the session.
    ///
    /// # Errors
    /// When the session is over or the packet ended it. The driver need not act: events and
    /// transmits say what follows.
    pub fn handle_packet<'a>(
        &mut self,
        via: TransportId,
        packet: Packet<'a>,
        now: Instant,
    ) -> Result<Option<Message<'a>>, SessionError> {
        self.expire(now);
        if self.phase == Phase::Closed {
            return Err(SessionError::Closed);
        }
        let taken = match self.role {
            Role::Server => self.server_packet(via, packet, now),
            Role::Client => self.client_packet(via, packet, now),
        };
        self.check();
        taken
    }

    /// Takes in that something on `via` could not be read as a packet.
    pub fn handle_malformed(&mut self, via: TransportId, now: Instant) {
        self.expire(now);
        if self.is_probe(via) {
            self.close_probe();
            self.advance_upgrade(now);
        } else if via == self.main {
            self.end(CloseReason::ParseError);
        }
        self.check();
    }

    /// Takes in that something happened to a transport.
    pub fn handle_transport(&mut self, via: TransportId, change: TransportChange, now: Instant) {
        self.expire(now);
        match change {
            TransportChange::Opened => self.handle_opened(via, now),
            TransportChange::Broken if self.is_probe(via) => self.close_probe(),
            TransportChange::Lost(loss) => self.handle_lost(via, loss),
            _ if via != self.main => {}
            TransportChange::Broken => self.end(Loss::Failed.reason()),
            TransportChange::Writable => self.handle_writable(),
            TransportChange::Answered => self.handle_answered(),
            // A server sends no requests.
            TransportChange::Polling | TransportChange::Posting if self.role == Role::Server => {}
            TransportChange::Polling => self.polling = true,
            TransportChange::Posting => self.writable = false,
        }
        self.advance_upgrade(now);
        self.check();
    }

    /// Takes in that time went by. Late calls are fine, early ones do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        self.advance_upgrade(now);
        self.check();
    }

    /// Takes in that the driver does not read at present, because the application cannot take more.
    /// A pong may be among what was not read, so its deadline does not pass meanwhile. To be called
    /// in place of [`handle_timeout`](Session::handle_timeout).
    pub fn handle_pause(&mut self, now: Instant) {
        if let (Role::Server, Heartbeat::Awaited { by, .. }) = (self.role, &mut self.heartbeat)
            && *by <= now
        {
            *by = now + self.config.ping_timeout;
        }
        self.handle_timeout(now);
    }

    /// Server: takes in that the ping [`poll_transmit`](Session::poll_transmit) gave out has left:
    /// the kernel has all of it. Only from then on a pong counts, and only from then on it can be
    /// late; meanwhile the driver watches that the peer takes anything at all.
    pub fn handle_ping_written(&mut self, now: Instant) {
        self.expire(now);
        if let Heartbeat::Awaited { by, ping, .. } = &mut self.heartbeat {
            if *ping == Ping::Delayed {
                *by = now + self.config.ping_timeout;
            }
            if matches!(*ping, Ping::Out | Ping::Delayed) {
                *ping = Ping::Written;
            }
        }
    }

    /// Server: whether a ping was given out of which
    /// [`handle_ping_written`](Session::handle_ping_written) has not been told.
    #[inline]
    pub fn is_ping_out(&self) -> bool {
        matches!(self.heartbeat, Heartbeat::Awaited { ping: Ping::Out | Ping::Delayed, .. })
    }

    /// Ends the session in an orderly way: what is queued goes out first, then
    /// [`Control::Close`]. On polling that waits for a poll, at most `polling_close_timeout`.
    ///
    /// A client's last POST carries `1`: a client that polls and has more queued than one POST may
    /// hold sends that before it closes.
    pub fn close(&mut self, now: Instant) {
        self.expire(now);
        match self.phase {
            Phase::Opening => self.end(CloseReason::ForcedClose),
            Phase::Open => {
                self.phase = Phase::Closing;
                self.unsent.close = true;
                self.unsent.late = !self.writable;
                self.phase_ends_at = Some(now + self.close_timeout());
                if self.probe.as_ref().is_some_and(|probe| probe.stage == Stage::Opened) {
                    self.close_probe();
                }
            }
            Phase::Closing | Phase::Closed => {}
        }
        self.check();
    }

    /// Ends the session at once, for example because of an overflow. What is queued is lost;
    /// transports that can take it still get [`Control::Close`].
    pub fn abort(&mut self, reason: CloseReason) {
        self.end(reason);
        self.check();
    }

    /// Server: says whether messages wait for an outlet. To be said before
    /// [`poll_transmit`](Session::poll_transmit) of a closing session that polls: while there are
    /// any, [`Control::Close`] waits for the next poll.
    pub fn set_backlog(&mut self, waits: bool) {
        self.backlog = waits;
    }

    /// The next packet of the session itself that can go out now. To be called until `None`.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        if let Some(transmit) = self.transmits.pop_front() {
            return Some(transmit);
        }
        if self.transmits.capacity() > 0 {
            self.transmits = VecDeque::new();
        }
        if !self.main_takes_packets() {
            return None;
        }
        self.unsent.late |= self.close_waits();
        let control = self.unsent.next(self.close_waits())?;
        if control == Control::Ping
            && let Heartbeat::Awaited { ping, .. } = &mut self.heartbeat
        {
            *ping = Ping::Out;
        }
        if control == Control::Close {
            if self.unsent.late && self.role == Role::Server {
                self.unsent.late = false;
                // The official server answers the poll with an empty send, and adds `1` to it.
                if self.main.kind() == TransportKind::Polling {
                    self.unsent.close = true;
                    return Some(Transmit { via: self.main, control: Control::Noop });
                }
            }
            self.unsent.close_sent = true;
            if self.phase == Phase::Closed {
                self.writable = false;
            }
        }
        Some(Transmit { via: self.main, control })
    }

    /// The next event. To be called until `None`.
    pub fn poll_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        if event.is_none() && self.events.capacity() > 0 {
            // Events are rare, sessions that have none many.
            self.events = VecDeque::new();
        }
        event
    }

    /// When [`handle_timeout`](Session::handle_timeout) is to be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_deadline().map(|(at, _)| at)
    }

    fn new(config: Arc<Config>, role: Role, id: SessionId, via: TransportId) -> Self {
        Session {
            config,
            role,
            revision: Revision::V4,
            phase: Phase::Opening,
            id,
            main: via,
            writable: via.kind() != TransportKind::Polling || role == Role::Client,
            polling: false,
            probe: None,
            heartbeat: Heartbeat::Off,
            unsent: UnsentControls::default(),
            phase_ends_at: None,
            expired_by: None,
            backlog: false,
            open_data: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// What always holds, in debug builds.
    fn check(&self) {
        let ends = self.phase_ends_at.is_some();
        match self.phase {
            Phase::Opening => debug_assert_eq!(self.role, Role::Client, "a server opens at once"),
            Phase::Open => debug_assert!(!ends, "an open session has no deadline"),
            Phase::Closing => debug_assert!(ends, "closing has a deadline"),
            Phase::Closed => {
                debug_assert!(!ends && self.probe.is_none(), "nothing is waited for any more");
                debug_assert!(matches!(self.heartbeat, Heartbeat::Off), "nor any heartbeat");
            }
        }
        if let Some(probe) = &self.probe {
            debug_assert_ne!(probe.id, self.main, "a probe is another transport");
            debug_assert_eq!(self.main.kind(), TransportKind::Polling, "only polling is upgraded");
        }
        debug_assert!(self.role == Role::Client || !self.polling, "a server polls nobody");
    }

    /// On polling the backlog goes with this poll and `1` with the next: official clients act on
    /// `1` at once, and on the messages that came with it no more.
    fn close_waits(&self) -> bool {
        self.backlog
            && self.phase == Phase::Closing
            && self.role == Role::Server
            && self.main.kind() == TransportKind::Polling
    }

    /// Whether the main transport can take a packet this instant.
    fn main_takes_packets(&self) -> bool {
        self.writable && !self.is_pausing()
    }

    fn handle_lost(&mut self, via: TransportId, loss: Loss) {
        // What fell due this instant has nowhere to go any more.
        self.transmits.retain(|transmit| transmit.via != via);
        if self.is_probe(via) {
            self.probe = None;
        } else if via == self.main {
            self.writable = false;
            let closing = self.phase == Phase::Closing;
            self.end(if closing { CloseReason::ForcedClose } else { loss.reason() });
        }
    }

    fn handle_writable(&mut self) {
        match self.role {
            Role::Server if self.writable && self.main.kind() == TransportKind::Polling => {
                self.end(Loss::Failed.reason());
            }
            Role::Server => self.writable = self.phase != Phase::Closed,
            Role::Client => {
                self.writable = true;
                if self.phase == Phase::Closing && self.unsent.close_sent {
                    self.end(CloseReason::ForcedClose);
                }
            }
        }
    }

    fn handle_answered(&mut self) {
        match self.role {
            Role::Server => {
                self.writable = false;
                // This poll has ended by itself.
                self.unsent.noop = false;
                if self.phase == Phase::Closing && self.unsent.close_sent {
                    self.end(CloseReason::ForcedClose);
                }
            }
            Role::Client => self.polling = false,
        }
    }

    fn send(&mut self, via: TransportId, control: Control) {
        self.transmits.push_back(Transmit { via, control });
    }

    /// The session is over. Whoever still listens is told.
    fn end(&mut self, reason: CloseReason) {
        if self.phase == Phase::Closed {
            return;
        }
        // A client without an id has nowhere to POST its goodbye.
        let unknown = self.phase == Phase::Opening && self.main.kind() == TransportKind::Polling;
        let reachable = self.writable && !unknown;
        self.phase = Phase::Closed;
        self.close_probe();
        let told = self.unsent.close_sent || self.unsent.released;
        self.unsent = UnsentControls { close: reachable && !told, ..UnsentControls::default() };
        self.heartbeat = Heartbeat::Off;
        self.phase_ends_at = None;
        self.events.push_back(Event::Closed(reason));
    }

    fn close_timeout(&self) -> Duration {
        match self.main.kind() {
            TransportKind::Polling => self.config.polling_close_timeout,
            TransportKind::WebSocket | TransportKind::Ndjson => self.config.websocket_close_timeout,
        }
    }

    /// Lets everything that is due by `now` happen, in the order it was due.
    #[inline]
    fn expire(&mut self, now: Instant) {
        // Many packets come with one read, at one time.
        if self.expired_by != Some(now) {
            self.expire_now(now);
        }
    }

    fn expire_now(&mut self, now: Instant) {
        self.expired_by = Some(now);
        if let Heartbeat::Awaited { ping: ping @ Ping::Out, .. } = &mut self.heartbeat {
            *ping = Ping::Delayed;
        }
        while let Some((at, deadline)) = self.next_deadline() {
            if at > now {
                break;
            }
            match deadline {
                Deadline::Ping => {
                    self.unsent.ping = true;
                    let by = at + self.config.ping_timeout;
                    self.heartbeat = Heartbeat::Awaited { by, extended: false, ping: Ping::Unsent };
                }
                Deadline::Heartbeat => self.end(CloseReason::PingTimeout),
                Deadline::Noop => {
                    self.unsent.noop = self.writable;
                    if let Some(probe) = &mut self.probe {
                        probe.noop_at = Some(now + NOOP_INTERVAL);
                    }
                }
                Deadline::Probe => self.close_probe(),
                Deadline::Opening => self.end(CloseReason::TransportError),
                Deadline::Closing => self.end(CloseReason::ForcedClose),
            }
        }
    }

    fn next_deadline(&self) -> Option<(Instant, Deadline)> {
        let heartbeat = match self.heartbeat {
            Heartbeat::Off => None,
            Heartbeat::Scheduled { at } => Some((at, Deadline::Ping)),
            Heartbeat::Awaited { ping: Ping::Out | Ping::Delayed, .. } => None,
            Heartbeat::Awaited { by, .. } => Some((by, Deadline::Heartbeat)),
        };
        if self.probe.is_none() && self.phase_ends_at.is_none() {
            // Nearly always, and asked in every turn.
            return heartbeat;
        }
        let (probe, noop) = match &self.probe {
            Some(probe) => (
                Some((probe.ends_at, Deadline::Probe)),
                probe.noop_at.map(|at| (at, Deadline::Noop)),
            ),
            None => (None, None),
        };
        let phase = self.phase_ends_at.map(|at| match self.phase {
            Phase::Opening => (at, Deadline::Opening),
            Phase::Open | Phase::Closing | Phase::Closed => (at, Deadline::Closing),
        });
        [heartbeat, probe, noop, phase].into_iter().flatten().min_by_key(|&(at, _)| at)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Opening,
    Open,
    Closing,
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum Heartbeat {
    Off,
    /// Server: the next ping.
    Scheduled {
        at: Instant,
    },
    /// Server: the pong. Client: the server's next ping.
    Awaited {
        by: Instant,
        extended: bool,
        ping: Ping,
    },
}

/// How far the ping is whose pong is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ping {
    /// No transport could take it so far.
    Unsent,
    /// Given out at this instant.
    Out,
    /// Given out before, and still not written.
    Delayed,
    /// It has left. Also where pings are the peer's.
    Written,
}

#[derive(Clone, Copy, Debug)]
enum Deadline {
    Ping,
    Heartbeat,
    Noop,
    Probe,
    Opening,
    Closing,
}
