//! Where a session's messages go: into a queue that a poll empties, or onto a byte stream.

use std::sync::Arc;

use sockeye_net::pipe::Pipe;

use super::queue::{Group, Queue};
use crate::outbox::content::Content;
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

    pub(super) fn push_own(&mut self, content: Content<'_>) {
        match self {
            Outlet::Queue(queue) => queue.push_own(content),
            Outlet::Pipe(pipe, framing) => framing.push_own(pipe, content),
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
                match &group {
                    Group::Own { .. } => framing.push_own(&mut pipe, group.content()),
                    Group::Shared(packet) => framing.push_shared(&mut pipe, packet),
                }
            }
        }
        *self = Outlet::Pipe(pipe, framing);
    }

    /// Messages and bytes that wait, those included that others wait for as well.
    pub(crate) fn waiting(&self) -> (u32, usize) {
        match self {
            Outlet::Queue(queue) => (queue.packets, queue.bytes),
            Outlet::Pipe(pipe, _) => (pipe.messages(), pipe.queued_bytes()),
            Outlet::Gone => (0, 0),
        }
    }

    /// Bytes of memory that wait here alone. A connection's count once the kernel has refused some.
    pub(super) fn held_bytes(&self) -> usize {
        match self {
            Outlet::Queue(queue) => queue.own_bytes,
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

    /// Whether something could be written now or soon: a poll is parked, or there is a pipe.
    pub(crate) fn is_there(&self) -> bool {
        match self {
            Outlet::Queue(queue) => queue.is_parked,
            Outlet::Pipe(..) => true,
            Outlet::Gone => false,
        }
    }

    /// Whether what is pushed has to wait.
    pub(crate) fn is_backlogged(&self) -> bool {
        match self {
            Outlet::Queue(_) => true,
            Outlet::Pipe(pipe, _) => pipe.is_blocked(),
            Outlet::Gone => false,
        }
    }

    /// Whether messages wait for a poll.
    pub(crate) fn has_queued(&self) -> bool {
        matches!(self, Outlet::Queue(queue) if !queue.is_empty())
    }

    /// Whether a binary message is queued for a poll.
    pub(crate) fn has_binary(&self) -> bool {
        matches!(self, Outlet::Queue(queue) if queue.has_binary())
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
    pub(crate) fn is_written(&self) -> bool {
        match self {
            Outlet::Pipe(pipe, _) => pipe.is_written(),
            Outlet::Queue(_) | Outlet::Gone => true,
        }
    }
}
