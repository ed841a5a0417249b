//! The two transports. They move bytes; packets are handled in `engine.rs`.

mod polling;
mod websocket;

use std::error::Error;
use std::io;

use http::StatusCode;

pub(super) use self::polling::{Exchange, PollingRequests};
pub(super) use self::websocket::{WebSocket, read_frames};
use crate::error::TransportError;

/// Wraps an error of the HTTP library in an `io::Error`, so that its type is not part of the API.
fn http_error(error: impl Error + Send + Sync + 'static) -> TransportError {
    io::Error::other(error).into()
}

/// The error for a response that is no success, with the beginning of its body, for people.
fn status_error(status: StatusCode, body: &[u8]) -> TransportError {
    const BYTES_MAX: usize = 200;
    let body = String::from_utf8_lossy(&body[..body.len().min(BYTES_MAX)]).into_owned();
    TransportError::Status { status: status.as_u16(), body }
}
