//! What packets travel on. Both only move bytes; what a packet means is `engine.rs`'s business.

mod polling;
mod websocket;

pub(crate) use polling::{Exchange, Polling};
pub(crate) use websocket::{WebSocket, read_frames};

use std::error::Error;
use std::io;

use http::StatusCode;

use crate::TransportError;

/// Hides the type of an HTTP library's error behind `io::Error`; the causes stay visible.
fn http_error(error: impl Error + Send + Sync + 'static) -> TransportError {
    io::Error::other(error).into()
}

/// The answer to a request that was refused, with the beginning of its body, for people.
fn refused(status: StatusCode, body: &[u8]) -> TransportError {
    const BYTES_MAX: usize = 200;
    let body = String::from_utf8_lossy(&body[..body.len().min(BYTES_MAX)]).into_owned();
    TransportError::Status { status: status.as_u16(), body }
}
