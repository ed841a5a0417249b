//! Engine.IO packets and their forms outside payloads, Engine.IO v4 and v3 "Packet encoding".

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use thiserror::Error;

use crate::transport::Revision;

/// One packet, borrowed from where it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: the server's handshake data, see [`OpenData`](crate::OpenData).
    Open(&'a str),
    /// `1`: the transport can be closed.
    Close,
    /// `2`: heartbeat, or the probe of an upgrade when the data is `probe`.
    Ping(&'a str),
    /// `3`: the answer to a ping, with its data.
    Pong(&'a str),
    /// `4`, or a binary message.
    Message(Message<'a>),
    /// `5`: from now on the session lives on this transport.
    Upgrade,
    /// `6`: nothing; ends a poll.
    Noop,
}

/// What applications exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
}

impl Message<'_> {
    /// Bytes of content.
    pub fn len(&self) -> usize {
        match self {
            Message::Text(text) => text.len(),
            Message::Binary(data) => data.len(),
        }
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> Packet<'a> {
    /// Reads the text form: a polling packet or a WebSocket text message. Base64 is decoded into
    /// `scratch`; nothing else touches it.
    ///
    /// Data behind `1`, `5` and `6` is dropped, as the official parser's users do. Base64 is read
    /// as leniently as Node does: foreign characters are skipped.
    ///
    /// # Errors
    /// When the text is empty or begins with no packet type.
    pub fn decode(text: &'a str, scratch: &'a mut Vec<u8>) -> Result<Packet<'a>, DecodeError> {
        let Some(&first) = text.as_bytes().first() else {
            return Err(DecodeError::Empty);
        };
        // The types are ASCII, so the rest begins at a character boundary once one matched.
        let rest = || &text[1..];
        Ok(match first {
            b'0' => Packet::Open(rest()),
            b'1' => Packet::Close,
            b'2' => Packet::Ping(rest()),
            b'3' => Packet::Pong(rest()),
            b'4' => Packet::Message(Message::Text(rest())),
            b'5' => Packet::Upgrade,
            b'6' => Packet::Noop,
            b'b' => {
                decode_base64(rest().as_bytes(), scratch);
                Packet::Message(Message::Binary(scratch))
            }
            found => return Err(DecodeError::UnknownType { found }),
        })
    }

    /// Reads the text form of revision 3. It differs in base64, where the packet's type stands
    /// behind the `b`: `b4AQID`.
    ///
    /// # Errors
    /// As for [`decode`](Packet::decode); also for base64 of anything but a message.
    pub fn decode_v3(text: &'a str, scratch: &'a mut Vec<u8>) -> Result<Packet<'a>, DecodeError> {
        let Some(rest) = text.strip_prefix('b') else {
            return Packet::decode(text, scratch);
        };
        match rest.as_bytes().split_first() {
            None => Err(DecodeError::Empty),
            Some((b'4', data)) => {
                decode_base64(data, scratch);
                Ok(Packet::Message(Message::Binary(scratch)))
            }
            Some((&found, _)) => Err(DecodeError::UnknownType { found }),
        }
    }

    /// Reads a binary WebSocket message of revision 3: the packet's type as one byte, then data.
    ///
    /// # Errors
    /// When it is empty or no message; official programs send nothing else in this form.
    pub fn decode_v3_binary(data: &'a [u8]) -> Result<Packet<'a>, DecodeError> {
        match data.split_first() {
            None => Err(DecodeError::Empty),
            Some((&V3_BINARY_MESSAGE, data)) => Ok(Packet::Message(Message::Binary(data))),
            Some((&found, _)) => Err(DecodeError::UnknownType { found }),
        }
    }

    /// Appends the text form. Binary messages become `b` and padded base64 (polling); on a
    /// WebSocket they travel as they are, as a binary frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (digit, data) = match *self {
            Packet::Open(data) => (b'0', data),
            Packet::Close => (b'1', ""),
            Packet::Ping(data) => (b'2', data),
            Packet::Pong(data) => (b'3', data),
            Packet::Message(Message::Text(data)) => (b'4', data),
            Packet::Upgrade => (b'5', ""),
            Packet::Noop => (b'6', ""),
            Packet::Message(Message::Binary(data)) => {
                out.push(b'b');
                return encode_base64(data, out);
            }
        };
        out.reserve(1 + data.len());
        out.push(digit);
        out.extend_from_slice(data.as_bytes());
    }

    /// Bytes [`encode`](Packet::encode) appends.
    pub fn encoded_len(&self) -> usize {
        match *self {
            Packet::Open(data) | Packet::Ping(data) | Packet::Pong(data) => 1 + data.len(),
            Packet::Message(Message::Text(data)) => 1 + data.len(),
            Packet::Message(Message::Binary(data)) => 1 + data.len().div_ceil(3) * 4,
            Packet::Close | Packet::Upgrade | Packet::Noop => 1,
        }
    }
}

/// A packet the session itself sends: all of them but messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Control {
    /// The handshake; its data is [`Session::open_data`](crate::Session::open_data).
    Open,
    /// The end of this transport: `1` on polling, a close frame on a WebSocket. It is the last
    /// thing to send there; queued messages of the session go before it.
    Close,
    /// Heartbeat of a server.
    Ping,
    /// Answer of a client.
    Pong,
    /// `2probe`, the first packet of an upgrade.
    ProbePing,
    /// `3probe`, its answer.
    ProbePong,
    /// `5`, the last packet of an upgrade.
    Upgrade,
    /// `6`, which ends a poll.
    Noop,
}

impl Control {
    /// The text form, `None` for [`Control::Open`], whose data differs by session.
    pub fn as_str(self) -> Option<&'static str> {
        Some(match self {
            Control::Open => return None,
            Control::Close => "1",
            Control::Ping => "2",
            Control::Pong => "3",
            Control::ProbePing => "2probe",
            Control::ProbePong => "3probe",
            Control::Upgrade => "5",
            Control::Noop => "6",
        })
    }
}

/// Why a packet could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There was nothing between two separators, or in the whole payload.
    #[error("empty packet")]
    Empty,
    /// The first byte names no packet type.
    #[error("unknown packet type {found:#04x}")]
    UnknownType {
        /// The first byte.
        found: u8,
    },
    /// A text packet is not UTF-8.
    #[error("packet is not utf-8")]
    NotUtf8,
    /// Revision 3: the length in front of a packet is no number, or not that of what follows.
    #[error("bad packet length")]
    Length,
}

/// Which form binary messages have outside polling's binary payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BinaryForm {
    /// Revision 4: a binary WebSocket message as it is.
    #[default]
    Raw,
    /// Revision 4 with `b64`: a text message, `b` and base64.
    Base64,
    /// Revision 3: a binary WebSocket message that begins with the byte 4.
    Typed,
    /// Revision 3 with `b64`: a text message, `b4` and base64.
    TypedBase64,
}

impl BinaryForm {
    /// The form for a client that asked for this revision, and perhaps for `b64`.
    pub fn new(revision: Revision, base64: bool) -> Self {
        match (revision, base64) {
            (Revision::V4, false) => BinaryForm::Raw,
            (Revision::V4, true) => BinaryForm::Base64,
            (Revision::V3, false) => BinaryForm::Typed,
            (Revision::V3, true) => BinaryForm::TypedBase64,
        }
    }

    /// Whether it is text.
    pub fn is_text(self) -> bool {
        matches!(self, BinaryForm::Base64 | BinaryForm::TypedBase64)
    }

    /// What stands in front of the data.
    pub fn prefix(self) -> &'static [u8] {
        match self {
            BinaryForm::Raw => b"",
            BinaryForm::Base64 => b"b",
            BinaryForm::Typed => &[V3_BINARY_MESSAGE],
            BinaryForm::TypedBase64 => b"b4",
        }
    }

    /// Bytes of a message with `data_bytes` of data, prefix included.
    pub fn encoded_len(self, data_bytes: usize) -> usize {
        let data_bytes = if self.is_text() { data_bytes.div_ceil(3) * 4 } else { data_bytes };
        self.prefix().len() + data_bytes
    }

    /// Appends a message.
    pub fn encode(self, data: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.encoded_len(data.len()));
        out.extend_from_slice(self.prefix());
        if self.is_text() {
            encode_base64(data, out);
        } else {
            out.extend_from_slice(data);
        }
    }
}

/// Revision 3: the type byte of a binary message.
pub(crate) const V3_BINARY_MESSAGE: u8 = 4;

pub(crate) fn encode_base64(data: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + data.len().div_ceil(3) * 4, 0);
    let written = STANDARD
        .encode_slice(data, &mut out[start..])
        .expect("the slice has the length base64 needs");
    debug_assert_eq!(written, out.len() - start);
}

/// Replaces `out` by the decoded bytes. Well-formed input takes the fast way; the rest is read as
/// Node's `Buffer.from(text, "base64")` does: both alphabets, foreign characters skipped, the first
/// `=` ends it, a lone last character is dropped.
fn decode_base64(text: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if STANDARD.decode_vec(text, out).is_ok() {
        return;
    }
    out.clear();
    let mut clean = Vec::with_capacity(text.len());
    for &byte in text {
        match byte {
            b'=' => break,
            b'-' => clean.push(b'+'),
            b'_' => clean.push(b'/'),
            b'+' | b'/' => clean.push(byte),
            _ if byte.is_ascii_alphanumeric() => clean.push(byte),
            _ => {}
        }
    }
    if clean.len() % 4 == 1 {
        clean.pop();
    }
    let decoded = LENIENT.decode_vec(&clean, out);
    debug_assert!(decoded.is_ok(), "only characters of the alphabet are left");
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(packet: Packet<'_>) -> String {
        let mut out = Vec::new();
        packet.encode(&mut out);
        assert_eq!(out.len(), packet.encoded_len());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_type_has_its_digit() {
        let vectors = [
            (Packet::Open("{}"), "0{}"),
            (Packet::Close, "1"),
            (Packet::Ping(""), "2"),
            (Packet::Ping("probe"), "2probe"),
            (Packet::Pong(""), "3"),
            (Packet::Pong("probe"), "3probe"),
            (Packet::Message(Message::Text("hello")), "4hello"),
            (Packet::Message(Message::Text("")), "4"),
            (Packet::Message(Message::Text("€")), "4€"),
            (Packet::Upgrade, "5"),
            (Packet::Noop, "6"),
            (Packet::Message(Message::Binary(&[1, 2, 3, 4])), "bAQIDBA=="),
            (Packet::Message(Message::Binary(&[])), "b"),
        ];
        for (packet, text) in vectors {
            assert_eq!(encoded(packet), text);
            assert_eq!(Packet::decode(text, &mut Vec::new()), Ok(packet), "{text}");
        }
    }

    #[test]
    fn what_is_no_packet_is_an_error() {
        let mut scratch = Vec::new();
        assert_eq!(Packet::decode("", &mut scratch), Err(DecodeError::Empty));
        for text in ["7", "a", "abc", "{}", "é4", "\u{1e}", "-1", " 4"] {
            let found = text.as_bytes()[0];
            assert_eq!(
                Packet::decode(text, &mut Vec::new()),
                Err(DecodeError::UnknownType { found }),
                "{text}"
            );
        }
    }

    #[test]
    fn base64_is_as_lenient_as_node() {
        let vectors: [(&str, &[u8]); 8] = [
            ("b!!!", b""),
            ("bAQIDBA", &[1, 2, 3, 4]),
            ("bAQ ID\nBA==", &[1, 2, 3, 4]),
            ("b-_-_", &[0xfb, 0xff, 0xbf]),
            ("bA", b""),
            ("bAQIDB", &[1, 2, 3]),
            ("bAQ==IDBA", &[1]),
            ("bé", b""),
        ];
        for (text, bytes) in vectors {
            assert_eq!(
                Packet::decode(text, &mut Vec::new()),
                Ok(Packet::Message(Message::Binary(bytes))),
                "{text}"
            );
        }
    }

    #[test]
    fn revision_three_has_the_type_in_binary_messages() {
        let binary = Packet::Message(Message::Binary(&[1, 2, 3, 4]));
        assert_eq!(Packet::decode_v3("b4AQIDBA==", &mut Vec::new()), Ok(binary));
        assert_eq!(Packet::decode_v3_binary(&[4, 1, 2, 3, 4]), Ok(binary));
        assert_eq!(Packet::decode_v3("2probe", &mut Vec::new()), Ok(Packet::Ping("probe")));
        assert_eq!(Packet::decode_v3("b", &mut Vec::new()), Err(DecodeError::Empty));
        let unknown = |found| Err(DecodeError::UnknownType { found });
        assert_eq!(Packet::decode_v3("bAQIDBA==", &mut Vec::new()), unknown(b'A'));
        assert_eq!(Packet::decode_v3("b2", &mut Vec::new()), unknown(b'2'));
        assert_eq!(Packet::decode_v3_binary(&[]), Err(DecodeError::Empty));
        assert_eq!(Packet::decode_v3_binary(b"4x"), unknown(b'4'));
    }

    #[test]
    fn binary_messages_have_four_forms() {
        let vectors: [(Revision, bool, &[u8]); 4] = [
            (Revision::V4, false, &[1, 2, 3, 4]),
            (Revision::V4, true, b"bAQIDBA=="),
            (Revision::V3, false, &[4, 1, 2, 3, 4]),
            (Revision::V3, true, b"b4AQIDBA=="),
        ];
        for (revision, base64, expected) in vectors {
            let form = BinaryForm::new(revision, base64);
            let mut out = Vec::new();
            form.encode(&[1, 2, 3, 4], &mut out);
            assert_eq!(out, expected);
            assert_eq!(form.encoded_len(4), expected.len());
        }
    }
}
