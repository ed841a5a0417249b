//! What can go wrong, one type for each question.

use std::io;
use std::sync::Arc;

use sockeye_net::http::ConnectError as DialError;
use sockeye_socket_proto::RawArgs;
pub use sockeye_socket_proto::{EncodeError, EventError, PayloadError, RemoteError, ReservedName};

use crate::DisconnectReason;

/// A URL, header or name that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not a URL with a host.
    #[error("not a URL with a host")]
    Malformed,
    /// Only `http` and `ws` are spoken, and with the feature `tls` also `https` and `wss`.
    #[error("URLs with the scheme {scheme:?} cannot be connected to")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The name of a header, or its value, has characters that HTTP does not allow.
    #[error("not an HTTP header")]
    Header,
    /// A namespace's name cannot contain a comma, which ends it on the wire.
    #[error("a namespace must not contain a comma")]
    Namespace,
}

/// A client that cannot be set up as it was described.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Something about the addresses.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A handler for an event whose name is reserved.
    #[error(transparent)]
    ReservedEvent(#[from] ReservedName),
    /// Two handlers for one event.
    #[error("two handlers for the event {event:?}")]
    DuplicateEvent {
        /// The event.
        event: String,
    },
    /// No transport was named.
    #[error("no transport to connect with")]
    NoTransport,
    /// What goes to the server as `auth` must be written as a JSON object.
    #[error("auth is not a JSON object")]
    Auth,
}

/// Why a namespace could not be joined.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The client was set up wrongly; nothing was sent.
    #[error("the client's configuration is not usable")]
    Config(#[from] ConfigError),
    /// The server answered with a `connect_error`. It is not tried again.
    #[error("the server refused: {message}")]
    Refused {
        /// The server's reason.
        message: String,
        /// Details, if the server gave any: one argument.
        data: RawArgs,
    },
    /// No session with the server came about, or it was lost again.
    #[error("no session with the server")]
    Transport(#[from] TransportError),
    /// The session ended before the server answered.
    #[error("the session ended before the server answered: {0}")]
    Closed(DisconnectReason),
    /// The server did not answer within the connect timeout.
    #[error("the server did not answer in time")]
    Timeout,
    /// The server's answer has no socket id: it speaks Socket.IO 2.
    #[error("the server speaks an older version of Socket.IO")]
    Version,
    /// This session is in the namespace already, through another client.
    #[error("the session is in this namespace already")]
    InUse,
    /// The client was closed while it connected.
    #[error("the client was closed")]
    Cancelled,
}

/// What kept a transport from working.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The connection could not be made or broke.
    #[error("the connection failed")]
    Io(#[source] Arc<io::Error>),
    /// The server answered with an HTTP status that is not a success.
    #[error("the server answered {status}: {body}")]
    Status {
        /// The status.
        status: u16,
        /// The beginning of the body, which says why.
        body: String,
    },
    /// The server's answer to the WebSocket handshake is not one.
    #[error("the WebSocket handshake failed")]
    Handshake(#[source] sockeye_ws::handshake::client::ResponseError),
    /// The server broke the WebSocket protocol.
    #[error("the server broke the WebSocket protocol")]
    WebSocket(#[source] sockeye_ws::ProtocolError),
    /// A polling body was larger than the limit.
    #[error("a polling body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The server broke the Engine.IO protocol.
    #[error("the server broke the Engine.IO protocol")]
    Session(#[source] sockeye_engine_proto::SessionError),
    /// The server sent what is no Engine.IO packet.
    #[error("the server sent what is no Engine.IO packet")]
    Packet(#[source] sockeye_engine_proto::DecodeError),
    /// The server sent what is no Socket.IO packet.
    #[error("the server sent what is no Socket.IO packet")]
    Decode(#[source] sockeye_socket_proto::DecodeError),
    /// The server did not open the session in time.
    #[error("no answer in time")]
    Timeout,
}

impl From<DialError> for TransportError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Io(error) => error.into(),
            // The causes stay visible.
            error => io::Error::other(error).into(),
        }
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        TransportError::Io(Arc::new(error))
    }
}

/// An emit that was not queued. Being offline is **not** an error: what is emitted then goes out
/// after the reconnection, up to the queue's limits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The payload cannot be written.
    #[error("the payload cannot be encoded")]
    Encode(#[from] EncodeError),
    /// The event's name is reserved.
    #[error(transparent)]
    Reserved(#[from] ReservedName),
    /// Offline for too long, or the server reads too slowly: the queue is full.
    #[error("the queue is full: {queued_packets} packets, {queued_bytes} bytes")]
    Overflow {
        /// Packets that wait.
        queued_packets: usize,
        /// Bytes that wait.
        queued_bytes: usize,
    },
}

/// Why an acknowledgement did not bring a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The server did not answer in time. If the request was still waiting to be sent, it is not
    /// sent any more.
    #[error("no answer in time")]
    Timeout,
    /// The connection was lost after the request was sent, or the client was closed.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The server's handler answered with an error.
    #[error("the server answered with an error: {0}")]
    Remote(RemoteError),
    /// The answer is not what was expected.
    #[error("the answer cannot be decoded")]
    Decode(#[source] PayloadError),
    /// The request could not be queued.
    #[error("the request was not sent")]
    Emit(#[from] EmitError),
    /// Too many answers are outstanding.
    #[error("{limit} acknowledgements are outstanding already")]
    Full {
        /// The limit, [`Limits::pending_acks_max`](crate::Limits::pending_acks_max).
        limit: usize,
    },
}
