//! Handlers under way, and the events that wait for their turn.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::FuturesUnordered;
use sockeye_socket_proto::RawEvent;

use crate::error::EventError;
use crate::handler::{Running, Started};
use crate::limits::Limits;
use crate::socket::{Reply, Socket};

/// The handlers of one session: started in the order of the events, interleaving where they wait.
#[derive(Debug)]
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
#[derive(Debug)]
struct Waiting {
    socket: Arc<Socket>,
    event: RawEvent,
    reply: Option<Reply>,
}

struct Job {
    future: Work,
    reply: Option<Reply>,
}

enum Work {
    Event(Started),
    Life(Running<()>),
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
            return self.start(socket, name, args, attachments, reply);
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
    pub(crate) fn life(&mut self, start: impl FnOnce() -> Running<()>) {
        match catch_unwind(AssertUnwindSafe(start)) {
            Ok(future) => self.fresh.push_back(Job { future: Work::Life(future), reply: None }),
            Err(panic) => report(&*panic),
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
            self.start(&socket, &name, args.json(), args.attachments(), reply);
        }
    }

    fn may_start(&self) -> bool {
        self.fresh.len() + self.running.len() < self.running_max
    }

    fn start(
        &mut self,
        socket: &Arc<Socket>,
        name: &str,
        args: &str,
        attachments: &[Bytes],
        reply: Option<Reply>,
    ) {
        let (Some(handler), Some(client)) = (socket.routes.events.get(name), socket.client())
        else {
            return;
        };
        let wanted = reply.is_some();
        let start = || handler(client, args, attachments, wanted);
        match catch_unwind(AssertUnwindSafe(start)) {
            Ok(Ok(future)) => self.fresh.push_back(Job { future: Work::Event(future), reply }),
            Ok(Err(error)) => fail(error, reply),
            Err(panic) => fail_by_panic(&*panic, reply),
        }
    }
}

impl Future for Job {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let job = &mut *self;
        let poll = || match &mut job.future {
            Work::Event(future) => future.as_mut().poll(cx),
            Work::Life(future) => future.as_mut().poll(cx).map(|()| Ok(None)),
        };
        let result = match catch_unwind(AssertUnwindSafe(poll)) {
            Ok(poll) => std::task::ready!(poll),
            Err(panic) => {
                fail_by_panic(&*panic, job.reply.take());
                return Poll::Ready(());
            }
        };
        match result {
            Ok(answer) => {
                if let Some(reply) = job.reply.take() {
                    reply.send(Ok(answer));
                }
            }
            Err(error) => fail(error, job.reply.take()),
        }
        Poll::Ready(())
    }
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("reply", &self.reply).finish_non_exhaustive()
    }
}

fn fail(error: EventError, reply: Option<Reply>) {
    tracing::warn!(%error, "a handler failed");
    if let Some(reply) = reply {
        reply.send(Err(error));
    }
}

/// A client outlives its handlers.
fn fail_by_panic(panic: &(dyn Any + Send), reply: Option<Reply>) {
    report(panic);
    if let Some(reply) = reply {
        reply.send(Err(EventError::internal()));
    }
}

fn report(panic: &(dyn Any + Send)) {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no message)");
    tracing::error!(message, "a handler panicked");
}
