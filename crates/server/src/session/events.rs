//! Starting the handlers of events: at once, after guards, or once fewer handlers run.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sockeye_socket_proto::{EventRef, RawArgs, RawEvent};

use super::Sockets;
use super::spans::{handler_span, traced};
use super::tasks::{Done, Task};
use crate::error::EventError;
use crate::guarantees::client_outbox::{Begin, EventNumber};
use crate::handler::acker::Responder;
use crate::handler::running::panic_message;
use crate::namespace::handlers::{Call, Registered};
use crate::socket::Socket;

/// An event that waits until fewer handlers of its socket run.
pub(super) struct Waiting {
    /// The id under which its client wants an answer.
    id: Option<u64>,
    pub(super) event: RawEvent,
}

impl Sockets {
    /// Starts the handler of an event that arrived, now or when fewer run.
    pub(super) fn event(&mut self, index: usize, id: Option<u64>, event: EventRef<'_>) {
        let entry = &mut self.entries[index];
        let handlers = &entry.socket.active_namespace().handlers;
        handlers.metrics.event_received();
        if !handlers.any.is_empty() {
            let numbered = entry.socket.outbox().and_then(|_| EventNumber::split(event.args));
            let args = numbered.map_or(event.args, |(args, _)| args);
            let event = EventRef { args, ..event }.to_raw_event();
            handlers.any.iter().for_each(|look| look(&entry.socket, &event));
        }
        if entry.running >= handlers.concurrent_handlers_max || entry.waiting.get().is_some() {
            let waiting = Waiting { id, event: event.to_raw_event() };
            self.waiting_events += 1;
            self.waiting_bytes += waiting.event.bytes();
            entry.waiting.get_or_default().push_back(waiting);
            return;
        }
        self.start(index, id, event);
    }

    /// Records that an event of a client outbox begins. Only when its handler starts: one that is
    /// dropped with its connection while it waits has not begun, and is handled on the next.
    /// `None`: it was handled before.
    fn begin<'e>(
        socket: &Socket,
        id: Option<u64>,
        event: EventRef<'e>,
    ) -> Option<(Option<Responder>, EventRef<'e>)> {
        let responder = id.map(|id| Responder { socket: socket.clone(), id, handling: None });
        let Some((outboxes, key)) = socket.outbox() else { return Some((responder, event)) };
        let Some((args, number)) = EventNumber::split(event.args) else {
            return Some((responder, event));
        };
        let event = EventRef { args, ..event };
        // An event without an ack has no answer to remember.
        let Some(responder) = responder else { return Some((None, event)) };
        let address = || socket.handshake().address().map(|address| address.ip());
        let origin = (socket.session().id(), address);
        match outboxes.begin(key, number, origin, &responder) {
            Begin::New(handling) => {
                return Some((Some(Responder { handling: Some(handling), ..responder }), event));
            }
            Begin::Underway => {}
            Begin::Answered(answer) => responder.send(&answer),
        }
        socket.active_namespace().handlers.metrics.outbox_hit();
        None
    }

    fn start(&mut self, index: usize, id: Option<u64>, event: EventRef<'_>) {
        let socket = &self.entries[index].socket;
        if !socket.is_connected() {
            // The server has disconnected it; the command that says so is about to be run.
            return;
        }
        let Some((responder, event)) = Self::begin(socket, id, event) else { return };
        let handlers = &socket.active_namespace().handlers;
        let registered = handlers.events.get(event.name).or(handlers.fallback.as_ref());
        let Some(registered) = registered else { return };
        let watch = registered.metrics.start();
        let span = handler_span(socket, &registered.event);
        let started = span.in_scope(|| {
            let responder = responder.clone();
            if handlers.guards.is_empty() {
                return (registered.handler)(Call { socket, responder, event });
            }
            let event = event.to_raw_event();
            Ok(Box::pin(guarded(socket.clone(), Arc::clone(registered), responder, event)) as _)
        });
        let mut running = match started {
            Ok(running) => traced(running, span),
            Err(error) => return answer(socket, event.name, responder, Err(error)),
        };
        // Most handlers finish at once. The others register their waker in `poll`.
        let mut cx = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut cx)));
        match polled {
            Ok(Poll::Ready(result)) => {
                registered.metrics.done(&watch);
                answer(socket, event.name, responder, result);
            }
            Ok(Poll::Pending) => {
                let registered = match registered.event.is_empty() {
                    true => Arc::new(registered.for_event(event.name)),
                    false => Arc::clone(registered),
                };
                let socket = socket.clone();
                self.entries[index].running += 1;
                let _waits = registered.metrics.wait();
                let task = Task::Event { socket, registered, responder, running, watch, _waits };
                self.run(task);
            }
            Err(panic) => {
                responder.inspect(Responder::remember_panic);
                let message = panic_message(&*panic).to_owned();
                let (socket, event) = (Some(socket.clone()), event.name.to_owned());
                self.finish(Done::Panic { socket, event, message });
            }
        }
    }

    pub(super) fn start_waiting(&mut self, index: usize) {
        loop {
            let entry = &mut self.entries[index];
            if entry.running >= entry.socket.active_namespace().handlers.concurrent_handlers_max {
                return;
            }
            let Some(waiting) = entry.waiting.get_mut().and_then(VecDeque::pop_front) else {
                entry.waiting.take();
                return;
            };
            self.waiting_events -= 1;
            self.waiting_bytes -= waiting.event.bytes();
            self.start(index, waiting.id, waiting.event.event_ref());
        }
    }
}

/// Runs the guards one after the other, then the handler.
async fn guarded(
    socket: Socket,
    registered: Arc<Registered>,
    responder: Option<Responder>,
    event: RawEvent,
) -> Result<Option<RawArgs>, EventError> {
    for guard in &socket.active_namespace().handlers.guards {
        guard(socket.clone(), event.clone())?.await?;
    }
    (registered.handler)(Call { socket: &socket, responder, event: event.event_ref() })?.await
}

/// Answers the peer, if it asked, and reports an error.
pub(super) fn answer(
    socket: &Socket,
    name: &str,
    responder: Option<Responder>,
    result: Result<Option<RawArgs>, EventError>,
) {
    match (result, responder) {
        (Ok(Some(answer)), Some(responder)) => responder.send(&answer),
        (Ok(_), _) => {}
        (Err(error), responder) => {
            if let Some(responder) = responder {
                responder.fail(&error);
            }
            socket.active_namespace().handlers.report(socket, name, error);
        }
    }
}
