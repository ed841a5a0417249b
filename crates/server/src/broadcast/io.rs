use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sockeye_socket_proto::{EventName, Request};

use super::Broadcast;
use super::acks::Acks;
use crate::cluster::server_side::ServerAcks;
use crate::error::{ClusterError, EmitError};
use crate::namespace::active::ActiveNamespace;
use crate::namespace::parent::ParentNamespace;
use crate::rooms::room::IntoRooms;
use crate::socket::Socket;
use crate::socket::remote::RemoteSocket;

/// A namespace of the server, to reach its sockets from anywhere: a handle, cheap to clone.
#[derive(Clone)]
pub struct Io {
    namespace: Arc<ActiveNamespace>,
}

impl Io {
    pub(crate) fn new(namespace: Arc<ActiveNamespace>) -> Self {
        Self { namespace }
    }

    /// Another namespace of the same server, if it is there and the server still lives.
    pub fn of(&self, path: &str) -> Option<Io> {
        let siblings = self.namespace.siblings()?;
        siblings.get(path).map(Io::new)
    }

    /// The namespace's name, with its slash.
    pub fn namespace(&self) -> &str {
        &self.namespace.path
    }

    /// The namespaces a dynamic declaration has made, see [`Server::parent_namespace`](crate::Server::parent_namespace).
    pub fn parent_namespace(&self, name: &str) -> Option<ParentNamespace> {
        let children = self.namespace.siblings()?.children_of(name)?;
        Some(ParentNamespace::new(children.into_iter().map(Io::new)))
    }

    /// The sockets in any of these rooms.
    pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
        self.everybody().to(rooms)
    }

    /// Everybody but the sockets in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
        self.everybody().except(rooms)
    }

    /// Everybody who can take the message right now.
    pub fn volatile(&self) -> Broadcast {
        self.everybody().volatile()
    }

    /// Everybody on this server, not on the others of a cluster.
    pub fn local(&self) -> Broadcast {
        self.everybody().local()
    }

    /// Sends an event to everybody in the namespace.
    ///
    /// # Errors
    /// When it cannot be encoded, or its name is reserved.
    pub fn emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        self.everybody().emit(event, payload)
    }

    /// Sends an event to everybody and asks for acknowledgements.
    pub fn emit_with_ack<P: Serialize + ?Sized, A>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Result<Acks<A>, EmitError> {
        self.everybody().emit_with_ack(event, payload)
    }

    /// Sends the event `message`, which some programs live on.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn send<P: Serialize + ?Sized>(&self, payload: &P) -> Result<(), EmitError> {
        self.everybody().send(payload)
    }

    /// Sends an event to the other servers of the cluster, for their
    /// [`on_server_side`](crate::Namespace::on_server_side) of this namespace. A server alone has
    /// no others. For this server's own handler say
    /// [`local().server_side_emit(..)`](Broadcast::server_side_emit).
    ///
    /// # Errors
    /// When it cannot be encoded, or its name is reserved.
    pub fn server_side_emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        self.everybody().server_side_emit(event, payload)
    }

    /// As [`server_side_emit`](Io::server_side_emit), and asks for their answers.
    ///
    /// # Errors
    /// As [`server_side_emit`](Io::server_side_emit).
    pub fn server_side_emit_with_ack<P: Serialize + ?Sized, A>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Result<ServerAcks<A>, EmitError> {
        self.everybody().server_side_emit_with_ack(event, payload)
    }

    /// Everybody, with or without compression on the way: see [`Broadcast::compress`].
    pub fn compress(&self, compress: bool) -> Broadcast {
        self.everybody().compress(compress)
    }

    /// How long acknowledgements are awaited.
    pub fn timeout(&self, after: Duration) -> Broadcast {
        self.everybody().timeout(after)
    }

    /// Makes everybody enter rooms.
    pub fn join(&self, rooms: impl IntoRooms) {
        self.everybody().join(rooms);
    }

    /// Makes everybody leave rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        self.everybody().leave(rooms);
    }

    /// Disconnects everybody from the namespace.
    pub fn disconnect(&self) {
        self.everybody().disconnect();
    }

    /// Disconnects everybody here from all namespaces and closes their connections.
    pub fn close_sessions(&self) {
        self.everybody().close_sessions();
    }

    /// Everybody, whichever server they are on.
    ///
    /// # Errors
    /// As [`Broadcast::fetch`].
    pub async fn fetch(&self) -> Result<Vec<RemoteSocket>, ClusterError> {
        self.everybody().fetch().await
    }

    /// The sockets connected to the namespace on this server.
    pub fn sockets(&self) -> Vec<Socket> {
        self.everybody().sockets()
    }

    /// The socket of this id, if it is connected to the namespace on this server.
    pub fn socket(&self, id: &str) -> Option<Socket> {
        self.namespace.adapter.socket(id)
    }

    /// Everybody in the namespace: the operator without any room yet.
    pub fn everybody(&self) -> Broadcast {
        Broadcast::new(self.namespace.clone())
    }

    pub(crate) fn active_namespace(&self) -> &Arc<ActiveNamespace> {
        &self.namespace
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").field("namespace", &self.namespace()).finish()
    }
}
