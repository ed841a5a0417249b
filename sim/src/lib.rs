//! Seeded simulator: two [`Session`](sockeye_engine_proto::Session)s, server and client, on a
//! virtual clock, joined by a network that delays, splits and merges what it carries and loses
//! connections.
//!
//! [`run`] plays one world to its end and checks, on the way and afterwards:
//!
//! - messages arrive in order, none twice and none missing in between, in both directions and
//!   through the upgrade;
//! - unless a connection that carried the session was lost, every message arrives;
//! - whatever happens, both sides end within their deadlines and nothing is left to do.
//!
//! A world is made by its seed alone: the same seed plays the same world again, step by step.
//!
//! [`driver`] has what the worlds of the tokio driver are made of; they are tests.

#![forbid(unsafe_code)]

mod client;
pub mod driver;
mod network;
mod plan;
mod random;
mod server;
mod world;

pub use plan::{Fault, Plan};
pub use random::Random;
pub use world::{Failure, Report, run};

#[cfg(test)]
mod tests;
