//! Bytes and HTTP: what lies under every transport of Sockeye, and knows no session protocol.
//!
//! In reading order:
//!
//! - [`stream`]: a byte stream, split into a side to read and a side that anybody may write to;
//! - [`write_buffer`]: what waits to be written on one connection, `stall` how long it may;
//! - [`pipe`]: one connection's way out and in, with frames on it;
//! - [`batch`]: what many connections get, gathered once; [`flush`]: the pass that writes them;
//! - [`lines`]: lines of JSON, a framing; [`address_slots`]: how many places one address has;
//! - [`http`]: the listener, TLS, who is asked for and by whom.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

pub mod address_slots;
pub mod batch;
pub mod flush;
pub mod http;
pub mod lines;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics_absent.rs"]
mod metrics;
mod network;
pub mod pipe;
pub mod pool;
mod rate;
mod scratch;
mod stall;
pub mod stream;
pub mod write_buffer;

/// Frames, messages, close codes, handshake headers of WebSocket.
pub use sockeye_ws as ws;

pub use crate::network::network;
pub use crate::rate::Rate;
pub use crate::scratch::with_scratch;
pub use crate::stall::WRITE_TIMEOUT;
