//! The write side of a connection, shared by its reader, its writers and the groups it is in.
//!
//! Whoever sends takes the lock, appends whole frames and writes them at once. What the kernel does
//! not take is left to a task that exists only until it is written, so that neither a reader nor a
//! writer has to be polled for that.
//!
//! | phase    | then                                                                              |
//! |----------|-----------------------------------------------------------------------------------|
//! | `Open`   | frames are accepted                                                               |
//! | `Closing`| our close frame was the last, or none is to follow; what is queued is written      |
//! | `Broken` | nothing can be written; the reader will see the end of the stream                 |

mod shared;

use std::future::poll_fn;
use std::io;
use std::mem;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use parking_lot::{Mutex, MutexGuard};
use sockeye_ws::{CloseCode, Opcode, Role, encode_close, encode_frame};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::batch::Share;
use crate::compression::Negotiated;
use crate::compressor::Compressor;
use crate::config::Config;
use crate::error::{RecvError, SendError};
use crate::flush::Flush;
use crate::masking::masking_key;
use crate::metrics;
use crate::outgoing::Outgoing;
use crate::stream::WriteHalf;
use crate::write_buffer::WriteBuffer;

pub(crate) use shared::{Attached, SharedMessage};

/// With more than this waiting, `send` waits and nothing more is read.
pub(crate) const HIGH_WATER_BYTES: usize = 64 * 1024;
/// When this little waits, they go on.
const LOW_WATER_BYTES: usize = 16 * 1024;

#[derive(Debug)]
pub(crate) struct Outbox {
    io: WriteHalf,
    config: Arc<Config>,
    /// Where the tasks for the rest of a write and for the timer run.
    runtime: Handle,
    role: Role,
    /// There when compression was negotiated.
    compressor: Option<Box<Compressor>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    buffer: WriteBuffer,
    /// What comes after `buffer` and is the same for others, until one of us needs it.
    share: Option<Share>,
    /// Who waits for room or for the end of the buffer.
    waiters: Vec<Waker>,
    phase: Phase,
    failure: Option<Failure>,
    /// Ends the connection when the peer does not answer a writer's close frame.
    close_timer: Option<AbortHandle>,
    /// A task waits for writability and writes the buffer then.
    draining: bool,
    /// The flush pass will write the buffer.
    scheduled: bool,
    /// Something was queued for the reader to write before it waits.
    fed: bool,
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

impl Outbox {
    /// Must be called within a runtime.
    pub(crate) fn new(
        io: WriteHalf,
        role: Role,
        config: Arc<Config>,
        negotiated: Option<&Negotiated>,
    ) -> Arc<Self> {
        let state = State {
            buffer: WriteBuffer::new(),
            share: None,
            waiters: Vec::new(),
            phase: Phase::Open,
            failure: None,
            close_timer: None,
            draining: false,
            scheduled: false,
            fed: false,
        };
        let runtime = Handle::current();
        let compressor = negotiated.and_then(|agreed| Compressor::new(role, agreed, &config));
        Arc::new(Self { io, config, runtime, role, compressor, state: Mutex::new(state) })
    }

    /// What this connection is called in a batch.
    pub(crate) fn key(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    pub(crate) const fn compressor(&self) -> Option<&Compressor> {
        match &self.compressor {
            Some(compressor) => Some(compressor),
            None => None,
        }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn queued_bytes(&self) -> usize {
        let state = self.state.lock();
        state.buffer.len() + state.share.as_ref().map_or(0, |share| share.len(self.key()))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.lock().phase == Phase::Open
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.state.lock().failure
    }

    /// Waits for room, then queues one frame and, unless it is only to be fed, writes.
    pub(crate) fn poll_send(
        self: &Arc<Self>,
        cx: &mut Context<'_>,
        opcode: Opcode,
        payload: &[u8],
        options: SendOptions,
    ) -> Poll<Result<(), SendError>> {
        if opcode.is_control() && payload.len() > sockeye_ws::CONTROL_PAYLOAD_BYTES_MAX {
            return Poll::Ready(Err(SendError::ControlTooLong { length: payload.len() }));
        }
        let mut state = self.state.lock();
        if state.buffer.len() > HIGH_WATER_BYTES {
            // What was only fed has to get going, or nobody would ever be woken.
            state = self.write(state);
            if state.phase == Phase::Open && state.buffer.len() > HIGH_WATER_BYTES {
                state.wait(cx);
                return Poll::Pending;
            }
        }
        state = self.settle(state);
        if state.phase != Phase::Open {
            return Poll::Ready(Err(SendError::Closed));
        }
        self.encode(opcode, payload, options.compress, state.buffer.tail());
        state.fed = options.feed;
        if !options.feed {
            drop(self.write(state));
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what was queued without writing.
    pub(crate) fn flush_fed(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if mem::take(&mut state.fed) {
            drop(self.write(state));
        }
    }

    /// Queues what a turn produced and writes everything.
    pub(crate) fn commit(self: &Arc<Self>, outgoing: &mut Outgoing) -> Committed {
        let mut state = self.state.lock();
        let closed = outgoing.is_closed();
        let frames = outgoing.frames();
        if closed || !frames.is_empty() {
            state = self.settle(state);
        }
        if state.phase == Phase::Open && !frames.is_empty() {
            if state.buffer.is_empty() && !state.draining {
                // The usual case: nothing else waits, so no copy is made. Errors come up again below.
                if let Ok(count) = self.io.try_write(frames) {
                    frames.drain(..count);
                }
            }
            if self.overflows(&state, frames.len()) {
                state = self.fail(state, Failure::Overflow);
            } else if !frames.is_empty() {
                state.buffer.push(frames, &[]);
            }
        }
        outgoing.clear();
        if closed && state.phase == Phase::Open {
            state.share = None;
            state.phase = Phase::Closing;
        }
        state = self.write(state);
        Committed { open: state.phase == Phase::Open, queued_bytes: state.buffer.len() }
    }

    /// Queues a message within a turn, to be written at its end: for compression that remembers, where
    /// frames have to be queued as they are made. Returns how many bytes it became.
    pub(crate) fn push(&self, opcode: Opcode, payload: &[u8], compress: bool) -> usize {
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return 0;
        }
        let before = state.buffer.len();
        self.encode(opcode, payload, compress, state.buffer.tail());
        let added = state.buffer.len() - before;
        if before > 0 && before + added > self.config.queued_bytes_max {
            drop(self.fail(state, Failure::Overflow));
        }
        added
    }

    /// Sends an empty ping, unless something waits to be written: then the peer is not silent for want
    /// of being asked.
    pub(crate) fn ping(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.phase == Phase::Open && state.buffer.is_empty() && state.share.is_none() {
            encode_frame(Opcode::Ping, &[], self.masking_key(), state.buffer.tail());
            drop(self.write(state));
        }
    }

    /// Sends a close frame, the last frame there is; nothing happens if one was sent. Whoever does not
    /// read the answer has it waited for by a timer.
    pub(crate) fn close(self: &Arc<Self>, code: CloseCode, reason: &str, timer: bool) {
        let mut state = self.leave(self.state.lock());
        if state.phase != Phase::Open {
            return;
        }
        encode_close(code, reason, self.masking_key(), state.buffer.tail());
        state.phase = Phase::Closing;
        if timer {
            state.close_timer = Some(self.start_close_timer());
        }
        drop(self.write(state));
    }

    /// No more frames are accepted; what is queued is written.
    pub(crate) fn finish(self: &Arc<Self>) {
        let mut state = self.leave(self.state.lock());
        if state.phase == Phase::Open {
            state.phase = Phase::Closing;
        }
        drop(self.write(state));
    }

    /// Waits until little enough is queued to go on reading.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.phase == Phase::Broken || state.buffer.len() <= HIGH_WATER_BYTES {
            return Poll::Ready(());
        }
        state.wait(cx);
        Poll::Pending
    }

    /// Writes what was queued without writing; then waits until nothing is queued.
    pub(crate) fn poll_flush(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.write_all(self.state.lock());
        if state.phase == Phase::Broken || (state.buffer.is_empty() && !state.draining) {
            return Poll::Ready(());
        }
        state.wait(cx);
        Poll::Pending
    }

    /// Ends the write side of the transport.
    pub(crate) fn poll_shutdown(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.poll_shutdown(cx)
    }

    /// Ends the connection at once, since its peer did not do in time what it had to.
    pub(crate) fn time_out(&self) {
        metrics::websocket_ended("timeout");
        self.abort(Failure::Timeout);
    }

    /// Ends the connection at once.
    pub(crate) fn abort(&self, failure: Failure) {
        drop(self.fail(self.state.lock(), failure));
    }

    /// Writes what is queued, unless somebody else is about to. What is shared comes after it and is left
    /// to the flush pass.
    fn write<'a>(self: &'a Arc<Self>, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let nothing = state.buffer.is_empty() && self.io.is_flushed();
        if nothing || state.draining || state.phase == Phase::Broken {
            return state;
        }
        match state.buffer.write_to(&self.io) {
            Ok(true) => {}
            Ok(false) => self.start_draining(&mut state),
            Err(error) => return self.fail(state, Failure::Io(error.kind())),
        }
        state
    }

    fn overflows(&self, state: &State, added: usize) -> bool {
        let queued = state.buffer.len();
        queued > 0 && queued + added > self.config.queued_bytes_max
    }

    /// Ends the connection at once.
    fn fail<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        failure: Failure,
    ) -> MutexGuard<'a, State> {
        if state.phase != Phase::Broken {
            state.phase = Phase::Broken;
            state.failure = Some(failure);
            if failure == Failure::Overflow {
                metrics::websocket_ended("overflow");
            }
            state.buffer.clear();
            state.share = None;
            let waiters = mem::take(&mut state.waiters);
            MutexGuard::unlocked(&mut state, || {
                self.io.abort();
                waiters.into_iter().for_each(Waker::wake);
            });
        }
        state
    }

    fn start_draining(self: &Arc<Self>, state: &mut State) {
        state.draining = true;
        self.runtime.spawn(Arc::clone(self).drain());
    }

    async fn drain(self: Arc<Self>) {
        loop {
            let timeout = self.config.write_timeout;
            match poll_fn(|cx| self.io.poll_writable(cx, timeout)).await {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return self.time_out(),
                Err(error) => return self.abort(Failure::Io(error.kind())),
            }
            if self.write_rest() {
                return;
            }
        }
    }

    /// One step of the draining task; true when it is done.
    fn write_rest(&self) -> bool {
        let mut state = self.state.lock();
        if state.phase == Phase::Broken {
            return true;
        }
        let done = match state.buffer.write_to(&self.io) {
            Ok(done) => done,
            Err(error) => {
                drop(self.fail(state, Failure::Io(error.kind())));
                return true;
            }
        };
        state.draining = !done;
        if done || state.buffer.len() <= LOW_WATER_BYTES {
            let waiters = mem::take(&mut state.waiters);
            drop(state);
            waiters.into_iter().for_each(Waker::wake);
        }
        done
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

    fn encode(&self, opcode: Opcode, payload: &[u8], compress: bool, out: &mut Vec<u8>) {
        let key = self.masking_key();
        match &self.compressor {
            Some(compressor) if compress && compressor.applies_to(opcode, payload) => {
                compressor.encode_frame(opcode, payload, key, out);
            }
            _ => encode_frame(opcode, payload, key, out),
        }
    }

    fn masking_key(&self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then(masking_key)
    }
}

impl Flush for Outbox {
    fn flush(self: Arc<Self>) {
        let mut state = self.state.lock();
        state.scheduled = false;
        drop(self.write_all(state));
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
}
