//! What waits to be sent to one session's peer.
//!
//! While the session polls, messages wait in groups and are rendered when a poll can carry them. On
//! a pipe every push appends finished bytes to the connection's write buffer. When a session
//! upgrades, the groups become bytes, in their order.
//!
//! What is sent to an [`MemberList`](crate::MemberList) lies in one batch for all of it, of which a pipe
//! holds a share: it comes behind the write buffer, and is copied into it only when something else
//! has to follow.
//!
//! | pushed | the session's turn is running | otherwise |
//! |---|---|---|
//! | into the queue | the turn's end answers a parked poll | the task is woken if a poll is parked |
//! | onto a pipe | the turn's end writes | the next flush pass writes |
//! | a share | the next flush pass writes | the next flush pass writes |
//!
//! Everything here happens under the outbox's lock, which is never held across an await; the only
//! system calls made under it are writes of this one connection.

pub(crate) mod connection;
pub(crate) mod content;
pub(crate) mod encoded;
pub(crate) mod framing;
pub(crate) mod message_form;
mod outlet;
mod queue;
pub(crate) mod queued_bytes;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use smallvec::SmallVec;
use sockeye_engine_proto::{CloseReason, PayloadWriter};
use sockeye_net::batch::{Batch, MemberId};
use sockeye_net::pipe::{Attached, Pipe};

use self::outlet::Outlet;
use self::queue::Queue;
use crate::metrics;
use crate::outbox::content::Content;
use crate::outbox::encoded::Encoded;
use crate::outbox::framing::Framing;
use crate::outbox::queued_bytes::QueuedBytes;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Pushed {
    /// It is queued and will be written soon.
    Queued,
    /// The peer takes less than is sent to it; the session is being closed with
    /// [`CloseReason::Overflow`].
    Overflow {
        /// Messages that were waiting.
        queued_packets: u32,
        /// Bytes that were waiting.
        queued_bytes: usize,
    },
    /// The peer takes less than is sent to it; this message, with its attachments, was dropped, as
    /// [`OverflowPolicy::DropNewest`](crate::OverflowPolicy::DropNewest) says.
    Dropped {
        /// Messages that were waiting.
        queued_packets: u32,
        /// Bytes that were waiting.
        queued_bytes: usize,
    },
    /// The session is closed or closing.
    Closed,
}

/// Who has to do something so that a push goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nobody, or somebody who knows already.
    Nothing,
    /// The session's task.
    Wake,
    /// The session's task: it has to close the session, whose outbox held this much.
    Close { queued_packets: u32, queued_bytes: usize },
    /// The flush pass. The outbox counts as scheduled from now on.
    Schedule,
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) packets_max: u32,
    pub(crate) bytes_max: usize,
    /// What would go beyond is dropped; otherwise the session is closed.
    pub(crate) drop_newest: bool,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) outlet: Outlet,
    /// The session's task is in a turn, whose end flushes.
    turn: bool,
    /// In the hands of the flush pass.
    scheduled: bool,
    /// Set once: nothing is taken in any more.
    closing: Option<CloseReason>,
    /// What is queued is lost; no goodbye is worth waiting for.
    discarded: bool,
    /// A message was dropped for which there was no room.
    has_dropped: bool,
    /// Bytes that the server's count has of it.
    counted: usize,
    /// What few have, at few moments, so that the others hold no more than a word for it.
    rare: Option<Box<Rare>>,
}

/// What few outboxes have, at few moments.
#[derive(Debug, Default)]
struct Rare {
    /// Who waits until everything is written.
    waiters: SmallVec<[Waker; 1]>,
    /// What the peer is told at the end, if its protocol has words for that.
    farewell: Option<(u16, Box<str>)>,
}

impl Outbox {
    /// Of a session that lives on a pipe, or polls.
    pub(crate) fn new(pipe: Option<(Pipe, Framing)>) -> Self {
        Outbox {
            outlet: match pipe {
                Some((pipe, framing)) => Outlet::Pipe(pipe, framing),
                None => Outlet::Queue(Queue::default()),
            },
            turn: false,
            scheduled: false,
            closing: None,
            discarded: false,
            has_dropped: false,
            counted: 0,
            rare: None,
        }
    }

    /// Queues a text message of this session alone, if it is what nearly every message is: a small
    /// one, in a turn of the session, whose end writes it and counts what the kernel refuses. False:
    /// nothing was done.
    #[inline]
    pub(crate) fn push_small_text(&mut self, text: &str, limits: Limits) -> bool {
        if let Outlet::Pipe(pipe, framing) = &mut self.outlet
            && self.turn
            && self.closing.is_none()
            && pipe.messages() < limits.packets_max
            && pipe.queued_bytes() + text.len() < limits.bytes_max.min(WRITE_EARLY_BYTES)
        {
            return framing.push_small_text(pipe, text);
        }
        false
    }

    /// Queues a message of this session alone.
    pub(crate) fn push_own(&mut self, content: Content<'_>, limits: Limits) -> (Pushed, Next) {
        if let Some(refused) = self.refuse(content, limits) {
            return refused;
        }
        self.outlet.push_own(content);
        (Pushed::Queued, self.next())
    }

    /// Queues a message that goes to others as well.
    pub(crate) fn push_shared(&mut self, packet: &Arc<Encoded>, limits: Limits) -> (Pushed, Next) {
        if let Some(refused) = self.refuse(packet.content(), limits) {
            return refused;
        }
        self.outlet.push_shared(packet);
        (Pushed::Queued, self.next())
    }

    /// Queues `first` and what belongs behind it, or nothing at all: then the session goes on.
    /// `first` has always room, the others as much as the limits leave.
    pub(crate) fn push_all(
        &mut self,
        first: &Arc<Encoded>,
        rest: &[Arc<Encoded>],
        limits: Limits,
    ) -> (Pushed, Next) {
        if self.is_closed() {
            return (Pushed::Closed, Next::Nothing);
        }
        self.take_part();
        let (queued_packets, queued_bytes) = self.outlet.waiting();
        let packets: u64 = rest.iter().map(|packet| u64::from(packet.content().packets())).sum();
        let bytes: usize = rest.iter().map(|packet| packet.content().bytes()).sum();
        if u64::from(queued_packets) + packets > u64::from(limits.packets_max)
            || queued_bytes.saturating_add(bytes) > limits.bytes_max
        {
            return (Pushed::Overflow { queued_packets, queued_bytes }, Next::Nothing);
        }
        let mut next = Next::Nothing;
        for packet in std::iter::once(first).chain(rest) {
            self.outlet.push_shared(packet);
            let then = self.next();
            // Only the first has to be acted on, if any: it says what the others would say.
            if next == Next::Nothing {
                next = then;
            }
        }
        (Pushed::Queued, next)
    }

    /// Has everything of a batch, to which more may come, written by the next flush pass. Not for
    /// frames of its own nor with a backlog, where each message counts against the limits as it comes.
    pub(crate) fn attach(&mut self, batch: &Arc<Batch>, member: MemberId) -> Attached {
        if self.is_closed() {
            return Attached::Shared;
        }
        let Outlet::Pipe(pipe, framing) = &mut self.outlet else { return Attached::Separate };
        // Several batches in one tick are much; only what the kernel refuses shall wait.
        pipe.end_batch();
        if pipe.queued_bytes() >= WRITE_EARLY_BYTES && !pipe.is_blocked() {
            // Whether it broke is seen below.
            let _ = pipe.write();
        }
        let attached = framing.attach(pipe, batch, member);
        self.scheduled |= attached == Attached::Shared && !pipe.is_broken();
        attached
    }

    /// Whether there is an outlet, and nothing is queued or unflushed.
    pub(crate) fn is_writable(&self) -> bool {
        self.closing.is_none() && self.outlet.is_writable()
    }

    /// Brings the server's count up to date.
    pub(crate) fn count(&mut self, queued_bytes: &QueuedBytes) {
        let bytes = self.outlet.held_bytes();
        if bytes != self.counted {
            queued_bytes.change(self.counted, bytes);
            self.counted = bytes;
        }
    }

    /// Starts closing, unless that happened before. True: the task is to be woken.
    pub(crate) fn close(&mut self, reason: CloseReason) -> bool {
        if self.is_closed() {
            return false;
        }
        self.closing = Some(reason);
        // It gets what was sent up to now.
        if let Some(pipe) = self.outlet.pipe() {
            pipe.leave_batch();
        }
        true
    }

    /// Starts closing with a code and a reason for the peer, unless that happened before. True: the task is
    /// to be woken.
    pub(crate) fn close_with(&mut self, reason: CloseReason, farewell: (u16, Box<str>)) -> bool {
        let is_new = self.close(reason);
        if is_new {
            self.rare.get_or_insert_default().farewell = Some(farewell);
        }
        is_new
    }

    /// What [`close_with`](Self::close_with) was given.
    pub(crate) fn farewell(&self) -> Option<(u16, &str)> {
        let farewell = self.rare.as_ref()?.farewell.as_ref()?;
        Some((farewell.0, &farewell.1))
    }

    /// Gives up what is queued: the peer had its time.
    pub(crate) fn discard(&mut self, reason: CloseReason) {
        self.closing.get_or_insert(reason);
        self.discarded = true;
        if let Some(pipe) = self.outlet.pipe() {
            pipe.drop_share();
        }
        self.check();
    }

    pub(crate) fn is_discarded(&self) -> bool {
        self.discarded
    }

    pub(crate) fn closing(&self) -> Option<CloseReason> {
        self.closing
    }

    pub(crate) fn has_dropped(&self) -> bool {
        self.has_dropped
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closing.is_some() || self.outlet.is_gone()
    }

    /// Ready when nothing waits or nothing can be sent any more.
    pub(crate) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.outlet.is_flushed() {
            return Poll::Ready(());
        }
        let waiters = &mut self.rare.get_or_insert_default().waiters;
        if !waiters.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiters.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The flush pass writes outside the session's turn. True: the task has to look after the rest.
    pub(crate) fn flush(&mut self) -> bool {
        self.scheduled = false;
        let Some(pipe) = self.outlet.pipe() else { return false };
        if self.turn {
            // The turn's end writes that, too.
            pipe.end_batch();
            return false;
        }
        let written = pipe.flush();
        self.note_written(&written);
        !matches!(written, Ok(true))
    }

    // From here on: for the session's task.

    pub(crate) fn begin_turn(&mut self) {
        self.turn = true;
    }

    /// Ends the turn: writes what was queued.
    ///
    /// # Errors
    /// When the connection is broken; of the kind `TimedOut` when the peer takes nothing any more.
    pub(crate) fn end_turn(
        &mut self,
        cx: &mut Context<'_>,
        write_timeout: Duration,
    ) -> io::Result<()> {
        self.turn = false;
        let written = match self.outlet.pipe() {
            Some(pipe) => pipe.poll_write(cx, write_timeout),
            None => Poll::Ready(Ok(())),
        };
        let Poll::Ready(written) = written else { return Ok(()) };
        self.wake_flushed();
        written
    }

    /// Appends a packet of the session itself, or with `append` the control frames of a WebSocket connection. That
    /// is never dropped; a peer that keeps asking for answers and reads none is an overflow all the
    /// same.
    pub(crate) fn push_session_packet(
        &mut self,
        limits: Limits,
        append: impl FnOnce(&mut Pipe, Framing),
    ) -> Next {
        let Outlet::Pipe(pipe, framing) = &mut self.outlet else {
            return Next::Nothing;
        };
        append(pipe, *framing);
        let bytes_max = limits.bytes_max.saturating_add(SESSION_PACKETS_BYTES_MAX);
        if !pipe.is_blocked() || pipe.queued_bytes() <= bytes_max {
            return Next::Nothing;
        }
        let (queued_packets, queued_bytes) = self.outlet.waiting();
        self.discard(CloseReason::Overflow);
        Next::Close { queued_packets, queued_bytes }
    }

    pub(crate) fn set_parked(&mut self, is_parked: bool) {
        if let Some(queue) = self.outlet.queue() {
            queue.is_parked = is_parked;
        }
    }

    /// Renders everything queued into the body of a poll's response. `true`: some of it may be
    /// compressed.
    pub(crate) fn drain_into(&mut self, payload: &mut PayloadWriter) -> bool {
        let Some(queue) = self.outlet.queue() else { return false };
        let may_be_compressed = queue.drain_into(payload);
        self.wake_flushed();
        self.check();
        may_be_compressed
    }

    /// Takes everything queued, for the answer to a poll.
    pub(crate) fn take_queued(&mut self, take: impl FnMut(Content<'_>)) {
        let Some(queue) = self.outlet.queue() else { return };
        queue.take(take);
        self.wake_flushed();
        self.check();
    }

    /// The session lives on a pipe now: what is queued goes behind what that holds already.
    pub(crate) fn upgrade(&mut self, pipe: Pipe, framing: Framing) {
        self.outlet.become_pipe(pipe, framing);
        self.check();
    }

    /// Nothing can be sent any more. Gives back the pipe, with what was not written.
    pub(crate) fn end(&mut self) -> Option<Pipe> {
        self.take_part();
        let outlet = std::mem::replace(&mut self.outlet, Outlet::Gone);
        self.wake_flushed();
        self.check();
        match outlet {
            Outlet::Pipe(pipe, _) if !pipe.is_broken() => Some(pipe),
            _ => None,
        }
    }

    /// Queues what has come to a shared batch, so that something else can follow.
    fn take_part(&mut self) {
        if let Some(pipe) = self.outlet.pipe() {
            pipe.take_part();
        }
    }

    /// Whether a message must not be queued, and what follows.
    fn refuse(&mut self, content: Content<'_>, limits: Limits) -> Option<(Pushed, Next)> {
        if self.is_closed() {
            return Some((Pushed::Closed, Next::Nothing));
        }
        let mut over = self.is_over(content, limits);
        if over
            && let Some(pipe) = self.outlet.pipe()
            && !pipe.is_blocked()
        {
            // Much at once is no slow peer: only what the kernel refuses counts.
            let written = pipe.write();
            self.note_written(&written);
            over = self.is_over(content, limits);
        }
        if !over {
            return None;
        }
        let (queued_packets, queued_bytes) = self.outlet.waiting();
        if limits.drop_newest {
            metrics::message_dropped();
            self.has_dropped = true;
            return Some((Pushed::Dropped { queued_packets, queued_bytes }, Next::Nothing));
        }
        self.discard(CloseReason::Overflow);
        let refused = Pushed::Overflow { queued_packets, queued_bytes };
        Some((refused, Next::Close { queued_packets, queued_bytes }))
    }

    fn is_over(&self, content: Content<'_>, limits: Limits) -> bool {
        let (queued_packets, queued_bytes) = self.outlet.waiting();
        queued_packets > 0
            && (queued_packets.saturating_add(content.packets()) > limits.packets_max
                || queued_bytes.saturating_add(content.bytes()) > limits.bytes_max)
    }

    /// What always holds, in debug builds.
    fn check(&self) {
        debug_assert!(!self.discarded || self.closing.is_some(), "what is given up closes");
        if let Outlet::Queue(queue) = &self.outlet {
            queue.check();
        }
        let is_flushed = self.outlet.is_flushed();
        debug_assert!(!self.outlet.is_gone() || is_flushed, "nothing waits for what is gone");
    }

    /// What follows once a message was queued.
    fn next(&mut self) -> Next {
        let next = match &mut self.outlet {
            Outlet::Pipe(pipe, _) if self.turn => {
                // A turn that sends much does not wait for its end.
                if pipe.queued_bytes() >= WRITE_EARLY_BYTES && !pipe.is_blocked() {
                    let written = pipe.write();
                    self.note_written(&written);
                }
                Next::Nothing
            }
            Outlet::Queue(queue) if queue.is_parked && !self.turn => Next::Wake,
            Outlet::Pipe(pipe, _) if !pipe.is_blocked() && !self.scheduled => {
                self.scheduled = true;
                Next::Schedule
            }
            _ => Next::Nothing,
        };
        self.check();
        next
    }

    /// Wakes who waits, if nothing does any more.
    fn note_written(&mut self, written: &io::Result<bool>) {
        if !matches!(written, Ok(false)) {
            self.wake_flushed();
        }
    }

    fn wake_flushed(&mut self) {
        if let Some(mut rare) = self.rare.take() {
            rare.waiters.drain(..).for_each(Waker::wake);
            self.rare = Some(rare).filter(|rare| rare.farewell.is_some());
        }
    }
}

/// Answers to pings and the like may go this far beyond the limit of what the application queues.
const SESSION_PACKETS_BYTES_MAX: usize = 64 * 1024;
/// A turn that queued this much writes before its end.
const WRITE_EARLY_BYTES: usize = 64 * 1024;
