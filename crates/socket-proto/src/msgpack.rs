//! Packets as MessagePack, the form of the official `socket.io-msgpack-parser`: each packet is one
//! binary message, a map of `type`, `nsp`, `data` and, for acks and events that want one, `id`.
//! Binary data is part of it, so there are neither placeholders nor further messages.
//!
//! Handlers see JSON text with placeholders all the same: it is translated here, both ways, without
//! recursion (peers choose the depth) and without building a tree.

mod date;
mod read;
mod token;
mod write;

use bytes::Bytes;

use crate::decoder::Incoming;
use crate::packet::{DecodeError, Limits};
use crate::parser::{Audience, Messages, Outgoing, PacketDecoder, Parser};
use crate::payload::RawArgs;

/// The parser of packets as MessagePack, as `socket.io-msgpack-parser` 3 writes them.
///
/// It is used for sessions whose first message is binary; those that begin with text use JSON, on the
/// same server and in the same rooms.
///
/// Values that JSON does not have: `undefined` and numbers that are not finite are read as `null`, dates
/// as the text of `toISOString`, binary data as [`Binary`](crate::Binary). Other extensions, keys
/// that are neither text nor whole numbers, and objects that look like placeholders are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MsgpackParser;

impl Parser for MsgpackParser {
    fn encode(&self, packet: &Outgoing<'_>) -> Messages {
        let mut out = Vec::with_capacity(128);
        write::packet(packet, &mut out);
        Bytes::from(out).into()
    }

    fn decoder(&self, limits: Limits) -> Box<dyn PacketDecoder> {
        Box::new(MsgpackDecoder { limits, json: String::new() })
    }

    fn audience(&self) -> Audience {
        Audience::BinaryFirst
    }
}

/// Appends JSON as MessagePack: one value, or several with commas between them, one behind the other.
/// `json` is checked JSON; its placeholders become the `attachments` that they stand for. It is how
/// Socket.IO servers of a cluster write to each other what has binary data in it.
///
/// ```
/// use sockeye_socket_proto::{Limits, decode_msgpack, encode_msgpack};
///
/// let mut out = Vec::new();
/// encode_msgpack(r#"["emitter",{"type":2}]"#, &[], &mut out);
/// assert_eq!(out, b"\x92\xa7emitter\x81\xa4type\x02");
/// assert_eq!(decode_msgpack(&out, &Limits::default())?.json(), r#"["emitter",{"type":2}]"#);
/// # Ok::<(), sockeye_socket_proto::DecodeError>(())
/// ```
pub fn encode_msgpack(json: &str, attachments: &[Bytes], out: &mut Vec<u8>) {
    write::values(json, attachments, out);
}

/// Reads one value of MessagePack as JSON with placeholders for its binary data: as
/// [`MsgpackParser`] reads payloads, without recursion.
///
/// # Errors
/// It is no MessagePack, there is more behind the value, or it breaks a limit: of `limits` those of
/// attachments and of depth count.
pub fn decode_msgpack(bytes: &[u8], limits: &Limits) -> Result<RawArgs, DecodeError> {
    read::value(bytes, limits)
}

struct MsgpackDecoder {
    limits: Limits,
    /// The payload of the packet returned last.
    json: String,
}

impl PacketDecoder for MsgpackDecoder {
    fn handle_text<'a>(&'a mut self, _: &'a str) -> Result<Option<Incoming<'a>>, DecodeError> {
        Err(DecodeError::UnexpectedText)
    }

    fn handle_binary<'a>(
        &'a mut self,
        data: &'a [u8],
    ) -> Result<Option<Incoming<'a>>, DecodeError> {
        self.json.clear();
        read::packet(data, &self.limits, &mut self.json)
    }

    fn release(&mut self) {
        self.json = String::new();
    }
}

/// The kinds of packets by their numbers, which are digits in JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Connect = 0,
    Disconnect = 1,
    Event = 2,
    Ack = 3,
    ConnectError = 4,
}
