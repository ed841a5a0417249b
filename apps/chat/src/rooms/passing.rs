//! Passing rooms, which vanish when everybody has left.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sockeye::Io;
use tokio::time::{Instant, sleep_until};

use super::live::{Rooms, present};
use super::store::{StillEmpty, StoredRoom};
use crate::app::App;
use crate::conversation::GRACE;

/// How long after the last one has left by choice.
pub(super) const VANISHES_AFTER: Duration = Duration::from_secs(2);
/// How much later than its end somebody's grace is looked at.
const AFTER_GRACE: Duration = Duration::from_millis(200);
/// Looks at the same room within this time are one.
const SLOT: Duration = Duration::from_millis(50);

/// The passing rooms, and who is on the way into any room.
#[derive(Debug)]
pub(super) struct Passing {
    rooms: HashMap<String, Watched>,
    /// How many are coming in.
    entering: HashMap<String, u32>,
    /// When which room is looked at.
    looks: HashSet<(String, u64)>,
    /// What the slots are counted from.
    start: Instant,
    /// Whether what is left of gone rooms is being deleted.
    is_swept: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Watched {
    /// Under which the notes' chat enters.
    open_name: Option<String>,
    /// When somebody left by choice.
    left_at: Option<Instant>,
}

impl Default for Passing {
    fn default() -> Self {
        Passing {
            rooms: HashMap::new(),
            entering: HashMap::new(),
            looks: HashSet::new(),
            start: Instant::now(),
            is_swept: Arc::default(),
        }
    }
}

/// Somebody is on the way into a room, which does not vanish meanwhile.
pub(super) struct Entering {
    app: App,
    room: String,
}

impl Drop for Entering {
    fn drop(&mut self) {
        let entering = &mut self.app.rooms.passing.lock().entering;
        if let Some(count) = entering.get_mut(&self.room) {
            *count -= 1;
            if *count == 0 {
                entering.remove(&self.room);
            }
        }
    }
}

impl Passing {
    /// A room is new, or otherwise than before.
    pub(super) fn update(&mut self, room: &StoredRoom) {
        if !room.is_passing {
            self.rooms.remove(&room.id);
            return;
        }
        let open_name = room.open_name().map(str::to_owned);
        let watched = self.rooms.entry(room.id.clone());
        watched.or_insert(Watched { open_name: None, left_at: None }).open_name = open_name;
    }

    /// A room is gone.
    pub(super) fn forget(&mut self, room: &str) {
        self.rooms.remove(room);
    }

    /// Whether the room is to vanish if nobody is in it now.
    fn is_due(&self, app: &App, room: &str, present: u32) -> bool {
        let Some(watched) = self.rooms.get(room) else { return false };
        let notes = watched.open_name.as_deref().map_or(0, |name| app.people.count_in(name));
        let waited = watched.left_at.is_none_or(|at| at.elapsed() >= VANISHES_AFTER);
        waited && present == 0 && notes == 0 && !self.entering.contains_key(room)
    }
}

impl Rooms {
    /// Takes up what the last start left.
    pub(crate) fn begin(&self, app: &App, chat: &Io) {
        let (app, chat) = (app.clone(), chat.clone());
        tokio::spawn(async move {
            match app.store.passing_rooms().await {
                Ok(rooms) => {
                    for room in rooms {
                        app.rooms.passing.lock().update(&room);
                        app.rooms.look(&app, &chat, &room.id, GRACE);
                    }
                }
                Err(error) => tracing::error!(%error, "passing rooms are not known"),
            }
            app.rooms.sweep(&app);
        });
    }

    /// Somebody is on the way into a room, until what is returned is dropped.
    pub(super) fn entering(&self, app: &App, room: &str) -> Entering {
        *self.passing.lock().entering.entry(room.to_owned()).or_default() += 1;
        Entering { app: app.clone(), room: room.to_owned() }
    }

    /// Somebody has left a room by choice.
    pub(crate) fn left(&self, app: &App, io: &Io, room: &str) {
        self.changed(app, io, room);
        let is_passing = {
            let mut passing = self.passing.lock();
            let watched = passing.rooms.get_mut(room);
            watched.map(|watched| watched.left_at = Some(Instant::now())).is_some()
        };
        if is_passing {
            self.look(app, io, room, VANISHES_AFTER);
        }
    }

    /// Somebody's connection was lost: they are still there for a while.
    pub(crate) fn lost(&self, app: &App, io: &Io, room: &str) {
        self.look(app, io, room, GRACE + AFTER_GRACE);
    }

    /// A passing room was made, and nobody is in it yet.
    pub(super) fn made(&self, app: &App, io: &Io, room: &StoredRoom) {
        self.passing.lock().update(room);
        if room.is_passing {
            self.look(app, io, &room.id, GRACE);
        }
    }

    /// Somebody of the notes' chat has left the room of this name.
    pub(crate) fn left_by_name(&self, app: &App, io: &Io, name: &str) {
        let room = {
            let passing = self.passing.lock();
            let found = passing.rooms.iter().find(|(_, it)| it.open_name.as_deref() == Some(name));
            found.map(|(id, _)| id.clone())
        };
        if let Some(room) = room {
            self.left(app, io, &room);
        }
    }

    /// Looks at a room after a while: how many are in it, and whether it vanishes.
    fn look(&self, app: &App, io: &Io, room: &str, after: Duration) {
        let look = {
            let mut passing = self.passing.lock();
            let due = (passing.start.elapsed() + after).as_millis().div_ceil(SLOT.as_millis());
            let look = (room.to_owned(), u64::try_from(due).unwrap_or(u64::MAX));
            if !passing.looks.insert(look.clone()) {
                return;
            }
            look
        };
        let (app, io) = (app.clone(), io.clone());
        let at = self.passing.lock().start + SLOT * u32::try_from(look.1).unwrap_or(u32::MAX);
        tokio::spawn(async move {
            sleep_until(at).await;
            app.rooms.passing.lock().looks.remove(&look);
            app.rooms.changed(&app, &io, &look.0);
            app.rooms.vanish_if_empty(&app, &io, &look.0).await;
        });
    }

    async fn vanish_if_empty(&self, app: &App, io: &Io, room: &str) {
        let is_due = {
            let (app, io, room) = (app.clone(), io.clone(), room.to_owned());
            move || app.rooms.passing.lock().is_due(&app, &room, present(&io, &room))
        };
        if !is_due() {
            return;
        }
        // Asked again in the writer: whoever was on the way in before is there by then, or will be told that it
        // is gone.
        let still: StillEmpty = Box::new(is_due);
        match app.store.vanish(room, still).await {
            Ok(Some((room, members))) => {
                self.tell_gone(app, io, &room, &members);
                self.sweep(app);
            }
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "a passing room stays for now");
                self.look(app, io, room, GRACE);
            }
        }
    }

    /// Deletes what is left of rooms that are gone, in steps, so that others are not kept waiting.
    pub(super) fn sweep(&self, app: &App) {
        let is_swept = Arc::clone(&self.passing.lock().is_swept);
        if is_swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let app = app.clone();
        tokio::spawn(async move {
            loop {
                match app.store.sweep().await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "what is left of gone rooms is deleted later");
                        break;
                    }
                }
            }
            is_swept.store(false, Ordering::Release);
        });
    }
}
