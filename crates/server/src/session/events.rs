//! Events on their way to their handlers: at once, after guards, or when it is their turn.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use sockeye_socket_proto::{RawArgs, RawEvent};

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
    responder: Option<Responder>,
    pub(super) event: RawEvent,
}

impl Sockets {
    pub(super) fn event(
        &mut self,
        index: usize,
        id: Option<u64>,
        name: &str,
        args: &str,
        attachments: &[Bytes],
    ) {
        let socket = &self.entries[index].socket;
        let responder = id.map(|id| Responder { socket: socket.clone(), id, handling: None });
        let (args, responder) =
            match socket.outbox().and_then(|at| Some((at, EventNumber::split(args)?))) {
                None => (args, responder),
                Some(((outboxes, key), (args, number))) => match responder {
                    // Without an ack nothing is left to remember.
                    None => (args, None),
                    Some(responder) => {
                        let address = || socket.handshake().address().map(|address| address.ip());
                        let origin = (socket.session().id(), address);
                        let begin = outboxes.begin(key, number, origin, &responder);
                        if let Begin::New(handling) = begin {
                            (args, Some(Responder { handling: Some(handling), ..responder }))
                        } else {
                            socket.active_namespace().handlers.metrics.outbox_hit();
                            if let Begin::Answered(answer) = begin {
                                responder.send(&answer);
                            }
                            return;
                        }
                    }
                },
            };
        let entry = &mut self.entries[index];
        let handlers = &entry.socket.active_namespace().handlers;
        handlers.metrics.event_received();
        if !handlers.any.is_empty() {
            let event = RawEvent::new(name, args, attachments);
            handlers.any.iter().for_each(|look| look(&entry.socket, &event));
        }
        if entry.running >= handlers.concurrent_handlers_max || entry.waiting.get().is_some() {
            let waiting = Waiting { responder, event: RawEvent::new(name, args, attachments) };
            self.waiting_events += 1;
            self.waiting_bytes += waiting.event.bytes();
            entry.waiting.get_or_default().push_back(waiting);
            return;
        }
        self.start(index, responder, name, args, attachments);
    }

    fn start(
        &mut self,
        index: usize,
        responder: Option<Responder>,
        name: &str,
        args: &str,
        attachments: &[Bytes],
    ) {
        let socket = &self.entries[index].socket;
        if !socket.is_connected() {
            // The server has disconnected it, which is noticed here in a moment.
            return;
        }
        let handlers = &socket.active_namespace().handlers;
        let Some(registered) = handlers.events.get(name).or(handlers.fallback.as_ref()) else {
            return;
        };
        let watch = registered.metrics.start();
        let span = handler_span(socket, &registered.event);
        let started = span.in_scope(|| {
            let responder = responder.clone();
            if handlers.guards.is_empty() {
                return (registered.handler)(Call { socket, name, responder, args, attachments });
            }
            let event = RawEvent::new(name, args, attachments);
            Ok(Box::pin(guarded(socket.clone(), registered.clone(), responder, event)) as _)
        });
        let mut running = match started {
            Ok(running) => traced(running, span),
            Err(error) => return answer(socket, name, responder, Err(error)),
        };
        // Most handlers are done at once. The others register their waker in `poll`.
        let mut cx = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut cx)));
        match polled {
            Ok(Poll::Ready(result)) => {
                registered.metrics.done(&watch);
                answer(socket, name, responder, result);
            }
            Ok(Poll::Pending) => {
                let (socket, registered) = (socket.clone(), registered.clone());
                self.entries[index].running += 1;
                let _waits = registered.metrics.wait();
                let task = Task::Event { socket, registered, responder, running, watch, _waits };
                self.run(task);
            }
            Err(panic) => {
                responder.inspect(Responder::remember_panic);
                let message = panic_message(&*panic).to_owned();
                let (socket, event) = (Some(socket.clone()), name.to_owned());
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
            let Waiting { responder, event } = waiting;
            self.start(index, responder, &event.name, event.args.json(), event.args.attachments());
        }
    }
}

/// The guards one after the other, then the handler.
async fn guarded(
    socket: Socket,
    registered: Arc<Registered>,
    responder: Option<Responder>,
    event: RawEvent,
) -> Result<Option<RawArgs>, EventError> {
    for guard in &socket.active_namespace().handlers.guards {
        guard(socket.clone(), event.clone())?.await?;
    }
    let RawEvent { name, args } = &event;
    let (args, attachments) = (args.json(), args.attachments());
    (registered.handler)(Call { socket: &socket, name, responder, args, attachments })?.await
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
