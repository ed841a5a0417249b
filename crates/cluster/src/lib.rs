//! Several servers as one cluster, over any bus that carries messages between them.
//!
//! [`BusCluster`] is the [`Cluster`](sockeye::Cluster) that a server is given: it writes operations as messages, asks and
//! counts answers, and carries out what comes. How messages travel is a [`Bus`]: [`MemoryBus`] connects servers of one
//! process; `sockeye-redis` has those over Redis, which servers of Node take part in.
//!
//! ```
//! use sockeye::{Namespace, Server};
//! use sockeye_cluster::{BusCluster, ClusterConfig, MemoryBus};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let bus = MemoryBus::new();
//! let server = |name: &str| {
//!     let cluster = BusCluster::new(bus.member(), ClusterConfig::new(name));
//!     Server::builder().namespace(Namespace::new("/")).cluster(cluster).build()
//! };
//! let (red, blue) = (server("red")?, server("blue")?);
//! // Now `red.io().emit(..)` reaches the clients of both.
//! # drop((red, blue));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// What carries messages, and where they arrive.
mod bus;

// The cluster of a server.
mod cluster;

// Operations and replies as messages, and back.
mod convert;

// The request of a socket as JSON, as Node has it, and back.
mod handshake;

// Who is present, as servers tell each other.
mod presence;

// What was sent, received and refused.
mod counters;

// A bus within one process.
mod memory;

pub use bus::{Bus, Counting, Inbox};
pub use cluster::{BusCluster, ClusterConfig, ClusterEvent, RemoteServer};
pub use counters::Counts;
pub use handshake::to_json as handshake_json;
pub use memory::{MemoryBus, MemoryMember};
