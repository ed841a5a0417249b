//! Engine.IO server on tokio and hyper: long-polling, WebSocket and the upgrade between them.
//!
//! [`Engine`] answers requests, by itself as a tower service or inside another one. Each session is
//! one task that owns the protocol state ([`sockeye_engine_proto::Session`]), the byte stream once
//! there is a WebSocket, and one timer. Polling requests are requests: they wait in a bounded inbox
//! and hold a reply slot. What an application sends goes through the [`Session`] handle into the
//! session's outbox, from any thread, and is gathered into one write.
//!
//! An application implements [`Application`] and [`SessionHandler`]:
//!
//! ```
//! use std::sync::Arc;
//! use std::task::{Context, Poll};
//!
//! use sockeye_engine::{
//!     Application, CloseReason, Config, Engine, Handshake, HandlerError, Message, Session,
//!     SessionHandler,
//! };
//!
//! struct Echo;
//! struct EchoHandler(Session);
//!
//! impl Application for Echo {
//!     type Handler = EchoHandler;
//!     fn open(&self, session: Session, _: Arc<Handshake>) -> EchoHandler {
//!         EchoHandler(session)
//!     }
//! }
//!
//! impl SessionHandler for EchoHandler {
//!     fn message(&mut self, message: Message<'_>) -> Result<(), HandlerError> {
//!         match message {
//!             Message::Text(text) => self.0.send(text, &[]),
//!             Message::Binary(data) => self.0.send_binary(&data.to_vec().into()),
//!         };
//!         Ok(())
//!     }
//!     fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
//!         Poll::Ready(())
//!     }
//!     fn close(&mut self, _: CloseReason) {}
//! }
//!
//! let engine = Engine::new(Config::default(), Echo)?;
//! assert!(engine.handles("/engine.io/"));
//! let service = engine.into_service();
//! # let _ = service;
//! # Ok::<(), sockeye_engine::ConfigError>(())
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[doc = include_str!("../guide/engine.md")]
pub mod guide {}

#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics_absent.rs"]
mod metrics;

mod application;
mod broadcast;
mod engine;
mod http;
mod outbox;
mod session;
#[doc(hidden)]
pub mod session_protocol;
mod task;
mod transport;

pub use application::{Application, HandlerError, SessionHandler};
pub use broadcast::{MemberList, broadcast};
pub use engine::service::EngineService;
pub use engine::{Engine, ResponseFuture};
pub use http::cookie::Cookie;
pub use http::cors::Cors;
pub use http::handshake::Handshake;
pub use http::kept_extensions::KeptExtensions;
pub use http::query::pairs as query_pairs;
pub use http::refusal::Refusal;
pub use http::response_body::{Body, BodyError};
pub use outbox::Pushed;
pub use outbox::encoded::Encoded;
pub use session::close_detail::CloseDetail;
pub use session::config::{Config, ConfigError, OverflowPolicy};
pub use session::handle::Session;
pub use session::hooks::{ConnectionError, Hooks, Rejection};
pub use session::observer::Observer;
pub use session::registry::SessionCount;
pub use sockeye_engine_proto::{CloseReason, Message, Packet, Revision, SessionId, TransportKind};
pub use sockeye_net::http::{
    AllowedHosts, AllowedHostsError, ForwardedHeaders, OriginPattern, OriginPatternError, Origins,
    PeerAddr, TrustedProxies,
};
pub use sockeye_net::network;
pub use sockeye_net::pipe::Compression;
#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
pub use sockeye_net::pipe::Deflate;
