//! What packets travel on. Both only move bytes; what a packet means is `engine.rs`'s business.

mod polling;
mod websocket;

pub(crate) use polling::{Exchange, Polling};
pub(crate) use websocket::WebSocket;

use std::error::Error;
use std::io;

use crate::TransportError;

/// Hides the type of an HTTP library's error behind `io::Error`; the causes stay visible.
fn http_error(error: impl Error + Send + Sync + 'static) -> TransportError {
    io::Error::other(error).into()
}

/// The beginning of an error's body, for people.
fn excerpt(body: &[u8]) -> String {
    const BYTES_MAX: usize = 200;
    String::from_utf8_lossy(&body[..body.len().min(BYTES_MAX)]).into_owned()
}
