//! The errors, one type for each thing that can fail.

use std::io;
use std::sync::Arc;

use sockeye_net::http::ConnectError as DialError;
pub use sockeye_socket_proto::{
    AckError, EmitError, EncodeError, EventError, PayloadError, RemoteError, ReservedName,
};

use crate::state::DisconnectReason;

/// Why a URL, a header or a namespace cannot be used.
///
/// ```
/// use sockeye_client::{Client, UrlError};
///
/// assert!(matches!(Client::builder("ftp://host"), Err(UrlError::Scheme { .. })));
/// assert!(matches!(Client::builder("http://host/a,b"), Err(UrlError::Namespace)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Not a URL with a host.
    #[error("not a URL with a host")]
    Malformed,
    /// Neither `http` nor `ws`, nor with the feature `tls` one of `https` and `wss`.
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

/// A mistake in the description of a client.
///
/// ```
/// use sockeye_client::{Client, ConfigError};
///
/// # fn main() -> Result<(), sockeye_client::UrlError> {
/// let twice = Client::builder("http://localhost:3000")?
///     .on("news", async |_: String| ())
///     .on("news", async |_: String| ());
/// assert!(matches!(twice.start(), Err(ConfigError::DuplicateEvent { event }) if event == "news"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL, a header or the namespace.
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
    /// The value for `auth` is not written as a JSON object.
    #[error("auth is not a JSON object")]
    Auth,
}

/// Why a namespace could not be joined.
///
/// ```no_run
/// use sockeye_client::{Client, ConnectError};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// match Client::builder("http://localhost:3000/admin")?.connect().await {
///     Ok(client) => client.emit("hello", &())?,
///     Err(ConnectError::Refused { message, .. }) => tracing::warn!(message, "not admitted"),
///     Err(other) => return Err(other.into()),
/// }
/// # Ok(())
/// # }
/// ```
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
        /// The details, if the server gave any.
        data: Option<serde_json::Value>,
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
    /// The server's reply has no socket id, as that of Socket.IO 2.
    #[error("the server speaks an older version of Socket.IO")]
    Version,
    /// This session is in the namespace already, through another client.
    #[error("the session is in this namespace already")]
    InUse,
    /// The client was closed while it connected.
    #[error("the client was closed")]
    Cancelled,
}

/// The failure of a transport: of a connection, a request or the protocol on it.
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
        /// The beginning of the body, which has the server's reason.
        body: String,
    },
    /// The server's answer to the WebSocket handshake is not valid.
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
    /// The server sent a message that is not an Engine.IO packet.
    #[error("the server sent a message that is not an Engine.IO packet")]
    Packet(#[source] sockeye_engine_proto::DecodeError),
    /// The server sent a message that is not a Socket.IO packet.
    #[error("the server sent a message that is not a Socket.IO packet")]
    Decode(#[source] sockeye_socket_proto::DecodeError),
    /// The server did not open the session in time.
    #[error("no answer in time")]
    Timeout,
}

impl From<DialError> for TransportError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Io(error) => error.into(),
            // As a source, so that the causes stay visible.
            error => io::Error::other(error).into(),
        }
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        TransportError::Io(Arc::new(error))
    }
}
