//! A Socket.IO 5 packet: its text form, read without copying and written without a value tree.
//!
//! ```text
//! <kind> [<attachments> "-"] [<namespace> ","] [<id>] [<JSON payload>]
//! ```
//!
//! Source of the rules: Socket.IO protocol v5 "Packet encoding".

use std::borrow::Cow;

use crate::encode::encode_head;
use crate::event::is_reserved;
use crate::json;
use crate::json::scan::plain;

/// The kind of a packet: its first character on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PacketKind {
    /// `0`: a request to join a namespace; the reply of the server has the socket id.
    Connect = b'0',
    /// `1`: leaves a namespace.
    Disconnect = b'1',
    /// `2`: an event.
    Event = b'2',
    /// `3`: the answer to an event that carried an id.
    Ack = b'3',
    /// `4`: the server refuses a [`Connect`](PacketKind::Connect).
    ConnectError = b'4',
    /// `5`: an event with attachments.
    BinaryEvent = b'5',
    /// `6`: an ack with attachments.
    BinaryAck = b'6',
}

impl PacketKind {
    /// Whether attachments follow the packet.
    pub const fn is_binary(self) -> bool {
        matches!(self, PacketKind::BinaryEvent | PacketKind::BinaryAck)
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            b'0' => PacketKind::Connect,
            b'1' => PacketKind::Disconnect,
            b'2' => PacketKind::Event,
            b'3' => PacketKind::Ack,
            b'4' => PacketKind::ConnectError,
            b'5' => PacketKind::BinaryEvent,
            b'6' => PacketKind::BinaryAck,
            _ => return None,
        })
    }
}

/// Limits on one packet that is received.
///
/// ```
/// use sockeye_socket_proto::{Decoder, Limits};
///
/// let limits = Limits { attachments_max: 2, ..Limits::default() };
/// assert!(Decoder::new(limits).handle_text(r#"53-["event"]"#).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Attachments of one packet. Default 10, like the official decoder.
    pub attachments_max: u32,
    /// Bytes of all attachments of one packet together. Default 10,000,000: ten messages of the
    /// default message limit.
    pub attachment_bytes_max: usize,
    /// Bytes of a namespace's name. Default 1,024.
    pub namespace_bytes_max: usize,
    /// Bytes of an event's name as it stands in the packet, quotes excluded. Default 1,024.
    pub event_name_bytes_max: usize,
    /// Lists and objects inside each other, in packets of
    /// [`MsgpackParser`](crate::MsgpackParser). (JSON is checked without keeping anything of it, so
    /// it has no such limit.) Default 1,024.
    pub depth_max: u32,
}

/// No limits: for packets that this process has written itself.
pub(crate) const fn no_limits() -> Limits {
    Limits {
        attachments_max: u32::MAX,
        attachment_bytes_max: usize::MAX,
        namespace_bytes_max: usize::MAX,
        event_name_bytes_max: usize::MAX,
        depth_max: u32::MAX,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            attachments_max: 10,
            attachment_bytes_max: 10_000_000,
            namespace_bytes_max: 1_024,
            event_name_bytes_max: 1_024,
            depth_max: 1_024,
        }
    }
}

/// Why a packet was refused. The official server closes the whole session then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message was empty.
    #[error("empty packet")]
    Empty,
    /// The first character is not a packet kind.
    #[error("unknown packet kind {0:?}")]
    UnknownKind(char),
    /// The attachment count of a binary packet is missing or not a whole number.
    #[error("illegal attachment count")]
    AttachmentCount,
    /// A binary packet announced no attachment.
    #[error("binary packet without attachments")]
    NoAttachments,
    /// More attachments than [`Limits::attachments_max`].
    #[error("{announced} attachments announced, {limit} allowed")]
    TooManyAttachments {
        /// What the packet announced; saturates.
        announced: u32,
        /// The limit.
        limit: u32,
    },
    /// The attachments together are larger than [`Limits::attachment_bytes_max`].
    #[error("attachments of at least {actual} bytes, {limit} allowed")]
    AttachmentsTooLarge {
        /// Bytes received for this packet, the refused ones included.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// The namespace is longer than [`Limits::namespace_bytes_max`].
    #[error("namespace of {actual} bytes, {limit} allowed")]
    NamespaceTooLong {
        /// Bytes of the name.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// The event's name is longer than [`Limits::event_name_bytes_max`].
    #[error("event name of {actual} bytes, {limit} allowed")]
    EventNameTooLong {
        /// Bytes of the name.
        actual: usize,
        /// The limit.
        limit: usize,
    },
    /// The id does not fit 64 bits.
    #[error("packet id out of range")]
    IdOutOfRange,
    /// The payload is not JSON.
    #[error("payload is not valid JSON, byte {offset} of the packet")]
    Json {
        /// Where in the packet reading stopped, in bytes.
        offset: usize,
    },
    /// The payload is JSON of a type this kind of packet does not carry.
    #[error("a {kind:?} packet cannot carry this payload")]
    PayloadType {
        /// The packet's kind.
        kind: PacketKind,
    },
    /// The event has no name, or it is neither a string nor a number.
    #[error("event name is neither a string nor a number")]
    EventName,
    /// The event has one of the [`RESERVED_EVENTS`](crate::RESERVED_EVENTS).
    #[error("event name is reserved")]
    ReservedEventName,
    /// A placeholder is misshapen or points at an attachment that was not announced.
    #[error("illegal attachment placeholder")]
    Placeholder,
    /// The message is not MessagePack, or not a map of a packet's members.
    #[error("not a packet in MessagePack, byte {offset} of the message")]
    Msgpack {
        /// Where reading stopped, in bytes.
        offset: usize,
    },
    /// The namespace is missing, does not begin with a slash, or has a comma in it.
    #[error("illegal namespace")]
    Namespace,
    /// Lists and objects nested deeper than [`Limits::depth_max`].
    #[error("payload deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// A reason that the application's own [`Parser`](crate::Parser) gives.
    #[error("{0}")]
    Parser(&'static str),
    /// A text message came while attachments were expected, or where there is never text.
    #[error("text message where binary is expected")]
    UnexpectedText,
    /// A binary message came while no attachment was expected.
    #[error("binary message without a packet that announced it")]
    UnexpectedBinary,
}

/// One packet, borrowed from its text. The payload is checked JSON of the kind's type, not parsed.
///
/// ```
/// use sockeye_socket_proto::{Limits, Packet, PacketKind};
///
/// let packet = Packet::decode(r#"2/chat,7["say","hello"]"#, &Limits::default())?;
/// assert_eq!((packet.kind, packet.namespace, packet.id), (PacketKind::Event, "/chat", Some(7)));
/// assert_eq!(packet.data, r#"["say","hello"]"#);
/// let mut text = String::new();
/// packet.encode(&mut text);
/// assert_eq!(text, r#"2/chat,7["say","hello"]"#);
/// # Ok::<(), sockeye_socket_proto::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The kind of the packet.
    pub kind: PacketKind,
    /// The namespace with its leading slash; `/` where the packet names none.
    pub namespace: &'a str,
    /// On events: the sender wants an ack with this id. On acks: the id of the event.
    pub id: Option<u64>,
    /// How many binary messages follow. 0 unless the kind is binary.
    pub attachments: u32,
    /// The payload as JSON text, without white space around it; empty where there is none.
    pub data: &'a str,
}

impl<'a> Packet<'a> {
    /// Reads one packet (the engine message without the `4`).
    ///
    /// The payload is checked completely, placeholders included, without building a tree and
    /// without recursion: deep nesting is neither refused nor a danger.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn decode(text: &'a str, limits: &Limits) -> Result<Self, DecodeError> {
        Parsed::decode(text, limits).map(|parsed| parsed.packet)
    }

    /// Appends the packet's text. `data` is written as it stands: it must be JSON.
    pub fn encode(&self, out: &mut String) {
        encode_head(out, self.kind, self.attachments, self.namespace, self.id);
        out.push_str(self.data);
    }
}

/// A packet with its payload split into name and arguments.
#[derive(Clone, Debug)]
pub(crate) struct Parsed<'a> {
    pub(crate) packet: Packet<'a>,
    /// Events: the name; a number as its text. `None`: no payload.
    pub(crate) name: Option<Cow<'a, str>>,
    /// Events and acks: the elements (after the name), without brackets.
    pub(crate) args: &'a str,
    /// How many attachments the placeholders use: those behind them are dropped.
    pub(crate) attachments_used: u32,
}

impl<'a> Parsed<'a> {
    pub(crate) fn decode(text: &'a str, limits: &Limits) -> Result<Self, DecodeError> {
        if let Some(parsed) = Self::decode_plain_event(text, limits) {
            return Ok(parsed);
        }
        Self::decode_any(text, limits)
    }

    /// The most frequent packet, in one pass: an event without attachments in the namespace `/`,
    /// its name without escapes, no white space before the arguments. `None`: another kind of
    /// packet, or an invalid one, which `decode_any` finds out.
    fn decode_plain_event(text: &'a str, limits: &Limits) -> Option<Self> {
        let (digits, array) = match text.as_bytes() {
            [b'2', b'[', b'"', ..] => ("", &text[1..]),
            [b'2', b'0'..=b'9', ..] => split_digits(&text[1..]),
            _ => return None,
        };
        let inner = array.strip_prefix("[\"")?;
        let name_length = plain(inner.as_bytes());
        let name =
            inner.get(..name_length).filter(|_| name_length <= limits.event_name_bytes_max)?;
        let args = match inner.as_bytes().get(name_length..)? {
            b"\"]" => "",
            [b'"', b',', b'"' | b'{' | b'[' | b'0'..=b'9' | b't' | b'f' | b'n' | b'-', ..] => {
                json::elements(&inner[name_length + 2..])?
            }
            _ => return None,
        };
        if is_reserved(name) {
            return None;
        }
        let id = if digits.is_empty() { None } else { Some(digits.parse().ok()?) };
        let (kind, namespace) = (PacketKind::Event, "/");
        let packet = Packet { kind, namespace, id, attachments: 0, data: array };
        Some(Parsed { packet, name: Some(Cow::Borrowed(name)), args, attachments_used: 0 })
    }

    fn decode_any(text: &'a str, limits: &Limits) -> Result<Self, DecodeError> {
        let packet = decode_head(text, limits)?;
        let mut parsed = Parsed { packet, name: None, args: "", attachments_used: 0 };
        if !packet.data.is_empty() {
            let offset = packet.data.as_ptr().addr() - text.as_ptr().addr();
            parsed.read_payload(offset, limits)?;
        }
        Ok(parsed)
    }

    fn read_payload(&mut self, offset: usize, limits: &Limits) -> Result<(), DecodeError> {
        let Packet { kind, data, .. } = self.packet;
        let wrong_type = DecodeError::PayloadType { kind };
        let not_json = |at| DecodeError::Json { offset: offset + at };
        let first = data.as_bytes()[0];
        match kind {
            PacketKind::Disconnect => return Err(wrong_type),
            PacketKind::Connect | PacketKind::ConnectError => {
                json::validate(data).map_err(not_json)?;
                let string_allowed = kind == PacketKind::ConnectError;
                if first != b'{' && !(string_allowed && first == b'"') {
                    return Err(wrong_type);
                }
            }
            PacketKind::Event | PacketKind::BinaryEvent => {
                if first != b'[' {
                    json::validate(data).map_err(not_json)?;
                    return Err(wrong_type);
                }
                let (name, args) = json::split_event(data).map_err(not_json)?;
                self.name = Some(read_event_name(name, limits)?);
                self.args = args;
            }
            PacketKind::Ack | PacketKind::BinaryAck => {
                json::validate(data).map_err(not_json)?;
                if first != b'[' {
                    return Err(wrong_type);
                }
                self.args = json::trim(&data[1..data.len() - 1]);
            }
        }
        if kind.is_binary() {
            self.attachments_used = json::check_placeholders(self.args, self.packet.attachments)
                .ok_or(DecodeError::Placeholder)?;
        }
        Ok(())
    }
}

pub(crate) fn decode_head<'a>(text: &'a str, limits: &Limits) -> Result<Packet<'a>, DecodeError> {
    let Some(kind) = text.bytes().next().and_then(PacketKind::from_byte) else {
        return Err(text.chars().next().map_or(DecodeError::Empty, DecodeError::UnknownKind));
    };
    let mut rest = &text[1..];
    let mut attachments = 0;
    if kind.is_binary() {
        (attachments, rest) = decode_attachments(rest, limits)?;
    }
    let mut namespace = "/";
    if rest.starts_with('/') {
        (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        if namespace.len() > limits.namespace_bytes_max {
            return Err(DecodeError::NamespaceTooLong {
                actual: namespace.len(),
                limit: limits.namespace_bytes_max,
            });
        }
    }
    let (digits, rest) = split_digits(rest);
    let id = match digits {
        "" => None,
        digits => Some(digits.parse().map_err(|_| DecodeError::IdOutOfRange)?),
    };
    Ok(Packet { kind, namespace, id, attachments, data: json::trim(rest) })
}

fn decode_attachments<'a>(text: &'a str, limits: &Limits) -> Result<(u32, &'a str), DecodeError> {
    let (digits, rest) = split_digits(text);
    let rest = rest.strip_prefix('-').ok_or(DecodeError::AttachmentCount)?;
    if digits.is_empty() {
        return Err(DecodeError::AttachmentCount);
    }
    // These are digits, so parsing can only fail because the number is too large.
    let announced = digits.parse().unwrap_or(u32::MAX);
    let limit = limits.attachments_max;
    match announced {
        0 => Err(DecodeError::NoAttachments),
        _ if announced > limit => Err(DecodeError::TooManyAttachments { announced, limit }),
        _ => Ok((announced, rest)),
    }
}

/// Checks and unquotes an event's name. `raw`: the name as it stands in the JSON, `""` where the
/// array is empty.
fn read_event_name<'a>(raw: &'a str, limits: &Limits) -> Result<Cow<'a, str>, DecodeError> {
    let is_quoted = match raw.as_bytes().first() {
        Some(b'"') => true,
        Some(b'-' | b'0'..=b'9') => false,
        _ => return Err(DecodeError::EventName),
    };
    let actual = if is_quoted { raw.len() - 2 } else { raw.len() };
    let limit = limits.event_name_bytes_max;
    if actual > limit {
        return Err(DecodeError::EventNameTooLong { actual, limit });
    }
    if !is_quoted {
        return Ok(Cow::Borrowed(raw));
    }
    let name = json::unquote(raw).ok_or(DecodeError::EventName)?;
    if is_reserved(&name) { Err(DecodeError::ReservedEventName) } else { Ok(name) }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever `decode_plain_event` accepts, `decode_any` reads the same.
    #[test]
    fn the_fast_path_agrees_with_the_general_one() {
        let limits = Limits { event_name_bytes_max: 8, ..Limits::default() };
        let heads = ["2", "20", "2007", "218446744073709551616", "2/a,", "3", "51-", "2 "];
        let names = ["a", "", "ä", "connect", "eightish", "nine long", "a\\n", "a\u{1}", "x\",\"y"];
        let rests = [
            "]",
            "] ",
            ",]",
            ",1]",
            ",1] ",
            ",1 ]",
            ",1]]",
            ", 1]",
            ",1,\"b\",[2,{\"c\":null}]]",
            ",1,]",
            ",\"",
            ",01]",
            ",[1]]",
            ",{}]",
            ",tru]",
            ",-]",
            ",\"\\x\"]",
            " ]",
            " ,1]",
            "",
            "1]",
        ];
        let mut fast = 0;
        let texts = heads.iter().flat_map(|head| names.iter().map(move |name| (head, name)));
        let texts: Vec<_> = texts.map(|(head, name)| format!("{head}[\"{name}\"")).collect();
        for text in texts.iter().flat_map(|head| rests.map(|rest| format!("{head}{rest}"))) {
            if let Some(parsed) = Parsed::decode_plain_event(&text, &limits) {
                let general =
                    Parsed::decode_any(&text, &limits).expect("the general path takes it too");
                assert_eq!(format!("{parsed:?}"), format!("{general:?}"), "{text}");
                fast += 1;
            }
        }
        // Three heads; four names with six rests, and the one that brings an argument with nine.
        assert_eq!(fast, 3 * (4 * 6 + 9));
    }
}
