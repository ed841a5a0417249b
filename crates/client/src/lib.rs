//! Socket.IO client: connect, reconnect, polling with upgrade to WebSocket.
//!
//! - [`Builder`] describes a client, [`Client`] is the handle to it.
//! - [`Client::emit`] and [`Client::emit_with_ack`] send events; [`Builder::on`] and
//!   [`Client::subscribe`] receive them.
//! - [`Reconnect`] and [`Backoff`] are the rules for a lost connection, [`Limits`] those for memory and
//!   time.
//! - [`ConnectError`], [`EmitError`] and [`AckError`] are the errors of these calls.
//!
//! Begin with the [`guide`].
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[doc = include_str!("../guide/client.md")]
pub mod guide {}

// What a program uses.

// `Builder`, which describes a client before it connects.
mod builder;

// `Client`, the handle.
mod client;

// `Handler`, the async functions that take events, and how they run in order.
mod handler;

// `Limits` and their defaults.
mod limits;

// `Reconnect` and `Backoff`: the pauses between attempts.
mod reconnect;

// `ConnectionState` and `DisconnectReason`.
mod state;

// The errors.
mod error;

// What it is made of, from an event down to bytes.

// One namespace of one client: its queue, its acks, its subscriptions, its way in and out.
mod socket;

// The task behind all namespaces of one connection: connects, reconnects, dispatches packets.
mod manager;

// One Engine.IO session: polling, WebSocket, the upgrade.
mod engine;

// Random bytes.
mod random;

pub use builder::{Builder, NewSession, SameSession};
pub use client::Client;
pub use error::{
    AckError, ConfigError, ConnectError, EmitError, EncodeError, EventError, PayloadError,
    RemoteError, ReservedName, TransportError, UrlError,
};
pub use handler::Handler;
pub use limits::Limits;
pub use reconnect::{Backoff, Reconnect};
pub use socket::{AckFuture, Subscription};
pub use sockeye_engine_proto::TransportKind as Transport;
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use sockeye_net::http::{Roots, RootsError};
pub use sockeye_socket_proto::{
    Ack, Args, ArgsRef, Binary, EmitAs, Event, IntoAck, IntoError, RawArgs, RawEvent,
};
pub use state::{ConnectionState, DisconnectReason};
