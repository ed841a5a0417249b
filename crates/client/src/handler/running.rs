//! The handlers that run in one session's task, and the events that wait for them to end.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use sockeye_socket_proto::{EventRef, RawArgs, RawEvent};

use super::HandlerFuture;
use crate::error::{ConnectError, EventError};
use crate::limits::Limits;
use crate::socket::{Responder, Socket};
use crate::state::DisconnectReason;

/// The handlers of one session: started in the order of their events, each polled up to its first
/// wait before the next one, and then in whatever order they are woken.
pub(crate) struct RunningHandlers {
    /// Started, but not polled yet.
    started: VecDeque<RunningHandler>,
    /// Polled at least once, and not done.
    running: FuturesUnordered<RunningHandler>,
    waiting: VecDeque<WaitingEvent>,
    waiting_bytes: usize,
    running_max: usize,
    waiting_max: usize,
    waiting_bytes_max: usize,
}

/// An event that waits until fewer handlers run.
struct WaitingEvent {
    socket: Arc<Socket>,
    event: RawEvent,
    responder: Option<Responder>,
}

/// A handler's future, and the responder for its answer.
struct RunningHandler {
    future: HandlerFuture,
    responder: Option<Responder>,
}

impl RunningHandlers {
    pub(crate) fn new(limits: &Limits) -> Self {
        RunningHandlers {
            started: VecDeque::new(),
            running: FuturesUnordered::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            running_max: limits.concurrent_handlers_max.max(1),
            waiting_max: limits.waiting_events_max,
            waiting_bytes_max: limits.waiting_event_bytes_max,
        }
    }

    /// Whether further events may be read from the session.
    pub(crate) fn is_ready(&self) -> bool {
        self.waiting.len() <= self.waiting_max && self.waiting_bytes <= self.waiting_bytes_max
    }

    /// Whether no handler runs and no event waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.started.is_empty() && self.running.is_empty() && self.waiting.is_empty()
    }

    /// Starts the handler of an event, or keeps the event until fewer run.
    pub(crate) fn handle_event(
        &mut self,
        socket: &Arc<Socket>,
        event: EventRef<'_>,
        responder: Option<Responder>,
    ) {
        if !socket.handlers.events.contains_key(event.name) {
            return;
        }
        if self.waiting.is_empty() && self.may_start() {
            return self.start_event(socket, event, responder);
        }
        self.waiting_bytes += event.bytes();
        let (socket, event) = (Arc::clone(socket), event.to_raw_event());
        self.waiting.push_back(WaitingEvent { socket, event, responder });
    }

    /// Starts a handler of a change of the client itself. It never waits for others.
    pub(crate) fn start_lifecycle(&mut self, start: impl FnOnce() -> HandlerFuture) {
        self.start(|| Ok(start()), None);
    }

    /// Starts the handler of failed connections, if there are both.
    pub(crate) fn connect_failed(&mut self, socket: &Socket, error: Option<ConnectError>) {
        if let (Some(error), Some(handler)) = (error, &socket.handlers.connect_error) {
            self.start_lifecycle(|| handler(error));
        }
    }

    /// Starts the handler of disconnects, if there are both.
    pub(crate) fn disconnected(&mut self, socket: &Socket, reason: Option<DisconnectReason>) {
        if let (Some(reason), Some(handler)) = (reason, &socket.handlers.disconnect) {
            self.start_lifecycle(|| handler(reason));
        }
    }

    /// Polls the handlers. Whether one ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut has_progress = false;
        loop {
            while let Some(mut handler) = self.started.pop_front() {
                // Most handlers end at their first poll and need no place in the set.
                match Pin::new(&mut handler).poll(cx) {
                    Poll::Ready(()) => has_progress = true,
                    Poll::Pending => self.running.push(handler),
                }
            }
            while let Poll::Ready(Some(())) = Pin::new(&mut self.running).poll_next(cx) {
                has_progress = true;
            }
            if !self.may_start() {
                return has_progress;
            }
            let Some(WaitingEvent { socket, event, responder }) = self.waiting.pop_front() else {
                return has_progress;
            };
            has_progress = true;
            self.waiting_bytes -= event.bytes();
            self.start_event(&socket, event.event_ref(), responder);
        }
    }

    fn may_start(&self) -> bool {
        self.started.len() + self.running.len() < self.running_max
    }

    fn start_event(&mut self, socket: &Socket, event: EventRef<'_>, responder: Option<Responder>) {
        let handler = socket.handlers.events.get(event.name);
        if let (Some(handler), Some(client)) = (handler, socket.client()) {
            let is_ack_wanted = responder.is_some();
            self.start(|| handler(client, event, is_ack_wanted), responder);
        }
    }

    fn start(
        &mut self,
        start: impl FnOnce() -> Result<HandlerFuture, EventError>,
        responder: Option<Responder>,
    ) {
        match run_user_code(start) {
            Ok(future) => self.started.push_back(RunningHandler { future, responder }),
            Err(error) => respond(responder, Err(error)),
        }
    }
}

impl Future for RunningHandler {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match run_user_code(|| Ok(self.future.as_mut().poll(cx)?)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => respond(self.responder.take(), Ok(answer)),
            Err(error) => respond(self.responder.take(), Err(error)),
        }
        Poll::Ready(())
    }
}

fn respond(responder: Option<Responder>, result: Result<Option<RawArgs>, EventError>) {
    if let Some(responder) = responder {
        responder.send(result);
    }
}

/// Runs a handler's code. A panic is turned into an error, so that it does not end the client.
fn run_user_code<T>(code: impl FnOnce() -> Result<T, EventError>) -> Result<T, EventError> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => result.inspect_err(|error| match error.is_internal() {
            true => tracing::warn!(%error, "a handler failed"),
            false => tracing::debug!(%error, "a handler refused an event"),
        }),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(message = text.unwrap_or("(no message)"), "a handler panicked");
            Err(EventError::internal())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Waker;

    use futures_util::FutureExt;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::client::Client;
    use crate::handler::Handlers;
    use crate::manager::ManagerLink;

    /// A client whose handler of `e` reports its argument, and ends when there is a permit.
    struct Fixture {
        client: Client,
        handlers: RunningHandlers,
        permits: Arc<Semaphore>,
        started: mpsc::Receiver<String>,
    }

    impl Fixture {
        fn new(limits: &Limits) -> Self {
            let (starts, started) = mpsc::channel();
            let permits = Arc::new(Semaphore::new(0));
            let mut handlers = Handlers::default();
            let held = Arc::clone(&permits);
            let handler = move |_: Client, event: EventRef<'_>, _: bool| {
                let (starts, permits) = (starts.clone(), Arc::clone(&held));
                let number = event.args.to_owned();
                let run = async move {
                    starts.send(number).unwrap();
                    permits.acquire().await.unwrap().forget();
                    Ok(None)
                };
                Ok(run.boxed())
            };
            handlers.events.insert("e".to_owned(), Arc::new(handler));
            let link = Arc::<ManagerLink>::default();
            let client =
                Client::new(Socket::new("/".to_owned(), handlers, limits.clone(), link, None));
            Fixture { client, handlers: RunningHandlers::new(limits), permits, started }
        }

        fn handle(&mut self, args: &str) {
            let event = EventRef { name: "e", args, attachments: &[] };
            self.handlers.handle_event(&self.client.socket(), event, None);
            self.poll();
        }

        fn poll(&mut self) {
            self.handlers.poll(&mut Context::from_waker(Waker::noop()));
        }

        fn started(&self) -> Vec<String> {
            self.started.try_iter().collect()
        }
    }

    #[test]
    fn events_wait_in_order_for_running_handlers() {
        let mut fixture = Fixture::new(&Limits { concurrent_handlers_max: 2, ..Limits::default() });
        for number in ["1", "2", "3", "4"] {
            fixture.handle(number);
        }
        assert_eq!(fixture.started(), ["1", "2"]);
        fixture.permits.add_permits(1);
        fixture.poll();
        assert_eq!(fixture.started(), ["3"]);
        fixture.permits.add_permits(3);
        fixture.poll();
        assert_eq!(fixture.started(), ["4"]);
        assert!(fixture.handlers.is_empty());
    }

    #[test]
    fn waiting_events_are_limited_by_number() {
        let mut fixture = Fixture::new(&Limits {
            concurrent_handlers_max: 1,
            waiting_events_max: 2,
            ..Limits::default()
        });
        for (number, is_ready) in [("1", true), ("2", true), ("3", true), ("4", false)] {
            fixture.handle(number);
            assert_eq!(fixture.handlers.is_ready(), is_ready, "after {number}");
        }
        fixture.permits.add_permits(1);
        fixture.poll();
        assert!(fixture.handlers.is_ready());
    }

    #[test]
    fn waiting_events_are_limited_by_bytes() {
        let mut fixture = Fixture::new(&Limits {
            concurrent_handlers_max: 1,
            waiting_event_bytes_max: 7,
            ..Limits::default()
        });
        fixture.handle("1234567");
        fixture.handle("123");
        assert!(fixture.handlers.is_ready(), "below: 4 bytes with the name");
        fixture.handle("12");
        assert!(fixture.handlers.is_ready(), "at the limit: 7 bytes");
        fixture.handle("");
        assert!(!fixture.handlers.is_ready(), "above: 8 bytes");
        fixture.permits.add_permits(1);
        fixture.poll();
        assert!(fixture.handlers.is_ready());
    }
}
