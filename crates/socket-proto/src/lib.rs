//! Socket.IO packets, attachments, acks and typed events without IO.
//!
//! [`Decoder`] turns a session's messages into [`Incoming`] packets, the `encode_..` functions write
//! them. [`Event`] declares an event for both ends, [`FromArgs`] and [`RawArgs`] are its payload,
//! [`IntoAck`] its answer. Time, ids and bytes come from the caller.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

/// The README's program is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

// Events: what programs declare, send and answer.

// `Event`, the contract of an event: its name, its payload type and the type of its answer.
mod event;

// Events of any name, borrowed (`EventRef`) and owned (`RawEvent`).
mod raw_event;

// Payloads and arguments: serde types on one side, JSON text and attachments on the other.
mod payload;

// What handlers return.
mod answer;

// `EmitError` and `AckError`.
mod error;

// The table of acks that a socket waits for.
mod acks;

// Packets: what goes over the wire.

// One packet: its kinds, limits, errors, and the parser of its text.
mod packet;

// From messages to packets: collects the attachments.
mod decoder;

// From packets to text.
mod encode;

// Questions about JSON text, answered without a tree: validity, elements, placeholders.
mod json;

// The interface of other wire forms.
mod parser;

// The one such form that is built in.
#[cfg(feature = "msgpack")]
mod msgpack;

pub use acks::PendingAcks;
pub use answer::{Ack, EventError, IntoAck, IntoError, Refuse, RemoteError};
#[doc(hidden)]
pub use answer::{Diverging, Never};
#[doc(hidden)]
pub use answer::{LogCauses, LogText};
pub use decoder::{Decoder, Incoming};
pub use encode::{
    encode_ack, encode_connect, encode_connect_error, encode_connected, encode_disconnect,
    encode_error, encode_event,
};
pub use error::{AckError, EmitError};
pub use event::{
    Event, EventName, Listen, RESERVED_EVENTS, Request, ReservedName, Subscribe, event_name,
    is_reserved, to_event_name,
};
pub use json::push_quoted;
#[cfg(feature = "msgpack")]
#[cfg_attr(docsrs, doc(cfg(feature = "msgpack")))]
pub use msgpack::{MsgpackParser, decode_msgpack, encode_msgpack};
pub use packet::{DecodeError, Limits, Packet, PacketKind};
pub use parser::{Audience, Messages, Outgoing, PacketDecoder, Parser, transcode};
pub use payload::emit_as::{ArgsRef, EmitAs};
pub use payload::{
    Args, Binary, EncodeError, FromArgs, PayloadError, RawArgs, decode_args, encode_args,
    with_encoded_args,
};
pub use raw_event::{EventRef, RawEvent, split_event};
