//! Broadcasts: one event for many sockets.
//!
//! A verb makes an [`Operation`](crate::Operation): plain data, which is sent to the other servers
//! of a cluster. [`recipients`] carries it out on this server.

/// A namespace as a whole.
pub(crate) mod io;
/// The sockets of this server that an operation is for.
pub(crate) mod recipients;
/// One packet on its way to many sessions, in the forms that they take.
pub(crate) mod delivery;
/// Events as packets.
pub(crate) mod encode;
/// Listeners of what is sent.
pub(crate) mod listeners;
/// The acknowledgements of a broadcast.
pub(crate) mod acks;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use smallvec::SmallVec;
use sockeye_socket_proto::{
    EventName, EventRef, Request, event_name, to_event_name, with_encoded_args,
};
use tokio::sync::mpsc;

use self::acks::Acks;
use self::encode::MESSAGE;
use self::io::Io;
use self::recipients::{Asked, Recipients};
use crate::cluster::operation::{Action, Flags};
use crate::cluster::replies::{Arrival, Replies, Reply};
use crate::cluster::server_side::{self, ServerAcks};
use crate::error::{ClusterError, EmitError};
use crate::guarantees::recovery::section;
use crate::namespace::active::ActiveNamespace;
use crate::rooms::room::{IntoRooms, Room};
use crate::rooms::targets::TargetsRef;
use crate::socket::Socket;
use crate::socket::id::SocketId;

/// The broadcast operator: a selection of sockets, and the verbs to use on them. A socket in
/// several of the rooms is reached once. With a [`Cluster`](crate::Cluster) the sockets of all its
/// servers are reached, unless it is [`local`](Broadcast::local).
///
/// ```
/// # async fn run(io: &sockeye::Io) -> Result<(), Box<dyn std::error::Error>> {
/// io.to(["red", "blue"]).except("muted").emit("score", &[3, 1])?;
/// io.to("red").volatile().emit("position", &0.5)?;
/// let players = io.to("red").fetch().await?.len();
/// # drop(players);
/// # Ok(())
/// # }
/// ```
#[must_use = "a broadcast does nothing until it ends in a verb such as `emit`"]
#[derive(Clone)]
pub struct Broadcast {
    namespaces: SmallVec<[Arc<ActiveNamespace>; 1]>,
    rooms: Vec<Room>,
    except: Vec<Room>,
    /// The socket that sends it, which is left out unless it is the only target.
    sender: Option<Socket>,
    /// Whether the sender is the only target.
    is_direct: bool,
    /// Whether only this server's sockets are reached.
    is_local: bool,
    is_volatile: bool,
    may_compress: bool,
    /// The time for answers; `None`: that of the configuration.
    timeout: Option<Duration>,
}

impl Broadcast {
    /// The operator for everybody in these namespaces of one server.
    pub(crate) fn over(namespaces: impl IntoIterator<Item = Arc<ActiveNamespace>>) -> Self {
        Self {
            namespaces: namespaces.into_iter().collect(),
            rooms: Vec::new(),
            except: Vec::new(),
            sender: None,
            is_direct: false,
            is_local: false,
            is_volatile: false,
            may_compress: true,
            timeout: None,
        }
    }

    /// The operator for everybody but this socket.
    pub(crate) fn from_socket(socket: &Socket) -> Self {
        let namespace = Arc::clone(socket.active_namespace());
        Self { sender: Some(socket.clone()), ..Self::over([namespace]) }
    }

    /// The operator for this socket alone.
    pub(crate) fn to_socket(socket: &Socket) -> Self {
        Self { is_direct: true, ..Self::from_socket(socket) }
    }

    pub(crate) fn namespaces(&self) -> &[Arc<ActiveNamespace>] {
        &self.namespaces
    }

    /// Adds rooms; without any, everybody is reached.
    pub fn to(&self, rooms: impl IntoRooms) -> Self {
        self.clone().with_rooms(rooms)
    }

    pub(crate) fn with_rooms(mut self, rooms: impl IntoRooms) -> Self {
        let added = rooms.into_rooms();
        if self.rooms.is_empty() {
            self.rooms = added;
        } else {
            self.rooms.extend(added);
        }
        Self { is_direct: false, ..self }
    }

    /// Leaves out the sockets in these rooms, even if they are in others that are reached.
    pub fn except(&self, rooms: impl IntoRooms) -> Self {
        let mut except = self.except.clone();
        except.extend(rooms.into_rooms());
        Self { except, is_direct: false, ..self.clone() }
    }

    /// Only to sockets with nothing queued and a writable transport at that moment.
    pub fn volatile(&self) -> Self {
        Self { is_volatile: true, ..self.clone() }
    }

    /// Only on this server, not on the others of its cluster.
    pub fn local(&self) -> Self {
        Self { is_local: true, ..self.clone() }
    }

    /// Whether what is sent may be compressed, where the server and the client compress at all.
    /// Default true. Use false for data that does not get shorter, and for a secret next to text
    /// that an attacker may choose.
    pub fn compress(&self, compress: bool) -> Self {
        Self { may_compress: compress, ..self.clone() }
    }

    /// How long acknowledgements and the replies of other servers are awaited. Default
    /// [`Config::ack_timeout`](crate::Config::ack_timeout).
    pub fn timeout(&self, after: Duration) -> Self {
        Self { timeout: Some(after), ..self.clone() }
    }

    /// Sends an event. It is encoded once for all. A recipient that reads too slowly is no error
    /// here; the overflow policy handles it.
    ///
    /// # Errors
    /// When it cannot be encoded, or its name is reserved.
    pub fn emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        encoded(event_name(&event)?, payload, |event| self.send_event(event))
    }

    /// Sends the event `message`, the only event of some programs.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn send<P: Serialize + ?Sized>(&self, payload: &P) -> Result<(), EmitError> {
        self.emit(MESSAGE.name(), payload)
    }

    /// Sends an event and asks every recipient for an acknowledgement. It is sent at once; the
    /// answers are a stream, see [`Acks::collect`].
    ///
    /// # Errors
    /// As [`emit`](Broadcast::emit).
    pub fn emit_with_ack<P: Serialize + ?Sized, A>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Result<Acks<A>, EmitError> {
        let name = to_event_name(&event)?;
        let (sender, arrivals) = mpsc::unbounded_channel();
        let (asked, others) = encoded(&name, payload, |event| {
            let replies = self.ask_others(Action::EmitWithAck(event), &sender);
            let mut asked = Asked::new();
            self.in_each(|recipients| asked.extend(recipients.ask(event, &sender)));
            (asked, replies.map(|replies| Arc::clone(replies.tally())))
        })?;
        Ok(Acks::new(name, arrivals, asked, others, self.answer_timeout()))
    }

    /// Sends an event to servers instead of sockets: to the others of the cluster, or with
    /// [`local`](Broadcast::local) to this one alone. Rooms have no effect. Each handles it by
    /// [`on_server_side`](crate::Namespace::on_server_side) of this namespace.
    ///
    /// # Errors
    /// When it cannot be encoded, or its name is reserved.
    pub fn server_side_emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        encoded(event_name(&event)?, payload, |event| {
            self.handle_here(event, false);
            self.in_each(|recipients| self.publish(recipients, Action::ServerSideEmit(event)));
        })
    }

    /// As [`server_side_emit`](Broadcast::server_side_emit), and asks for the handlers' answers.
    ///
    /// # Errors
    /// As [`server_side_emit`](Broadcast::server_side_emit).
    pub fn server_side_emit_with_ack<P: Serialize + ?Sized, A>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Result<ServerAcks<A>, EmitError> {
        let name = to_event_name(&event)?;
        let (sender, arrivals) = mpsc::unbounded_channel();
        let (here, replies) = encoded(&name, payload, |event| {
            let replies = self.ask_others(Action::ServerSideEmitWithAck(event), &sender);
            (self.handle_here(event, true), replies)
        })?;
        let others = replies.map(|replies| (arrivals, replies));
        Ok(ServerAcks::new(name, here, others, self.answer_timeout()))
    }

    /// Makes the sockets join rooms.
    pub fn join(&self, rooms: impl IntoRooms) {
        let rooms: Vec<Room> = rooms.into_rooms();
        self.act(Action::Join(&rooms), |socket| socket.join(&rooms));
    }

    /// Makes the sockets leave rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let rooms: Vec<Room> = rooms.into_rooms();
        self.act(Action::Leave(&rooms), |socket| socket.leave(&rooms));
    }

    /// Disconnects the sockets from the namespace.
    pub fn disconnect(&self) {
        self.act(Action::Disconnect, Socket::disconnect);
    }

    /// Disconnects the clients of the sockets from all their namespaces and closes their
    /// connections: `disconnectSockets(true)` of the official server.
    pub fn close_sessions(&self) {
        self.act(Action::CloseSessions, Socket::close_session);
    }

    /// The ids of the sockets that would be reached, whichever server they are on: `allSockets` of the
    /// official server. Cheaper than [`fetch`](Broadcast::fetch).
    ///
    /// # Errors
    /// [`ClusterError`] when other servers do not answer in time. A server alone always has an answer.
    pub fn ids(&self) -> impl Future<Output = Result<Vec<SocketId>, ClusterError>> + Send + use<> {
        let this = self.clone();
        async move {
            let mut ids: Vec<_> = this.sockets().iter().map(Socket::id).collect();
            for reply in this.gather(Action::Ids).await? {
                if let Reply::Ids(others) = reply {
                    ids.extend(others);
                }
            }
            Ok(ids)
        }
    }

    /// The sockets on this server that would be reached.
    pub fn sockets(&self) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.in_each(|recipients| sockets.append(&mut recipients.sockets()));
        sockets
    }

    /// The same operator once per namespace, to know which of several an answer is from.
    pub fn each(&self) -> impl Iterator<Item = Broadcast> {
        let alone = |namespace: &Arc<_>| SmallVec::from_iter([Arc::clone(namespace)]);
        self.namespaces.iter().map(move |it| Self { namespaces: alone(it), ..self.clone() })
    }

    pub(crate) fn send_event(&self, event: EventRef<'_>) {
        let is_logged = self.namespaces.iter().any(|namespace| namespace.log.is_some());
        if is_logged && section::is_inside() {
            let (this, event) = (self.clone(), event.to_raw_event());
            return section::put_off(move || this.send_event(event.event_ref()));
        }
        self.in_each(|recipients| {
            let action = Action::Emit { event, offset: None };
            match recipients.namespace.offsets_from().filter(|_| !self.is_volatile) {
                // The cluster returns it with its offset.
                Some(cluster) if !self.is_here_only() => {
                    cluster.record(&recipients.operation(action));
                }
                _ => {
                    self.publish(recipients, action);
                    recipients.emit(event, None);
                }
            }
        });
    }

    /// Applies an action to each socket, on this server and on the others.
    fn act(&self, action: Action<'_>, act: impl Fn(&Socket)) {
        self.in_each(|recipients| {
            self.publish(recipients, action);
            recipients.sockets().iter().for_each(&act);
        });
    }

    /// Starts this server's own handlers of an event between servers, if it is one of the targets.
    fn handle_here(&self, event: EventRef<'_>, is_request: bool) -> Vec<server_side::Handling> {
        let here = self.namespaces.iter().filter(|_| self.is_local);
        let handle = |namespace: &Arc<ActiveNamespace>| {
            server_side::handle(&Io::new(Arc::clone(namespace)), event, is_request)
        };
        here.filter_map(handle).collect()
    }

    /// Whether no other server can have recipients.
    fn is_here_only(&self) -> bool {
        self.is_local || self.is_direct
    }

    fn publish(&self, recipients: &Recipients<'_>, action: Action<'_>) {
        if let Some(cluster) = &recipients.namespace.cluster
            && !self.is_here_only()
        {
            cluster.publish(&recipients.operation(action));
        }
    }

    /// Sends a request to the other servers, if there are any.
    fn ask_others(
        &self,
        action: Action<'_>,
        arrivals: &mpsc::UnboundedSender<Arrival>,
    ) -> Option<Replies> {
        let cluster = self.namespaces.first()?.cluster.as_ref().filter(|_| !self.is_here_only())?;
        let replies = Replies::new(arrivals.clone());
        let mut part = 0;
        self.in_each(|recipients| {
            cluster.ask(&recipients.operation(action), replies.part(part));
            part += 1;
        });
        Some(replies)
    }

    /// The replies of all other servers.
    pub(crate) async fn gather(&self, action: Action<'_>) -> Result<Vec<Reply>, ClusterError> {
        let (replies, missing) = self.gather_partial(action).await;
        if missing.is_empty() { Ok(replies) } else { Err(ClusterError::timeout(missing)) }
    }

    /// The replies of those other servers that answer in time, and the names of the rest.
    pub(crate) async fn gather_partial(
        &self,
        action: Action<'_>,
    ) -> (Vec<Reply>, BTreeSet<Arc<str>>) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        match self.ask_others(action, &sender) {
            Some(replies) => replies.gather(arrivals, self.answer_timeout()).await,
            None => (Vec::new(), BTreeSet::new()),
        }
    }

    fn answer_timeout(&self) -> Duration {
        let configured = self.namespaces.first().map(|namespace| namespace.config.ack_timeout);
        self.timeout.or(configured).unwrap_or_default()
    }

    /// Calls `f` with the recipients in each of the namespaces.
    pub(crate) fn in_each(&self, mut f: impl FnMut(&Recipients<'_>)) {
        // The id that it only claims is not used.
        let direct = self.sender.as_ref().filter(|_| self.is_direct);
        let direct = direct.map(|sender| [Room::from(sender.key())]);
        let sender = self.sender.as_ref().filter(|_| !self.is_direct);
        let id = sender.map(Socket::id);
        let rooms = direct.as_ref().map_or(&self.rooms[..], |own| &own[..]);
        let targets = TargetsRef { rooms, except: &self.except, sender: id.as_ref() };
        let (is_volatile, may_compress) = (self.is_volatile, self.may_compress);
        let flags = Flags { is_volatile, may_compress, timeout: self.answer_timeout() };
        for namespace in &self.namespaces {
            f(&Recipients { namespace, targets, flags, sender });
        }
    }
}

/// Calls a function with an event in its wire form.
fn encoded<P: Serialize + ?Sized, R>(
    name: &str,
    payload: &P,
    send: impl FnOnce(EventRef<'_>) -> R,
) -> Result<R, EmitError> {
    with_encoded_args(payload, |args, attachments| {
        send(EventRef { name, args, attachments: &attachments })
    })
    .map_err(|error| EmitError::encode(name, error))
}

impl fmt::Debug for Broadcast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}
