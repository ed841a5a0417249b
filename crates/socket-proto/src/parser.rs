//! Other forms of packets than the protocol's JSON text and attachments (the official `parser` option).

use std::fmt;

use bytes::Bytes;

use crate::decoder::Incoming;
use crate::json;
use crate::packet::{DecodeError, Limits, PacketKind, decode_head, no_limits};

/// A packet to be written, in the parts that a decoder returns it in.
pub type Outgoing<'a> = Incoming<'a>;

/// An encoder and decoder of another form of packets than the protocol's own (the official `parser`
/// option).
///
/// Arguments are JSON text here as everywhere in this library, with placeholders for attachments
/// (see [`Incoming::Event`]): so handlers, payload types, limits and broadcasts are the same whatever
/// is on the wire. A parser sends this text in its own way, or translates it as
/// [`MsgpackParser`](crate::MsgpackParser) does.
///
/// `encode` is called once for each packet, also for a packet that goes to many.
pub trait Parser: fmt::Debug + Send + Sync + 'static {
    /// Writes one packet.
    fn encode(&self, packet: &Outgoing<'_>) -> Messages;

    /// Makes the decoder of one session, which has to refuse packets beyond `limits`.
    fn decoder(&self, limits: Limits) -> Box<dyn PacketDecoder>;

    /// The sessions that it is for. Default: all.
    fn audience(&self) -> Audience {
        Audience::Everybody
    }
}

/// Which sessions of a server a [`Parser`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// All of them.
    Everybody,
    /// Those whose first message is binary. Those that begin with text use the protocol's own form,
    /// beside the others, and so do clients of Socket.IO 2, to which the server sends first.
    BinaryFirst,
}

/// A decoder of the messages of one peer, in the order in which they came.
pub trait PacketDecoder: Send {
    /// Takes a text message. `None`: more messages belong to the packet, or it is to be ignored.
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

    /// Whether more messages have to come for a packet that has begun. The server limits the time
    /// for them. Default: never.
    fn is_waiting(&self) -> bool {
        false
    }

    /// Frees what only the packet returned last needed. Called when the messages at hand are read.
    fn release(&mut self) {}
}

/// The messages of one packet, to be sent with no other between them: at most one text message,
/// then binary ones.
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

/// Translates a packet from the protocol's own form into a parser's. `text` is what the `encode_..`
/// functions wrote.
///
/// ```
/// use sockeye_socket_proto::{MsgpackParser, transcode};
///
/// let messages = transcode(&MsgpackParser, r#"2["say","hello"]"#, &[])?;
/// assert_eq!((messages.text, messages.binary.len()), (None, 1));
/// # Ok::<(), sockeye_socket_proto::DecodeError>(())
/// ```
///
/// # Errors
/// [`DecodeError`] when `text` is no packet.
pub fn transcode(
    parser: &dyn Parser,
    text: &str,
    attachments: &[Bytes],
) -> Result<Messages, DecodeError> {
    let packet = decode_head(text, &no_limits())?;
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
