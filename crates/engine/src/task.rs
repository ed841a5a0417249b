//! The task of one session.
//!
//! It owns the protocol state, the handler, the byte streams and one timer. One *turn*: the task
//! wakes, takes in its guests and what its WebSocket brings, drives the handler, lets the protocol
//! state say what follows, and ends by writing everything that was queued in one write.

mod link;
mod receive;
mod settle;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use pin_project_lite::pin_project;
use sockeye_engine_proto::{
    self as proto, CloseReason, Control, PayloadReader, TransportId, TransportKind,
};
use sockeye_net::Rate;
use tokio::time::Sleep;

use crate::application::{Application, SessionHandler};
use crate::dialect::Dialect;
use crate::handshake::Handshake;
use crate::inbox::{Opened, Reply};
use crate::metrics;
use crate::outbox::Outbox;
use crate::places::Place;
use crate::registry::{Registry, Ticket};
use crate::session::Session;
pub(crate) use link::Link;
use link::Probe;

/// What the first request of a session leaves behind.
pub(crate) struct First {
    pub(crate) dialect: Dialect,
    pub(crate) handshake: Handshake,
    pub(crate) place: Option<Place>,
}

/// Starts a session that polls. Its first guest is to be the handshake's request.
pub(crate) fn spawn_polling<A: Application>(
    registry: &Arc<Registry>,
    application: Arc<A>,
    id: proto::SessionId,
    first: First,
) -> Session {
    let First { dialect, handshake, place } = first;
    let handle = Session::new(Arc::clone(registry), id, dialect, Outbox::queue());
    let mut driver = Driver::new(registry, &handle, POLLING, application, handshake);
    driver.place = place.map(Box::new);
    driver.polling = Some(Box::default());
    spawn(registry, driver);
    handle
}

/// Starts a session on a WebSocket.
pub(crate) fn spawn_websocket<A: Application>(
    registry: &Arc<Registry>,
    application: Arc<A>,
    id: proto::SessionId,
    first: First,
    opened: Opened,
) {
    let First { dialect, handshake, place } = first;
    let via = TransportId::new(TransportKind::WebSocket, 0);
    let (link, pipe, framing) = Link::new(via, opened, dialect.binary(dialect.base64), registry);
    let outbox = Outbox::pipe(pipe, framing);
    let handle = Session::new(Arc::clone(registry), id, dialect, outbox);
    handle.set_websocket();
    let mut driver = Driver::new(registry, &handle, via, application, handshake);
    driver.socket = Some(link);
    driver.place = place.map(Box::new);
    spawn(registry, driver);
}

fn spawn<A: Application>(registry: &Arc<Registry>, driver: Driver<A>) {
    // Here a runtime is at hand, which whoever sends later may not have.
    registry.flusher();
    registry.insert(&driver.handle);
    let transport = driver.handle.transport();
    metrics::session_opened(transport);
    tracing::debug!(sid = %driver.handle.id().shortened(), %transport, "session opened");
    let sleep = tokio::time::sleep_until(tokio::time::Instant::from_std(driver.now));
    tokio::spawn(Task { sleep, driver });
}

pin_project! {
    struct Task<A: Application> {
        #[pin]
        sleep: Sleep,
        driver: Driver<A>,
    }
}

impl<A: Application> Future for Task<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        this.driver.handle.shared().task.register(cx.waker());
        if this.driver.turn(cx) {
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
struct Driver<A: Application> {
    ticket: Ticket,
    handle: Session,
    session: proto::Session,
    /// `None` before the first turn.
    handler: Option<A::Handler>,
    opening: Option<Box<(Arc<A>, Handshake)>>,
    /// Held as long as the session lives, where places are limited.
    place: Option<Box<Place>>,
    /// Where packets are limited.
    rate: Option<Box<Rate>>,
    /// As long as the session polls.
    polling: Option<Box<Polling>>,
    /// The WebSocket the session lives on. Its write side is in the outbox.
    socket: Option<Link>,
    /// The WebSocket of an upgrade.
    probe: Option<Box<Probe>>,
    websockets: u32,
    /// The time of this turn.
    now: Instant,
    /// When the timer fires.
    alarm: Option<Instant>,
    /// Bytes that this turn may still read.
    read_bytes_left: usize,
    /// The last turn ended without reading everything: the handler was not ready.
    paused: bool,
    /// The handler was told that the session is over.
    told: bool,
    /// Nothing is left but the handler's futures.
    over: bool,
}

/// The requests of a session that polls.
#[derive(Default)]
struct Polling {
    parked: Option<Reply>,
    post: Option<Post>,
    /// What the session itself has to say to the parked poll.
    controls: Vec<Control>,
}

/// A POST whose packets are being taken in.
struct Post {
    body: Bytes,
    reader: PayloadReader,
    reply: Reply,
}

impl<A: Application> Driver<A> {
    fn new(
        registry: &Arc<Registry>,
        handle: &Session,
        via: TransportId,
        application: Arc<A>,
        handshake: Handshake,
    ) -> Self {
        let now = now();
        let protocol = Arc::clone(&registry.protocol);
        Driver {
            ticket: registry.ticket(),
            handle: handle.clone(),
            session: proto::Session::accept(
                protocol,
                handle.revision(),
                handle.id().clone(),
                via,
                now,
            ),
            handler: None,
            opening: Some(Box::new((application, handshake))),
            place: None,
            rate: registry.config.packets_per_second_max.map(|_| Box::new(Rate::new(now))),
            polling: None,
            socket: None,
            probe: None,
            websockets: 0,
            now,
            alarm: None,
            read_bytes_left: 0,
            paused: false,
            told: false,
            over: false,
        }
    }

    /// One turn. `true`: the task is done.
    fn turn(&mut self, cx: &mut Context<'_>) -> bool {
        self.now = now();
        if self.alarm.is_some_and(|at| at <= self.now) {
            self.alarm = None;
        }
        self.handle.shared().outbox.lock().begin_turn();
        self.note_ping_written();
        if self.paused {
            self.session.handle_pause(self.now);
        } else {
            self.session.handle_timeout(self.now);
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
        self.paused = !self.is_ready();
        let write_timeout = self.handle.config().write_timeout;
        let shared = self.handle.shared();
        let mut outbox = shared.outbox.lock();
        let written = outbox.end_turn(cx, write_timeout);
        outbox.count(&shared.registry().ledger);
        drop(outbox);
        if let Err(error) = written
            && !self.over
        {
            self.lose_socket(&error);
            more = true;
        }
        self.note_ping_written();
        if more {
            // Others get a turn first.
            cx.waker().wake_by_ref();
        }
        self.over && !more && self.poll_handler(cx).is_ready()
    }

    /// Tells the session when the ping it gave out has left, with everything before it.
    fn note_ping_written(&mut self) {
        let shared = self.handle.shared();
        if self.session.is_ping_out()
            && shared.answering_bytes() == 0
            && shared.outbox.lock().is_written()
        {
            self.session.handle_ping_written(self.now);
        }
    }

    /// Takes in what there is and acts on it. `true`: there may be more to take in at once.
    fn pass(&mut self, cx: &mut Context<'_>) -> bool {
        if self.over {
            return false;
        }
        // A `5` that is there already counts before the poll or POST that came with it.
        let mut more = self.read_probe(cx);
        self.receive_guests();
        self.watch_parked(cx);
        self.read_post();
        more |= self.read_socket(cx);
        more |= self.read_probe(cx);
        let was_ready = self.is_ready();
        let _ = self.poll_handler(cx);
        self.obey_close();
        self.settle(cx);
        // The handler may have become ready for what had to be held back, here or in the socket:
        // nobody else tells that something is there, since it was not asked.
        more | (!self.over && (!was_ready || self.holds_input()) && self.is_ready())
    }

    /// OPEN is the first packet, then the application hears of the session.
    fn open(&mut self) {
        let Some(opening) = self.opening.take() else {
            return;
        };
        while let Some(transmit) = self.session.poll_transmit() {
            self.transmit(transmit);
        }
        // On polling it goes into the same answer as OPEN.
        if self.polling.is_none()
            && let Some(packet) = &self.ticket.registry().config.initial_packet
        {
            self.handle.push(packet);
        }
        let (application, handshake) = *opening;
        self.handler = Some(application.open(self.handle.clone(), Arc::new(handshake)));
    }

    fn poll_handler(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.handler.as_mut().map_or(Poll::Ready(()), |handler| handler.poll(cx))
    }

    fn is_ready(&self) -> bool {
        self.handler.as_ref().is_some_and(SessionHandler::is_ready)
    }

    /// Acts on [`Session::close`] and on an overflow.
    fn obey_close(&mut self) {
        if !self.handle.is_closing() {
            return;
        }
        let (closing, discard) = {
            let outbox = self.handle.shared().outbox.lock();
            (outbox.closing(), outbox.is_discarded())
        };
        let Some(reason) = closing else { return };
        if !self.over {
            self.tell(reason);
            if discard {
                self.session.abort(reason);
            } else {
                self.session.close(self.now);
            }
        }
    }

    /// Tells the handler that the session is over, once.
    fn tell(&mut self, reason: CloseReason) {
        if !std::mem::replace(&mut self.told, true) {
            let detail = self.handle.end_with(reason);
            metrics::session_closed(detail);
            tracing::debug!(sid = %self.handle.id().shortened(), %reason, %detail, "session closed");
            if let Some(handler) = &mut self.handler {
                handler.close(reason);
            }
        }
    }

    /// When to set the timer to, if it has to be set. A timer that is set earlier stays: it costs
    /// less to fire in vain than to be moved with every packet.
    fn next_alarm(&self) -> Option<Instant> {
        let wanted = self.handler.as_ref().and_then(SessionHandler::poll_timeout);
        // It was called in this turn: what it wished for until now it has had. A wish that follows
        // the clock is granted as often as the timer ticks.
        let wanted = wanted.filter(|at| *at > self.now).map(|at| at.max(self.now + TICK));
        let due = self.session.poll_timeout().into_iter().chain(wanted).min()?;
        let late = self.round_up(due);
        match self.alarm {
            Some(at) if at <= late => None,
            _ => Some(late),
        }
    }

    /// Later by at most 1/256 of the time to wait, so that the timers of many sessions fire
    /// together. Deadlines stay exact: whatever is overdue expires before the next input.
    fn round_up(&self, due: Instant) -> Instant {
        let wait = due.saturating_duration_since(self.now).as_millis() / 256;
        if wait < 2 {
            return due;
        }
        let quantum = 1u128 << wait.ilog2();
        let since = due.saturating_duration_since(self.ticket.registry().epoch).as_millis();
        let behind = since.wrapping_neg() % quantum;
        due + Duration::from_millis(u64::try_from(behind).unwrap_or(0))
    }
}

impl<A: Application> Drop for Driver<A> {
    /// Also after a panic of the handler: the session leaves nothing behind.
    fn drop(&mut self) {
        self.ticket.registry().remove(self.handle.id());
        drop(self.handle.close_inbox());
        drop(self.handle.end_outbox());
    }
}

/// The time, which in tests may be tokio's paused clock.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The one polling transport of a session.
pub(crate) const POLLING: TransportId = TransportId::new(TransportKind::Polling, 0);
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
        let task = size_of::<Task<Nothing>>();
        let handle = crate::session::HANDLE_BYTES;
        eprintln!("task {task} bytes, handle {handle} bytes");
        eprintln!(
            "session {} link {} sleep {}",
            size_of::<proto::Session>(),
            size_of::<Option<Link>>(),
            size_of::<Sleep>()
        );
        assert!(task + handle <= 1024, "task {task} bytes, handle {handle} bytes");
    }
}
