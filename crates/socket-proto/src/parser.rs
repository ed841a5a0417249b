//! How packets are written: JSON text and attachments unless a server or client says otherwise.

use std::fmt;

use bytes::Bytes;

use crate::decoder::Incoming;
use crate::json;
use crate::packet::{DecodeError, Limits, PacketKind, decode_head, limits_of_our_own};

/// What is to be written: a packet taken apart, the same as what a decoder hands out.
pub type Outgoing<'a> = Incoming<'a>;

/// Another way to write packets than the protocol's own (the official `parser` option).
///
/// Arguments are JSON text here as everywhere in this library, with placeholders where attachments
/// stand ([`Incoming::Event`] says it in full): so handlers, payload types, limits and broadcasts
/// are the same whatever is on the wire. A parser carries this text as it likes, or translates it
/// as [`MsgpackParser`](crate::MsgpackParser) does.
///
/// It is asked once for each packet, also for one that goes to many.
pub trait Parser: fmt::Debug + Send + Sync + 'static {
    /// Writes one packet.
    fn encode(&self, packet: &Outgoing<'_>) -> Messages;

    /// Makes the decoder of one session. What a packet may ask of it is in `limits`.
    fn decoder(&self, limits: Limits) -> Box<dyn PacketDecoder>;

    /// Whom it is for. Default: everybody.
    fn audience(&self) -> Audience {
        Audience::Everybody
    }
}

/// Which sessions of a server a [`Parser`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    Everybody,
    /// Those whose first message is binary. Those that begin with text speak the protocol's own
    /// form, beside the others, and so do clients of Socket.IO 2, to which the server speaks first.
    BinaryFirst,
}

/// Reads what one peer sends, in the order in which it came.
pub trait PacketDecoder: Send {
    /// Takes a text message. `None`: more messages belong to the packet, or it says nothing.
    ///
    /// # Errors
    /// The rule that the packet breaks; the session is closed.
    fn handle_text<'a>(&'a mut self, text: &'a str) -> Result<Option<Incoming<'a>>, DecodeError>;

    /// Takes a binary message. `None`: as above.
    ///
    /// # Errors
    /// As [`handle_text`](Self::handle_text).
    fn handle_binary<'a>(&'a mut self, data: &'a [u8])
    -> Result<Option<Incoming<'a>>, DecodeError>;

    /// Whether more messages have to come for a packet that has begun. The server bounds how long
    /// that may take. Default: never.
    fn is_waiting(&self) -> bool {
        false
    }

    /// Frees what only the packet delivered last needed. Called when a turn ends.
    fn release(&mut self) {}
}

/// The messages of one packet, which nothing may come between: a text or none, then binary ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// The text message.
    pub text: Option<String>,
    /// The binary messages behind it.
    pub binary: Vec<Bytes>,
}

impl From<String> for Messages {
    fn from(text: String) -> Self {
        Messages { text: Some(text), binary: Vec::new() }
    }
}

impl From<Bytes> for Messages {
    fn from(message: Bytes) -> Self {
        Messages { text: None, binary: vec![message] }
    }
}

/// Writes a packet that stands in the protocol's own form in another one. `text` is what the
/// `encode_..` functions wrote.
///
/// # Errors
/// When it is not.
pub fn transcode(
    parser: &dyn Parser,
    text: &str,
    attachments: &[Bytes],
) -> Result<Messages, DecodeError> {
    let packet = decode_head(text, &limits_of_our_own())?;
    let (namespace, id, data) = (packet.namespace, packet.id, packet.data);
    let outgoing = match packet.kind {
        PacketKind::Connect => Outgoing::Connect { namespace, auth: data },
        PacketKind::Disconnect => Outgoing::Disconnect { namespace },
        PacketKind::ConnectError => Outgoing::ConnectError { namespace, data },
        PacketKind::Event | PacketKind::BinaryEvent => {
            let (name, args) =
                json::split_event(data).map_err(|offset| DecodeError::Json { offset })?;
            let name = json::unquote(name).unwrap_or(name.into());
            Outgoing::Event { namespace, id, name, args, attachments: attachments.to_vec() }
        }
        PacketKind::Ack | PacketKind::BinaryAck => {
            let args = data.strip_prefix('[').and_then(|data| data.strip_suffix(']'));
            let args = args.ok_or(DecodeError::PayloadType { kind: packet.kind })?;
            let id = id.ok_or(DecodeError::IdOutOfRange)?;
            Outgoing::Ack { namespace, id, args, attachments: attachments.to_vec() }
        }
    };
    Ok(parser.encode(&outgoing))
}
