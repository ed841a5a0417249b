//! The servers beside this one.
//!
//! A verb of a broadcast is an [`Operation`](operation::Operation). This server carries its half out
//! at once, on its own sockets; the other half is a [`Cluster`], which takes the operation to the
//! other servers, each of which gives it to its [`Node`](node::Node).

/// The verbs of a broadcast as plain data.
pub(crate) mod operation;
/// This server, as its cluster knows it.
pub(crate) mod node;
/// What the other servers answer.
pub(crate) mod replies;
/// Events between the servers themselves.
pub(crate) mod server_side;
/// One of them, as plain data.
pub(crate) mod server_side_event;
/// Sessions that a cluster keeps.
pub(crate) mod sessions;

use std::pin::Pin;

use self::node::Node;
use self::operation::Operation;
use self::replies::Replies;
use self::sessions::RestoredSession;
use crate::guarantees::recovery::RecoveryFailure;
use crate::presence::change::PresenceChange;
use crate::rooms::room::Room;

/// The servers beside this one: what takes operations to them, and theirs here. Set by
/// [`ServerBuilder::cluster`](crate::ServerBuilder::cluster).
///
/// Methods are called where a handler emits, so they never wait: what has to be sent is queued, with
/// a bound. What cannot be sent is lost for the others and is the cluster's to report; emitting is
/// fire-and-forget, and whoever asks has an answer or a timeout.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use sockeye::{Cluster, Node, Operation, OwnedOperation, Replies, Server};
///
/// /// Writes down what it is to send, for servers that are not there.
/// #[derive(Clone, Default)]
/// struct Notes(Arc<Mutex<Vec<OwnedOperation>>>);
///
/// impl Cluster for Notes {
///     fn start(&self, _: Node) {}
///     fn publish(&self, operation: &Operation<'_>) {
///         self.0.lock().unwrap().push(operation.to_owned_operation());
///     }
///     fn ask(&self, operation: &Operation<'_>, _: Replies) {
///         self.publish(operation);
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Runtime::new()?;
/// # let _guard = runtime.enter();
/// let notes = Notes::default();
/// let server = Server::builder().cluster(notes.clone()).build()?;
/// server.io().to("lobby").emit("news", "hello")?;
/// assert_eq!(notes.0.lock().unwrap().len(), 1);
/// # Ok(())
/// # }
/// ```
pub trait Cluster: Send + Sync + 'static {
    /// Begins: called once, when the server is built, inside of a tokio runtime. What comes from the
    /// other servers is given to `node`.
    fn start(&self, node: Node);

    /// Sends an operation to all other servers.
    fn publish(&self, operation: &Operation<'_>);

    /// Sends an operation that asks to all other servers, and puts their answers into `replies`:
    /// first [`Replies::asked`], which says who was asked, then [`Replies::push`] for each answer.
    fn ask(&self, operation: &Operation<'_>, replies: Replies);

    /// Whether events that are kept for recovery get their offset from the cluster, as those of Redis
    /// streams do. Then such an event is [`record`](Cluster::record)ed in place of being published.
    /// Default: no, each server counts for itself.
    fn assigns_offsets(&self) -> bool {
        false
    }

    /// Sends an event that is to get its offset to all servers, this one included, in the order of
    /// the offsets: each is given it by [`Node::apply`] with [`Action::Emit`](crate::Action::Emit)'s
    /// `offset`, and delivers and keeps it then. Called only if the cluster
    /// [`assigns_offsets`](Cluster::assigns_offsets).
    fn record(&self, operation: &Operation<'_>) {
        self.publish(operation);
    }

    /// Whether it keeps the sessions of clients, so that they can come back to another server. Then
    /// it [assigns offsets](Cluster::assigns_offsets) too, which are of the form `12-3`, and each
    /// later than those before. Asked once for each namespace. Default no.
    fn keeps_sessions(&self) -> bool {
        false
    }

    /// Sessions have changed: soon it takes them by
    /// [`Node::take_changed_sessions`](crate::Node::take_changed_sessions). Called only if it
    /// [`keeps_sessions`](Cluster::keeps_sessions).
    fn sessions_changed(&self) {}

    /// Takes the session of a client that has come back, which says its private id and the last
    /// offset it has: for one client only, however many ask, on whichever servers.
    fn restore_session(&self, namespace: &str, pid: &str, offset: Option<&str>) -> Restoring {
        let _ = (namespace, pid, offset);
        Box::pin(std::future::ready(Err(RecoveryFailure::UnknownSession)))
    }

    /// How many servers there are, this one included, as far as is known. Default 1.
    fn server_count(&self) -> usize {
        1
    }

    /// A namespace is there: from now on this server is one of those that what is sent in it is for.
    /// After [`start`](Cluster::start) it is called for each that is declared, and later for those
    /// that clients' names make.
    fn open(&self, namespace: &str) {
        let _ = namespace;
    }

    /// A namespace is there no more: one that a client's name made, and that nobody is in.
    fn close(&self, namespace: &str) {
        let _ = namespace;
    }

    /// Connections of this server's sockets by which users are [present](crate::Presence) have changed: for the other
    /// servers, which take it with [`Node::apply_presence`]. `from`: how many changes of this namespace were told before, so
    /// that a server that missed some notices and asks for [all](Node::presence_part). In the order of the changes.
    fn presence_changed(&self, namespace: &str, from: u64, changes: &[PresenceChange]) {
        let _ = (namespace, from, changes);
    }

    /// Whether it wants to know which rooms there are, as a cluster does that listens for each room
    /// alone. Asked once, when the server is built. Default no, which costs nothing.
    fn watches_rooms(&self) -> bool {
        false
    }

    /// A room has its first member on this server. `is_private`: it is the room of a socket's own id.
    /// Called only if the cluster [`watches_rooms`](Cluster::watches_rooms), in the order of the
    /// changes.
    fn room_created(&self, namespace: &str, room: &Room, is_private: bool) {
        let _ = (namespace, room, is_private);
    }

    /// A room's last member on this server has left it.
    fn room_deleted(&self, namespace: &str, room: &Room) {
        let _ = (namespace, room);
    }
}

/// The session of a client that has come back, once it is there.
pub type Restoring = Pin<Box<dyn Future<Output = Result<RestoredSession, RecoveryFailure>> + Send>>;
