//! A message encoded once for many sessions.

use std::fmt;
use std::sync::OnceLock;

use bytes::Bytes;
use sockeye_engine_proto::PayloadWriter;
use sockeye_ws::{FrameHeader, Opcode};

/// A text message with its attachments, binary messages that follow it without anything in
/// between; or binary messages alone. Each wire form is made when the first session needs it, and
/// once.
pub struct Encoded {
    text: Option<String>,
    attachments: Box<[Bytes]>,
    frames: OnceLock<Frames>,
    payload: OnceLock<Bytes>,
}

/// Complete unmasked WebSocket frames. Long attachments stay slices of their own.
struct Frames {
    first: Bytes,
    rest: Box<[Bytes]>,
}

impl Encoded {
    /// A text message and its attachments.
    pub fn new(text: impl Into<String>, attachments: Vec<Bytes>) -> Self {
        Self::from_parts(Some(text.into()), attachments)
    }

    /// Binary messages without a text before them.
    pub fn binary(messages: Vec<Bytes>) -> Self {
        Self::from_parts(None, messages)
    }

    /// A text message, if there is one, and binary messages.
    pub fn from_parts(text: Option<String>, attachments: Vec<Bytes>) -> Self {
        Encoded {
            text,
            attachments: attachments.into_boxed_slice(),
            frames: OnceLock::new(),
            payload: OnceLock::new(),
        }
    }

    /// The text, without the packet type in front.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The attachments.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Engine.IO packets it makes.
    pub(crate) fn packets(&self) -> u32 {
        let texts = u32::from(self.text.is_some());
        u32::try_from(self.attachments.len()).map_or(u32::MAX, |count| count.saturating_add(texts))
    }

    /// Bytes of content, without what the wire forms add.
    pub(crate) fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, String::len)
            + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// The WebSocket form, in pieces.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &Bytes> {
        let frames = self.frames.get_or_init(|| self.encode_frames());
        std::iter::once(&frames.first).chain(&frames.rest)
    }

    /// The polling form.
    pub(crate) fn payload(&self) -> &Bytes {
        self.payload.get_or_init(|| {
            let mut writer = PayloadWriter::new();
            if let Some(text) = &self.text {
                writer.text(text);
            }
            for attachment in &self.attachments {
                writer.binary(attachment);
            }
            writer.finish().into()
        })
    }

    fn encode_frames(&self) -> Frames {
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        if let Some(text) = &self.text {
            piece.reserve_exact(text.len() + MESSAGE_HEAD_BYTES_MAX);
            piece.extend_from_slice(text_head(text.len()).as_bytes());
            piece.extend_from_slice(text.as_bytes());
        }
        for attachment in &self.attachments {
            let head = FrameHeader::new(Opcode::Binary, attachment.len(), None);
            piece.extend_from_slice(head.as_bytes());
            if attachment.len() <= JOINED_BYTES_MAX {
                piece.extend_from_slice(attachment);
            } else {
                pieces.push(Bytes::from(std::mem::take(&mut piece)));
                pieces.push(attachment.clone());
            }
        }
        if !piece.is_empty() || pieces.is_empty() {
            pieces.push(piece.into());
        }
        let first = pieces.remove(0);
        Frames { first, rest: pieces.into_boxed_slice() }
    }
}

impl fmt::Debug for Encoded {
    /// Shows sizes, not contents.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoded")
            .field("text_bytes", &self.text.as_ref().map(String::len))
            .field("attachments", &self.attachments.len())
            .finish_non_exhaustive()
    }
}

/// The head of a text message: frame header and the packet type `4`.
pub(crate) fn text_head(text_bytes: usize) -> MessageHead {
    let header = FrameHeader::new(Opcode::Text, text_bytes + 1, None);
    let header = header.as_bytes();
    let mut bytes = [0; MESSAGE_HEAD_BYTES_MAX];
    bytes[..header.len()].copy_from_slice(header);
    bytes[header.len()] = b'4';
    MessageHead { bytes, len: header.len() + 1 }
}

/// See [`text_head`].
pub(crate) struct MessageHead {
    bytes: [u8; MESSAGE_HEAD_BYTES_MAX],
    len: usize,
}

impl MessageHead {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Longest unmasked frame header, and the packet type.
const MESSAGE_HEAD_BYTES_MAX: usize = 10 + 1;
/// Attachments up to this size are copied next to their header; longer ones are shared.
const JOINED_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(encoded: &Encoded) -> Vec<u8> {
        encoded.frames().flat_map(|piece| piece.iter().copied()).collect()
    }

    #[test]
    fn has_one_form_per_transport() {
        let encoded = Encoded::new("hello", vec![Bytes::from_static(&[1, 2, 3, 4])]);
        assert_eq!(joined(&encoded), b"\x81\x064hello\x82\x04\x01\x02\x03\x04");
        assert_eq!(encoded.frames().count(), 1);
        assert_eq!(&encoded.payload()[..], b"4hello\x1ebAQIDBA==");
        assert_eq!((encoded.packets(), encoded.bytes()), (2, 9));
    }

    #[test]
    fn binary_messages_may_stand_alone() {
        let encoded = Encoded::binary(vec![Bytes::from_static(&[1, 2])]);
        assert_eq!(joined(&encoded), b"\x82\x02\x01\x02");
        assert_eq!(&encoded.payload()[..], b"bAQI=");
        assert_eq!((encoded.packets(), encoded.bytes()), (1, 2));
        let nothing = Encoded::binary(Vec::new());
        assert_eq!((joined(&nothing).len(), nothing.packets()), (0, 0));
    }

    #[test]
    fn long_attachments_are_not_copied() {
        let long = Bytes::from(vec![7; JOINED_BYTES_MAX + 1]);
        let short = Bytes::from_static(b"x");
        let encoded = Encoded::new("", vec![long.clone(), short, long.clone()]);
        let pieces: Vec<_> = encoded.frames().collect();
        assert_eq!(pieces.len(), 4);
        assert_eq!(pieces[1].as_ptr(), long.as_ptr());
        assert_eq!(pieces[3].as_ptr(), long.as_ptr());
        assert!(joined(&encoded).starts_with(b"\x81\x014\x82\x7e\x10\x01\x07"));
        assert_eq!(&pieces[2][..], b"\x82\x01x\x82\x7e\x10\x01");
    }
}
