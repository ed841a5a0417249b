//! The clients that are away, of all namespaces of one declaration together: names that strangers
//! make up would have a bound each otherwise.
//!
//! A log's lock may be held when this one is taken, never the other way round. So what gives way
//! is first taken out here, and then forgotten by its log, unless it has come back meanwhile.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::RecoveryConfig;
use super::log::Log;
use crate::guarantees::shares::Shares;
use crate::guarantees::tiered_shares::Group;
use crate::server::snapshot::Usage;
use crate::socket::id::SocketId;

pub(crate) struct AbsentSessions {
    sessions_max: usize,
    bytes_max: usize,
    shares: Mutex<Shares<Group, AbsentSession>>,
}

/// A session by its private id, and where it is kept.
#[derive(Clone)]
struct AbsentSession {
    pid: SocketId,
    log: Weak<Log>,
}

impl AbsentSessions {
    pub(crate) fn new(config: &RecoveryConfig) -> Arc<Self> {
        let (sessions_max, bytes_max) = (config.sessions_max, config.sessions_bytes_max);
        Arc::new(Self { sessions_max, bytes_max, shares: Mutex::default() })
    }

    pub(super) fn insert(&self, group: Group, pid: SocketId, log: Weak<Log>, bytes: usize) {
        self.shares.lock().insert(group, AbsentSession { pid, log }, bytes);
    }

    pub(super) fn remove(&self, pid: &SocketId) {
        self.shares.lock().remove(&AbsentSession::named(pid));
    }

    pub(super) fn contains(&self, pid: &SocketId) -> bool {
        self.shares.lock().contains(&AbsentSession::named(pid))
    }

    /// Has as many forgotten as are too many. Without a log's lock.
    pub(super) fn make_room(&self) {
        while let Some(AbsentSession { pid, log }) = self.evict() {
            if let Some(log) = log.upgrade() {
                log.give_way(&pid);
            }
        }
    }

    /// How many there are, and the bytes that they take.
    pub(super) fn usage(&self) -> (Usage, Usage) {
        let shares = self.shares.lock();
        let sessions = Usage::new(shares.len(), self.sessions_max);
        (sessions, Usage::new(shares.bytes(), self.bytes_max))
    }

    fn evict(&self) -> Option<AbsentSession> {
        self.shares.lock().evict(self.sessions_max, self.bytes_max)
    }
}

impl AbsentSession {
    /// To look for one: private ids are unique.
    fn named(pid: &SocketId) -> Self {
        Self { pid: pid.clone(), log: Weak::new() }
    }
}

impl PartialEq for AbsentSession {
    fn eq(&self, other: &Self) -> bool {
        self.pid == other.pid
    }
}

impl Eq for AbsentSession {}

impl Hash for AbsentSession {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.pid.hash(state);
    }
}
