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
//! server.serve(sockeye::bind(None, 3000).await?).await?;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Namespace`] declares who may connect and what happens on each event.
//! - [`Socket`] is one client, [`Io`] a namespace, [`Broadcast`] says whom to reach.
//! - [`Event`] is the contract of one event, shared with clients; plain strings work too.
//! - [`Args`] are several arguments, [`Binary`] is bytes anywhere in a payload, [`RawArgs`] leaves
//!   the arguments as they came.
#![forbid(unsafe_code)]

mod ack;
mod adapter;
mod audience;
mod behaviour;
mod broadcast;
mod client_files;
mod coding;
mod config;
mod deadlines;
mod delivery;
mod directory;
mod drain;
mod encode;
mod error;
mod extract;
mod family;
mod handler;
mod id;
mod idempotent;
mod link;
mod locals;
mod makers;
mod matcher;
mod namespace;
mod peer;
mod rarely;
mod reading;
mod reason;
mod recovery;
mod reliable;
mod remote;
mod revision;
mod room;
mod server;
mod server_side;
mod shares;
mod socket;

pub use ack::{AckFuture, Acker, Acks, Answers, Deferred};
pub use behaviour::Failure;
pub use broadcast::{Broadcast, Io};
pub use config::Config;
pub use drain::Drained;
pub use error::{
    AckError, BuildError, ClusterError, EmitError, EncodeError, EventError, PayloadError, Refuse,
    RemoteError, ReservedName,
};
pub use extract::{
    Context, FromContext, FromRef, InvalidParam, Local, MissingLocal, PathParam, State,
};
pub use family::Family;
pub use handler::{ConnectHandler, Guard, Handler, IntoAdmission, IntoVerdict, Observer};
pub use id::SocketId;
pub use idempotent::{Idempotent, idempotent};
pub use matcher::NamespaceMatcher;
pub use namespace::Namespace;
pub use reason::DisconnectReason;
pub use recovery::{Recovery, RecoveryConfig, RecoveryFailure};
pub use reliable::Reliable;
pub use remote::{RemoteHandshake, RemoteSocket};
pub use room::{IntoRooms, Room, RoomChange};
pub use server::{IntoListeners, Serve, Server, ServerBuilder, SocketService};
pub use server_side::{ServerAcks, ServerSide};
pub use socket::{Expiry, Socket};
pub use sockeye_engine::{self as engine, Body, Handshake};
pub use sockeye_net::http::bind;
pub use sockeye_socket_proto::{
    Ack, Args, Audience, Binary, DecodeError, Event, EventName, FromArgs, Incoming, IntoAck,
    Limits as PacketLimits, Listen, Messages, MsgpackParser, Outgoing, PacketDecoder, Parser,
    RawArgs, RawEvent, Request,
};
