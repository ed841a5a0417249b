//! Which acks are awaited, for either end of a socket.

use std::collections::VecDeque;

/// Capacity that an empty table keeps.
const KEPT_CAPACITY: usize = 8;

/// The acks that one socket awaits: what to do with each answer, by the id in the packet.
///
/// Ids count from 0 and are never used twice. Time is the caller's business: when an ack has
/// waited too long, [`resolve`](Self::resolve) takes it out as well, and an answer that comes later
/// finds nothing.
#[derive(Debug)]
pub struct Acks<T> {
    /// In the order of their ids, because they are only added at the end.
    pending: VecDeque<(u64, T)>,
    next_id: u64,
    limit: usize,
}

/// As many acks are awaited as the limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} acks are awaited already")]
pub struct Full {
    /// The limit.
    pub limit: usize,
}

impl<T> Acks<T> {
    /// An empty table for at most `limit` acks at a time. Allocates nothing.
    pub const fn new(limit: usize) -> Self {
        Acks { pending: VecDeque::new(), next_id: 0, limit }
    }

    /// Awaits one more ack and returns its id.
    ///
    /// # Errors
    /// [`Full`] when the limit is reached; `value` is dropped then and no id is used up.
    pub fn insert(&mut self, value: T) -> Result<u64, Full> {
        if self.pending.len() >= self.limit {
            return Err(Full { limit: self.limit });
        }
        let id = self.next_id;
        self.next_id += 1;
        self.pending.push_back((id, value));
        Ok(id)
    }

    /// Takes out what waits for `id`. `None`: nothing does (never sent, answered already, given
    /// up), which a peer may provoke and which is to be ignored.
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

    /// Takes out everything with an id below `id`, oldest first: what was sent on a connection that
    /// is gone, while later requests still wait to be sent.
    pub fn drain_before(&mut self, id: u64) -> impl Iterator<Item = T> {
        let count = self.pending.partition_point(|(pending, _)| *pending < id);
        let kept = self.pending.split_off(count);
        std::mem::replace(&mut self.pending, kept).into_iter().map(|(_, value)| value)
    }

    /// Takes out everything, oldest first: the socket is gone.
    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        std::mem::take(&mut self.pending).into_iter().map(|(_, value)| value)
    }

    /// How many acks are awaited.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// Whether none is awaited.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }
}
