//! Handlers under way, and the events that wait for their turn.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use sockeye_socket_proto::{RawArgs, RawEvent};

use crate::error::{ConnectError, EventError};
use crate::handler::Started;
use crate::limits::Limits;
use crate::socket::{Reply, Socket};
use crate::state::DisconnectReason;

/// The handlers of one session: started in the order of the events, interleaving where they wait.
pub(crate) struct Jobs {
    /// Not polled yet.
    fresh: VecDeque<Job>,
    running: FuturesUnordered<Job>,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    running_max: usize,
    waiting_max: usize,
    waiting_bytes_max: usize,
}

/// An event that waits for other handlers to be done.
struct Waiting {
    socket: Arc<Socket>,
    event: RawEvent,
    reply: Option<Reply>,
}

struct Job {
    future: Started,
    reply: Option<Reply>,
}

impl Jobs {
    pub(crate) fn new(limits: &Limits) -> Self {
        Jobs {
            fresh: VecDeque::new(),
            running: FuturesUnordered::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            running_max: limits.concurrent_handlers_max.max(1),
            waiting_max: limits.waiting_events_max,
            waiting_bytes_max: limits.waiting_event_bytes_max,
        }
    }

    /// Whether further events may come.
    pub(crate) fn is_ready(&self) -> bool {
        self.waiting.len() <= self.waiting_max && self.waiting_bytes <= self.waiting_bytes_max
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.running.is_empty() && self.waiting.is_empty()
    }

    /// Starts the handler of an event, or lets the event wait.
    pub(crate) fn event(
        &mut self,
        socket: &Arc<Socket>,
        name: &str,
        args: &str,
        attachments: &[Bytes],
        reply: Option<Reply>,
    ) {
        if !socket.routes.events.contains_key(name) {
            return;
        }
        if self.waiting.is_empty() && self.may_start() {
            return self.start_event(socket, name, args, attachments, reply);
        }
        let waiting = Waiting {
            socket: Arc::clone(socket),
            event: RawEvent::new(name, args, attachments),
            reply,
        };
        self.waiting_bytes += waiting.event.bytes();
        self.waiting.push_back(waiting);
    }

    /// Starts a handler of something that is no event; it never waits.
    pub(crate) fn life(&mut self, start: impl FnOnce() -> Started) {
        self.start(|| Ok(start()), None);
    }

    /// Has the handler for failed connections told, if there is one.
    pub(crate) fn report(&mut self, socket: &Socket, error: Option<ConnectError>) {
        if let (Some(error), Some(handler)) = (error, &socket.routes.connect_error) {
            self.life(|| handler(error));
        }
    }

    /// Has the handler for disconnects told, if there is one.
    pub(crate) fn disconnected(&mut self, socket: &Socket, reason: Option<DisconnectReason>) {
        if let (Some(reason), Some(handler)) = (reason, &socket.routes.disconnect) {
            self.life(|| handler(reason));
        }
    }

    /// Lets handlers go on. Whether one ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        loop {
            while let Some(mut job) = self.fresh.pop_front() {
                // Most are done at once and never need a place among those that wait.
                match Pin::new(&mut job).poll(cx) {
                    Poll::Ready(()) => progress = true,
                    Poll::Pending => self.running.push(job),
                }
            }
            while let Poll::Ready(Some(())) = Pin::new(&mut self.running).poll_next(cx) {
                progress = true;
            }
            if !self.may_start() {
                return progress;
            }
            let Some(next) = self.waiting.pop_front() else {
                return progress;
            };
            progress = true;
            let Waiting { socket, event, reply } = next;
            self.waiting_bytes -= event.bytes();
            let RawEvent { name, args } = event;
            self.start_event(&socket, &name, args.json(), args.attachments(), reply);
        }
    }

    fn may_start(&self) -> bool {
        self.fresh.len() + self.running.len() < self.running_max
    }

    fn start_event(
        &mut self,
        socket: &Socket,
        name: &str,
        args: &str,
        attachments: &[Bytes],
        reply: Option<Reply>,
    ) {
        if let (Some(handler), Some(client)) = (socket.routes.events.get(name), socket.client()) {
            let wanted = reply.is_some();
            self.start(|| handler(client, args, attachments, wanted), reply);
        }
    }

    fn start(&mut self, start: impl FnOnce() -> Result<Started, EventError>, reply: Option<Reply>) {
        match run(start) {
            Ok(future) => self.fresh.push_back(Job { future, reply }),
            Err(error) => answer(reply, Err(error)),
        }
    }
}

impl Future for Job {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match run(|| Ok(self.future.as_mut().poll(cx)?)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(acked)) => answer(self.reply.take(), Ok(acked)),
            Err(error) => answer(self.reply.take(), Err(error)),
        }
        Poll::Ready(())
    }
}

fn answer(reply: Option<Reply>, result: Result<Option<RawArgs>, EventError>) {
    if let Some(reply) = reply {
        reply.send(result);
    }
}

/// Runs a handler's code. A panic of it is an error like others: a client outlives its handlers.
fn run<T>(code: impl FnOnce() -> Result<T, EventError>) -> Result<T, EventError> {
    match catch_unwind(AssertUnwindSafe(code)) {
        Ok(result) => result.inspect_err(|error| tracing::warn!(%error, "a handler failed")),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().copied();
            let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
            tracing::error!(message = text.unwrap_or("(no message)"), "a handler panicked");
            Err(EventError::internal())
        }
    }
}
