//! The updates that wait for the watches of a room.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use super::present::{PresenceDifference, Present};

/// An update of a [`PresenceWatch`](crate::PresenceWatch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceUpdate {
    /// Everybody who is present, in the order of their keys. The first update is one, and
    /// the one after differences were missed.
    List {
        /// Everybody.
        present: Vec<Present>,
        /// How many differences since the last update were not taken.
        missed: u64,
    },
    /// The changes since the last update. Never empty.
    Difference(Arc<PresenceDifference>),
}

/// The watches of a room.
#[derive(Default)]
pub(super) struct Watched {
    next_number: u64,
    watches: BTreeMap<u64, Waiting>,
}

/// The updates that wait for a watch.
#[derive(Default)]
struct Waiting {
    waker: Option<Waker>,
    /// The differences; `None`: the next update is a list.
    differences: Option<VecDeque<Arc<PresenceDifference>>>,
    missed: u64,
}

impl Watched {
    /// Adds a watch and returns its number.
    pub(super) fn add(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.watches.insert(number, Waiting::default());
        number
    }

    /// Removes a watch. True: it was the last.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        self.watches.remove(&number);
        self.watches.is_empty()
    }

    /// Adds a difference to all watches.
    pub(super) fn push(&mut self, difference: &Arc<PresenceDifference>, waiting_max: usize) {
        for waiting in self.watches.values_mut() {
            waiting.push(difference, waiting_max);
        }
    }

    /// The next update of a watch. If there is none, this waker replaces the one before.
    pub(super) fn take(
        &mut self,
        number: u64,
        published: &dyn Fn() -> Vec<Present>,
        waker: &mut Option<Waker>,
    ) -> Option<PresenceUpdate> {
        let waiting = self.watches.get_mut(&number)?;
        let update = waiting.take(published);
        if update.is_none() {
            std::mem::swap(&mut waiting.waker, waker);
        }
        update
    }

    /// The wakers to wake, without a lock.
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
