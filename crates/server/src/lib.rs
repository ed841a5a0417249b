//! Socket.IO server library: namespaces, typed handlers, rooms, broadcast, acks.
//!
//! Every official Socket.IO client connects. Handlers are async functions whose arguments are
//! extracted, whose last argument is the payload, and whose return value answers the ack:
//!
//! ```no_run
//! use sockeye::{Ack, Event, EventError, Namespace, Server, Socket};
//!
//! const CHAT: Event<String> = Event::new("chat");
//! const ADD: Event<(u32, u32), u32> = Event::new("add");
//!
//! async fn chat(socket: Socket, text: String) -> Result<(), EventError> {
//!     Ok(socket.io().emit(CHAT, &text)?)
//! }
//!
//! async fn add((a, b): (u32, u32)) -> Ack<u32> {
//!     Ack(a + b)
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::builder()
//!     .namespace(Namespace::new("/").on(CHAT, chat).on(ADD, add))
//!     .build()?;
//! server.serve(sockeye::bind("localhost:3000").await?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Namespace`] declares who may connect and what happens on each event.
//! - [`Socket`] is one client, [`Io`] a namespace, [`Broadcast`] a selection of sockets to send to.
//! - [`Event`] is the contract of one event, shared with clients; plain strings work too.
//! - [`Args`] are several arguments, [`Binary`] is bytes anywhere in a payload, [`RawArgs`] leaves
//!   the arguments as received.
//!
//! The [`guide`] explains all of it.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// SockJS, for [`Server::mount_sockjs`].
#[cfg(feature = "sockjs")]
#[cfg_attr(docsrs, doc(cfg(feature = "sockjs")))]
pub use sockeye_sockjs as sockjs;

/// The guide, a chapter a module: begin with [`server`](guide::server).
pub mod guide {
    #[doc = include_str!("../guide/server.md")]
    pub mod server {}
    #[doc = include_str!("../guide/mounting.md")]
    pub mod mounting {}
    #[doc = include_str!("../guide/origins.md")]
    pub mod origins {}
    #[doc = include_str!("../guide/tls.md")]
    pub mod tls {}
    #[doc = include_str!("../guide/rooms.md")]
    pub mod rooms {}
    #[doc = include_str!("../guide/presence.md")]
    pub mod presence {}
    #[doc = include_str!("../guide/acks.md")]
    pub mod acks {}
    #[doc = include_str!("../guide/auth.md")]
    pub mod auth {}
    #[doc = include_str!("../guide/visitors.md")]
    pub mod visitors {}
    #[doc = include_str!("../guide/errors.md")]
    pub mod errors {}
    #[doc = include_str!("../guide/recovery.md")]
    pub mod recovery {}
    #[doc = include_str!("../guide/namespaces.md")]
    pub mod namespaces {}
    #[doc = include_str!("../guide/testing.md")]
    pub mod testing {}
    #[doc = include_str!("../guide/features.md")]
    pub mod features {}
    #[doc = include_str!("../guide/reliable.md")]
    pub mod reliable {}
}

// In reading order: what a program declares, what happens when a client comes, what is sent, what outlives a
// connection, and what lies beside.

/// The server: declared by a builder, served alone or as a tower service, drained at its end.
mod server;
/// A namespace: how it is declared, and what it is at run time.
mod namespace;
/// Async functions as handlers: their arguments, their answers.
mod handler;
/// One session: all its namespaces, in one task.
mod session;
/// A socket: one client in one namespace.
mod socket;
/// Rooms, and whom a broadcast reaches.
mod rooms;
/// Presence: who is here, room by room.
mod presence;
/// Broadcasts: one event for many sockets.
mod broadcast;
/// The servers beside this one.
mod cluster;
/// What outlives a connection: recovery, client outboxes, remembered answers.
mod guarantees;
/// What can go wrong.
mod error;
/// Collections that are empty for most.
mod cold_state;
/// How often debug builds look whether everything agrees.
mod checks;

/// What the macros expand to; no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use crate::handler::debug::*;
}

pub use broadcast::Broadcast;
pub use broadcast::acks::{Acks, Answers};
pub use broadcast::io::Io;
pub use cluster::node::Node;
pub use cluster::operation::{Action, Flags, Operation, OwnedOperation};
pub use cluster::replies::{Replies, Reply};
pub use cluster::server_side::{ServerAcks, ServerSide};
pub use cluster::server_side_event::ServerSideEvent;
pub use cluster::sessions::{
    ChangedSession, KeptSession, MissedEvent, RestoredSession, SessionLease, SessionOutcome,
};
pub use cluster::{Cluster, Restoring};
pub use error::{
    AckError, BuildError, ClusterError, EmitError, EncodeError, EventError, PayloadError, Refuse,
    RemoteError, ReservedName,
};
pub use guarantees::client_outbox::Reliable;
pub use guarantees::idempotent::{Idempotent, idempotent};
pub use guarantees::recovery::{Recovery, RecoveryConfig, RecoveryFailure};
pub use handler::acker::{Acker, Deferred};
pub use handler::context::{Context, NoSocket, OwnedContext};
pub use handler::extract::{FromContext, FromContextAsync};
pub use handler::given::{
    FromRef, HttpExtension, InvalidParam, Local, MissingExtension, MissingLocal, PathParam, State,
};
pub use handler::{ConnectHandler, Guard, Handler, IntoDecision, NotificationHandler, ReadGuard};
pub use namespace::handlers::Failure;
pub use namespace::matcher::NamespaceMatcher;
pub use namespace::parent::ParentNamespace;
pub use namespace::visitor::Visitor;
pub use namespace::{ForState, Namespace};
pub use presence::change::{PresenceChange, PresenceChangeKind, PresencePiece, PresentHere};
pub use presence::handle::Presence;
pub use presence::present::{
    PresenceDifference, PresenceMetadata, Present, PresentConnection, RoomPresenceDifference,
};
pub use presence::rules::{PresenceError, PresenceLimit, PresenceRules};
pub use presence::watch::PresenceWatch;
pub use presence::watchers::PresenceUpdate;
pub use rooms::room::{IntoRooms, Room, RoomChange};
pub use rooms::targets::TargetsRef;
pub use server::Server;
pub use server::builder::ServerBuilder;
pub use server::config::Config;
pub use server::drain::Drained;
pub use server::layer::{SocketLayer, WithSockets, WithSocketsFuture};
pub use server::listing::{RoomInfo, SessionInfo};
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub use server::metrics;
pub use server::mounts::{Mount, MountError, RequestBody};
pub use server::page::{Cursor, Page};
pub use server::serve::{IntoListeners, Serve, SocketService};
pub use server::snapshot::{
    NamespaceSnapshot, OutboxesSnapshot, RecoverySnapshot, ServerSnapshot, SessionKind, Usage,
};
#[cfg(feature = "sockjs")]
#[cfg_attr(docsrs, doc(cfg(feature = "sockjs")))]
pub use server::sockjs::SockJsError;
pub use session::details::SessionDetails;
pub use socket::Socket;
pub use socket::details::{RemoteHandshake, SharedData, SocketDetails};
pub use socket::disconnect_reason::DisconnectReason;
pub use socket::expiry::Expiry;
pub use socket::id::{EmptySocketId, SocketId};
pub use socket::remote::{Fetched, RemoteSocket};
pub use socket::requests::AckFuture;
pub use socket::shared::DataError;
pub use sockeye_engine::{self as engine, Body, Handshake, PeerAddr};
#[cfg(feature = "macros")]
#[cfg_attr(docsrs, doc(cfg(feature = "macros")))]
pub use sockeye_macros::{FromRef, debug_handler};
pub use sockeye_net::http::{BindAddress, HttpServer, HttpServerWithShutdown, bind};
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use sockeye_net::http::{TlsConfig, TlsConfigError, TlsError};
#[cfg(feature = "msgpack")]
#[cfg_attr(docsrs, doc(cfg(feature = "msgpack")))]
pub use sockeye_socket_proto::MsgpackParser;
pub use sockeye_socket_proto::{
    Ack, Args, ArgsRef, Audience, Binary, DecodeError, EmitAs, Event, EventName, EventRef,
    FromArgs, Incoming, IntoAck, IntoError, Limits as PacketLimits, Listen, Messages, Outgoing,
    PacketDecoder, Parser, RawArgs, RawEvent, Request, Subscribe,
};
