//! Sessions that a cluster keeps, so that a client can come back to another server.
//!
//! The log of a namespace notes which sessions have changed; the cluster takes them, writes them where all servers find
//! them, and says what became of each. A client that comes back is looked for there first, wherever it was before.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sockeye_socket_proto::RawEvent;

use crate::rooms::room::Room;
use crate::socket::details::SharedData;
use crate::socket::id::SocketId;

/// What a cluster keeps of a session.
#[derive(Debug, Clone)]
pub struct KeptSession {
    /// The socket's id.
    pub id: SocketId,
    /// The rooms it is in, its own id first.
    pub rooms: Vec<Room>,
    /// The data that its namespace [shares](crate::Namespace::share).
    pub data: SharedData,
}

/// A session that has changed, see [`Node::take_changed_sessions`](crate::Node::take_changed_sessions).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChangedSession {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// The private id, under which its client asks for it.
    pub pid: SocketId,
    /// The number of the change, for [`Node::session_written`](crate::Node::session_written).
    pub change: u64,
    /// As it is now. `None`: it is over, and nobody may come back to it.
    pub session: Option<KeptSession>,
    /// Whether it begins, or goes on, on this server: it is written whatever is there.
    pub is_new: bool,
    /// Whether its client is connected.
    pub is_connected: bool,
    /// The offset of the last event before it began; `None`: none has come since this server was started.
    pub since: Option<Arc<str>>,
    /// How long its client may be away.
    pub lasts: Duration,
}

/// What became of a session that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOutcome {
    /// It is written; or it could not be, and nothing is there any more that somebody could come back to.
    Done,
    /// It is not known what is there: it is [changed](crate::Node::take_changed_sessions) still.
    Unknown,
    /// Another server has it now: its client has come back there. The socket here ends.
    Elsewhere,
}

/// A session that a client has come back to, and what it missed.
#[derive(Debug)]
pub struct RestoredSession {
    /// As it was kept.
    pub session: KeptSession,
    /// Whether this server kept it: then it may know more of it.
    pub is_own: bool,
    /// The offset of the last event before it began.
    pub since: Arc<str>,
    /// The events for its rooms after the last that its client has, in their order.
    pub missed: Vec<MissedEvent>,
    /// The offset up to which events were looked through: later ones are not among those missed.
    pub until: Arc<str>,
    /// The offset up to which this server had all events before they were looked through.
    pub position: Arc<str>,
    /// Puts it back if its client is not admitted after all.
    pub lease: SessionLease,
}

/// An event that a client has missed.
#[derive(Debug, Clone)]
pub struct MissedEvent {
    /// Its offset.
    pub offset: Box<str>,
    /// The event.
    pub event: RawEvent,
    /// Whether it may be compressed on its way.
    pub may_compress: bool,
}

/// A session that was taken for one client. Dropped, it is put back, unless the client was admitted.
pub struct SessionLease(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl SessionLease {
    /// `put_back` is called if the client is not admitted.
    pub fn new(put_back: impl FnOnce() + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(put_back))))
    }

    /// The client is admitted.
    pub(crate) fn keep(&self) {
        self.0.lock().take();
    }
}

impl Drop for SessionLease {
    fn drop(&mut self) {
        if let Some(put_back) = self.0.get_mut().take() {
            put_back();
        }
    }
}

impl fmt::Debug for SessionLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SessionLease").finish()
    }
}
