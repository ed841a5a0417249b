//! What carries messages between servers, and where they arrive.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sockeye::{Node, Operation, OwnedOperation, RecoveryFailure, Restoring, Room};
use sockeye_cluster_proto::Message;

use crate::cluster::Shared;

/// What carries messages between the servers of a cluster: one server's access to it.
///
/// Its methods are called where a handler emits, so none of them waits: what is to be sent is queued, with a bound, and
/// what is lost is told to the [`Inbox`]. Messages of one server arrive in their order, each at most once.
pub trait Bus: Send + Sync + 'static {
    /// What it is called in errors: who did not answer where it is the bus itself, such as `Redis`.
    fn name(&self) -> &'static str;

    /// Begins, in a tokio runtime: what comes is given to the inbox. Called once.
    fn start(&self, uid: &Arc<str>, inbox: Inbox);

    /// Listens in a namespace.
    fn open(&self, namespace: &str);

    /// Listens in a namespace no more.
    fn close(&self, namespace: &str);

    /// Ends, after what was queued is sent: the server is gone.
    fn stop(&self) {}

    /// Waits until what was opened until now is listened to.
    fn ready(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    /// Sends to all other servers of the message's namespace.
    fn send(&self, message: &Message<'_>);

    /// Whether it keeps events in an order of its own and gives them their offsets, as streams of Redis do: see
    /// [`Cluster::assigns_offsets`](sockeye::Cluster::assigns_offsets).
    fn assigns_offsets(&self) -> bool {
        false
    }

    /// Sends an event that is to get its offset, and gives it to [`Inbox::recorded`] when it has one, among the
    /// events of other servers in the order of the offsets; or without one, if it cannot be kept. Called only if the bus
    /// [`assigns_offsets`](Bus::assigns_offsets). `message` is the operation as it is written.
    fn record(&self, message: &Message<'_>, operation: &Operation<'_>) {
        let _ = operation;
        self.send(message);
    }

    /// Whether it keeps sessions: see [`Cluster::keeps_sessions`](sockeye::Cluster::keeps_sessions).
    fn keeps_sessions(&self) -> bool {
        false
    }

    /// Sessions have changed: see [`Cluster::sessions_changed`](sockeye::Cluster::sessions_changed).
    fn sessions_changed(&self) {}

    /// Takes the session of a client that has come back: see
    /// [`Cluster::restore_session`](sockeye::Cluster::restore_session).
    fn restore_session(&self, namespace: &str, pid: &str, offset: Option<&str>) -> Restoring {
        let _ = (namespace, pid, offset);
        Box::pin(std::future::ready(Err(RecoveryFailure::UnknownSession)))
    }

    /// Answers one server, which may be unknown: then all of them get it.
    fn answer(&self, to: Option<&str>, message: &Message<'_>);

    /// Whether answers to one server come to all: then those that nobody here waits for are not
    /// [counted](crate::Counts::unasked).
    fn answers_reach_all(&self) -> bool {
        false
    }

    /// Sends what only servers of this project understand, to one of them or to all others: on a channel of their own
    /// that no other server listens on.
    fn send_own(&self, to: Option<&str>, bytes: &[u8]);

    /// How it is known how many servers there are.
    fn counting(&self) -> Counting {
        Counting::Heartbeats
    }

    /// How many other servers have a namespace: asked before each request, where the bus
    /// [counts](Counting::Subscribers) them. `None`: it could not be asked.
    fn count_others<'a>(
        &'a self,
        namespace: &'a str,
    ) -> Pin<Box<dyn Future<Output = Option<usize>> + Send + 'a>> {
        let _ = namespace;
        Box::pin(std::future::ready(None))
    }

    /// The letters of a server's id. Default 16.
    fn uid_length(&self) -> usize {
        16
    }

    /// Whether it listens for each room alone.
    fn watches_rooms(&self) -> bool {
        false
    }

    /// A room has its first member here. `is_private`: it is that of a socket's own id.
    fn room_created(&self, namespace: &str, room: &Room, is_private: bool) {
        let _ = (namespace, room, is_private);
    }

    /// A room has no members here any more.
    fn room_deleted(&self, namespace: &str, room: &Room) {
        let _ = (namespace, room);
    }
}

/// How it is known how many servers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// They say so themselves, in each namespace and on the channel of this project's servers.
    Heartbeats,
    /// The bus counts who listens.
    Subscribers,
}

/// Where a bus puts what comes: a handle, cheap to clone. It does not keep the server alive: after the server's end it
/// takes things and does nothing.
#[derive(Clone)]
pub struct Inbox {
    shared: Weak<dyn Arrivals>,
}

/// What an inbox does with what comes.
pub(crate) trait Arrivals: Send + Sync {
    fn message(&self, message: &Message<'_>, offset: Option<&str>);
    fn recorded(&self, operation: &OwnedOperation, offset: Option<&str>);
    fn own(&self, bytes: &[u8]);
    fn refused(&self, why: &dyn fmt::Display);
    fn lost(&self, messages: u64, why: &dyn fmt::Display);
    fn connected(&self);
    fn gap(&self, lasted: Duration);
    fn local(&self) -> Option<Node>;
}

impl Inbox {
    pub(crate) fn new<B: Bus>(shared: &Arc<Shared<B>>) -> Self {
        let shared: Weak<dyn Arrivals> = Arc::downgrade(shared) as _;
        Self { shared }
    }

    /// A message of another server has come. Messages of this server may come back: they are skipped.
    pub fn message(&self, message: &Message<'_>) {
        if let Some(shared) = self.shared.upgrade() {
            shared.message(message, None);
        }
    }

    /// A message of another server has come, which the bus has given this offset.
    pub fn message_at(&self, message: &Message<'_>, offset: &str) {
        if let Some(shared) = self.shared.upgrade() {
            shared.message(message, Some(offset));
        }
    }

    /// An event of this server, given to [`Bus::record`], has its offset: its clients here get it now. `None`: it could
    /// not be kept, and they get it nevertheless.
    pub fn recorded(&self, operation: &OwnedOperation, offset: Option<&str>) {
        if let Some(shared) = self.shared.upgrade() {
            shared.recorded(operation, offset);
        }
    }

    /// Something has come from a server of this project, by [`Bus::send_own`].
    pub fn own(&self, bytes: &[u8]) {
        if let Some(shared) = self.shared.upgrade() {
            shared.own(bytes);
        }
    }

    /// Something came that is no message: it is counted, and told in the log now and then.
    pub fn refused(&self, why: &dyn fmt::Display) {
        if let Some(shared) = self.shared.upgrade() {
            shared.refused(why);
        }
    }

    /// So many messages of this server could not be sent, or of others were missed, at least: it is counted and told in
    /// the log.
    pub fn lost(&self, messages: u64, why: &dyn fmt::Display) {
        if let Some(shared) = self.shared.upgrade() {
            shared.lost(messages, why);
        }
    }

    /// The connection is there and this server listens, for the first time or again: it tells the others of itself, and
    /// asks who they are.
    pub fn connected(&self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.connected();
        }
    }

    /// For so long nothing came from the bus: what the others sent meanwhile is missed. It is counted, and told to the
    /// program by an [event](crate::ClusterEvent::Gap).
    pub fn gap(&self, lasted: Duration) {
        if let Some(shared) = self.shared.upgrade() {
            shared.gap(lasted);
        }
    }

    /// This server, which a bus may ask what it has. `None`: it has ended.
    pub fn local(&self) -> Option<Node> {
        self.shared.upgrade()?.local()
    }

    /// Whether the server has ended.
    pub fn is_closed(&self) -> bool {
        self.shared.strong_count() == 0
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("is_closed", &self.is_closed()).finish_non_exhaustive()
    }
}
