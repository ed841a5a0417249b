//! A socket as plain data, for other servers.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::{HeaderMap, Uri};
use serde_json::value::RawValue;

use super::Socket;
use super::data::SocketData;
use super::id::SocketId;
use crate::rooms::room::Room;

/// A socket as plain data, for the other servers of a cluster.
#[derive(Debug, Clone)]
pub struct SocketDetails {
    /// Its namespace's name, with its slash.
    pub namespace: Arc<str>,
    /// Its id.
    pub id: SocketId,
    /// The rooms it is in, its own id first.
    pub rooms: Vec<Room>,
    /// The request that opened its session.
    pub handshake: RemoteHandshake,
    /// The data that its namespace [shares](crate::Namespace::share): Node's `socket.data`.
    pub data: SharedData,
}

/// The data that a namespace shares of a socket, as JSON; `None` where nothing was set.
///
/// With [`share`](crate::Namespace::share) it is the value that was shared, with
/// [`share_as`](crate::Namespace::share_as) an object of those members that were set, as Node's
/// `socket.data` is.
#[derive(Clone, Default)]
pub struct SharedData(pub Option<Box<RawValue>>);

impl SharedData {
    /// The JSON.
    pub fn json(&self) -> Option<&str> {
        self.0.as_deref().map(RawValue::get)
    }
}

/// The request that opened a socket's session, as far as other servers get it.
#[derive(Clone)]
#[non_exhaustive]
pub struct RemoteHandshake {
    /// The URI as it was requested, query included.
    pub uri: Uri,
    /// The headers.
    pub headers: HeaderMap,
    /// The peer's address, if the listener reported it.
    pub address: Option<SocketAddr>,
    /// Whether it arrived over TLS.
    pub is_secure: bool,
    /// When it arrived.
    pub issued: SystemTime,
    /// The client's `auth`, as JSON; `{}` when it sent nothing.
    pub auth: Arc<str>,
}

/// A request of which nothing is known: for a cluster, which fills in what the other server told.
///
/// ```
/// use sockeye::RemoteHandshake;
///
/// let mut handshake = RemoteHandshake::default();
/// handshake.is_secure = true;
/// assert_eq!((handshake.uri.path(), &*handshake.auth), ("/", "{}"));
/// ```
impl Default for RemoteHandshake {
    fn default() -> Self {
        Self {
            uri: Uri::from_static("/"),
            headers: HeaderMap::new(),
            address: None,
            is_secure: false,
            issued: SystemTime::UNIX_EPOCH,
            auth: "{}".into(),
        }
    }
}

impl SocketDetails {
    pub(crate) fn of(socket: &Socket) -> Self {
        let (namespace, handshake) = (socket.active_namespace(), socket.handshake());
        Self {
            namespace: Arc::clone(&namespace.path),
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
            data: SharedData(namespace.handlers.shared.write(&socket.with_data(SocketData::clone))),
        }
    }
}

/// Without the data: it may hold credentials.
impl fmt::Debug for SharedData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.as_ref().map_or(0, |data| data.get().len());
        f.debug_struct("SharedData").field("bytes", &bytes).finish()
    }
}

/// Without headers and auth: they may hold credentials.
impl fmt::Debug for RemoteHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteHandshake")
            .field("address", &self.address)
            .field("is_secure", &self.is_secure)
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}
