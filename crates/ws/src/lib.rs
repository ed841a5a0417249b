//! WebSocket (RFC 6455) without IO: frames, messages, close, handshake, both roles.
//!
//! [`Connection`] is a state machine for one connection after the handshake: bytes go in, events come
//! out, and nothing here touches a socket, a clock or a random source. Whoever drives it hands over
//! what was read, writes what was appended to the output, and supplies the masking keys a client needs.
//!
//! ```
//! use sockeye_ws::{Config, Connection, Event, Message, Role};
//!
//! let mut client = Connection::new(Role::Client, Config::default());
//! let mut server = Connection::new(Role::Server, Config::default());
//!
//! let mut wire = Vec::new();
//! client.send(Message::Text("hello"), Some([1, 2, 3, 4]), &mut wire)?;
//!
//! let (used, event) = server.handle_read(&mut wire)?;
//! assert_eq!(event, Some(Event::Text("hello")));
//! assert_eq!(used, 11);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Received payloads are unmasked where they lie and borrowed, so a relay copies nothing. Only a
//! message that does not lie whole in the bytes handed over is collected in a buffer of the
//! connection's own, which goes away with the message.
#![cfg_attr(
    feature = "deflate",
    doc = "
Messages can be compressed (permessage-deflate, RFC 7692): [`handshake::deflate`] negotiates it,
[`Connection::with_deflate`] has received messages decompressed, and [`Deflater`] compresses those to
send."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod close;
mod connection;
#[cfg(feature = "deflate")]
mod deflater;
mod error;
mod frame;
pub mod handshake;
#[cfg(feature = "deflate")]
mod inflater;
#[cfg(not(feature = "deflate"))]
#[path = "inflater_absent.rs"]
mod inflater;
mod mask;
mod message;
mod receiver;
mod utf8;

pub use crate::close::{CloseCode, CloseFrame};
pub use crate::connection::{Config, Connection, Event, Role};
#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
pub use crate::deflater::Deflater;
pub use crate::error::{ProtocolError, SendError};
#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
pub use crate::frame::encode_compressed_frame;
pub use crate::frame::{
    CONTROL_PAYLOAD_BYTES_MAX, FrameHeader, ObservedHeader, Opcode, encode_close, encode_frame,
};
pub use crate::message::Message;
