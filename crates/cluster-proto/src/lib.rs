//! What the servers of a Socket.IO cluster write to each other, without IO.
//!
//! A [`Message`] is one thing that a server, or an emitter, says to the servers of a namespace: an event for their
//! sockets, rooms to enter, a question, an answer. There are two forms on the wire, both of the official adapters:
//!
//! - [`messages`]: numbered messages, as JSON or MessagePack. They are what the sharded adapter for Redis, the one for
//!   Redis streams and the one for PostgreSQL write; [`messages::Entry`] is such a message as the fields of a stream.
//! - [`classic`]: the form of the older adapter for Redis, in which a broadcast, a request and a response each have
//!   channels and a shape of their own.
//!
//! [`Node`](node::Node) is one server's part in the cluster: who else is there, what was asked of whom, what is still
//! missing. [`channels`] names the channels and streams that each of them uses. What comes from a bus is untrusted: whoever may
//! publish can send anything. Reading checks types and the limits of [`Limits`], never panics, never recurses without
//! bound, and a message that is refused says why.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// What servers say to each other, in no form.
mod message;

// What was received, as JSON with attachments, before it is a message.
mod received;

// The parts of messages as they stand in JSON, which both forms share.
mod parts;

// What servers of this project tell each other of themselves, and all they tell each other.
mod heartbeat;
mod own;

// A session that is kept for a client that comes back.
mod session;

pub mod channels;
pub mod classic;
pub mod messages;
pub mod node;

pub use heartbeat::Heartbeat;
pub use message::{Body, Emitted, Flags, Message, RemoteSocket, Targets, Value};
pub use own::{OwnMessage, PresenceChanged, PresencePart, PresentConnection};
pub use received::{Limits, ReadError, Received};
pub use session::StoredSession;

/// The sender's name of an emitter: it publishes, and is no server.
pub const EMITTER: &str = "emitter";
