//! The plain roads to a Socket.IO server: polling, long polling, NDJSON and SSE, on one cursor; Durable
//! Streams 1.0; publishing over HTTP.
//!
//! - [`Feeds`] offers namespaces and rooms to readers over plain HTTP;
//! - [`Streams`] are streams of their own, which the application or requests append to;
//! - [`publish`] lets programs send without a connection.
//!
//! The [guide] has a chapter for each, and one with every byte.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The guide, a chapter a module.
pub mod guide {
    #[doc = include_str!("../guide/feeds.md")]
    pub mod feeds {}
    #[doc = include_str!("../guide/feeds-wire.md")]
    pub mod feeds_wire {}
    #[doc = include_str!("../guide/streams.md")]
    pub mod streams {}
    #[cfg(feature = "publishing")]
    #[doc = include_str!("../guide/publishing.md")]
    pub mod publishing {}
}

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// In reading order: positions, what is kept, a stream and its readers, the roads, requests, and what is offered.
mod cursor;
mod gap;
mod message;
mod log;
mod road;
mod config;
mod places;
mod stream;
mod http;
mod ticket;
mod streams;
mod feeds;

#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics_absent.rs"]
mod metrics;
#[cfg(feature = "publishing")]
#[cfg_attr(docsrs, doc(cfg(feature = "publishing")))]
pub mod publish;

pub use config::{FeedsConfig, Reading, StreamsConfig};
pub use cursor::{Cursor, CursorError};
pub use feeds::{Feeds, FeedsBuilder, TicketError};
pub use gap::GapReason;
pub use log::History;
pub use stream::producers::ProducerError;
pub use stream::{AppendError, Stream};
pub use streams::{Access, CreateError, Streams, Verb};
