//! Messages as bytes on their way.

use bytes::Bytes;
use sockeye_engine_proto::{Message, Packet};
use sockeye_net::lines::push_line;
use sockeye_ws::{FrameHeader, Opcode};

/// Appends the lines of a message and its attachments, packets as polling has them.
pub(crate) fn push_lines(text: Option<&str>, attachments: &[Bytes], out: &mut Vec<u8>) {
    if let Some(text) = text {
        push_line("4", text, out);
    }
    for attachment in attachments {
        out.push(b'"');
        Packet::Message(Message::Binary(attachment)).encode(out);
        out.extend_from_slice(b"\"\n");
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
