//! Until when somebody was on the server, stored when they leave.
//!
//! After a crash nobody has left: so it is stored of everybody once a minute as well, and what is known then is at
//! most a minute old.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye::{Io, PresenceUpdate, PresenceWatch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::contract::ONLINE_ROOM;
use crate::app::App;
use crate::store::Store;

/// How often it is stored of those who stay.
const INTERVAL: Duration = Duration::from_secs(60);

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
        let task = tokio::spawn(follow(watch, Arc::clone(&app.store), Arc::clone(&online)));
        Seen { online, task }
    }

    /// Stores it of those who are still here, or were a moment ago.
    pub(crate) async fn stop(self, app: &App) {
        self.task.abort();
        let people = self.online.lock().drain().collect();
        store(&*app.store, people).await;
    }
}

async fn follow(
    mut watch: PresenceWatch,
    kept: Arc<dyn Store>,
    online: Arc<Mutex<HashSet<String>>>,
) {
    let mut next = Instant::now() + INTERVAL;
    loop {
        let left = tokio::select! {
            update = watch.next() => match update {
                Some(update) => apply(&mut online.lock(), update),
                None => return,
            },
            () = sleep_until(next) => {
                next = Instant::now() + INTERVAL;
                online.lock().iter().cloned().collect()
            }
        };
        store(&*kept, left).await;
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
