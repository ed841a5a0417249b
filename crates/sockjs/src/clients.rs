//! Sessions by the keys that clients choose for them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use sockeye_engine::Session;
use tokio::sync::MutexGuard as Turn;

/// The sessions that live on HTTP requests. Strangers choose the keys, so each map is hashed with a secret.
#[derive(Debug, Default)]
pub(crate) struct Clients {
    hasher: RandomState,
    shards: [Mutex<HashMap<Box<str>, Arc<Client>>>; SHARDS],
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) session: Session,
    /// Held by the POST that is under way.
    posting: tokio::sync::Mutex<()>,
    /// POSTs under way or waiting.
    posts: AtomicUsize,
}

impl Clients {
    pub(crate) fn find(&self, key: &str) -> Option<Arc<Client>> {
        self.shard(key).lock().get(key).map(Arc::clone)
    }

    /// The session of this key, which `start` starts if there is none.
    pub(crate) fn find_or_start(
        self: &Arc<Self>,
        key: &str,
        start: impl FnOnce(Place) -> Session,
    ) -> Arc<Client> {
        let mut shard = self.shard(key).lock();
        match shard.entry(key.into()) {
            Entry::Occupied(there) => Arc::clone(there.get()),
            Entry::Vacant(room) => {
                let place = Place { clients: Arc::clone(self), key: key.into() };
                let client = Client {
                    session: start(place),
                    posting: tokio::sync::Mutex::default(),
                    posts: AtomicUsize::new(0),
                };
                Arc::clone(room.insert(Arc::new(client)))
            }
        }
    }

    fn shard(&self, key: &str) -> &Mutex<HashMap<Box<str>, Arc<Client>>> {
        let hash = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        &self.shards[hash]
    }
}

impl Client {
    /// Waits until no other POST is under way. `None`: so many wait already that one more is no client
    /// that keeps to the protocol.
    pub(crate) async fn post_turn(&self) -> Option<PostTurn<'_>> {
        let count = Count(&self.posts);
        if self.posts.fetch_add(1, Ordering::AcqRel) >= POSTS_MAX {
            return None;
        }
        Some(PostTurn { _turn: self.posting.lock().await, _count: count })
    }
}

/// The right of one POST to hand its messages over.
#[derive(Debug)]
pub(crate) struct PostTurn<'a> {
    _turn: Turn<'a, ()>,
    _count: Count<'a>,
}

#[derive(Debug)]
struct Count<'a>(&'a AtomicUsize);

impl Drop for Count<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A session's place among the others, until it is over.
#[derive(Debug)]
pub(crate) struct Place {
    clients: Arc<Clients>,
    key: Box<str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let gone = self.clients.shard(&self.key).lock().remove(&self.key);
        // The last handle may drop here, outside the lock.
        drop(gone);
    }
}

const SHARDS: usize = 16;
/// POSTs of one session that wait for one another.
const POSTS_MAX: usize = 16;
