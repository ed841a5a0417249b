//! The namespaces that clients' names make, and how many there may be.
//!
//! Officially they stay for ever, and so they do here while there is room. When there is none, one
//! that nobody is in goes: of the session or the address that has too many, or else of whoever
//! left the most empty. Only if all are in use is the client refused.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};

use sockeye_engine::SessionId;

use super::active::ActiveNamespace;
use crate::error::Refuse;
use crate::guarantees::shares::{Group, SharesByOwner};
use crate::server::config::Config;
use crate::session::link::SessionLink;

#[derive(Default)]
pub(super) struct Children {
    by_path: HashMap<Arc<str>, Child>,
    /// Those that nobody is in.
    empty: SharesByOwner<Arc<str>>,
    by_group: Counts<Group>,
    by_session: Counts<SessionId>,
    /// Those that were removed while somebody had a handle of them, which is to reach whoever comes
    /// later: then the same namespace comes back.
    gone: HashMap<Arc<str>, Weak<ActiveNamespace>>,
    /// So many of them are looked through for those that nobody has a handle of any more.
    gone_max: usize,
    /// To be dropped when the lock is released: an application's values may go with them.
    removed: Vec<Arc<ActiveNamespace>>,
}

struct Child {
    active: Arc<ActiveNamespace>,
    made_by: MadeBy,
}

/// For whom a namespace was made.
#[derive(Clone)]
struct MadeBy {
    session: SessionId,
    group: Group,
}

impl MadeBy {
    fn new(link: &SessionLink) -> Self {
        let address = link.handshake.address().as_ref().map(SocketAddr::ip);
        MadeBy { session: link.session.id().clone(), group: Group::of(address) }
    }
}

/// How often each value is there.
struct Counts<T>(HashMap<T, usize>);

impl<T> Default for Counts<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Eq + Hash> Counts<T> {
    fn of(&self, value: &T) -> usize {
        self.0.get(value).copied().unwrap_or_default()
    }

    fn add(&mut self, value: T) {
        *self.0.entry(value).or_default() += 1;
    }

    fn subtract(&mut self, value: &T) {
        if let Some(count) = self.0.get_mut(value) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(value);
            }
        }
    }
}

impl Children {
    pub(super) fn get(&self, path: &str) -> Option<&Arc<ActiveNamespace>> {
        self.by_path.get(path).map(|child| &child.active)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<ActiveNamespace>> {
        self.by_path.values().map(|child| &child.active)
    }

    /// Makes room for one more, made for this session.
    pub(super) fn make_room(&mut self, link: &SessionLink, config: &Config) -> Result<(), Refuse> {
        let MadeBy { session, group } = MadeBy::new(link);
        if self.by_session.of(&session) >= config.child_namespaces_per_session_max {
            let oldest = self.empty.oldest_of(&group, &session).cloned();
            self.evict(oldest, "Too many namespaces")?;
        }
        if group != Group::Unknown
            && self.by_group.of(&group) >= config.child_namespaces_per_address_max
        {
            let oldest = self.empty.evict_one_of(&group);
            self.evict(oldest, "Too many namespaces for this address")?;
        }
        if self.by_path.len() >= config.child_namespaces_max {
            let oldest = self.empty.evict_one();
            self.evict(oldest, "Too many namespaces on this server")?;
        }
        Ok(())
    }

    fn evict(&mut self, empty: Option<Arc<str>>, refusal: &'static str) -> Result<(), Refuse> {
        let path = empty.ok_or_else(|| Refuse::new(refusal))?;
        tracing::debug!(nsp = &*path, "an empty namespace makes room");
        self.remove(&path);
        Ok(())
    }

    /// The namespace of this name that was removed, if there is still a handle of it.
    pub(super) fn take_gone(&mut self, path: &str) -> Option<Arc<ActiveNamespace>> {
        self.gone.remove(path)?.upgrade()
    }

    /// Adds one that nobody is in yet, made for this session.
    pub(super) fn insert(&mut self, active: Arc<ActiveNamespace>, link: &SessionLink) {
        let (path, made_by) = (Arc::clone(&active.path), MadeBy::new(link));
        let MadeBy { session, group } = &made_by;
        self.empty.touch(&path, session, || group.clone());
        self.by_session.add(session.clone());
        self.by_group.add(group.clone());
        self.gone.remove(&path);
        self.by_path.insert(path, Child { active, made_by });
    }

    /// Somebody is in it now.
    pub(super) fn fill(&mut self, path: &Arc<str>) {
        self.empty.remove(path);
    }

    /// Nobody is in it, perhaps for long.
    pub(super) fn leave_empty(&mut self, path: &Arc<str>) {
        if let Some(Child { made_by: MadeBy { session, group }, .. }) = self.by_path.get(path)
            && !self.empty.contains(path)
        {
            self.empty.touch(path, session, || group.clone());
        }
    }

    pub(super) fn remove(&mut self, path: &Arc<str>) {
        let Some(Child { active, made_by }) = self.by_path.remove(path) else { return };
        self.empty.remove(path);
        self.by_session.subtract(&made_by.session);
        self.by_group.subtract(&made_by.group);
        if Arc::strong_count(&active) > 1 {
            if self.gone.len() >= self.gone_max.max(GONE_MIN) {
                self.gone.retain(|_, active| active.strong_count() > 0);
                self.gone_max = 2 * self.gone.len();
            }
            self.gone.insert(Arc::clone(path), Arc::downgrade(&active));
        }
        self.removed.push(active);
    }

    /// What was removed, to be dropped without the lock.
    pub(super) fn take_removed(&mut self) -> Vec<Arc<ActiveNamespace>> {
        std::mem::take(&mut self.removed)
    }
}

/// Handles of so few namespaces that are gone need no looking through.
const GONE_MIN: usize = 64;
