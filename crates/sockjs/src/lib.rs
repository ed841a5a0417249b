//! SockJS 0.3.3 on [`sockeye_engine`]: the same [`Application`], [`SessionHandler`] and [`Session`] as
//! Engine.IO, for pages that speak to `sockjs-client`.
//!
//! A session lives on a WebSocket, or on HTTP requests of which one follows another: polls, or streams that
//! end at [`response_bytes_max`](Config::response_bytes_max). Limits, hooks, counts and what closes a session
//! are those of the [`Engine`](sockeye_engine::Engine) that it stands on.
//!
//! ```
//! use std::sync::Arc;
//! use std::task::{Context, Poll};
//!
//! use sockeye_sockjs::{
//!     Application, CloseReason, Config, Handshake, HandlerError, Message, Session, SessionHandler, SockJs,
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
//!         if let Message::Text(text) = message {
//!             self.0.send(text, &[]);
//!         }
//!         Ok(())
//!     }
//!     fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
//!         Poll::Ready(())
//!     }
//!     fn close(&mut self, _: CloseReason) {}
//! }
//!
//! let config = Config { path: "/echo".to_owned(), ..Config::default() };
//! let echo = SockJs::new(config, sockeye_engine::Config::default(), Echo)?;
//! assert!(echo.handles("/echo/info"));
//! let service = echo.into_service();
//! # drop(service);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod clients;
mod codec;
mod config;
mod http;
mod protocol;
mod sockjs;
mod state;

pub use config::{Config, ConfigError, Iframe};
pub use sockeye_engine::{
    Application, CloseReason, HandlerError, Handshake, Message, Session, SessionHandler,
};
#[doc(hidden)]
pub use sockjs::Service;
pub use sockjs::{SockJs, SockJsService};
