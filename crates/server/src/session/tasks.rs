//! User code that runs in the session's task, and its outcomes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use sockeye_socket_proto::RawArgs;

use crate::cluster::Restoring;
use crate::cluster::sessions::RestoredSession;
use crate::error::{EventError, Refuse};
use crate::guarantees::recovery::RecoveryFailure;
use crate::handler::acker::Responder;
use crate::handler::running::{Answering, panic_message};
use crate::handler::{Deciding, Notifying};
use crate::namespace::active::ActiveNamespace;
use crate::namespace::handlers::{Moment, Registered};
use crate::namespace::registry::Asking;
use crate::server::metrics::{Stopwatch, Waits};
use crate::socket::Socket;

/// A connect packet that waits: a dynamic declaration decides about its namespace, or the cluster
/// looks for its session.
#[derive(Default)]
pub(super) struct Question {
    pub(super) number: u64,
    pub(super) namespace: Box<str>,
    pub(super) auth: Box<str>,
}

/// User code that runs. Its panic is an outcome too.
pub(super) enum Task {
    Asking {
        question: Question,
        asking: Asking,
    },
    Restoring {
        question: Question,
        pid: Box<str>,
        active: Arc<ActiveNamespace>,
        restoring: Restoring,
    },
    Admission {
        socket: Socket,
        running: Deciding,
    },
    Event {
        socket: Socket,
        registered: Arc<Registered>,
        responder: Option<Responder>,
        running: Answering,
        watch: Stopwatch,
        _waits: Waits,
    },
    Notification {
        socket: Socket,
        moment: Moment,
        running: Notifying,
    },
}

pub(super) enum Done {
    Asking {
        question: Question,
        parent: usize,
        is_yes: bool,
    },
    Restored {
        question: Question,
        pid: Box<str>,
        active: Arc<ActiveNamespace>,
        restored: Result<RestoredSession, RecoveryFailure>,
    },
    Admission {
        socket: Socket,
        decision: Result<(), Refuse>,
    },
    Event {
        socket: Socket,
        registered: Arc<Registered>,
        responder: Option<Responder>,
        result: Result<Option<RawArgs>, EventError>,
    },
    Notification {
        socket: Socket,
        moment: Moment,
        result: Result<(), EventError>,
    },
    Panic {
        socket: Option<Socket>,
        event: String,
        message: String,
    },
}

impl Future for Task {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        let task = &mut *self;
        match catch_unwind(AssertUnwindSafe(|| task.poll_user_code(cx))) {
            Ok(polled) => polled,
            Err(panic) => {
                let (socket, event) = match &*self {
                    Task::Asking { .. } | Task::Restoring { .. } => (None, String::new()),
                    Task::Event { socket, registered, responder, .. } => {
                        responder.as_ref().inspect(|responder| responder.remember_panic());
                        (Some(socket.clone()), registered.event.clone())
                    }
                    Task::Admission { socket, .. } => {
                        (Some(socket.clone()), Moment::Connect.as_str().to_owned())
                    }
                    Task::Notification { socket, moment, .. } => {
                        (Some(socket.clone()), moment.as_str().to_owned())
                    }
                };
                let message = panic_message(&*panic).to_owned();
                Poll::Ready(Done::Panic { socket, event, message })
            }
        }
    }
}

impl Task {
    fn poll_user_code(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        match self {
            Task::Asking { question, asking } => asking.decision.as_mut().poll(cx).map(|is_yes| {
                let question = std::mem::take(question);
                Done::Asking { question, parent: asking.parent, is_yes }
            }),
            Task::Restoring { question, pid, active, restoring } => {
                restoring.as_mut().poll(cx).map(|restored| Done::Restored {
                    question: std::mem::take(question),
                    pid: std::mem::take(pid),
                    active: Arc::clone(active),
                    restored,
                })
            }
            Task::Admission { socket, running } => running
                .as_mut()
                .poll(cx)
                .map(|decision| Done::Admission { socket: socket.clone(), decision }),
            Task::Event { socket, registered, responder, running, watch, .. } => {
                running.as_mut().poll(cx).map(|result| {
                    registered.metrics.done(watch);
                    let (socket, registered) = (socket.clone(), Arc::clone(registered));
                    Done::Event { socket, registered, responder: responder.take(), result }
                })
            }
            Task::Notification { socket, moment, running } => {
                let (socket, moment) = (&*socket, *moment);
                running.as_mut().poll(cx).map(|result| Done::Notification {
                    socket: socket.clone(),
                    moment,
                    result,
                })
            }
        }
    }
}
