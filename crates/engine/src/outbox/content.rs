//! Messages as they are given, and as bytes on their way.

use bytes::Bytes;
use sockeye_engine_proto::{Message, Packet, PayloadWriter};
use sockeye_net::lines::push_line;
use sockeye_ws::{FrameHeader, Opcode};

/// A message as it is given: a text and its attachments, or binary messages alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content<'a> {
    pub(crate) text: Option<&'a str>,
    pub(crate) attachments: &'a [Bytes],
    /// It may be compressed on its way.
    pub(crate) compress: bool,
}

impl Content<'_> {
    /// Engine.IO packets it makes.
    #[inline]
    pub(crate) fn packets(self) -> u32 {
        let packets = usize::from(self.text.is_some()) + self.attachments.len();
        u32::try_from(packets).unwrap_or(u32::MAX)
    }

    /// Bytes of content, without what the wire forms add.
    #[inline]
    pub(crate) fn bytes(self) -> usize {
        self.text.map_or(0, str::len) + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Appends its packets to the body of a poll's response.
    #[inline]
    pub(crate) fn push_payload(self, payload: &mut PayloadWriter) {
        if let Some(text) = self.text {
            payload.text(text);
        }
        self.attachments.iter().for_each(|attachment| payload.binary(attachment));
    }

    /// Appends its lines, packets as polling has them.
    pub(crate) fn push_lines(self, out: &mut Vec<u8>) {
        if let Some(text) = self.text {
            push_line("4", text, out);
        }
        for attachment in self.attachments {
            out.push(b'"');
            Packet::Message(Message::Binary(attachment)).encode(out);
            out.extend_from_slice(b"\"\n");
        }
    }
}

/// Appends the frame of a text message, packet type `4` included.
#[inline]
pub(crate) fn push_text_frame(text: &str, out: &mut Vec<u8>) {
    out.reserve(MESSAGE_HEAD_BYTES_MAX + text.len());
    match u8::try_from(text.len() + 1) {
        // The form nearly all messages have (RFC 6455 §5.2), without a detour.
        Ok(short @ ..=125) => out.extend_from_slice(&[0x81, short, b'4']),
        _ => {
            let header = FrameHeader::new(Opcode::Text, text.len() + 1, None);
            out.extend_from_slice(header.as_bytes());
            out.push(b'4');
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Longest unmasked frame header, and the packet type.
pub(crate) const MESSAGE_HEAD_BYTES_MAX: usize = 10 + 1;

#[cfg(test)]
mod tests {
    use sockeye_ws::encode_frame;

    use super::*;

    #[test]
    fn a_text_frame_has_the_shortest_length() {
        for length in [0, 1, 123, 124, 125, 126, 255, 256, 65_534, 65_535, 70_000] {
            let text = "x".repeat(length);
            let mut frame = Vec::new();
            push_text_frame(&text, &mut frame);
            let mut expected = Vec::new();
            encode_frame(Opcode::Text, format!("4{text}").as_bytes(), None, &mut expected);
            assert_eq!(frame, expected, "{length}");
        }
    }
}
