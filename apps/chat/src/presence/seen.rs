//! Until when somebody was on the server, stored when they leave.
//!
//! After a crash nobody has left: so it is stored of everybody once a minute as well, and what is known then is at
//! most a minute old.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye::{Io, PresenceUpdate, PresenceWatch};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::contract::ONLINE_ROOM;
use crate::app::App;
use crate::store::Store;

/// How often it is stored of those who stay.
const INTERVAL: Duration = Duration::from_secs(60);

/// People of whom a connection has ended, until it is stored. Presence itself says nothing of whoever comes and goes
/// between two of its differences.
#[derive(Debug, Default)]
pub struct Ended {
    people: Mutex<HashSet<String>>,
    told: Notify,
}

impl Ended {
    /// A connection of somebody has ended.
    pub(crate) fn note(&self, person: &str) {
        self.people.lock().insert(person.to_owned());
        self.told.notify_one();
    }

    fn take(&self) -> Vec<String> {
        self.people.lock().drain().collect()
    }
}

/// The task that follows who is online.
#[derive(Debug)]
pub(crate) struct Seen {
    online: Arc<Mutex<HashSet<String>>>,
    task: JoinHandle<()>,
}

impl Seen {
    /// Follows those who are present in `/chat`.
    pub(crate) fn start(app: &App, chat: &Io) -> Self {
        let online = Arc::default();
        let watch = chat.presence(ONLINE_ROOM).watch();
        let task = tokio::spawn(follow(watch, app.clone(), Arc::clone(&online)));
        Seen { online, task }
    }

    /// Stores it of those who are still here, or were a moment ago.
    pub(crate) async fn stop(self, app: &App) {
        self.task.abort();
        let people = self.online.lock().drain().chain(app.ended.take()).collect();
        store(&*app.store, people).await;
    }
}

async fn follow(mut watch: PresenceWatch, app: App, online: Arc<Mutex<HashSet<String>>>) {
    let mut next = Instant::now() + INTERVAL;
    loop {
        let left = tokio::select! {
            update = watch.next() => match update {
                Some(update) => apply(&mut online.lock(), update),
                None => return,
            },
            () = app.ended.told.notified() => app.ended.take(),
            () = sleep_until(next) => {
                next = Instant::now() + INTERVAL;
                online.lock().iter().cloned().collect()
            }
        };
        store(&*app.store, left).await;
    }
}

/// Who is not here any more.
fn apply(online: &mut HashSet<String>, update: PresenceUpdate) -> Vec<String> {
    match update {
        PresenceUpdate::List { present, .. } => {
            let here: HashSet<_> = present.into_iter().map(|present| present.user).collect();
            let left = online.difference(&here).cloned().collect();
            *online = here;
            left
        }
        PresenceUpdate::Difference(difference) => {
            online.extend(difference.joined.iter().map(|present| present.user.clone()));
            let left = difference.left.iter().map(|present| present.user.clone());
            let left: Vec<_> = left.collect();
            left.iter().for_each(|user| _ = online.remove(user));
            left
        }
    }
}

async fn store(kept: &dyn Store, people: Vec<String>) {
    if !people.is_empty()
        && let Err(error) = kept.seen(people).await
    {
        tracing::warn!(%error, "when people were last seen is not stored");
    }
}
