//! The handle of the presence of one room, for applications.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::change::PresenceChange;
use super::present::{PresenceDifference, Present};
use super::rules::{PresenceError, PresenceRules};
use super::state::{Announce, Memberships, PresenceState};
use super::watch::PresenceWatch;
use crate::broadcast::io::Io;
use crate::cluster::Cluster;
use crate::namespace::active::ActiveNamespace;
use crate::rooms::room::Room;
use crate::socket::Socket;

/// The handle of the presence of a room, cheap to clone, from [`Io::presence`].
///
/// Users are identified by a key of the application's choosing, such as the id of their account. A
/// user is present once, with as many connections as they have tabs and devices, each with metadata
/// of its own; they join with the first and leave with the last. The server notices by itself when
/// a connection ends: one that leaves (by [`leave`](Presence::leave), or disconnected by the client
/// or the server) is gone at once, one that is lost stays for the
/// [grace](crate::PresenceRules::grace). A user who comes back within it, by a new connection or by
/// recovery, has neither left nor joined.
///
/// The sockets that are in the room ([`Socket::join`]) get the event `presence` with the
/// [differences](PresenceDifference). Being present and being in the room differ: a page that only
/// watches is just in the room, a client that needs no differences just present.
///
/// ```
/// use serde::Serialize;
/// use sockeye::{Ack, Args, Local, Namespace, PresenceError, Present, Socket};
///
/// struct User { name: String } // which `on_connect` has set
///
/// #[derive(Serialize)]
/// struct Status { typing: bool }
///
/// async fn enter(
///     socket: Socket,
///     user: Local<User>,
///     room: String,
/// ) -> Result<Ack<Vec<Present>>, PresenceError> {
///     socket.join(&room); // first: from now on it gets the differences
///     let presence = socket.io().presence(room);
///     presence.join(&socket, user.name.as_str(), &Status { typing: false })?;
///     Ok(Ack(presence.list().await))
/// }
///
/// async fn typing(
///     socket: Socket,
///     Args((room, typing)): Args<(String, bool)>,
/// ) -> Result<(), PresenceError> {
///     socket.io().presence(room).update(&socket, &Status { typing })
/// }
///
/// let namespace: Namespace = Namespace::new("/").on("enter", enter).on("typing", typing);
/// # drop(namespace);
/// ```
///
/// **Which servers.** In a cluster over a bus (`sockeye-cluster`) all methods but [`sockets`](Presence::sockets) are about all
/// its servers: a user with connections to two of them is present once, and one who comes back within the grace by another
/// server has neither left nor joined. Servers tell each other of their own connections, within some milliseconds; those of
/// a server that dies are gone when its cluster takes it for gone. Differences go to the sockets of each server from that
/// server, by what it knows.
#[derive(Clone)]
pub struct Presence {
    namespace: Arc<ActiveNamespace>,
    state: Arc<PresenceState>,
    room: Room,
}

impl Io {
    /// The presence of a room of the namespace. The room need not exist.
    ///
    /// Graces and differences need a tokio runtime: the one of the caller, or else the one in which
    /// the namespace was first asked for its presence. Without either they are delayed until the
    /// next call, or end of a socket, that is in one.
    pub fn presence(&self, room: impl Into<Room>) -> Presence {
        let namespace = Arc::clone(self.active_namespace());
        let state = state(&namespace);
        Presence { namespace, state, room: room.into() }
    }
}

/// The presence of a namespace.
pub(crate) fn state(namespace: &Arc<ActiveNamespace>) -> Arc<PresenceState> {
    let state = namespace.presence.get_or_init(|| {
        let announcer = Announcer {
            namespace: Arc::downgrade(namespace),
            path: Arc::clone(&namespace.path),
            cluster: namespace.cluster.clone(),
        };
        PresenceState::new(namespace.handlers.presence.clone(), announcer)
    });
    Arc::clone(state)
}

impl Presence {
    /// The room.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// Makes a socket present as a connection of this user, until it ends or
    /// [leaves](Presence::leave). The metadata are any value that is JSON, such as the device or
    /// whether somebody types.
    ///
    /// Called again for the same socket, it replaces the metadata; with another user, the socket is
    /// that user's from then on. The socket does not join the room by this, see [`Presence`].
    ///
    /// # Errors
    /// [`NotConnected`](PresenceError::NotConnected) before its `on_connected` and after its end,
    /// [`Limit`](PresenceError::Limit) beyond a limit of the
    /// [`PresenceRules`](crate::PresenceRules), [`Encode`](PresenceError::Encode),
    /// [`OtherNamespace`](PresenceError::OtherNamespace).
    pub fn join<M: Serialize + ?Sized>(
        &self,
        socket: &Socket,
        user: impl Into<Arc<str>>,
        metadata: &M,
    ) -> Result<(), PresenceError> {
        self.check(socket)?;
        let memberships = || {
            socket.get::<Memberships>().unwrap_or_else(|| {
                socket.set(self.state.memberships(socket.id()));
                socket.get().expect("it was set")
            })
        };
        let metadata = encode(metadata)?;
        self.state.join(&self.room, user.into(), metadata, memberships, || socket.is_connected())
    }

    /// Replaces the metadata of a socket that is present.
    ///
    /// # Errors
    /// [`NotPresent`](PresenceError::NotPresent), and as [`join`](Presence::join).
    pub fn update<M: Serialize + ?Sized>(
        &self,
        socket: &Socket,
        metadata: &M,
    ) -> Result<(), PresenceError> {
        self.check(socket)?;
        let memberships = socket.get::<Memberships>().ok_or(PresenceError::NotPresent)?;
        let metadata = encode(metadata)?;
        self.state.update(&self.room, metadata, &memberships, || socket.is_connected())
    }

    /// Makes a socket present no more, without a grace. Called in
    /// [`on_disconnect`](crate::Namespace::on_disconnect) it ends the grace of a lost one. False:
    /// it was not present.
    pub fn leave(&self, socket: &Socket) -> bool {
        let is_ours = Arc::ptr_eq(&self.namespace, socket.active_namespace());
        let memberships = socket.get::<Memberships>().filter(|_| is_ours);
        memberships.is_some_and(|memberships| self.state.leave(&self.room, &memberships))
    }

    /// Everybody who is present, in the order of their keys, as of now. It may be ahead of the
    /// differences, so that a later one repeats what the list has already: a client that applies
    /// differences by key, as [`PresenceDifference`] explains, is right after each of them.
    pub async fn list(&self) -> Vec<Present> {
        self.state.list(&self.room)
    }

    /// A user who is present.
    pub async fn get(&self, user: &str) -> Option<Present> {
        self.state.get(&self.room, user)
    }

    /// How many users are present.
    pub async fn count(&self) -> usize {
        self.state.count(&self.room)
    }

    /// The sockets on this server by which a user is present, in the order in which they joined;
    /// none while all are lost.
    pub fn sockets(&self, user: &str) -> Vec<Socket> {
        let ids = self.state.sockets(&self.room, user);
        ids.iter().filter_map(|id| self.namespace.adapter.socket(id.as_str())).collect()
    }

    /// Watches the room: first the list of those who are present, then each difference to it,
    /// without a gap or repetition between them. The list is the sum of the differences sent so
    /// far, so it may lack the newest changes, which follow within the
    /// [interval](crate::PresenceRules::interval).
    ///
    /// A watch that is not polled while [`waiting_differences_max`] of them wait loses them and
    /// gets a new list, with the number it missed.
    ///
    /// [`waiting_differences_max`]: crate::PresenceRules::waiting_differences_max
    ///
    /// ```no_run
    /// use sockeye::{PresenceUpdate, PresenceWatch};
    ///
    /// // `tokio::spawn(log(server.io().presence("lobby").watch()))`
    /// async fn log(mut watch: PresenceWatch) {
    ///     while let Some(update) = watch.next().await {
    ///         match update {
    ///             PresenceUpdate::List { present, .. } => tracing::info!(here = present.len()),
    ///             PresenceUpdate::Difference(difference) => {
    ///                 difference.joined.iter().for_each(|it| tracing::info!(it.user, "joined"));
    ///                 difference.left.iter().for_each(|it| tracing::info!(it.user, "left"));
    ///             }
    ///         }
    ///     }
    /// }
    /// ```
    pub fn watch(&self) -> PresenceWatch {
        PresenceWatch::new(Arc::clone(&self.state), self.room.clone())
    }

    fn check(&self, socket: &Socket) -> Result<(), PresenceError> {
        if !Arc::ptr_eq(&self.namespace, socket.active_namespace()) {
            return Err(PresenceError::OtherNamespace);
        }
        if !socket.is_connected() {
            return Err(PresenceError::NotConnected);
        }
        Ok(())
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("namespace", &self.namespace.path)
            .field("room", &self.room)
            .finish()
    }
}

/// The sender of differences, while the namespace exists.
struct Announcer {
    namespace: Weak<ActiveNamespace>,
    path: Arc<str>,
    cluster: Option<Arc<dyn Cluster>>,
}

impl Announce for Announcer {
    fn announce(&self, room: &Room, rules: &PresenceRules, difference: &PresenceDifference) {
        let Some(event) = rules.event.as_deref() else { return };
        let Some(io) = self.namespace.upgrade().map(Io::new) else { return };
        let members = io.to(room).local();
        let PresenceDifference { joined, left, changed } = difference;
        let named = NamedDifference { room: room.as_str(), joined, left, changed };
        // A panic of a watcher of outgoing events must not end the timer of all rooms.
        let sent = catch_unwind(AssertUnwindSafe(|| match rules.is_named {
            true => members.emit(event, &named),
            false => members.emit(event, difference),
        }));
        match sent {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%room, %error, "a difference of presence is not sent")
            }
            Err(_) => {
                tracing::error!(%room, "on_any_outgoing panicked at a difference of presence")
            }
        }
    }

    fn has_cluster(&self) -> bool {
        self.cluster.is_some()
    }

    fn tell_servers(&self, from: u64, changes: &[PresenceChange]) {
        if let Some(cluster) = &self.cluster {
            cluster.presence_changed(&self.path, from, changes);
        }
    }
}

/// A [`RoomPresenceDifference`](crate::RoomPresenceDifference) that is only sent.
#[derive(Serialize)]
struct NamedDifference<'a> {
    room: &'a str,
    joined: &'a [Present],
    left: &'a [Present],
    changed: &'a [Present],
}

fn encode<M: Serialize + ?Sized>(metadata: &M) -> Result<Box<RawValue>, PresenceError> {
    to_raw_value(metadata).map_err(PresenceError::Encode)
}
