//! The write side of a connection, shared by its reader, its writers and the groups it is in.
//!
//! Whoever sends takes the lock, appends whole frames and writes them at once. What the kernel does
//! not take is left to a task that exists only until it is written, so that neither a reader nor a
//! writer has to be polled for that.
//!
//! | phase   | then                                                                              |
//! |---------|-----------------------------------------------------------------------------------|
//! | open    | frames are accepted                                                               |
//! | closing | our close frame was the last, or none is to follow; what is queued is written      |
//! | broken  | there is a failure, and nothing can be written; the reader will see the end of the |
//! |         | stream                                                                            |

use std::future::poll_fn;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use parking_lot::Mutex;
use sockeye_net::batch::{Batch, MemberId};
use sockeye_net::flush::Flush;
use sockeye_net::pipe::{Attached, Pipe};
use sockeye_ws as ws;
use sockeye_ws::{CONTROL_PAYLOAD_BYTES_MAX, CloseCode, Opcode, Role};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::config::Config;
use crate::error::{RecvError, SendError};
use crate::group::SharedMessage;
use crate::metrics;
use crate::outgoing::Outgoing;

/// With more than this waiting, `send` waits and nothing more is read.
pub(crate) const HIGH_WATER_BYTES: usize = 64 * 1024;
/// When this little waits, they go on.
const LOW_WATER_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) config: Arc<Config>,
    /// Where the tasks for the rest of a write and for the timer run.
    runtime: Handle,
    pub(crate) member: MemberId,
    state: Mutex<OutboxState>,
}

/// Nearly always nobody, which takes no more than a word.
#[derive(Debug, Default)]
struct Waiters(Vec<Waker>);

#[derive(Debug)]
struct OutboxState {
    pipe: Pipe,
    /// Who waits for room or for the end of what is queued.
    waiters: Option<Box<Waiters>>,
    is_open: bool,
    /// Set once the connection is broken.
    failure: Option<Failure>,
    /// Ends the connection when the peer does not answer a writer's close frame.
    close_timer: Option<AbortHandle>,
    /// The flush pass will write.
    scheduled: bool,
    /// Something was queued for the reader to write before it waits.
    unwritten: bool,
}

/// Why we ended the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Io(io::ErrorKind),
    Overflow,
    Timeout,
}

impl From<Failure> for RecvError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Io(kind) => Self::Io(kind.into()),
            Failure::Overflow => Self::Overflow,
            Failure::Timeout => Self::Timeout,
        }
    }
}

/// What [`Outbox::commit`] left behind.
pub(crate) struct Committed {
    /// Frames are still accepted.
    pub(crate) open: bool,
    /// Bytes that wait for the peer to read.
    pub(crate) queued_bytes: usize,
}

/// How a message is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SendOptions {
    /// Leave writing to somebody else.
    pub(crate) feed: bool,
    /// Compress it if the connection does that.
    pub(crate) compress: bool,
}

impl Outbox {
    /// Must be called within a runtime.
    pub(crate) fn new(pipe: Pipe, config: Arc<Config>) -> Arc<Self> {
        let state = OutboxState {
            pipe,
            waiters: None,
            is_open: true,
            failure: None,
            close_timer: None,
            scheduled: false,
            unwritten: false,
        };
        let (runtime, member) = (Handle::current(), MemberId::next());
        Arc::new(Self { config, runtime, member, state: Mutex::new(state) })
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        let pipe = &self.state.lock().pipe;
        pipe.queued_bytes() + pipe.shared_bytes()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.lock().is_open
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.state.lock().failure
    }

    /// Waits for room, then queues one frame and, unless it is only to be queued, writes.
    pub(crate) fn poll_send(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        message: ws::Message<'_>,
        options: SendOptions,
    ) -> Poll<Result<(), SendError>> {
        check_length(message)?;
        let mut state = self.state.lock();
        if state.pipe.queued_bytes() > HIGH_WATER_BYTES {
            // What was only queued has to get going, or nobody would ever be woken.
            self.write(&mut state, Pipe::write);
            let is_over = state.is_open && state.pipe.queued_bytes() > HIGH_WATER_BYTES;
            ready!(state.poll_until(cx, !is_over));
        }
        self.take_part(&mut state);
        if !state.is_open {
            return Poll::Ready(Err(SendError::Closed));
        }
        state.pipe.push(message.opcode(), (&[], message.as_bytes()), options.compress);
        state.unwritten = options.feed;
        if !options.feed {
            self.write(&mut state, Pipe::write);
        }
        Poll::Ready(Ok(()))
    }

    /// Queues one frame, to be written with what follows or at the end of the turn. Returns how many
    /// bytes it became.
    ///
    /// # Errors
    ///
    /// As [`poll_send`](Self::poll_send).
    pub(crate) fn push(
        &self,
        message: ws::Message<'_>,
        compress: bool,
    ) -> Result<usize, SendError> {
        check_length(message)?;
        let mut state = self.state.lock();
        self.take_part(&mut state);
        if !state.is_open {
            return Err(SendError::Closed);
        }
        let (opcode, payload) = (message.opcode(), message.as_bytes());
        Ok(self.queue(&mut state, |pipe| pipe.push(opcode, (&[], payload), compress)))
    }

    /// Writes what was queued without writing.
    #[inline]
    pub(crate) fn flush_unwritten(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if mem::take(&mut state.unwritten) {
            self.write(&mut state, Pipe::write);
        }
    }

    /// Queues what a turn produced and writes everything.
    pub(crate) fn commit(self: &Arc<Self>, outgoing: &mut Outgoing) -> Committed {
        let mut state = self.state.lock();
        if state.is_open && (outgoing.closed || !outgoing.frames.is_empty()) {
            self.take_part(&mut state);
        }
        if state.is_open && !outgoing.frames.is_empty() {
            self.queue(&mut state, |pipe| pipe.push_frames(&outgoing.frames));
        }
        outgoing.clear();
        if outgoing.closed && state.is_open {
            state.pipe.drop_share();
            state.is_open = false;
        }
        self.write(&mut state, Pipe::write);
        Committed { open: state.is_open, queued_bytes: state.pipe.queued_bytes() }
    }

    /// Sends an empty ping, unless something waits to be written: then the peer is not silent for want
    /// of being asked.
    pub(crate) fn ping(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.is_open && state.pipe.is_writable() {
            state.pipe.push(Opcode::Ping, (&[], &[]), false);
            self.write(&mut state, Pipe::write);
        }
    }

    /// Sends a close frame, the last frame there is; nothing happens if one was sent. Whoever does not
    /// read the answer has it waited for by a timer.
    pub(crate) fn close(self: &Arc<Self>, code: CloseCode, reason: &str, timer: bool) {
        let mut state = self.state.lock();
        if !mem::take(&mut state.is_open) {
            return;
        }
        state.pipe.leave_batch();
        state.pipe.push_close(code, reason);
        if timer {
            let (outbox, close_timeout) = (Arc::downgrade(self), self.config.close_timeout);
            let timer = self.runtime.spawn(async move {
                sleep(close_timeout).await;
                if let Some(outbox) = outbox.upgrade() {
                    outbox.time_out();
                }
            });
            state.close_timer = Some(timer.abort_handle());
        }
        self.write(&mut state, Pipe::write);
    }

    /// No more frames are accepted; what is queued is written.
    pub(crate) fn finish(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.pipe.leave_batch();
        state.is_open = false;
        self.write(&mut state, Pipe::write);
    }

    /// Waits until little enough is queued to go on reading.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        let has_room = state.pipe.queued_bytes() <= HIGH_WATER_BYTES;
        state.poll_until(cx, has_room)
    }

    /// Writes what was queued without writing; then waits until nothing is queued.
    pub(crate) fn poll_flush(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        self.write(&mut state, Pipe::flush);
        let is_written = state.pipe.is_written();
        state.poll_until(cx, is_written)
    }

    /// Ends the write side of the transport.
    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.lock().pipe.poll_shutdown(cx)
    }

    /// Ends the connection at once, since its peer did not do in time what it had to.
    pub(crate) fn time_out(&self) {
        metrics::websocket_ended("timeout");
        self.abort(Failure::Timeout);
    }

    /// Ends the connection at once.
    pub(crate) fn abort(&self, failure: Failure) {
        self.state.lock().fail(failure);
    }

    /// Has everything of a batch, to which more may come, written by the next flush pass. Whoever is to
    /// be scheduled for that comes to `unflushed`.
    pub(crate) fn attach(
        self: &Arc<Self>,
        batch: &Arc<Batch>,
        unflushed: &mut Vec<Arc<dyn Flush>>,
    ) -> Attached {
        let mut state = self.state.lock();
        if !state.is_open {
            return Attached::Shared;
        }
        if state.pipe.is_sharing() {
            self.queue(&mut state, Pipe::end_batch);
        }
        let attached = state.pipe.attach(batch, self.member);
        if attached == Attached::Shared && state.is_open {
            self.schedule(&mut state, unflushed);
        }
        attached
    }

    /// Queues a message that others get as well, for the next flush pass like [`attach`](Self::attach).
    pub(crate) fn push_shared(
        self: &Arc<Self>,
        shared: &mut SharedMessage<'_>,
        unflushed: &mut Vec<Arc<dyn Flush>>,
    ) {
        let mut state = self.state.lock();
        self.queue(&mut state, Pipe::end_batch);
        if !state.is_open {
            return;
        }
        self.queue(&mut state, |pipe| self.push_message(pipe, shared));
        if state.is_open && !state.pipe.is_blocked() {
            self.schedule(&mut state, unflushed);
        }
    }

    fn push_message(&self, pipe: &mut Pipe, shared: &mut SharedMessage<'_>) {
        let (opcode, payload, compress) = (shared.opcode, shared.payload, shared.compress);
        let (role, may_compress) = (pipe.role(), compress && !opcode.is_control());
        let compressor =
            pipe.compressor().filter(|by| may_compress && by.applies_to(payload.len()));
        if role == Role::Client || compressor.as_ref().is_some_and(|by| by.remembers()) {
            // Nobody else can use this frame.
            return pipe.push(opcode, (&[], payload), compress);
        }
        let frame: Bytes = match compressor {
            Some(by) => shared.compressed_by(by),
            None => shared.frame.clone(),
        };
        pipe.push_shared(&frame, || None);
    }

    fn schedule(self: &Arc<Self>, state: &mut OutboxState, unflushed: &mut Vec<Arc<dyn Flush>>) {
        if !mem::replace(&mut state.scheduled, true) {
            unflushed.push(Arc::clone(self) as Arc<dyn Flush>);
        }
    }

    /// Queues what has come to the shared batch, so that something else can follow.
    #[inline]
    fn take_part(&self, state: &mut OutboxState) {
        if state.pipe.is_sharing() {
            self.queue(state, Pipe::take_part);
        }
    }

    /// Queues something, and ends the connection if that goes beyond the limit; what is alone may.
    /// Returns how many bytes were added.
    #[inline]
    fn queue(&self, state: &mut OutboxState, queue: impl FnOnce(&mut Pipe)) -> usize {
        let before = state.pipe.queued_bytes();
        queue(&mut state.pipe);
        let added = state.pipe.queued_bytes() - before;
        if before > 0 && added > 0 && before + added > self.config.queued_bytes_max {
            state.fail(Failure::Overflow);
        }
        added
    }

    /// Writes what is queued, with [`Pipe::flush`] also what is shared and comes behind it; else that is
    /// left to the flush pass. While the pipe is blocked, the draining task writes.
    #[inline]
    fn write(
        self: &Arc<Self>,
        state: &mut OutboxState,
        write: impl FnOnce(&mut Pipe) -> io::Result<bool>,
    ) {
        if state.pipe.is_blocked() || state.pipe.is_broken() {
            return;
        }
        match write(&mut state.pipe) {
            Ok(true) => {}
            Ok(false) => drop(self.runtime.spawn(Arc::clone(self).drain())),
            Err(error) => state.fail(Failure::Io(error.kind())),
        }
    }

    async fn drain(self: Arc<Self>) {
        let timeout = self.config.write_timeout;
        let drained = poll_fn(|cx| {
            let mut state = self.state.lock();
            if state.failure.is_some() {
                return Poll::Ready(Ok(()));
            }
            let drained = state.pipe.poll_write(cx, timeout);
            if state.pipe.queued_bytes() <= LOW_WATER_BYTES {
                let waiters = state.waiters.take();
                drop(state);
                wake_all(waiters);
            }
            drained
        });
        match drained.await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.time_out(),
            Err(error) => self.abort(Failure::Io(error.kind())),
        }
    }
}

fn wake_all(waiters: Option<Box<Waiters>>) {
    waiters.map_or(Vec::new(), |waiters| waiters.0).into_iter().for_each(Waker::wake);
}

fn check_length(message: ws::Message<'_>) -> Result<(), SendError> {
    let length = message.as_bytes().len();
    if message.opcode().is_control() && length > CONTROL_PAYLOAD_BYTES_MAX {
        return Err(SendError::ControlTooLong { length });
    }
    Ok(())
}

impl Flush for Outbox {
    fn flush(self: Arc<Self>) {
        let mut state = self.state.lock();
        state.scheduled = false;
        self.write(&mut state, Pipe::flush);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        if let Some(timer) = self.state.get_mut().close_timer.take() {
            timer.abort();
        }
    }
}

impl OutboxState {
    /// Waits, unless something has happened or never will.
    fn poll_until(&mut self, cx: &Context<'_>, has_happened: bool) -> Poll<()> {
        if has_happened || self.failure.is_some() {
            return Poll::Ready(());
        }
        let Waiters(wakers) = &mut **self.waiters.get_or_insert_default();
        if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Ends the connection at once.
    fn fail(&mut self, failure: Failure) {
        if self.failure.is_some() {
            return;
        }
        self.is_open = false;
        self.failure = Some(failure);
        if failure == Failure::Overflow {
            metrics::websocket_ended("overflow");
        }
        self.pipe.abort();
        wake_all(self.waiters.take());
    }
}
