//! A handle of a socket that may be on another server.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use futures_util::StreamExt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sockeye_socket_proto::{FromArgs, Request};

use super::details::{RemoteHandshake, SharedData, SocketDetails};
use super::id::SocketId;
use super::shared::DataError;
use crate::broadcast::Broadcast;
use crate::broadcast::io::Io;
use crate::cluster::operation::Action;
use crate::cluster::replies::Reply;
use crate::error::{AckError, ClusterError};
use crate::rooms::room::Room;

/// A handle of a socket that may be on another server: its data when it was
/// [fetched](Broadcast::fetch), and the verbs of [`Broadcast`], which reach it wherever it is.
///
/// ```
/// # async fn run(io: &sockeye::Io) -> Result<(), Box<dyn std::error::Error>> {
/// for socket in io.to("users").fetch().await? {
///     socket.emit("news", "for you alone")?;
///     socket.leave("users");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RemoteSocket {
    /// The socket as the only target.
    broadcast: Broadcast,
    details: SocketDetails,
}

impl RemoteSocket {
    pub(crate) fn new(io: Io, details: SocketDetails) -> Self {
        Self { broadcast: io.to(&details.id), details }
    }

    /// The socket's id.
    pub fn id(&self) -> SocketId {
        self.details.id.clone()
    }

    /// The rooms it was in, its own id first.
    pub fn rooms(&self) -> &[Room] {
        &self.details.rooms
    }

    /// The request that opened its session.
    pub fn handshake(&self) -> &RemoteHandshake {
        &self.details.handshake
    }

    /// The `T` that was [`set`](crate::Socket::set) on the socket, if its namespace
    /// [shares](crate::Namespace::share) it; `None` where nothing was set.
    ///
    /// # Errors
    /// [`DataError::NotShared`] when the namespace does not share this type,
    /// [`DataError::Decode`] when what was set is not a `T`.
    pub fn data<T: DeserializeOwned + 'static>(&self) -> Result<Option<T>, DataError> {
        let namespace = self.broadcast.namespaces().first().expect("a socket is in a namespace");
        namespace.handlers.shared.read(&self.details.data, &self.details.namespace)
    }

    /// All that its namespace shares, as JSON: also what servers of Node set as `socket.data`.
    pub fn shared_data(&self) -> &SharedData {
        &self.details.data
    }

    /// Sends it an event and waits for its answer.
    ///
    /// # Errors
    /// The errors of every request; [`AckError::Disconnected`] when it is gone.
    pub async fn emit_with_ack<P: Serialize + ?Sized, A: FromArgs>(
        &self,
        event: impl Request<P, A>,
        payload: &P,
    ) -> Result<A, AckError> {
        let mut answers = self.broadcast.emit_with_ack(event, payload)?;
        match answers.next().await {
            Some((_, answer)) => answer,
            None => Err(answers.disconnected()),
        }
    }

    /// The socket as the only target of a broadcast.
    pub fn broadcast(&self) -> Broadcast {
        self.broadcast.clone()
    }
}

/// What [`fetch_partial`](Broadcast::fetch_partial) has found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Fetched {
    /// The sockets of this server, and of the others that have answered in time.
    pub sockets: Vec<RemoteSocket>,
    /// The names of the servers that have not.
    pub missing: Vec<String>,
}

impl Broadcast {
    /// The sockets that would be reached, whichever server they are on: `fetchSockets` of the official
    /// server.
    ///
    /// # Errors
    /// [`ClusterError`] when other servers do not answer in time. A server alone always has an answer.
    pub fn fetch(
        &self,
    ) -> impl Future<Output = Result<Vec<RemoteSocket>, ClusterError>> + Send + use<> {
        let fetched = self.fetch_partial();
        async move {
            let Fetched { sockets, missing } = fetched.await;
            if missing.is_empty() { Ok(sockets) } else { Err(ClusterError::Timeout { missing }) }
        }
    }

    /// As [`fetch`](Broadcast::fetch), and what there is where other servers do not answer in time.
    pub fn fetch_partial(&self) -> impl Future<Output = Fetched> + Send + use<> {
        let this = self.clone();
        async move {
            let mut found = Vec::new();
            this.in_each(|recipients| {
                let sockets = recipients.sockets();
                found.extend(sockets.iter().map(SocketDetails::of));
            });
            let (replies, missing) = this.gather_partial(Action::Fetch).await;
            for reply in replies {
                if let Reply::Sockets(sockets) = reply {
                    found.extend(sockets);
                }
            }
            let namespaces = this.namespaces();
            let remote = |details: SocketDetails| {
                let of_it = namespaces.iter().find(|it| *it.path == *details.namespace)?;
                Some(RemoteSocket::new(Io::new(Arc::clone(of_it)), details))
            };
            Fetched {
                sockets: found.into_iter().filter_map(remote).collect(),
                missing: missing.iter().map(|name| (**name).to_owned()).collect(),
            }
        }
    }
}

/// The verbs, for this socket alone.
impl Deref for RemoteSocket {
    type Target = Broadcast;

    fn deref(&self) -> &Broadcast {
        &self.broadcast
    }
}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket")
            .field("id", &self.details.id)
            .field("rooms", &self.details.rooms)
            .finish_non_exhaustive()
    }
}
