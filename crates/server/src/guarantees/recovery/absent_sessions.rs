//! The absent sessions of all namespaces of one declaration together: otherwise each name that a
//! client invents would have its own bound.
//!
//! A log's lock may be held when this one is taken, never the other way round. So excess sessions
//! are first removed here, and then by their log, unless they have come back meanwhile.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::RecoveryConfig;
use crate::guarantees::shares::{Group, Shares};
use crate::server::snapshot::Usage;
use crate::socket::id::SocketId;

/// The absent sessions of all namespaces of one declaration, and their bounds.
pub(crate) struct AbsentSessions {
    sessions_max: usize,
    bytes_max: usize,
    shares: Mutex<Shares<Group, (), SessionKey>>,
}

/// A log, which keeps absent sessions.
pub(super) trait SessionKeeper: Send + Sync {
    /// Called when the absent session with this private id was evicted.
    fn evicted(&self, pid: &SocketId);
}

/// A session by its private id, and the log that keeps it.
#[derive(Clone)]
struct SessionKey {
    pid: SocketId,
    keeper: Option<Keeper>,
}

type Keeper = Weak<dyn SessionKeeper>;

impl AbsentSessions {
    pub(crate) fn new(config: &RecoveryConfig) -> Arc<Self> {
        let (sessions_max, bytes_max) = (config.sessions_max, config.sessions_bytes_max);
        Arc::new(Self { sessions_max, bytes_max, shares: Mutex::default() })
    }

    pub(super) fn insert(&self, group: Group, pid: SocketId, keeper: Keeper, bytes: usize) {
        let key = SessionKey { pid, keeper: Some(keeper) };
        self.shares.lock().insert(group, (), key, bytes);
    }

    pub(super) fn remove(&self, pid: &SocketId) {
        self.shares.lock().remove(&SessionKey::new(pid));
    }

    pub(super) fn contains(&self, pid: &SocketId) -> bool {
        self.shares.lock().contains(&SessionKey::new(pid))
    }

    /// Evicts the sessions beyond the bounds. Called without a log's lock.
    pub(super) fn evict(&self) {
        while let Some(SessionKey { pid, keeper }) = self.next_evicted() {
            if let Some(keeper) = keeper.and_then(|keeper| keeper.upgrade()) {
                keeper.evicted(&pid);
            }
        }
    }

    /// How many there are, and the bytes that they take.
    pub(super) fn usage(&self) -> (Usage, Usage) {
        let shares = self.shares.lock();
        let sessions = Usage::new(shares.len(), self.sessions_max);
        (sessions, Usage::new(shares.bytes(), self.bytes_max))
    }

    fn next_evicted(&self) -> Option<SessionKey> {
        self.shares.lock().evict(self.sessions_max, self.bytes_max)
    }
}

impl SessionKey {
    /// A key to look one up: private ids are unique.
    fn new(pid: &SocketId) -> Self {
        Self { pid: pid.clone(), keeper: None }
    }
}

impl PartialEq for SessionKey {
    fn eq(&self, other: &Self) -> bool {
        self.pid == other.pid
    }
}

impl Eq for SessionKey {}

impl Hash for SessionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pid.hash(state);
    }
}
