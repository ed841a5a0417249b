//! Sessions by the keys that clients choose for them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

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
        start: impl FnOnce(Listing) -> Session,
    ) -> Arc<Client> {
        let mut shard = self.shard(key).lock();
        match shard.entry(key.into()) {
            Entry::Occupied(there) => Arc::clone(there.get()),
            Entry::Vacant(room) => {
                let standing = Arc::new(AtomicU8::new(COMING));
                let (clients, told) = (Arc::clone(self), Arc::clone(&standing));
                let place = Listing { clients, key: key.into(), standing: told };
                let client = Client {
                    session: start(place),
                    posting: tokio::sync::Mutex::default(),
                    posts: AtomicUsize::new(0),
                };
                let client = Arc::new(client);
                if standing.swap(LISTED, Ordering::AcqRel) == COMING {
                    room.insert(Arc::clone(&client));
                }
                client
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

/// a session's entry among the others, until it is over.
#[derive(Debug)]
pub(crate) struct Listing {
    clients: Arc<Clients>,
    key: Box<str>,
    /// [`COMING`], [`LISTED`] or [`GONE`].
    standing: Arc<AtomicU8>,
}

impl Drop for Listing {
    fn drop(&mut self) {
        // A session that is over before it is listed, as when its runtime shuts down, is over within
        // `find_or_start`, which holds the lock.
        if self.standing.swap(GONE, Ordering::AcqRel) == COMING {
            return;
        }
        let gone = self.clients.shard(&self.key).lock().remove(&self.key);
        // The last handle may drop here, outside the lock.
        drop(gone);
    }
}

const SHARDS: usize = 16;
/// POSTs of one session that wait for one another.
const POSTS_MAX: usize = 16;
/// How a [`Listing`] stands.
const COMING: u8 = 0;
const LISTED: u8 = 1;
const GONE: u8 = 2;

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// It would wait for the lock that it holds itself.
    #[test]
    fn a_session_that_does_not_start_leaves_its_key_free() {
        let (tell, told) = channel();
        thread::spawn(move || {
            let clients = Arc::new(Clients::default());
            let start = |place: Listing| -> Session {
                drop(place);
                panic!("there is no runtime")
            };
            let started = catch_unwind(AssertUnwindSafe(|| clients.find_or_start("a", start)));
            let _ = tell.send(started.is_err() && clients.find("a").is_none());
        });
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(true));
    }
}
