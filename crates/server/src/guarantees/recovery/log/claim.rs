//! What a returning client asks for, and what it is given.

use std::sync::Arc;

use sockeye_engine::Encoded;

use crate::cluster::sessions::RestoredSession;
use crate::rooms::room::Room;
use crate::socket::data::SocketData;
use crate::socket::id::SocketId;

/// The claim of a returning client.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// The id it will have.
    pub(crate) id: SocketId,
    pub(crate) pid: SocketId,
    /// The number of the first event it missed.
    pub(super) from: u64,
    /// The session, if the cluster has kept it.
    pub(crate) restored: Option<Arc<RestoredSession>>,
}

/// The state that was kept for a returning client.
pub(crate) struct Returned<'a> {
    pub(crate) rooms: &'a [Room],
    pub(crate) data: &'a SocketData,
    /// The events that it missed, in order, with their numbers.
    pub(crate) missed: Vec<(u64, Arc<Encoded>)>,
}

/// The outcome of restoring a returning client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Return {
    Admitted,
    /// It has left again meanwhile.
    Ended,
    /// Its outbox has no room for the events that it missed.
    Full,
}
