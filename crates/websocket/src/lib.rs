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
mod batch;
#[cfg(feature = "deflate")]
mod compression;
#[cfg(not(feature = "deflate"))]
#[path = "compression_absent.rs"]
mod compression;
#[cfg(feature = "deflate")]
mod compressor;
#[cfg(not(feature = "deflate"))]
#[path = "compressor_absent.rs"]
mod compressor;
mod config;
mod connect;
mod connections;
mod ending;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod flush;
mod group;
mod host;
#[cfg(feature = "tls")]
mod http2;
mod keep_alive;
mod listen;
mod masking;
mod message;
pub mod metrics;
mod network;
mod origin;
mod outbox;
mod outgoing;
mod ping_flood;
mod proxy;
mod reader;
mod scratch;
mod serve;
mod sink;
mod stall;
mod stream;
mod target;
mod timed_tcp;
#[cfg(feature = "tls")]
mod tls;
mod websocket;
mod write_buffer;
mod writer;

/// The protocol: frames, messages, close codes, handshake headers.
pub use sockeye_ws as ws;

pub use crate::accept::{Acceptor, Upgrade, upgrade};
pub use crate::batch::{BATCH_BYTES_MAX, Batch, Share};
#[cfg(feature = "deflate")]
pub use crate::compression::{Compression, Deflate};
pub use crate::config::Config;
pub use crate::connect::{Connector, connect};
pub use crate::connections::Connections;
pub use crate::error::{ConnectError, RecvError, Refusal, SendError, UpgradeError};
#[cfg(feature = "axum")]
pub use crate::extract::WebSocketUpgrade;
pub use crate::flush::{Flush, Flusher};
pub use crate::group::{Group, Membership};
pub use crate::host::{AllowedHosts, AllowedHostsError, HostDenied};
pub use crate::listen::bind;
pub use crate::message::{Closed, Message};
pub use crate::network::network;
pub use crate::origin::{OriginPattern, OriginPatternError, Origins};
pub use crate::outgoing::Outgoing;
pub use crate::proxy::{
    ForwardedHeaders, ForwardedHeadersError, Source, TrustedProxies, TrustedProxiesError,
};
pub use crate::reader::Reader;
pub use crate::scratch::with_scratch;
pub use crate::serve::{Encrypted, HttpServer, HttpServerWithShutdown, PeerAddr};
pub use crate::stall::WRITE_TIMEOUT;
pub use crate::stream::{ReadHalf, Stream, WriteHalf};
pub use crate::target::{Inspected, TargetError, check_request, check_target};
#[cfg(feature = "tls")]
pub use crate::tls::{Roots, RootsError, TlsConfig, TlsConfigError, TlsError};
pub use crate::websocket::WebSocket;
pub use crate::write_buffer::{Keeper, WriteBuffer};
pub use crate::writer::Writer;
