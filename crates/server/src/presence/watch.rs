//! Hearing of a room's presence on the server.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::Stream;

use super::present::{PresenceDifference, Present};
use super::state::PresenceState;
use crate::rooms::room::Room;

/// The presence of a room as it changes: a stream of [`PresenceUpdate`]s, see
/// [`Presence::watch`](crate::Presence::watch). Ends when the namespace is gone, with its server.
#[must_use = "a watch does nothing unless it is polled"]
pub struct PresenceWatch {
    presence: Arc<PresenceState>,
    room: Room,
    number: u64,
}

/// What a [`PresenceWatch`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceUpdate {
    /// Everybody who is present, in the order of their keys. The first update is one, and
    /// the one after differences were missed.
    List {
        /// Everybody.
        present: Vec<Present>,
        /// How many differences there were since the last update that nobody took.
        missed: u64,
    },
    /// What has changed since the last update. Never empty.
    Difference(Arc<PresenceDifference>),
}

/// The watches of a room.
#[derive(Default)]
pub(super) struct Watched {
    next_number: u64,
    watches: BTreeMap<u64, Waiting>,
}

/// What waits for a watch.
#[derive(Default)]
struct Waiting {
    waker: Option<Waker>,
    /// `None`: a list is to come.
    differences: Option<VecDeque<Arc<PresenceDifference>>>,
    missed: u64,
}

impl PresenceWatch {
    pub(super) fn new(presence: Arc<PresenceState>, room: Room) -> Self {
        let number = presence.watch(&room);
        Self { presence, room, number }
    }

    /// The next update. `None`: the namespace is gone.
    ///
    /// Whoever stops waiting for it has lost nothing.
    pub async fn next(&mut self) -> Option<PresenceUpdate> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for PresenceWatch {
    type Item = PresenceUpdate;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<PresenceUpdate>> {
        let number = self.number;
        // What was there before is dropped without the lock: it may be the last of a task.
        let mut waker = Some(context.waker().clone());
        let update = self.presence.with_watched(&self.room, |watched, published| {
            let Some(waiting) = watched.watches.get_mut(&number) else { return Poll::Ready(None) };
            let update = waiting.take(published);
            if update.is_none() {
                std::mem::swap(&mut waiting.waker, &mut waker);
            }
            update.map_or(Poll::Pending, |update| Poll::Ready(Some(update)))
        });
        update.unwrap_or(Poll::Ready(None))
    }
}

impl Drop for PresenceWatch {
    fn drop(&mut self) {
        self.presence.unwatch(&self.room, self.number);
    }
}

impl fmt::Debug for PresenceWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresenceWatch").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Watched {
    /// The number of one more.
    pub(super) fn add(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.watches.insert(number, Waiting::default());
        number
    }

    /// True: nobody watches any more.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        self.watches.remove(&number);
        self.watches.is_empty()
    }

    /// Says a difference to all of them.
    pub(super) fn push(&mut self, difference: &Arc<PresenceDifference>, waiting_max: usize) {
        for waiting in self.watches.values_mut() {
            waiting.push(difference, waiting_max);
        }
    }

    /// Whom to wake, without a lock.
    pub(super) fn take_wakers(&mut self) -> impl Iterator<Item = Waker> {
        self.watches.values_mut().filter_map(|waiting| waiting.waker.take())
    }
}

impl Waiting {
    fn push(&mut self, difference: &Arc<PresenceDifference>, waiting_max: usize) {
        match &mut self.differences {
            Some(waiting) if waiting.len() < waiting_max => {
                waiting.push_back(Arc::clone(difference));
            }
            Some(waiting) => {
                self.missed = waiting.len() as u64 + 1;
                self.differences = None;
            }
            // The first list is not taken yet, which misses nothing, or one that makes up for what
            // was missed.
            None if self.missed > 0 => self.missed += 1,
            None => {}
        }
    }

    fn take(&mut self, published: &dyn Fn() -> Vec<Present>) -> Option<PresenceUpdate> {
        match &mut self.differences {
            Some(waiting) => waiting.pop_front().map(PresenceUpdate::Difference),
            None => {
                self.differences = Some(VecDeque::new());
                let missed = std::mem::take(&mut self.missed);
                Some(PresenceUpdate::List { present: published(), missed })
            }
        }
    }
}
