use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, duplex, split};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// A connection in memory, and what is the matter with it: a handle, cheap to clone. Both
/// directions suffer the same.
#[derive(Clone)]
pub struct Wire {
    state: Arc<watch::Sender<State>>,
    /// Bytes that may still arrive at the client.
    left: Arc<AtomicUsize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    condition: Condition,
    delay: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Sound,
    Stalled,
    HalfOpen,
    Cut,
}

impl Wire {
    /// A connection with its two ends.
    pub(crate) fn new() -> (Self, DuplexStream, DuplexStream) {
        let (near, near_relay) = duplex(BUFFER_BYTES);
        let (far, far_relay) = duplex(BUFFER_BYTES);
        let state = State { condition: Condition::Sound, delay: Duration::ZERO };
        let (sender, receiver) = watch::channel(state);
        let (near_read, near_write) = split(near_relay);
        let (far_read, far_write) = split(far_relay);
        let state = Arc::new(sender);
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        let to_client = Meter { left: Arc::clone(&left), state: Arc::downgrade(&state) };
        tokio::spawn(relay(near_read, far_write, receiver.clone(), None));
        tokio::spawn(relay(far_read, near_write, receiver, Some(to_client)));
        (Self { state, left }, near, far)
    }

    /// Bytes sent from now on arrive this much later, in their order.
    pub fn delay(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }

    /// Nothing arrives, and what is sent piles up at its sender, until
    /// [`restore`](Wire::restore): a peer that does not read.
    pub fn stall(&self) {
        self.change(Condition::Stalled);
    }

    /// What is sent is lost, and neither side is told: a phone in a tunnel.
    pub fn go_half_open(&self) {
        self.change(Condition::HalfOpen);
    }

    /// Everything arrives again; what was lost stays lost. (A cut connection stays cut.)
    pub fn restore(&self) {
        self.change(Condition::Sound);
    }

    /// Both sides see the end of the connection at once; what is on its way is lost.
    pub fn cut(&self) {
        self.change(Condition::Cut);
    }

    /// [Cuts](Wire::cut) the connection when this many more bytes have arrived at the client, be it
    /// in the middle of a message.
    pub fn cut_after(&self, bytes: usize) {
        self.left.store(bytes, Ordering::Relaxed);
        if bytes == 0 {
            self.cut();
        }
    }

    fn change(&self, condition: Condition) {
        self.state.send_if_modified(|state| {
            let changes = state.condition != Condition::Cut && state.condition != condition;
            if changes {
                state.condition = condition;
            }
            changes
        });
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.borrow().fmt(f)
    }
}

/// What each end holds before its writer has to wait: as much as a small kernel buffer.
const BUFFER_BYTES: usize = 64 * 1024;
/// Pieces of a delayed connection that are under way at once.
const PIECES_MAX: usize = 1_000;

/// Counts what arrives, and cuts the connection when it is enough.
struct Meter {
    left: Arc<AtomicUsize>,
    state: Weak<watch::Sender<State>>,
}

impl Meter {
    /// How much of a piece may arrive.
    fn allowed(&self, bytes: usize) -> usize {
        self.left.load(Ordering::Relaxed).min(bytes)
    }

    /// So much has arrived. False: that was all.
    fn count(&self, bytes: usize) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        if left == usize::MAX {
            return true;
        }
        self.left.store(left.saturating_sub(bytes), Ordering::Relaxed);
        if left > bytes {
            return true;
        }
        if let Some(state) = self.state.upgrade() {
            state.send_modify(|state| state.condition = Condition::Cut);
        }
        false
    }
}

/// Carries one direction until an end is gone or the connection is cut.
async fn relay(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    mut state: watch::Receiver<State>,
    meter: Option<Meter>,
) {
    // Each piece with the time at which it arrives; an empty one is the end of the stream.
    let mut under_way: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let mut is_at_end = false;
    let mut buffer = vec![0; 16 * 1024];
    // The handle may be gone; then the condition stays as it is.
    let mut is_steerable = true;
    loop {
        let State { condition, delay } = *state.borrow_and_update();
        if condition == Condition::Cut {
            return;
        }
        let may_arrive = condition == Condition::Sound && !under_way.is_empty();
        let may_read =
            !is_at_end && condition != Condition::Stalled && under_way.len() < PIECES_MAX;
        tokio::select! {
            biased;
            changed = state.changed(), if is_steerable => is_steerable = changed.is_ok(),
            arrived = arrive(&mut to, under_way.front(), meter.as_ref()), if may_arrive => match arrived {
                Ok(0) | Err(_) => return,
                Ok(written) => {
                    if meter.as_ref().is_some_and(|meter| !meter.count(written)) {
                        return;
                    }
                    let piece = under_way.front_mut().map(|(_, piece)| piece);
                    if piece.is_some_and(|piece| {
                        piece.drain(..written);
                        piece.is_empty()
                    }) {
                        under_way.pop_front();
                    }
                }
            },
            read = from.read(&mut buffer), if may_read => {
                let read = read.unwrap_or(0);
                is_at_end = read == 0;
                if condition != Condition::HalfOpen {
                    under_way.push_back((Instant::now() + delay, buffer[..read].to_vec()));
                }
            }
            else => return,
        }
    }
}

/// Hands over the first piece when it is due: how many bytes of it; none at the end of the stream.
async fn arrive(
    to: &mut WriteHalf<DuplexStream>,
    piece: Option<&(Instant, Vec<u8>)>,
    meter: Option<&Meter>,
) -> std::io::Result<usize> {
    let Some((due, bytes)) = piece else {
        return std::future::pending().await;
    };
    sleep_until(*due).await;
    if bytes.is_empty() {
        to.shutdown().await?;
        return Ok(0);
    }
    let allowed = meter.map_or(bytes.len(), |meter| meter.allowed(bytes.len()));
    to.write(&bytes[..allowed]).await
}
