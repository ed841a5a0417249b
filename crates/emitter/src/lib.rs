//! Events into a cluster of Socket.IO servers over Redis, from programs that are no server.
//!
//! An [`Emitter`] publishes what the servers publish to each other, in the form of Node's emitters, so servers of Sockeye
//! and of Node take it. It listens to nothing, is not counted among the servers, and cannot ask: there are no acks.
//!
//! | [`EmitterConfig`] | servers of Sockeye | of Node |
//! |---|---|---|
//! | [`classic`](EmitterConfig::classic) | `ClassicBus` | `createAdapter` of `@socket.io/redis-adapter` |
//! | [`sharded`](EmitterConfig::sharded) | `ShardedBus` | `createShardedAdapter` of `@socket.io/redis-adapter` |
//! | [`streams`](EmitterConfig::streams) | `StreamsBus` | `@socket.io/redis-streams-adapter` |
//!
//! Addresses of Redis are those of `sockeye-redis`.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// How the servers of the cluster write.
mod config;

// The emitter and its verbs.
mod emitter;

// What goes wrong, and what to do about it.
mod error;

pub use config::EmitterConfig;
pub use emitter::{ConnectError, Emitter, Heard};
pub use error::PublishError;
pub use sockeye_cluster_proto::channels::SubscriptionMode;
pub use sockeye_redis::AddressError;
pub use sockeye_socket_proto::{Args, Binary, EmitAs, EmitError, Event, EventName, RawArgs};
