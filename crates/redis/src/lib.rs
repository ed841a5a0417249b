//! Sockeye servers, and Node's, as one cluster over Redis.
//!
//! A bus for each of the official adapters, whose servers it shares a cluster with:
//!
//! | bus | Node's adapter | needs |
//! |---|---|---|
//! | [`ClassicBus`] | `createAdapter` of `@socket.io/redis-adapter` | any Redis |
//! | [`ShardedBus`] | `createShardedAdapter` of `@socket.io/redis-adapter` | Redis 7 |
//! | [`StreamsBus`] | `createAdapter` of `@socket.io/redis-streams-adapter` | Redis 6.2 |
//!
//! The options have the names and defaults of theirs, and have to be the same on all servers. What each bus promises stands in
//! the [guide](https://github.com/sockeye-rs/sockeye/blob/main/docs/guide/cluster.md).
//!
//! A server has one connection that sends and one that listens, whatever the number of its namespaces, and one that reads
//! for each stream. What waits to be sent
//! is sent in one write, 512 commands at most. While Redis is away, this server's own clients are served as ever; what is
//! sent meanwhile does not reach the other servers and is counted
//! ([`Counts::lost`](sockeye_cluster::Counts::lost)), and what they sent is told as an event
//! ([`ClusterEvent::Gap`](sockeye_cluster::ClusterEvent::Gap)). It comes back by itself: the pauses between attempts grow from
//! 50 ms to 2 s.
//!
//! # Addresses
//!
//! | | |
//! |---|---|
//! | `redis://host:6379`, `redis://user:password@host:6379/0` | one server; a user of its access control list |
//! | `rediss://host:6380` | one server, with TLS |
//! | `redis-cluster://host:7000,host:7001` | a cluster; one server of it is enough to find the others |
//! | `redis-sentinel://host:26379,host:26380/name` | the server that the sentinels have for this name |
//! | `rediss-cluster://`, `rediss-sentinel://` | these with TLS |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
mod readme {}

/// Where Redis is, and a connection to it. For crates of this project; it changes without notice.
#[doc(hidden)]
pub mod address;

#[cfg(feature = "server")]
mod classic;
#[cfg(feature = "server")]
mod config;
#[cfg(feature = "server")]
mod count;
#[cfg(feature = "server")]
mod publisher;
#[cfg(feature = "server")]
mod sharded;
#[cfg(feature = "server")]
mod streams;
#[cfg(feature = "server")]
mod subscriber;

pub use address::AddressError;
#[cfg(feature = "server")]
pub use classic::ClassicBus;
#[cfg(feature = "server")]
pub use config::{ClassicConfig, ShardedConfig, StreamsConfig};
#[cfg(feature = "server")]
pub use sharded::ShardedBus;
#[cfg(feature = "server")]
pub use sockeye_cluster_proto::channels::SubscriptionMode;
#[cfg(feature = "server")]
pub use streams::StreamsBus;
