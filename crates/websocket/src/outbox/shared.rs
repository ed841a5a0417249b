//! What a connection gets together with others.

use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::MutexGuard;
use sockeye_ws::{Opcode, Role};

use super::{Failure, Outbox, Phase, State};
use crate::batch::Share;
use crate::compressor::SharedFrames;

/// A message for many connections, encoded once for each form it takes.
pub(crate) struct SharedMessage<'a> {
    pub(crate) opcode: Opcode,
    pub(crate) payload: &'a [u8],
    /// The complete unmasked and uncompressed frame.
    pub(crate) frame: Bytes,
    /// Whether it may be compressed.
    pub(crate) compress: bool,
    /// The frames of it that are.
    pub(crate) compressed: SharedFrames,
}

/// What became of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attached {
    /// It is written by the next flush pass, which knows of the connection.
    Scheduled,
    /// It is written when the connection is flushed, for which it has to be scheduled.
    Unscheduled,
    /// The connection cannot use it; each message has to be pushed.
    Apart,
}

impl Outbox {
    /// Has everything of a batch, to which more may come, written by the next flush pass. Not for a
    /// connection with frames of its own (masked, compressed) or with a backlog, where each message
    /// counts against the limit as it comes.
    pub(crate) fn attach(&self, share: Share) -> Attached {
        let mut state = self.state.lock();
        if self.role == Role::Client || self.compressor.is_some() || state.draining {
            return Attached::Apart;
        }
        state = self.detach(state);
        if state.phase != Phase::Open {
            return Attached::Scheduled;
        }
        state.share = Some(share);
        if mem::replace(&mut state.scheduled, true) {
            Attached::Scheduled
        } else {
            Attached::Unscheduled
        }
    }

    /// Queues a message that others get as well. Returns whether the connection has to be scheduled for
    /// the flush pass.
    pub(crate) fn push_shared(&self, shared: &mut SharedMessage<'_>) -> bool {
        let SharedMessage { opcode, payload, frame, compress, compressed } = shared;
        let mut state = self.detach(self.state.lock());
        if state.phase != Phase::Open {
            return false;
        }
        let compressor =
            self.compressor().filter(|it| *compress && it.applies_to(*opcode, payload));
        let is_own = self.role == Role::Client
            || compressor.is_some_and(|compressor| compressor.context_takeover());
        let (before, added);
        if is_own {
            // Nobody else can use this frame.
            before = state.buffer.len();
            self.encode(*opcode, payload, *compress, state.buffer.tail());
            added = state.buffer.len() - before;
        } else {
            let smaller = compressor.and_then(|it| it.shared_frame(*opcode, payload, compressed));
            let frame = smaller.as_ref().unwrap_or(frame);
            before = state.buffer.len();
            state.buffer.push_shared(frame);
            added = frame.len();
        }
        if before > 0 && before + added > self.config.queued_bytes_max {
            drop(self.fail(state, Failure::Overflow));
            return false;
        }
        !state.draining && !mem::replace(&mut state.scheduled, true)
    }

    /// Queues what has come to the shared batch, so that something else can follow.
    pub(super) fn settle<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let Some(mut share) = state.share.take() else { return state };
        let before = state.buffer.len();
        if share.len(self.key()) > 0 {
            share.take_into(self.key(), state.buffer.tail());
        }
        if before > 0 && state.buffer.len() > self.config.queued_bytes_max {
            return self.fail(state, Failure::Overflow);
        }
        state.share = Some(share);
        state
    }

    /// Queues what is in the shared batch, which is sealed.
    fn detach<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        match state.share.take() {
            Some(share) => self.queue(state, &share.into_bytes(self.key(), 0)),
            None => state,
        }
    }

    fn queue<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        frames: &Bytes,
    ) -> MutexGuard<'a, State> {
        if self.overflows(&state, frames.len()) {
            return self.fail(state, Failure::Overflow);
        }
        if !frames.is_empty() {
            state.buffer.push_shared(frames);
        }
        state
    }

    /// Has nothing more from the shared batch than what has come to it.
    pub(super) fn leave<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let mut state = self.settle(state);
        state.share = None;
        state
    }

    /// Writes what is queued and what is shared, unless somebody else is about to.
    pub(super) fn write_all<'a>(
        self: &'a Arc<Self>,
        mut state: MutexGuard<'a, State>,
    ) -> MutexGuard<'a, State> {
        if let Some(share) = state.share.take() {
            let frames = share.bytes(self.key());
            let (len, mut written) = (frames.len(), 0);
            if state.buffer.is_empty() && !state.draining {
                // The usual case: nothing else waits, so no copy is made. Errors come up again below.
                written = self.io.try_write(&frames).unwrap_or(0);
            }
            drop(frames);
            if written < len {
                state = self.queue(state, &share.into_bytes(self.key(), written));
            }
        }
        self.write(state)
    }
}
