//! The rules of presence: its behaviour, its limits, and the errors beyond them.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sockeye_socket_proto::{ReservedName, event_name};

/// The rules of the presence of a namespace, its behaviour and limits:
/// [`Namespace::presence`](crate::Namespace::presence). A namespace without rules has the defaults.
///
/// ```
/// use std::time::Duration;
/// use sockeye::{Namespace, PresenceRules};
///
/// let rules = PresenceRules::default().grace(Duration::from_secs(30)).metadata_bytes_max(256);
/// let namespace: Namespace = Namespace::new("/team").presence(rules);
/// # drop(namespace);
/// ```
#[derive(Debug, Clone)]
pub struct PresenceRules {
    pub(super) grace: Duration,
    pub(super) interval: Duration,
    pub(super) event: Option<Cow<'static, str>>,
    pub(super) is_named: bool,
    pub(super) rooms_max: usize,
    pub(super) users_max: usize,
    pub(super) connections_max: usize,
    pub(super) connection_rooms_max: usize,
    pub(super) user_bytes_max: usize,
    pub(super) metadata_bytes_max: usize,
    pub(super) bytes_max: usize,
    pub(super) waiting_differences_max: usize,
}

impl Default for PresenceRules {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(10),
            interval: Duration::from_millis(50),
            event: Some(Cow::Borrowed("presence")),
            is_named: false,
            rooms_max: 10_000,
            users_max: 10_000,
            connections_max: 32,
            connection_rooms_max: 100,
            user_bytes_max: 256,
            metadata_bytes_max: 4096,
            bytes_max: 256 * 1024 * 1024,
            waiting_differences_max: 64,
        }
    }
}

impl PresenceRules {
    /// How long a user stays present after the last connection was lost, and a lost connection
    /// stays among those of its user. Default 10 seconds; zero: not at all.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How long after a change its difference is sent, together with those of all other changes of
    /// the room until then. Default 50 milliseconds. A longer time makes fewer and larger messages.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The event by which the sockets in a room get the differences of its presence, each a
    /// [`PresenceDifference`](crate::PresenceDifference). Default `presence`. A reserved name is an
    /// error when the server is built.
    pub fn event(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.event = Some(name.into());
        self
    }

    /// The event has the name of its room beside the difference, for clients that are in several:
    /// it is a [`RoomPresenceDifference`](crate::RoomPresenceDifference). Default: it has not.
    pub fn named(mut self) -> Self {
        self.is_named = true;
        self
    }

    /// Sends clients no differences. [`Presence::watch`](crate::Presence::watch) still has them.
    pub fn silent(mut self) -> Self {
        self.event = None;
        self
    }

    /// Rooms of a namespace in which a user is present. Default 10,000, at least 1.
    pub fn rooms_max(mut self, max: usize) -> Self {
        self.rooms_max = max.max(1);
        self
    }

    /// Users present in one room, those in their grace among them. Default 10,000, at least 1.
    pub fn users_max(mut self, max: usize) -> Self {
        self.users_max = max.max(1);
        self
    }

    /// Connections of one user in one room. A new one may replace a lost one. Default 32, at
    /// least 1.
    pub fn connections_max(mut self, max: usize) -> Self {
        self.connections_max = max.max(1);
        self
    }

    /// Rooms in which one connection is present. Default 100.
    pub fn connection_rooms_max(mut self, max: usize) -> Self {
        self.connection_rooms_max = max;
        self
    }

    /// Bytes of a user's key. Default 256.
    pub fn user_bytes_max(mut self, max: usize) -> Self {
        self.user_bytes_max = max;
        self
    }

    /// Bytes of a connection's metadata, as JSON. Default 4 KiB.
    pub fn metadata_bytes_max(mut self, max: usize) -> Self {
        self.metadata_bytes_max = max;
        self
    }

    /// Bytes of all that is kept for presence in a namespace, or in all those of one dynamic
    /// declaration together: the names of rooms, the users' keys, the metadata, and 1 KiB for each
    /// connection in each room. What [recovery](crate::RecoveryConfig) keeps of connections that
    /// are away counts too. Default 256 MiB.
    pub fn bytes_max(mut self, max: usize) -> Self {
        self.bytes_max = max;
        self
    }

    /// Differences that wait for one [`PresenceWatch`](crate::PresenceWatch). If there are more, it
    /// gets a new list. Default 64, at least 1.
    pub fn waiting_differences_max(mut self, max: usize) -> Self {
        self.waiting_differences_max = max.max(1);
        self
    }
}

/// The rules of a declaration, and the bytes that its namespaces share.
#[derive(Debug, Clone)]
pub(crate) struct DeclaredRules {
    pub(crate) rules: Arc<PresenceRules>,
    bytes: Arc<AtomicUsize>,
}

impl DeclaredRules {
    pub(crate) fn new(rules: PresenceRules) -> Self {
        Self { rules: Arc::new(rules), bytes: Arc::default() }
    }

    /// As [`new`](DeclaredRules::new), unless the name of the event is reserved.
    pub(crate) fn checked(rules: PresenceRules) -> Result<Self, ReservedName> {
        if let Some(event) = &rules.event {
            event_name(&&**event)?;
        }
        Ok(Self::new(rules))
    }

    /// Takes a share of the bytes, unless there are too few.
    pub(super) fn reserve(&self, bytes: usize) -> Result<Arc<Share>, PresenceError> {
        let max = self.rules.bytes_max;
        let grow = |all: usize| all.checked_add(bytes).filter(|all| *all <= max);
        let reserved = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow);
        reserved.map_err(|_| PresenceLimit::Bytes.exceeded(max))?;
        Ok(Arc::new(Share { all: Arc::clone(&self.bytes), bytes }))
    }
}

/// Reserved bytes, which are released when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The reason why a join or update failed. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PresenceError {
    /// The socket is not connected: it has ended, or its `on_connect` has not returned. Join in
    /// [`on_connected`](crate::Namespace::on_connected) or in a handler of an event.
    #[error("the socket is not connected")]
    NotConnected,
    /// The socket belongs to another namespace than the presence.
    #[error("the socket belongs to another namespace")]
    OtherNamespace,
    /// The socket is not present in this room.
    #[error("the socket is not present in this room")]
    NotPresent,
    /// The metadata cannot be written as JSON.
    #[error("the metadata cannot be written as JSON")]
    Encode(#[source] serde_json::Error),
    /// A limit of the [`PresenceRules`] is reached.
    #[error("too much presence: {limit}, at most {max}")]
    Limit {
        /// The limit.
        limit: PresenceLimit,
        /// Its value.
        max: usize,
    },
}

/// A limit of [`PresenceRules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PresenceLimit {
    /// [`PresenceRules::rooms_max`].
    #[error("rooms of the namespace")]
    Rooms,
    /// [`PresenceRules::users_max`].
    #[error("users of the room")]
    Users,
    /// [`PresenceRules::connections_max`].
    #[error("connections of the user in the room")]
    Connections,
    /// [`PresenceRules::connection_rooms_max`].
    #[error("rooms of the connection")]
    ConnectionRooms,
    /// [`PresenceRules::user_bytes_max`].
    #[error("bytes of the user's key")]
    UserBytes,
    /// [`PresenceRules::metadata_bytes_max`].
    #[error("bytes of the metadata")]
    MetadataBytes,
    /// [`PresenceRules::bytes_max`].
    #[error("bytes of all presence")]
    Bytes,
}

impl PresenceLimit {
    pub(super) fn exceeded(self, max: usize) -> PresenceError {
        PresenceError::Limit { limit: self, max }
    }
}
