//! The real driver under clients that misbehave: a server that checks what it hears, and clients whose
//! scripts are drawn from a seed. In memory on a paused clock, or behind a listener.

mod client;
mod polling;
mod server;
mod wire;

pub use client::{Client, Outcome};
pub use server::{Handler, Host, Io, Recorder};
pub use wire::request;
