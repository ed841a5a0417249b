use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sockeye_socket_proto::{EventName, FromArgs, PayloadError, Request, decode_args};

use super::Socket;
use super::id::SocketId;
use crate::broadcast::Broadcast;
use crate::broadcast::io::Io;
use crate::error::{AckError, EmitError};
use crate::rooms::room::{IntoRooms, Room};

/// A socket that may be another server's: what was known of it when it was
/// [fetched](Broadcast::fetch), and the verbs that reach it from anywhere.
#[derive(Clone)]
pub struct RemoteSocket {
    io: Io,
    id: SocketId,
    rooms: Vec<Room>,
    handshake: RemoteHandshake,
    data: Option<Box<RawValue>>,
}

/// The request that opened a socket's session, as far as it is told to other servers.
#[derive(Clone)]
#[non_exhaustive]
pub struct RemoteHandshake {
    /// The URI as it was requested, query included.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The peer's address, if the listener told it.
    pub address: Option<SocketAddr>,
    /// Whether it came over TLS.
    pub is_secure: bool,
    /// When it came.
    pub issued: SystemTime,
    /// What the client sent as `auth`, as JSON; `{}` when it sent nothing.
    pub auth: Arc<str>,
}

impl RemoteSocket {
    pub(crate) fn of(socket: &Socket) -> Self {
        let handshake = socket.handshake();
        Self {
            io: socket.io(),
            id: socket.id(),
            rooms: socket.rooms(),
            handshake: RemoteHandshake {
                uri: handshake.uri(),
                headers: handshake.headers(),
                address: handshake.address(),
                is_secure: handshake.is_secure(),
                issued: handshake.issued(),
                auth: socket.auth_json(),
            },
            data: socket
                .active_namespace()
                .handlers
                .shared
                .as_ref()
                .and_then(|shared| shared(socket)),
        }
    }

    /// The socket's id.
    pub fn id(&self) -> SocketId {
        self.id.clone()
    }

    /// The rooms it was in, its own id first.
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> &RemoteHandshake {
        &self.handshake
    }

    /// What its namespace [shares](crate::Namespace::share) of it; `None` when that is nothing.
    ///
    /// # Errors
    /// [`PayloadError`] when it is not a `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<Option<T>, PayloadError> {
        self.data.as_ref().map(|data| decode_args(data.get(), &[])).transpose()
    }

    /// Sends it an event; it is no error if it is gone.
    ///
    /// # Errors
    /// When the event cannot be encoded, or its name is reserved.
    pub fn emit<P: Serialize + ?Sized>(
        &self,
        event: impl EventName<P>,
        payload: &P,
    ) -> Result<(), EmitError> {
        self.broadcast().emit(event, payload)
    }

    /// Sends it an event and waits for its answer.
    ///
    /// # Errors
    /// Those of every request; [`AckError::Disconnected`] when it is gone.
    pub async fn emit_with_ack<P: Serialize + ?Sized, A: FromArgs>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Result<A, AckError> {
        let mut answers = self.broadcast().emit_with_ack(event, payload)?;
        let answer = futures_util::StreamExt::next(&mut answers).await;
        answer.map_or(Err(AckError::Disconnected), |(_, answer)| answer)
    }

    /// The socket as the only target of a broadcast, for `volatile`, `timeout` and the like.
    pub fn broadcast(&self) -> Broadcast {
        self.io.to(&self.id)
    }

    /// Makes it enter rooms.
    pub fn join(&self, rooms: impl IntoRooms) {
        self.broadcast().join(rooms);
    }

    /// Makes it leave rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        self.broadcast().leave(rooms);
    }

    /// Disconnects it from its namespace.
    pub fn disconnect(&self) {
        self.broadcast().disconnect();
    }

    /// Disconnects its client from all namespaces and closes the connection.
    pub fn close_session(&self) {
        self.broadcast().close_sessions();
    }
}

impl fmt::Debug for RemoteSocket {
    /// Without headers, auth and data: they may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket")
            .field("id", &self.id)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RemoteHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandshake")
            .field("address", &self.address)
            .field("is_secure", &self.is_secure)
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}
