//! This server, as its cluster knows it.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use sockeye_socket_proto::{EventRef, RawArgs};
use tokio::sync::mpsc;

use super::operation::{Action, Operation};
use super::replies::Reply;
use super::server_side;
use super::sessions::{ChangedSession, KeptSession, SessionOutcome};
use crate::broadcast::acks::Acks;
use crate::broadcast::io::Io;
use crate::broadcast::recipients::Recipients;
use crate::guarantees::recovery::log::{Log, Taken};
use crate::namespace::active::{ActiveNamespace, Siblings};
use crate::presence;
use crate::presence::change::{PresenceChange, PresencePiece};
use crate::rooms::room::Room;
use crate::socket::Socket;
use crate::socket::details::{SharedData, SocketDetails};
use crate::socket::id::SocketId;

/// This server, as its [`Cluster`](crate::Cluster) knows it: a handle, cheap to clone. What comes
/// from the other servers is given to it, inside of a tokio runtime. It does not keep the server
/// alive: after the server's end operations do nothing.
#[derive(Clone)]
pub struct Node {
    namespaces: Weak<dyn Siblings>,
}

/// Takes the replies to one operation.
type ReplyTo = Arc<dyn Fn(Reply) + Send + Sync>;

impl Node {
    pub(crate) fn new(namespaces: Weak<dyn Siblings>) -> Self {
        Self { namespaces }
    }

    /// Carries out an operation of another server on the sockets of this one. Replies, if it asks for
    /// some, are given to `reply`, from any thread, until the operation's timeout.
    pub fn apply(&self, operation: &Operation<'_>, reply: impl Fn(Reply) + Send + Sync + 'static) {
        let namespace = self.namespaces.upgrade();
        match namespace.and_then(|namespaces| namespaces.get(operation.namespace)) {
            Some(namespace) => apply(&namespace, operation, Arc::new(reply)),
            None => nobody(operation.action, reply),
        }
    }

    /// All connections of this server's sockets by which users are [present](crate::Presence) in a namespace, and how many
    /// changes were [told](crate::Cluster::presence_changed) before. `None`: there is no such namespace here.
    pub fn presence_part(&self, namespace: &str) -> Option<(u64, Vec<PresenceChange>)> {
        let namespace = self.get(namespace)?;
        Some(namespace.presence.get().map(|presence| presence.part()).unwrap_or_default())
    }

    /// Takes what another server tells of the presence of its sockets. `server`: its id.
    pub fn apply_presence(&self, namespace: &str, server: &Arc<str>, changes: Vec<PresenceChange>) {
        if let Some(namespace) = self.get(namespace) {
            presence::handle::state(&namespace).apply(server, changes);
        }
    }

    /// Takes a piece of [all connections](Node::presence_part) of another server, in place of what it told before. Pieces of
    /// one server come one after the other.
    pub fn replace_presence(
        &self,
        namespace: &str,
        server: &Arc<str>,
        connections: Vec<PresenceChange>,
        piece: PresencePiece,
    ) {
        if let Some(namespace) = self.get(namespace) {
            presence::handle::state(&namespace).replace(server, connections, piece);
        }
    }

    /// Another server is gone, and with it the presence of its sockets, in all namespaces. `has_said_so`: it has said so, so
    /// its clients have the [grace](crate::PresenceRules::grace) to come to another server; else it is over.
    pub fn forget_presence(&self, server: &str, has_said_so: bool) {
        let namespaces = self.namespaces.upgrade().map(|namespaces| namespaces.all());
        for namespace in namespaces.into_iter().flatten() {
            if let Some(presence) = namespace.presence.get() {
                presence.forget_server(server, has_said_so);
            }
        }
    }

    fn get(&self, namespace: &str) -> Option<Arc<ActiveNamespace>> {
        self.namespaces.upgrade()?.get(namespace)
    }

    /// Whether a room has members on this server, or a socket with that id is here: whether anything
    /// that is sent to it has somebody to reach.
    pub fn has_room(&self, namespace: &str, room: &str) -> bool {
        let namespaces = self.namespaces.upgrade();
        let namespace = namespaces.and_then(|namespaces| namespaces.get(namespace));
        namespace.is_some_and(|namespace| namespace.adapter.has_room(room))
    }

    /// Up to so many sessions that have changed since they were taken last, with none of a namespace
    /// without recovery. The cluster says what became of each by
    /// [`session_written`](Node::session_written).
    pub fn take_changed_sessions(&self, max: usize) -> Vec<ChangedSession> {
        let mut changed = Vec::new();
        for (namespace, log) in self.logs() {
            for Taken { pid, change, is_new, state } in log.take_changed(max - changed.len()) {
                let (mut since, mut is_connected) = (None, false);
                let session = state.map(|state| {
                    (since, is_connected) = (state.since, state.is_connected);
                    let data = SharedData(namespace.handlers.shared.write(&state.data));
                    KeptSession { id: state.id, rooms: state.rooms, data }
                });
                let (namespace, lasts) = (Arc::clone(&namespace.path), log.max_disconnection());
                changed.push(ChangedSession {
                    namespace,
                    pid,
                    change,
                    session,
                    is_new,
                    is_connected,
                    since,
                    lasts,
                });
            }
            if changed.len() >= max {
                break;
            }
        }
        changed
    }

    /// What became of a session that was [taken](Node::take_changed_sessions).
    pub fn session_written(
        &self,
        namespace: &str,
        pid: &SocketId,
        change: u64,
        outcome: SessionOutcome,
    ) {
        let namespace = self.namespaces.upgrade().and_then(|all| all.get(namespace));
        if let Some(log) = namespace.as_ref().and_then(|namespace| namespace.log.as_ref()) {
            log.written(pid, change, outcome);
        }
    }

    /// All sessions whose clients are connected count as changed, to be written again before what was
    /// written expires, or after it was lost. Returns how long a client may be away; `None`: there is
    /// no namespace with recovery.
    pub fn renew_sessions(&self) -> Option<Duration> {
        let logs = self.logs();
        logs.iter().for_each(|(_, log)| log.renew());
        logs.iter().map(|(_, log)| log.max_disconnection()).min()
    }

    /// How long a client of a namespace may be away. `None`: it does not recover.
    pub fn max_disconnection(&self, namespace: &str) -> Option<Duration> {
        let namespace = self.namespaces.upgrade()?.get(namespace)?;
        namespace.log.as_ref().map(|log| log.max_disconnection())
    }

    fn logs(&self) -> Vec<(Arc<ActiveNamespace>, Arc<Log<Socket>>)> {
        let all = self.namespaces.upgrade().map(|namespaces| namespaces.all()).unwrap_or_default();
        let with_log = |namespace: Arc<ActiveNamespace>| {
            let log = namespace.log.clone().filter(|log| log.keeps_sessions)?;
            Some((namespace, log))
        };
        all.into_iter().filter_map(with_log).collect()
    }

    /// The rooms that have members on this server, those of sockets' own ids among them.
    pub fn rooms(&self, namespace: &str) -> Vec<Room> {
        let namespaces = self.namespaces.upgrade();
        let namespace = namespaces.and_then(|namespaces| namespaces.get(namespace));
        namespace.map(|namespace| namespace.adapter.room_names()).unwrap_or_default()
    }
}

/// Of a namespace that nobody is in.
fn nobody(action: Action<'_>, reply: impl Fn(Reply)) {
    match action {
        Action::EmitWithAck(_) => reply(Reply::Asked { count: 0, ids: Vec::new() }),
        Action::Fetch => reply(Reply::Sockets(Vec::new())),
        Action::Ids => reply(Reply::Ids(Vec::new())),
        Action::ServerSideEmitWithAck(_) => reply(Reply::Unhandled),
        _ => {}
    }
}

fn apply(namespace: &Arc<ActiveNamespace>, operation: &Operation<'_>, reply: ReplyTo) {
    let &Operation { targets, flags, action, .. } = operation;
    // Of this server where the operation comes back to it, see `Cluster::record`.
    let sender = targets.sender.and_then(|id| namespace.adapter.socket(id.as_str()));
    let recipients = Recipients { namespace, targets, flags, sender: sender.as_ref() };
    match action {
        Action::Emit { event, offset } => recipients.emit(event, offset),
        Action::EmitWithAck(event) => ask(&recipients, event, reply),
        Action::Join(rooms) => recipients.sockets().iter().for_each(|socket| socket.join(rooms)),
        Action::Leave(rooms) => recipients.sockets().iter().for_each(|socket| socket.leave(rooms)),
        Action::Disconnect => recipients.sockets().iter().for_each(Socket::disconnect),
        Action::CloseSessions => recipients.sockets().iter().for_each(Socket::close_session),
        Action::Fetch => {
            let sockets = recipients.sockets();
            reply(Reply::Sockets(sockets.iter().map(SocketDetails::of).collect()));
        }
        Action::Ids => reply(Reply::Ids(recipients.sockets().iter().map(Socket::id).collect())),
        Action::ServerSideEmit(event) => {
            server_side::handle(&Io::new(Arc::clone(namespace)), event, false);
        }
        Action::ServerSideEmitWithAck(event) => {
            match server_side::handle(&Io::new(Arc::clone(namespace)), event, true) {
                None => reply(Reply::Unhandled),
                Some(handling) => {
                    tokio::spawn(async move {
                        let answer = server_side::outcome(handling.await);
                        reply(Reply::Handled(answer.map_err(|error| error.to_remote())));
                    });
                }
            }
        }
    }
}

/// Asks the sockets here, and passes their answers on.
fn ask(recipients: &Recipients<'_>, event: EventRef<'_>, reply: ReplyTo) {
    let (sender, arrivals) = mpsc::unbounded_channel();
    let asked = recipients.ask(event, &sender);
    let ids: Vec<_> = asked.keys().cloned().collect();
    reply(Reply::Asked { count: ids.len(), ids });
    let timeout = recipients.flags.timeout;
    let mut acks =
        Acks::<RawArgs>::new(event.name.to_owned().into(), arrivals, asked, None, timeout);
    tokio::spawn(async move {
        while let Some((id, outcome)) = acks.next_raw().await {
            reply(Reply::Ack { id, answer: outcome.ok() });
        }
    });
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").finish_non_exhaustive()
    }
}
