//! Where a session's messages go: into a queue that a poll empties, or onto a byte stream.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use sockeye_net::pipe::Pipe;

use super::queue::{Group, Queue};
use crate::outbox::encoded::Encoded;
use crate::outbox::framing::Framing;

#[derive(Debug)]
pub(crate) enum Outlet {
    /// Messages wait until a poll can carry them.
    Queue(Queue),
    /// Each message becomes bytes at once, which the pipe writes.
    Pipe(Pipe, Framing),
    /// Nothing can be sent any more.
    Gone,
}

impl Outlet {
    pub(super) const fn is_gone(&self) -> bool {
        matches!(self, Outlet::Gone)
    }

    pub(super) fn pipe(&mut self) -> Option<&mut Pipe> {
        match self {
            Outlet::Pipe(pipe, _) => Some(pipe),
            Outlet::Queue(_) | Outlet::Gone => None,
        }
    }

    pub(super) fn queue(&mut self) -> Option<&mut Queue> {
        match self {
            Outlet::Queue(queue) => Some(queue),
            Outlet::Pipe(..) | Outlet::Gone => None,
        }
    }

    pub(super) fn push_own(&mut self, text: Option<&str>, attachments: &[Bytes], compress: bool) {
        match self {
            Outlet::Queue(queue) => queue.push_own(text, attachments, compress),
            Outlet::Pipe(pipe, framing) => framing.push_own(pipe, text, attachments, compress),
            Outlet::Gone => {}
        }
    }

    pub(super) fn push_shared(&mut self, packet: &Arc<Encoded>) {
        match self {
            Outlet::Queue(queue) => queue.push_shared(packet),
            Outlet::Pipe(pipe, framing) => framing.push_shared(pipe, packet),
            Outlet::Gone => {}
        }
    }

    /// What was queued for polls goes onto a pipe, behind what that holds already.
    pub(super) fn become_pipe(&mut self, mut pipe: Pipe, framing: Framing) {
        if let Outlet::Queue(queue) = std::mem::replace(self, Outlet::Gone) {
            for group in queue.into_groups() {
                match group {
                    Group::Own { text, attachments, compress } => {
                        framing.push_own(&mut pipe, text.as_deref(), &attachments, compress);
                    }
                    Group::Shared(packet) => framing.push_shared(&mut pipe, &packet),
                }
            }
        }
        *self = Outlet::Pipe(pipe, framing);
    }

    /// Messages that wait.
    pub(super) fn packets(&self) -> u32 {
        match self {
            Outlet::Queue(queue) => queue.packets(),
            Outlet::Pipe(pipe, _) => pipe.messages(),
            Outlet::Gone => 0,
        }
    }

    /// Bytes that wait, those included that others wait for as well.
    pub(super) fn queued_bytes(&self) -> usize {
        match self {
            Outlet::Queue(queue) => queue.bytes(),
            Outlet::Pipe(pipe, _) => pipe.queued_bytes(),
            Outlet::Gone => 0,
        }
    }

    /// Bytes of memory that wait here alone. A connection's count once the kernel has refused some.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Outlet::Queue(queue) => queue.own_bytes(),
            Outlet::Pipe(pipe, _) if pipe.is_blocked() => pipe.own_bytes(),
            Outlet::Pipe(..) | Outlet::Gone => 0,
        }
    }

    /// Whether a message would leave at once.
    pub(super) fn is_writable(&self) -> bool {
        match self {
            Outlet::Queue(queue) => queue.is_parked && queue.is_empty(),
            Outlet::Pipe(pipe, _) => pipe.is_writable(),
            Outlet::Gone => false,
        }
    }

    /// Whether what is pushed has to wait.
    pub(super) fn is_backlogged(&self) -> bool {
        match self {
            Outlet::Queue(_) => true,
            Outlet::Pipe(pipe, _) => pipe.is_blocked(),
            Outlet::Gone => false,
        }
    }

    /// Whether nothing waits, or nothing that waits can be sent any more.
    pub(super) fn is_flushed(&self) -> bool {
        match self {
            Outlet::Queue(queue) => queue.is_empty(),
            Outlet::Pipe(pipe, _) => pipe.is_broken() || pipe.is_writable(),
            Outlet::Gone => true,
        }
    }

    /// Whether the kernel has everything that was given to a connection.
    pub(super) fn is_written(&self) -> bool {
        match self {
            Outlet::Pipe(pipe, _) => pipe.is_written(),
            Outlet::Queue(_) | Outlet::Gone => true,
        }
    }

    /// Writes what is queued on a connection until it is written; for the session's task.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        write_timeout: Duration,
    ) -> Poll<io::Result<()>> {
        match self {
            Outlet::Pipe(pipe, _) => pipe.poll_write(cx, write_timeout),
            Outlet::Queue(_) | Outlet::Gone => Poll::Ready(Ok(())),
        }
    }
}
