//! The task of one session.
//!
//! It owns the protocol state, the handler, the byte streams and one timer. One *turn*: the task
//! wakes, takes in its requests and what its WebSocket brings, drives the handler, lets the protocol
//! state say what follows, and ends by writing everything that was queued in one write.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pin_project_lite::pin_project;
use sockeye_engine_proto::{
    self as proto, CloseReason, Control, SessionId, TransportId, TransportKind,
};
use sockeye_net::Rate;
use sockeye_net::address_slots::AddressSlot;
use tokio::time::Sleep;

use super::core::Core;
use super::held::{Held, session_span};
use super::link::{Probe, SessionLink};
use super::protocol::SessionProtocol;
use crate::application::{Application, SessionHandler};
use crate::http::handshake::Handshake;
use crate::metrics;
use crate::outbox::Outbox;
use crate::outbox::connection::Connection;
use crate::session::Session;
use crate::session::dialect::Dialect;
use crate::session::registry::{Registry, Ticket};
use crate::session::reply::Reply;

/// A session that is about to begin, with what its first request leaves behind.
pub struct NewSession<A> {
    pub(crate) application: Arc<A>,
    pub(crate) id: SessionId,
    pub(crate) dialect: Dialect,
    pub(crate) handshake: Handshake,
    pub(crate) slot: Option<AddressSlot>,
}

impl<A> fmt::Debug for NewSession<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewSession").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<A: Application> NewSession<A> {
    /// Starts the task of one that speaks Engine.IO, on a connection of this kind, or to poll. The first
    /// poll is to be the handshake's.
    pub(crate) fn spawn(
        self,
        registry: &Arc<Registry>,
        kind: TransportKind,
        connection: Option<Connection>,
    ) -> Session {
        let (id, revision) = (self.id.clone(), self.dialect.revision);
        let config = Arc::clone(&registry.protocol);
        let accept = |via, now| proto::Session::accept(config, revision, id, via, now);
        self.spawn_with(registry, kind, connection, accept)
    }

    /// Starts the task of one that speaks what `accept` gives the state of.
    pub(crate) fn spawn_with<P: SessionProtocol>(
        self,
        registry: &Arc<Registry>,
        kind: TransportKind,
        connection: Option<Connection>,
        accept: impl FnOnce(TransportId, Instant) -> P,
    ) -> Session {
        let NewSession { application, id, dialect, handshake, slot } = self;
        let via = TransportId::new(kind, 0);
        let split = |it: Connection| ((it.pipe, it.framing), SessionLink::new(via, it.incoming));
        let (pipe, link) = connection.map(split).unzip();
        let now = now();
        let protocol = accept(via, now);
        let handle = Session::new(Arc::clone(registry), id, dialect, Outbox::new(pipe));
        handle.set_transport(kind);
        let limit = registry.config.packets_per_second_max;
        let rate = limit.map(|_| Box::new(Rate::new(now)));
        let span = session_span(&handle, handshake.address());
        span.in_scope(|| {
            tracing::debug!(sid = %handle.id().shortened(), transport = %kind, "session opened");
        });
        let driver = Driver {
            ticket: registry.ticket(),
            core: Core { handle: handle.clone(), protocol, handler: None, rate, now },
            opening: Some(Box::new((application, handshake))),
            held: Held::new(slot, span),
            requests: kind.takes_posts().then(Box::default),
            link,
            probe: None,
            probes: 0,
            alarm: None,
            read_bytes_left: 0,
            paused: false,
            is_end_told: false,
            is_over: false,
        };
        // Here a runtime is at hand, which whoever sends later may not have.
        registry.flusher();
        registry.insert(&handle);
        metrics::session_opened(kind);
        let sleep = tokio::time::sleep_until(tokio::time::Instant::from_std(now));
        tokio::spawn(Task { sleep, driver });
        handle
    }
}

pin_project! {
    struct Task<A: Application, P: SessionProtocol> {
        #[pin]
        sleep: Sleep,
        driver: Driver<A, P>,
    }
}

impl<A: Application, P: SessionProtocol> Future for Task<A, P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        this.driver.core.handle.shared().task.register(cx.waker());
        if this.driver.turn_in_span(cx) {
            return Poll::Ready(());
        }
        if let Some(at) = this.driver.next_alarm() {
            this.sleep.as_mut().reset(at.into());
            this.driver.alarm = Some(at);
            if this.sleep.poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

/// Everything of a session but its timer.
pub(super) struct Driver<A: Application, P: SessionProtocol> {
    pub(super) ticket: Ticket,
    pub(super) core: Core<A::Handler, P>,
    opening: Option<Box<(Arc<A>, Handshake)>>,
    /// What few sessions have, as long as they live.
    held: Option<Box<Held>>,
    /// As long as the client sends requests.
    pub(super) requests: Option<Box<Requests<P>>>,
    /// The connection the session lives on. Its write side is in the outbox.
    pub(super) link: Option<SessionLink>,
    /// The connection of an upgrade.
    pub(super) probe: Option<Box<Probe>>,
    /// Connections that came for upgrades.
    pub(super) probes: u32,
    /// When the timer fires.
    alarm: Option<Instant>,
    /// Bytes that this turn may still read.
    pub(super) read_bytes_left: usize,
    /// The last turn ended without reading everything: the handler was not ready.
    paused: bool,
    /// The handler was told that the session is over.
    is_end_told: bool,
    /// Nothing is left but the handler's futures.
    pub(super) is_over: bool,
}

/// The requests of a session, of each kind one.
pub(super) struct Requests<P: SessionProtocol> {
    /// A poll that waits until there is something to say.
    pub(super) parked: Option<Reply>,
    /// Another poll, until the parked one has said whether it still waits.
    pub(super) overlapping: Option<Reply>,
    pub(super) post: Option<Post<P>>,
    /// The polls are those of a stream, which is under way.
    pub(super) streams: bool,
    /// What the session itself has to say to the parked poll.
    pub(super) controls: Vec<Control>,
}

impl<P: SessionProtocol> Default for Requests<P> {
    fn default() -> Self {
        Requests {
            parked: None,
            overlapping: None,
            post: None,
            streams: false,
            controls: Vec::new(),
        }
    }
}

/// A POST whose packets are being taken in.
pub(super) struct Post<P: SessionProtocol> {
    pub(super) body: Bytes,
    pub(super) reader: P::BodyReader,
    pub(super) reply: Reply,
}

impl<A: Application, P: SessionProtocol> Driver<A, P> {
    /// One turn, in the session's span if it has one. `true`: the task is done.
    fn turn_in_span(&mut self, cx: &mut Context<'_>) -> bool {
        // Lent to this turn, so that the turn may change everything else.
        let Some(span) = self.held.as_mut().and_then(|held| held.take_span()) else {
            return self.turn(cx);
        };
        let is_done = span.in_scope(|| self.turn(cx));
        if let Some(held) = &mut self.held {
            held.put_span(span);
        }
        is_done
    }

    /// One turn. `true`: the task is done.
    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        let now = now();
        self.core.now = now;
        if self.alarm.is_some_and(|at| at <= now) {
            self.alarm = None;
        }
        self.core.handle.shared().outbox.lock().begin_turn();
        self.note_ping_written();
        if self.paused {
            self.core.protocol.handle_pause(now);
        } else {
            self.core.protocol.handle_timeout(now);
        }
        self.open();
        self.read_bytes_left = READ_BYTES_MAX;
        let mut more = true;
        for _ in 0..PASSES_MAX {
            more = self.pass(cx);
            if !more || self.read_bytes_left == 0 {
                break;
            }
        }
        self.paused = !self.core.is_ready();
        let write_timeout = self.core.handle.config().write_timeout;
        let shared = self.core.handle.shared();
        let mut outbox = shared.outbox.lock();
        let written = outbox.end_turn(cx, write_timeout);
        outbox.count(&shared.registry().queued_bytes);
        drop(outbox);
        if let Err(error) = written
            && !self.is_over
        {
            self.lose_link(&error);
            more = true;
        }
        self.note_ping_written();
        if more {
            // Others get a turn first.
            cx.waker().wake_by_ref();
        }
        self.is_over && !more && self.poll_handler(cx).is_ready()
    }

    /// Tells the session when the ping it gave out has left, with everything before it.
    fn note_ping_written(&mut self) {
        let shared = self.core.handle.shared();
        if self.core.protocol.is_ping_out()
            && shared.unread_bytes() == 0
            && shared.outbox.lock().outlet.is_written()
        {
            self.core.protocol.handle_ping_written(self.core.now);
        }
    }

    /// Takes in what there is and acts on it. `true`: there may be more to take in at once.
    fn pass(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_over {
            return false;
        }
        // A `5` that is there already counts before the poll or POST that came with it.
        let mut more = self.read_probe(cx);
        self.receive_requests();
        self.look_at_polls();
        self.read_post();
        more |= self.read_link(cx);
        more |= self.read_probe(cx);
        let was_ready = self.core.is_ready();
        if self.poll_handler(cx).is_ready() && self.core.handle.is_draining() {
            self.core.handle.close(CloseReason::ServerShutdown);
        }
        self.obey_close();
        self.act(cx);
        // The handler may have become ready for what had to be held back, here or in the socket:
        // nobody else tells that something is there, since it was not asked.
        more | (!self.is_over && (!was_ready || self.holds_input()) && self.core.is_ready())
    }

    /// OPEN is the first packet, then the application hears of the session.
    fn open(&mut self) {
        let Some(opening) = self.opening.take() else { return };
        while let Some(transmit) = self.core.protocol.poll_transmit() {
            self.transmit(transmit);
        }
        if (self.link.is_some() || !P::OPENS_WITH_MESSAGE)
            && let Some(packet) = &self.ticket.registry().config.initial_packet
        {
            self.core.handle.push(packet);
        }
        let (application, handshake) = *opening;
        let handle = self.core.handle.clone();
        self.core.handler = Some(application.open(handle, Arc::new(handshake)));
    }

    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.core.handler.as_mut().map_or(Poll::Ready(()), |handler| handler.poll(cx))
    }

    /// Acts on [`Session::close`] and on an overflow.
    fn obey_close(&mut self) {
        if !self.core.handle.is_closing() || self.is_over {
            return;
        }
        let (closing, discard) = {
            let outbox = self.core.handle.shared().outbox.lock();
            (outbox.closing(), outbox.is_discarded())
        };
        let Some(reason) = closing else { return };
        self.tell_end(reason);
        if discard {
            self.core.protocol.abort(reason);
        } else {
            self.core.protocol.close(reason, self.core.now);
        }
    }

    /// Tells the handler that the session is over, once.
    pub(super) fn tell_end(&mut self, reason: CloseReason) {
        if !std::mem::replace(&mut self.is_end_told, true) {
            let handle = &self.core.handle;
            let detail = handle.end_with(reason);
            metrics::session_closed(detail.as_str());
            tracing::debug!(sid = %handle.id().shortened(), %reason, %detail, "session closed");
            if let Some(handler) = &mut self.core.handler {
                handler.close(reason);
            }
        }
    }

    /// When to set the timer to, if it has to be set. A timer that is set earlier stays: it costs
    /// less to fire without need than to be moved with every packet.
    fn next_alarm(&self) -> Option<Instant> {
        let now = self.core.now;
        let wanted = self.core.handler.as_ref().and_then(SessionHandler::poll_timeout);
        // Deadlines that have passed are ignored: `poll` ran in this turn. One that follows the clock
        // is kept as often as the timer ticks.
        let wanted = wanted.filter(|at| *at > now).map(|at| at.max(now + TICK));
        let due = self.core.protocol.poll_timeout().into_iter().chain(wanted).min()?;
        let late = self.round_up(due);
        match self.alarm {
            Some(at) if at <= late => None,
            _ => Some(late),
        }
    }

    /// Later by at most 1/256 of the time to wait, so that the timers of many sessions fire
    /// together. Deadlines stay exact: whatever is overdue expires before the next input.
    fn round_up(&self, due: Instant) -> Instant {
        let wait = due.saturating_duration_since(self.core.now).as_millis() / 256;
        if wait < 2 {
            return due;
        }
        let quantum = 1u128 << wait.ilog2();
        let since = due.saturating_duration_since(self.ticket.registry().epoch).as_millis();
        let behind = since.wrapping_neg() % quantum;
        due + Duration::from_millis(u64::try_from(behind).unwrap_or(0))
    }
}

impl<A: Application, P: SessionProtocol> Drop for Driver<A, P> {
    /// Also after a panic of the handler: the session leaves nothing behind.
    fn drop(&mut self) {
        self.ticket.registry().remove(self.core.handle.id());
        drop(self.core.handle.close_inbox());
        drop(self.core.handle.end_outbox());
    }
}

/// The time, which in tests may be tokio's paused clock.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The one polling transport of a session.
pub const POLLING: TransportId = TransportId::new(TransportKind::Polling, 0);
/// What tokio's timer can tell apart.
const TICK: Duration = Duration::from_millis(1);
/// After this many passes other tasks get a turn.
const PASSES_MAX: usize = 8;
/// Or once this much was read: it may be thousands of small events, which take long.
const READ_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::mem::size_of;

    use sockeye_engine_proto::Message;

    use super::*;
    use crate::application::HandlerError;

    struct Nothing;

    impl Application for Nothing {
        type Handler = Nothing;

        fn open(&self, _: Session, _: Arc<Handshake>) -> Nothing {
            Nothing
        }
    }

    impl SessionHandler for Nothing {
        fn message(&mut self, _: Message<'_>) -> Result<(), HandlerError> {
            Ok(())
        }

        fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }

        fn close(&mut self, _: CloseReason) {}
    }

    /// What an idle session on a WebSocket holds of ours: its task, its handle, its two entries in
    /// the registry. Nothing else is allocated for it.
    #[test]
    fn an_idle_session_is_small() {
        let task = size_of::<Task<Nothing, proto::Session>>();
        let handle = crate::session::handle::HANDLE_BYTES;
        eprintln!("task {task} bytes, handle {handle} bytes");
        eprintln!(
            "session {} link {} sleep {}",
            size_of::<proto::Session>(),
            size_of::<Option<SessionLink>>(),
            size_of::<Sleep>()
        );
        assert!(task + handle <= 1024, "task {task} bytes, handle {handle} bytes");
    }
}
