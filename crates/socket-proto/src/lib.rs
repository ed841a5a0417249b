//! Socket.IO packets, attachments, acks and typed events without IO.
#![forbid(unsafe_code)]
mod acks;
mod answer;
mod decoder;
mod encode;
mod event;
mod json;
mod msgpack;
mod packet;
mod parser;
mod payload;
mod raw_event;
mod scan;
mod shape;

pub use acks::{Acks, Full};
pub use answer::{Ack, EventError, IntoAck, RemoteError};
pub use decoder::{Decoder, Incoming};
pub use encode::{
    encode_ack, encode_connect, encode_connect_error, encode_connected, encode_disconnect,
    encode_error, encode_event,
};
pub use event::{
    Event, EventName, Listen, RESERVED_EVENTS, Request, ReservedName, event_name, is_reserved,
};
pub use msgpack::MsgpackParser;
pub use packet::{DecodeError, Limits, Packet, PacketKind};
pub use parser::{Audience, Messages, Outgoing, PacketDecoder, Parser, transcode};
pub use payload::{
    Args, Binary, EncodeError, FromArgs, PayloadError, RawArgs, decode_args, encode_args,
    with_encoded_args,
};
pub use raw_event::{EventRef, RawEvent};
