//! The acknowledgements that a socket waits for.

use std::collections::VecDeque;

use crate::error::AckError;

/// Capacity that an empty table keeps.
const KEPT_CAPACITY: usize = 8;

/// A table of the acks that one socket waits for: what to do with each answer, by the id in the
/// packet.
///
/// Ids count from 0 and are never used twice. Time is the caller's business: when an ack has
/// waited too long, [`resolve`](Self::resolve) takes it out as well, and an answer that comes later
/// finds nothing.
///
/// ```
/// use sockeye_socket_proto::{AckError, PendingAcks};
///
/// let mut acks = PendingAcks::new(2);
/// assert_eq!(acks.insert("for Ann")?, 0);
/// assert_eq!(acks.insert("for Bob")?, 1);
/// assert!(matches!(acks.insert("one too many"), Err(AckError::Full { limit: 2 })));
/// assert_eq!(acks.resolve(1), Some("for Bob"));
/// assert_eq!(acks.resolve(1), None);
/// # Ok::<(), AckError>(())
/// ```
#[derive(Debug)]
pub struct PendingAcks<T> {
    /// In the order of their ids, because they are only added at the end.
    pending: VecDeque<(u64, T)>,
    next_id: u64,
    limit: usize,
}

impl<T> PendingAcks<T> {
    /// An empty table for at most `limit` acks at a time. Allocates nothing.
    pub const fn new(limit: usize) -> Self {
        PendingAcks { pending: VecDeque::new(), next_id: 0, limit }
    }

    /// Adds an ack and returns its id.
    ///
    /// # Errors
    /// [`AckError::Full`] when the limit is reached; `value` is dropped then and no id is used up.
    pub fn insert(&mut self, value: T) -> Result<u64, AckError> {
        if self.pending.len() >= self.limit {
            return Err(AckError::Full { limit: self.limit });
        }
        let id = self.next_id;
        self.next_id += 1;
        self.pending.push_back((id, value));
        Ok(id)
    }

    /// Takes out the ack with this id. `None`: no such ack is pending (never sent, answered already,
    /// given up). A peer can provoke this; it is to be ignored.
    pub fn resolve(&mut self, id: u64) -> Option<T> {
        let index = match self.pending.front() {
            Some((first, _)) if *first == id => 0,
            _ => self.pending.binary_search_by_key(&id, |(id, _)| *id).ok()?,
        };
        let (_, value) = self.pending.remove(index)?;
        if self.pending.is_empty() && self.pending.capacity() > KEPT_CAPACITY {
            self.pending = VecDeque::new();
        }
        Some(value)
    }

    /// Takes out all acks with an id below `id`, oldest first: those of requests that were sent on a
    /// connection that is gone, while later requests still wait to be sent.
    pub fn drain_before(&mut self, id: u64) -> impl Iterator<Item = T> {
        let count = self.pending.partition_point(|(pending, _)| *pending < id);
        let kept = self.pending.split_off(count);
        std::mem::replace(&mut self.pending, kept).into_iter().map(|(_, value)| value)
    }

    /// Takes out all acks, oldest first: the socket is gone.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        std::mem::take(&mut self.pending).into_iter().map(|(_, value)| value)
    }

    /// How many acks are pending.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether no ack is pending.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
