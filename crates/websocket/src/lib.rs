//! WebSocket server and client on tokio and hyper.
//!
//! - A server's handler calls [`upgrade`] with a request of hyper, axum or anything built on them, and
//!   gets the response to send and a future of the [`WebSocket`]. [`HttpServer`] is a listener for
//!   services that stand alone.
//! - A client calls [`connect`].
//! - A [`Group`] sends one message to many connections.
//!
//! ```no_run
//! use sockeye_websocket::{Message, connect, ws::CloseCode};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut socket = connect("ws://localhost:3000/echo").await?;
//! socket.send("hello").await?;
//! while let Some(message) = socket.recv().await? {
//!     if message == Message::Text("hello".to_owned()) {
//!         break;
//!     }
//! }
//! socket.close(CloseCode::NORMAL, "").await?;
//! # Ok(())
//! # }
//! ```
//!
//! The protocol itself is `sockeye-ws`, here as [`ws`]. The parts this crate is built of ([`Stream`],
//! [`WriteBuffer`], [`Flusher`], [`with_scratch`]) are public for drivers of protocols on top of it.
#![forbid(unsafe_code)]

mod accept;
mod config;
mod connect;
mod ending;
mod error;
mod flush;
mod group;
mod listen;
mod masking;
mod message;
mod outbox;
mod outgoing;
mod reader;
mod scratch;
mod serve;
mod stream;
mod websocket;
mod write_buffer;
mod writer;

/// The protocol: frames, messages, close codes, handshake headers.
pub use sockeye_ws as ws;

pub use crate::accept::{Acceptor, Upgrade, upgrade};
pub use crate::config::Config;
pub use crate::connect::{Connector, connect};
pub use crate::error::{ConnectError, RecvError, Refusal, SendError, UpgradeError};
pub use crate::flush::{Flush, Flusher};
pub use crate::group::{Group, Membership};
pub use crate::listen::bind;
pub use crate::message::{Closed, Message};
pub use crate::outgoing::Outgoing;
pub use crate::reader::Reader;
pub use crate::scratch::with_scratch;
pub use crate::serve::{HttpServer, HttpServerWithShutdown, PeerAddr};
pub use crate::stream::{ReadHalf, Stream, WriteHalf};
pub use crate::websocket::WebSocket;
pub use crate::write_buffer::WriteBuffer;
pub use crate::writer::Writer;
