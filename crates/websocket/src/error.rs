//! What can go wrong, one type per question.

use std::io;

use sockeye_net::http::TargetError;
use sockeye_ws::ProtocolError;
use sockeye_ws::handshake::server::RequestError;

/// Why a connection ended other than by a close handshake.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvError {
    /// The peer broke the protocol or went over a limit. It was told with a close frame.
    #[error("peer broke the protocol")]
    Protocol(#[from] ProtocolError),
    /// The transport broke.
    #[error("transport failed")]
    Io(#[from] io::Error),
    /// The peer ended the transport without a close frame (close code 1006).
    #[error("connection ended without a close frame")]
    ConnectionLost,
    /// More waited to be written than [`Config::queued_bytes_max`](crate::Config), since the peer
    /// reads too slowly.
    #[error("peer reads too slowly")]
    Overflow,
    /// The peer read nothing for [`Config::write_timeout`](crate::Config), or did not answer our close
    /// frame within [`Config::close_timeout`](crate::Config).
    #[error("peer does not respond")]
    Timeout,
    /// Nothing came for [`Config::idle_timeout`](crate::Config), not even a pong. The peer was told
    /// with 1001.
    #[error("peer is silent")]
    Idle,
    /// A message was not complete after [`Config::message_timeout`](crate::Config). The peer was told
    /// with 1008.
    #[error("message took too long")]
    SlowMessage,
    /// More pings came within a second than
    /// [`Config::pings_per_second_max`](crate::Config). The peer was told with 1008.
    #[error("too many pings")]
    PingFlood,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The connection is closing or closed, by either side.
    #[error("connection is closing or closed")]
    Closed,
    /// A ping or pong of more than 125 bytes (RFC 6455 §5.5).
    #[error("control frame of {length} bytes, the limit is 125")]
    ControlTooLong {
        /// The payload's length in bytes.
        length: usize,
    },
}

/// Why a request could not be upgraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The request is not a WebSocket handshake.
    #[error("not a WebSocket handshake")]
    Request(#[from] RequestError),
    /// The request is not clear about whom it is for, or a handshake with a body.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The server does not do upgrades on this connection.
    #[error("connection cannot be upgraded")]
    NotUpgradable,
    /// [`Connections::shutdown`](crate::Connections::shutdown) was called.
    #[error("server is stopping")]
    ShuttingDown,
    /// [`Acceptor::allowed_hosts`](crate::Acceptor::allowed_hosts) does not have the request's host.
    #[error("a host that is not allowed")]
    HostDenied,
    /// [`Acceptor::origins`](crate::Acceptor::origins) does not let the page in.
    #[error("a page of another origin")]
    OriginDenied,
}

/// Why an accepted handshake did not lead to a connection.
#[derive(Debug, thiserror::Error)]
#[error("connection was not upgraded")]
pub struct UpgradeError(#[from] pub(crate) hyper::Error);
