//! Engine.IO packets and their text form, Engine.IO v4 "Packet encoding".

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use thiserror::Error;

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
}

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
}
