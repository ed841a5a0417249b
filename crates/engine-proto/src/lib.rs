//! Engine.IO 4 and 3 without IO: packets, payloads and the session state machine, both roles.
//!
//! Nothing here reads a clock, opens a socket or draws randomness; the caller passes time, ids and
//! bytes in and carries what comes out. The parts, in reading order:
//!
//! - [`Packet`] and [`Message`]: what travels on a transport, and its text form;
//! - [`PayloadReader`] and [`PayloadWriter`]: many packets in one polling body;
//! - [`OpenData`]: the JSON of the OPEN packet;
//! - [`Session`]: heartbeat, transports, upgrade and closing of one `sid`.
//!
//! A message passes through [`Session::handle_packet`] borrowed; outgoing messages never enter the
//! state machine at all: it only says where they may go ([`Session::outlet`]).

#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

mod close;
mod config;
mod id;
mod open;
mod packet;
mod payload;
mod session;
mod transport;

pub use close::{CloseReason, Loss};
pub use config::Config;
pub use id::{SessionId, ShortId};
pub use open::{OpenData, OpenError};
pub use packet::{BinaryForm, Control, DecodeError, Message, Packet};
pub use payload::{Batch, PayloadForm, PayloadReader, PayloadWriter};
pub use session::{Event, Role, Session, SessionError, Transmit, TransportChange};
pub use transport::{Revision, TransportId, TransportKind};
