//! Socket.IO client: connect, reconnect, polling with upgrade to WebSocket.
//!
//! ```no_run
//! use sockeye_client::{Client, Event};
//!
//! const MESSAGE: Event<String> = Event::new("message");
//! const JOIN: Event<String, u32> = Event::new("join");
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder("http://localhost:3000/chat")?
//!     .on(MESSAGE, async |text: String| println!("{text}"))
//!     .connect()
//!     .await?;
//! let members = client.emit_with_ack(JOIN, "lobby").await?;
//! client.emit(MESSAGE, "hello")?;
//! # let _ = members;
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! - [`Builder`] describes a client, [`Client`] is the handle to it.
//! - The first connection is either awaited ([`Builder::connect`]) or left to the background
//!   ([`Builder::start`]); a lost one is made again after a pause ([`Backoff`]).
//! - What is emitted offline waits, up to [`Limits`]; every [`AckFuture`] ends.
//! - One task owns a session: handlers run in it, start in the order of the events and interleave only
//!   where they wait. Use `tokio::task::spawn_blocking` for long computations.
#![forbid(unsafe_code)]

mod ack;
mod builder;
mod client;
mod engine;
mod error;
mod handler;
mod jobs;
mod limits;
mod link;
mod namespaces;
mod queue;
mod random;
mod reconnect;
mod socket;
mod state;
mod subscription;
mod target;
mod task;
mod transport;

pub use ack::AckFuture;
pub use builder::{Builder, NewSession, SameSession};
pub use client::Client;
pub use error::{
    AckError, ConfigError, ConnectError, EmitError, EncodeError, EventError, PayloadError,
    RemoteError, ReservedName, TransportError, UrlError,
};
pub use handler::Handler;
pub use limits::Limits;
pub use reconnect::{Backoff, Reconnect};
pub use sockeye_engine_proto::TransportKind as Transport;
#[cfg(feature = "tls")]
pub use sockeye_net::http::{Roots, RootsError};
pub use sockeye_socket_proto::{Ack, Args, Binary, Event, IntoAck, RawArgs, RawEvent};
pub use state::{DisconnectReason, State};
pub use subscription::Subscription;
