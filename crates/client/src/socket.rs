//! One namespace of one client: the state that its handles and the manager's task share.
//!
//! | phase | session opens | auth done | `0` | `4` | `1` | session lost |
//! |---|---|---|---|---|---|---|
//! | Unjoined | Authorizing | – | – | Left | Left | Unjoined |
//! | Authorizing | – | Authorized | – | Left | Left | Unjoined |
//! | Authorized | – | – | – | Left | Left | Unjoined |
//! | Joining (`0` was sent) | – | – | Joined | Left | Left | Unjoined |
//! | Joined | – | – | – | – | Left | Unjoined |
//!
//! Leaving: a Joined socket sends its queue, then `1`, and has Left; a Joining one waits for the
//! reply first, because a `1` before it breaks the protocol; any other has Left.

// `AckFuture`: a request, from the caller's side.
mod ack;

// Emitting: from the handles into the queue.
mod emit;

// Joining and leaving: what the manager does with a socket.
mod join;

// `Responder`: the ack of an event of the server.
mod responder;

// The packets that wait to be sent.
mod send_queue;

// `Subscription`: events as a stream.
mod subscription;

use std::fmt;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use sockeye_socket_proto::{PendingAcks, RawArgs};
use tokio::sync::{Notify, oneshot, watch};

pub use self::ack::AckFuture;
pub(crate) use self::responder::Responder;
use self::send_queue::SendQueue;
use self::subscription::Subscribers;
pub use self::subscription::Subscription;
use crate::client::{Client, Handle};
use crate::error::ConnectError;
use crate::handler::Handlers;
use crate::limits::Limits;
use crate::manager::ManagerLink;
use crate::state::ConnectionState;

/// One namespace of one client.
pub(crate) struct Socket {
    pub(crate) namespace: String,
    pub(crate) handlers: Handlers,
    pub(crate) limits: Limits,
    pub(crate) link: Arc<ManagerLink>,
    pub(crate) handle: Weak<Handle>,
    pub(crate) state: watch::Sender<ConnectionState>,
    /// Notified when the queue has become empty.
    drained: Notify,
    inner: Mutex<Inner>,
}

/// The sender of the result of the first attempt to join.
pub(crate) type FirstJoin = oneshot::Sender<Result<(), ConnectError>>;

struct Inner {
    phase: JoinPhase,
    /// All handles are gone, or the client was closed.
    is_leaving: bool,
    /// The `1` was sent, and the disconnect handler has not run yet.
    has_sent_disconnect: bool,
    /// The number of the session, by which what belongs to an earlier one is recognised.
    epoch: u32,
    queue: SendQueue,
    acks: PendingAcks<oneshot::Sender<RawArgs>>,
    /// Requests below this id were sent.
    requests_sent: u64,
    subscribers: Subscribers,
    first_join: Option<FirstJoin>,
}

/// The phase of joining the namespace; the table at the top of the file has its changes.
#[derive(Debug, PartialEq, Eq)]
enum JoinPhase {
    Unjoined,
    Authorizing,
    Authorized(String),
    Joining,
    Joined,
    Left,
}

impl Socket {
    pub(crate) fn new(
        namespace: String,
        handlers: Handlers,
        limits: Limits,
        link: Arc<ManagerLink>,
        first_join: Option<FirstJoin>,
    ) -> Self {
        let inner = Inner {
            phase: JoinPhase::Unjoined,
            is_leaving: false,
            has_sent_disconnect: false,
            epoch: 0,
            queue: SendQueue::default(),
            acks: PendingAcks::new(limits.pending_acks_max),
            requests_sent: 0,
            subscribers: Subscribers::default(),
            first_join,
        };
        Socket {
            namespace,
            handlers,
            limits,
            link,
            handle: Weak::new(),
            state: watch::Sender::new(ConnectionState::Connecting),
            drained: Notify::new(),
            inner: Mutex::new(inner),
        }
    }

    /// A handle to the client; `None` once all handles are gone.
    pub(crate) fn client(&self) -> Option<Client> {
        self.handle.upgrade().map(Client)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
