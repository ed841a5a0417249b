//! The data about presence that server and client exchange.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use sockeye_socket_proto::{PayloadError, decode_args};

/// A user who is present in a room. `M` is the type of the metadata: on the server they are JSON, a
/// program that receives them uses its own type.
///
/// ```
/// use sockeye::Present;
///
/// #[derive(serde::Deserialize)]
/// struct Status { device: String }
///
/// let json = r#"{"user":"ada","since":1764000000000,
///     "connections":[{"since":1764000000000,"metadata":{"device":"phone"}}]}"#;
/// let ada: Present<Status> = serde_json::from_str(json)?;
/// assert_eq!(ada.connections[0].metadata.device, "phone");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Present<M = PresenceMetadata> {
    /// The key of the user.
    pub user: String,
    /// Since when the user is present without a break: milliseconds since 1970, by the server's
    /// clock.
    pub since: u64,
    /// The user's connections in the order in which they joined. One that replaces a lost one has
    /// the position of that one. Empty only for a user who has left and whom this client may never
    /// have received.
    pub connections: Vec<PresentConnection<M>>,
}

/// A connection of a user who is present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresentConnection<M = PresenceMetadata> {
    /// Since when it is there, or the lost one that it replaced: milliseconds since 1970,
    /// by the server's clock.
    pub since: u64,
    /// The metadata that it joined with, or was updated to.
    pub metadata: M,
}

/// The changes of a room's presence: the payload of the event `presence`.
///
/// A client that has the list applies it by key, in this order: `left` are removed; `joined` and
/// `changed` replace the entries of these users. Differences that arrive before the list are kept
/// and applied after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceDifference<M = PresenceMetadata> {
    /// Those who were not present before, as they are now.
    pub joined: Vec<Present<M>>,
    /// Those who are not present any more, as they were.
    pub left: Vec<Present<M>>,
    /// Those who have other connections than before, or other metadata, as they are now.
    pub changed: Vec<Present<M>>,
}

/// A [`PresenceDifference`] that names its room: the payload of the event `presence` where
/// [`PresenceRules::named`](crate::PresenceRules::named) says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomPresenceDifference<M = PresenceMetadata> {
    /// The room's name.
    pub room: String,
    /// As [`PresenceDifference::joined`].
    pub joined: Vec<Present<M>>,
    /// As [`PresenceDifference::left`].
    pub left: Vec<Present<M>>,
    /// As [`PresenceDifference::changed`].
    pub changed: Vec<Present<M>>,
}

impl<M> PresenceDifference<M> {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.left.is_empty() && self.changed.is_empty()
    }
}

/// The metadata of a connection: any value that JSON can write. Cheap to clone.
#[derive(Clone)]
pub struct PresenceMetadata(Arc<RawValue>);

impl PresenceMetadata {
    pub(super) fn new(json: Box<RawValue>) -> Self {
        Self(Arc::from(json))
    }

    /// Metadata that another server tells of.
    pub fn from_json(json: Box<RawValue>) -> Self {
        Self::new(json)
    }

    /// The JSON.
    pub fn json(&self) -> &str {
        self.0.get()
    }

    /// The JSON, as a part of what is written.
    pub fn raw(&self) -> &RawValue {
        &self.0
    }

    /// The value.
    ///
    /// # Errors
    /// [`PayloadError`] when it is not a `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, PayloadError> {
        decode_args(self.json(), &[])
    }
}

impl PartialEq for PresenceMetadata {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for PresenceMetadata {}

impl fmt::Debug for PresenceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.json())
    }
}

impl Serialize for PresenceMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PresenceMetadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(Self::new)
    }
}
