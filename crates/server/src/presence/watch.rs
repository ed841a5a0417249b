//! Watching a room's presence on the server.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;

use super::state::PresenceState;
use super::watchers::PresenceUpdate;
use crate::rooms::room::Room;

/// The presence of a room as it changes: a stream of [`PresenceUpdate`]s, see
/// [`Presence::watch`](crate::Presence::watch). Ends when the namespace is gone, with its server.
#[must_use = "a watch does nothing unless it is polled"]
pub struct PresenceWatch {
    presence: Arc<PresenceState>,
    room: Room,
    number: u64,
}

impl PresenceWatch {
    pub(super) fn new(presence: Arc<PresenceState>, room: Room) -> Self {
        let number = presence.watch(&room);
        Self { presence, room, number }
    }

    /// The next update. `None`: the namespace is gone.
    ///
    /// Cancel safe: no update is lost.
    pub async fn next(&mut self) -> Option<PresenceUpdate> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for PresenceWatch {
    type Item = PresenceUpdate;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<PresenceUpdate>> {
        let number = self.number;
        // The waker before is dropped without the lock: it may hold the last reference to a task.
        let mut waker = Some(context.waker().clone());
        let update = self.presence.with_watched(&self.room, |watched, published| {
            watched.take(number, published, &mut waker)
        });
        update.map_or(Poll::Ready(None), |update| {
            update.map_or(Poll::Pending, |it| Poll::Ready(Some(it)))
        })
    }
}

impl Drop for PresenceWatch {
    fn drop(&mut self) {
        self.presence.unwatch(&self.room, self.number);
    }
}

impl fmt::Debug for PresenceWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresenceWatch").field("room", &self.room).finish_non_exhaustive()
    }
}
