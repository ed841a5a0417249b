//! The write side of a connection, shared by its reader, its writers and the groups it is in.
//!
//! Whoever sends takes the lock, appends whole frames and writes them at once. What the kernel does
//! not take is left to a task that exists only until it is written, so that neither a reader nor a
//! writer has to be polled for that.
//!
//! | phase     | then                                                                            |
//! |-----------|---------------------------------------------------------------------------------|
//! | `Open`    | frames are accepted                                                             |
//! | `Closing` | our close frame was the last, or none is to follow; what is queued is written    |
//! | `Broken`  | nothing can be written; the reader will see the end of the stream               |

use std::future::poll_fn;
use std::io;
use std::mem;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use sockeye_net::batch::{Batch, MemberId};
use sockeye_net::flush::Flush;
use sockeye_net::pipe::{self, Pipe};
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
    config: Arc<Config>,
    /// Where the tasks for the rest of a write and for the timer run.
    runtime: Handle,
    member: MemberId,
    role: Role,
    /// Messages may be compressed, and frames are made where they are queued.
    compresses: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    pipe: Pipe,
    /// Who waits for room or for the end of what is queued.
    waiters: Vec<Waker>,
    phase: Phase,
    failure: Option<Failure>,
    /// Ends the connection when the peer does not answer a writer's close frame.
    close_timer: Option<AbortHandle>,
    /// A task waits for writability and writes then.
    draining: bool,
    /// The flush pass will write.
    scheduled: bool,
    /// Something was queued for the reader to write before it waits.
    unwritten: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Broken,
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

/// What became of a batch for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attached {
    /// It is written by the next flush pass, which knows of the connection.
    Scheduled,
    /// It is written when the connection is flushed, for which it has to be scheduled.
    Unscheduled,
    /// The connection cannot use it; each message has to be pushed.
    Separate,
}

impl Outbox {
    /// Must be called within a runtime.
    pub(crate) fn new(mut pipe: Pipe, config: Arc<Config>) -> Arc<Self> {
        let (role, compresses) = (pipe.role(), pipe.compressor().is_some());
        let state = State {
            pipe,
            waiters: Vec::new(),
            phase: Phase::Open,
            failure: None,
            close_timer: None,
            draining: false,
            scheduled: false,
            unwritten: false,
        };
        let (runtime, member) = (Handle::current(), MemberId::next());
        Arc::new(Self { config, runtime, member, role, compresses, state: Mutex::new(state) })
    }

    pub(crate) const fn member(&self) -> MemberId {
        self.member
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) const fn compresses(&self) -> bool {
        self.compresses
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        let pipe = &self.state.lock().pipe;
        pipe.queued_bytes() + pipe.shared_bytes()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.lock().phase == Phase::Open
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.state.lock().failure
    }

    /// Waits for room, then queues one frame and, unless it is only to be queued, writes.
    pub(crate) fn poll_send(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        opcode: Opcode,
        payload: &[u8],
        options: SendOptions,
    ) -> Poll<Result<(), SendError>> {
        check_length(opcode, payload)?;
        let mut state = self.state.lock();
        if state.pipe.queued_bytes() > HIGH_WATER_BYTES {
            // What was only queued has to get going, or nobody would ever be woken.
            self.write(&mut state);
            if state.phase == Phase::Open && state.pipe.queued_bytes() > HIGH_WATER_BYTES {
                state.wait(cx);
                return Poll::Pending;
            }
        }
        self.take_part(&mut state);
        if state.phase != Phase::Open {
            return Poll::Ready(Err(SendError::Closed));
        }
        state.pipe.push(opcode, (&[], payload), options.compress);
        state.unwritten = options.feed;
        if !options.feed {
            self.write(&mut state);
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
        opcode: Opcode,
        payload: &[u8],
        compress: bool,
    ) -> Result<usize, SendError> {
        check_length(opcode, payload)?;
        let mut state = self.state.lock();
        self.take_part(&mut state);
        if state.phase != Phase::Open {
            return Err(SendError::Closed);
        }
        let before = state.pipe.queued_bytes();
        state.pipe.push(opcode, (&[], payload), compress);
        let added = state.pipe.queued_bytes() - before;
        self.check_room(&mut state, before, added);
        Ok(added)
    }

    /// Writes what was queued without writing.
    #[inline]
    pub(crate) fn flush_unwritten(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if mem::take(&mut state.unwritten) {
            self.write(&mut state);
        }
    }

    /// Queues what a turn produced and writes everything.
    pub(crate) fn commit(self: &Arc<Self>, outgoing: &mut Outgoing) -> Committed {
        let mut state = self.state.lock();
        let closed = outgoing.is_closed();
        let frames = outgoing.frames();
        if state.phase == Phase::Open && (closed || !frames.is_empty()) {
            self.take_part(&mut state);
        }
        if state.phase == Phase::Open && !frames.is_empty() {
            let before = state.pipe.queued_bytes();
            state.pipe.push_frames(frames);
            let added = state.pipe.queued_bytes() - before;
            self.check_room(&mut state, before, added);
        }
        outgoing.clear();
        if closed && state.phase == Phase::Open {
            state.pipe.drop_share();
            state.phase = Phase::Closing;
        }
        self.write(&mut state);
        Committed { open: state.phase == Phase::Open, queued_bytes: state.pipe.queued_bytes() }
    }

    /// Sends an empty ping, unless something waits to be written: then the peer is not silent for want
    /// of being asked.
    pub(crate) fn ping(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open && state.pipe.is_writable() {
            state.pipe.push(Opcode::Ping, (&[], &[]), false);
            self.write(&mut state);
        }
    }

    /// Sends a close frame, the last frame there is; nothing happens if one was sent. Whoever does not
    /// read the answer has it waited for by a timer.
    pub(crate) fn close(self: &Arc<Self>, code: CloseCode, reason: &str, timer: bool) {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return;
        }
        state.pipe.leave_batch();
        state.pipe.push_close(code, reason);
        state.phase = Phase::Closing;
        if timer {
            state.close_timer = Some(self.start_close_timer());
        }
        self.write(&mut state);
    }

    /// No more frames are accepted; what is queued is written.
    pub(crate) fn finish(self: &Arc<Self>) {
        let mut state = self.state.lock();
        state.pipe.leave_batch();
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        self.write(&mut state);
    }

    /// Waits until little enough is queued to go on reading.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.phase == Phase::Broken || state.pipe.queued_bytes() <= HIGH_WATER_BYTES {
            return Poll::Ready(());
        }
        state.wait(cx);
        Poll::Pending
    }

    /// Writes what was queued without writing; then waits until nothing is queued.
    pub(crate) fn poll_flush(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        self.write_all(&mut state);
        if state.phase == Phase::Broken || state.pipe.is_written() {
            return Poll::Ready(());
        }
        state.wait(cx);
        Poll::Pending
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

    /// Has everything of a batch, to which more may come, written by the next flush pass.
    pub(crate) fn attach(&self, batch: &Arc<Batch>) -> Attached {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Attached::Scheduled;
        }
        let before = state.pipe.queued_bytes();
        if state.pipe.attach(batch, self.member) == pipe::Attached::Separate {
            return Attached::Separate;
        }
        let added = state.pipe.queued_bytes() - before;
        self.check_room(&mut state, before, added);
        match mem::replace(&mut state.scheduled, true) {
            true => Attached::Scheduled,
            false => Attached::Unscheduled,
        }
    }

    /// Queues a message that others get as well. Returns whether the connection has to be scheduled for
    /// the flush pass.
    pub(crate) fn push_shared(&self, shared: &mut SharedMessage<'_>) -> bool {
        let mut state = self.state.lock();
        let before = state.pipe.queued_bytes();
        state.pipe.end_batch();
        let added = state.pipe.queued_bytes() - before;
        self.check_room(&mut state, before, added);
        if state.phase != Phase::Open {
            return false;
        }
        let (opcode, payload, compress) = (shared.opcode, shared.payload, shared.compress);
        let before = state.pipe.queued_bytes();
        let may_compress = compress && !opcode.is_control();
        let pipe = &mut state.pipe;
        let compressor =
            pipe.compressor().filter(|by| may_compress && by.applies_to(payload.len()));
        if self.role == Role::Client || compressor.as_ref().is_some_and(|by| by.remembers()) {
            // Nobody else can use this frame.
            pipe.push(opcode, (&[], payload), compress);
        } else {
            let frame: Bytes = match compressor {
                Some(by) => shared.compressed_by(by),
                None => shared.frame.clone(),
            };
            pipe.push_shared(&frame, || None);
        }
        let added = state.pipe.queued_bytes() - before;
        self.check_room(&mut state, before, added);
        state.phase == Phase::Open && !state.draining && !mem::replace(&mut state.scheduled, true)
    }

    /// Queues what has come to the shared batch, so that something else can follow.
    #[inline]
    fn take_part(&self, state: &mut State) {
        if !state.pipe.is_sharing() {
            return;
        }
        let before = state.pipe.queued_bytes();
        state.pipe.take_part();
        let added = state.pipe.queued_bytes() - before;
        self.check_room(state, before, added);
    }

    /// Ends the connection if what was added goes beyond the limit; what is alone may.
    #[inline]
    fn check_room(&self, state: &mut State, before: usize, added: usize) {
        if before > 0 && added > 0 && before + added > self.config.queued_bytes_max {
            state.fail(Failure::Overflow);
        }
    }

    /// Writes what is queued, unless the draining task does. What is shared comes behind it and is left
    /// to the flush pass.
    #[inline]
    fn write(self: &Arc<Self>, state: &mut State) {
        if !state.draining && state.phase != Phase::Broken && !state.pipe.is_written() {
            let written = state.pipe.write();
            self.note_written(state, written);
        }
    }

    /// [`write`](Self::write), and what is shared.
    fn write_all(self: &Arc<Self>, state: &mut State) {
        if !state.draining && state.phase != Phase::Broken {
            let written = state.pipe.flush();
            self.note_written(state, written);
        }
    }

    fn note_written(self: &Arc<Self>, state: &mut State, written: io::Result<bool>) {
        match written {
            Ok(true) => {}
            Ok(false) => {
                state.draining = true;
                self.runtime.spawn(Arc::clone(self).drain());
            }
            Err(error) => state.fail(Failure::Io(error.kind())),
        }
    }

    async fn drain(self: Arc<Self>) {
        let timeout = self.config.write_timeout;
        let drained = poll_fn(|cx| {
            let mut state = self.state.lock();
            if state.phase == Phase::Broken {
                return Poll::Ready(Ok(()));
            }
            let drained = state.pipe.poll_write(cx, timeout);
            state.draining = drained.is_pending();
            if state.pipe.queued_bytes() <= LOW_WATER_BYTES {
                let waiters = mem::take(&mut state.waiters);
                drop(state);
                waiters.into_iter().for_each(Waker::wake);
            }
            drained
        });
        match drained.await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::TimedOut => self.time_out(),
            Err(error) => self.abort(Failure::Io(error.kind())),
        }
    }

    fn start_close_timer(self: &Arc<Self>) -> AbortHandle {
        let outbox: Weak<Self> = Arc::downgrade(self);
        let close_timeout = self.config.close_timeout;
        let timer = self.runtime.spawn(async move {
            sleep(close_timeout).await;
            if let Some(outbox) = outbox.upgrade() {
                outbox.time_out();
            }
        });
        timer.abort_handle()
    }
}

fn check_length(opcode: Opcode, payload: &[u8]) -> Result<(), SendError> {
    if opcode.is_control() && payload.len() > CONTROL_PAYLOAD_BYTES_MAX {
        return Err(SendError::ControlTooLong { length: payload.len() });
    }
    Ok(())
}

impl Flush for Outbox {
    fn flush(self: Arc<Self>) {
        let mut state: MutexGuard<'_, State> = self.state.lock();
        state.scheduled = false;
        self.write_all(&mut state);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        if let Some(timer) = self.state.get_mut().close_timer.take() {
            timer.abort();
        }
    }
}

impl State {
    fn wait(&mut self, cx: &Context<'_>) {
        if !self.waiters.iter().any(|waiter| waiter.will_wake(cx.waker())) {
            self.waiters.push(cx.waker().clone());
        }
    }

    /// Ends the connection at once.
    fn fail(&mut self, failure: Failure) {
        if self.phase == Phase::Broken {
            return;
        }
        self.phase = Phase::Broken;
        self.failure = Some(failure);
        if failure == Failure::Overflow {
            metrics::websocket_ended("overflow");
        }
        self.pipe.abort();
        mem::take(&mut self.waiters).into_iter().for_each(Waker::wake);
    }
}
