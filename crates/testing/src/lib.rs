//! Tests for programs on Sockeye that neither flake nor wait: a server in memory, clients that say
//! what they expect, connections that fail when they are told to, and a clock that stands still
//! until everybody waits.
//!
//! ```
//! use std::time::Duration;
//!
//! use sockeye::{Ack, AckError, Event, Namespace, Server, Socket};
//! use sockeye_testing::TestServer;
//!
//! const CHAT: Event<String> = Event::new("chat");
//! const LENGTH: Event<String, usize> = Event::new("length");
//!
//! async fn chat(socket: Socket, text: String) -> Result<(), sockeye::EmitError> {
//!     socket.broadcast().emit(CHAT, &text)
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
//! // In a test: #[tokio::test(start_paused = true)]
//! let namespace = Namespace::new("/").on(CHAT, chat).on(LENGTH, async |text: String| Ack(text.len()));
//! let server = TestServer::new(Server::builder().namespace(namespace).build().unwrap());
//! let (mut ann, mut bob) = (server.connect().await, server.connect().await);
//!
//! ann.emit(CHAT, "hello");
//! assert_eq!(bob.expect_event(CHAT).await, "hello");
//! ann.expect_no_event().await;
//! assert_eq!(ann.emit_with_ack(LENGTH, "four").await.unwrap(), 4);
//!
//! // A phone in a tunnel: nothing arrives any more, and nobody is told.
//! bob.wire().go_half_open();
//! let lost = bob.emit_with_ack(LENGTH, "?").await;
//! assert!(matches!(lost, Err(AckError::Timeout { .. })));
//! tokio::time::sleep(Duration::from_secs(60)).await;
//! assert_eq!(server.server().io().sockets().len(), 1, "the heartbeat has found out");
//! # });
//! ```
//!
//! - [`TestServer`] is a [`sockeye::Server`] that is reached through memory, alone or through the
//!   application it is mounted in. Everything between its handlers and the bytes of its WebSockets is
//!   what it is in production.
//! - [`TestBrowser`] is somebody with a cookie jar: what a login route sets, their sockets send.
//! - [`TestClient`] is one client in one namespace. It speaks the protocol for itself; `expect_*`
//!   methods fail the test with what came instead.
//! - [`Wire`] is its connection: delayed, stalled, half open, cut.
//! - [`raw`] is for what a [`TestClient`] does not do: HTTP and WebSocket, byte by byte, over any stream.
//!
//! On a paused clock (tokio's `test-util`, `start_paused`) time passes only when every task waits:
//! heartbeats, timeouts and delays cost nothing, and "nothing came" is certain. Without it everything
//! works too, in real time.
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod browser;
mod client;
mod cluster;
mod connect;
mod cookies;
pub mod raw;
mod request;
mod server;
mod session;
mod wire;

pub use browser::TestBrowser;
pub use client::{Answerer, Asked, Ended, TestClient};
pub use cluster::{TestCluster, TestMember};
pub use connect::{Connect, ConnectError};
pub use request::TestRequest;
pub use server::TestServer;
pub use sockeye::{AckError, RawEvent};
pub use sockeye_net::http::HttpService;
pub use wire::Wire;
