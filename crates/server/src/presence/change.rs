//! What the servers of a cluster tell each other about presence, as plain data.

use std::sync::Arc;

use super::present::PresenceMetadata;
use crate::rooms::room::Room;
use crate::socket::id::SocketId;

/// A change of the connections of one server, for the others: see
/// [`Cluster::presence_changed`](crate::Cluster::presence_changed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceChange {
    /// The room.
    pub room: Room,
    /// The connection: the socket by which somebody is present.
    pub socket: SocketId,
    /// What has become of it.
    pub kind: PresenceChangeKind,
}

/// What has become of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceChangeKind {
    /// It is there, or its metadata are others.
    Present(PresentHere),
    /// It is lost: its client may come back.
    Lost,
    /// It is gone.
    Left,
}

/// A connection that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentHere {
    /// The key of its user.
    pub user: Arc<str>,
    /// Since when the user is present in the room, as far as the server knows: milliseconds since 1970.
    pub user_since: u64,
    /// Since when the connection is there.
    pub since: u64,
    /// Its metadata.
    pub metadata: PresenceMetadata,
    /// Whether it is lost, and its client may come back.
    pub is_lost: bool,
}

/// All connections of a server in a namespace, or a piece of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresencePiece {
    /// It is the first piece.
    pub is_first: bool,
    /// It is the last piece: connections that were in none are gone.
    pub is_last: bool,
}
