//! The namespaces that clients' names make, and how many there may be.
//!
//! The official server keeps them for ever; here a limit applies. When it is reached, one without
//! sockets is removed: of the session or the address that has too many, or else of the owner that
//! left the most empty ones. The client is refused only if all are in use.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
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
    /// The namespaces without sockets, by owner.
    empty: SharesByOwner<Arc<str>>,
    by_group: Counts<Group>,
    by_session: Counts<SessionId>,
    /// Those that were removed while the application kept a handle. The handle has to reach sockets
    /// that connect later, so the same namespace is used again then.
    gone: HashMap<Arc<str>, Weak<ActiveNamespace>>,
    /// At this length `gone` is searched for entries without a handle, which are dropped.
    gone_max: usize,
    /// Dropped after the lock is released, since an application's values may be dropped with them.
    removed: Vec<Arc<ActiveNamespace>>,
}

struct Child {
    active: Arc<ActiveNamespace>,
    /// `None`: the application opened it, which keeps it.
    made_by: Option<MadeBy>,
}

/// The session and address for which a namespace was made.
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

/// The number of occurrences of each value.
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

    /// Removes an empty one if a limit for one more, made for this session, is reached.
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

    /// Adds one without sockets, made for this session.
    pub(super) fn insert(&mut self, active: Arc<ActiveNamespace>, link: &SessionLink) {
        let (path, made_by) = (Arc::clone(&active.path), MadeBy::new(link));
        let MadeBy { session, group } = &made_by;
        self.empty.touch(&path, session, || group.clone());
        self.by_session.add(session.clone());
        self.by_group.add(group.clone());
        self.gone.remove(&path);
        self.by_path.insert(path, Child { active, made_by: Some(made_by) });
    }

    /// Adds one that the application opens, or keeps the one that is there from now on.
    pub(super) fn keep(&mut self, active: Arc<ActiveNamespace>) {
        let path = Arc::clone(&active.path);
        self.empty.remove(&path);
        self.gone.remove(&path);
        let before = self.by_path.insert(path, Child { active, made_by: None });
        if let Some(MadeBy { session, group }) = before.and_then(|child| child.made_by) {
            self.by_session.subtract(&session);
            self.by_group.subtract(&group);
        }
    }

    /// Notes that the namespace has a socket.
    pub(super) fn fill(&mut self, path: &Arc<str>) {
        self.empty.remove(path);
    }

    /// Notes that the namespace has no socket any more.
    pub(super) fn leave_empty(&mut self, path: &Arc<str>) {
        if let Some(Child { made_by: Some(MadeBy { session, group }), .. }) = self.by_path.get(path)
            && !self.empty.contains(path)
        {
            self.empty.touch(path, session, || group.clone());
        }
    }

    pub(super) fn remove(&mut self, path: &Arc<str>) {
        let Entry::Occupied(child) = self.by_path.entry(Arc::clone(path)) else { return };
        let Some(made_by) = &child.get().made_by else { return };
        self.by_session.subtract(&made_by.session);
        self.by_group.subtract(&made_by.group);
        let active = child.remove().active;
        self.empty.remove(path);
        if Arc::strong_count(&active) > 1 {
            if self.gone.len() >= self.gone_max.max(GONE_MIN) {
                self.gone.retain(|_, active| active.strong_count() > 0);
                self.gone_max = 2 * self.gone.len();
            }
            self.gone.insert(Arc::clone(path), Arc::downgrade(&active));
        }
        self.removed.push(active);
    }

    /// Takes the removed namespaces, which the caller drops without the lock.
    pub(super) fn take_removed(&mut self) -> Vec<Arc<ActiveNamespace>> {
        std::mem::take(&mut self.removed)
    }
}

/// The least length at which `gone` is searched.
const GONE_MIN: usize = 64;
