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
//! The protocol itself is `sockeye-ws`, here as [`ws`]; what lies between it and the kernel is
//! `sockeye-net`, of which the parts that a user of WebSockets meets are here as well.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[doc = include_str!("../guide/websocket.md")]
pub mod guide {}

mod accept;
mod config;
#[cfg(feature = "client")]
mod connect;
mod connections;
mod ending;
mod error;
#[cfg(feature = "axum")]
mod extract;
mod group;
mod keep_alive;
mod message;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics_absent.rs"]
mod metrics;
mod outbox;
mod outgoing;
mod reader;
mod sink;
mod websocket;
mod writer;

#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use sockeye_net::http::ConnectError;
pub use sockeye_net::http::{
    AllowedHosts, AllowedHostsError, BindAddress, Encrypted, ForwardedHeaders,
    ForwardedHeadersError, HttpServer, OriginPattern, OriginPatternError, Origins, PeerAddr,
    TargetError, TrustedProxies, TrustedProxiesError, bind,
};
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use sockeye_net::http::{Roots, RootsError, TlsConfig, TlsConfigError, TlsError};
pub use sockeye_net::pipe::Compression;
#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
pub use sockeye_net::pipe::Deflate;
pub use sockeye_net::stream::Stream;
/// The protocol: frames, messages, close codes, handshake headers.
pub use sockeye_ws as ws;

pub use crate::accept::{Acceptor, Upgrade, upgrade};
pub use crate::config::Config;
#[cfg(feature = "client")]
#[cfg_attr(docsrs, doc(cfg(feature = "client")))]
pub use crate::connect::{Connector, connect};
pub use crate::connections::Connections;
pub use crate::error::{RecvError, Refusal, SendError, UpgradeError};
#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
pub use crate::extract::WebSocketUpgrade;
pub use crate::group::{Group, Membership};
pub use crate::message::{Closed, Message};
pub use crate::outgoing::Outgoing;
pub use crate::reader::Reader;
pub use crate::websocket::WebSocket;
pub use crate::writer::Writer;
