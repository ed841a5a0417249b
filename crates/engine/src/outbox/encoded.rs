//! A message encoded once for many sessions.

use std::sync::{Arc, OnceLock};
use std::{fmt, ptr};

use bytes::Bytes;
use parking_lot::Mutex;
use sockeye_engine_proto::PayloadWriter;
use sockeye_net::pipe::Compressor;
use sockeye_ws::{FrameHeader, Opcode};

use crate::outbox::content::{Content, MESSAGE_HEAD_BYTES_MAX, push_text_frame};
use crate::outbox::message_form::MessageForm;
use crate::outbox::queued_bytes::{Charge, QueuedBytes};

/// A text message with its attachments, binary messages that follow it without anything in
/// between; or binary messages alone. Each wire form is made when the first session needs it, and
/// once.
///
/// ```
/// use std::sync::Arc;
///
/// use sockeye_engine::{Encoded, Session, broadcast};
///
/// fn announce(everybody: &[Session], text: &str) {
///     broadcast(everybody.iter(), &Arc::new(Encoded::new(text, Vec::new())));
/// }
/// ```
pub struct Encoded {
    text: Option<String>,
    attachments: Box<[Bytes]>,
    /// One of each kind, in the order of [`WireForm`].
    forms: [OnceLock<Pieces>; WireForm::COUNT],
    /// Not to be compressed on its way.
    uncompressed: bool,
    /// Forms that few sessions take, each made once: nearly always none.
    others: Mutex<Vec<(OtherForm, Arc<Pieces>)>>,
    /// Counts its bytes, once somebody has to wait for them.
    charge: OnceLock<Charge>,
}

/// A form that few sessions take.
enum OtherForm {
    /// Frames that are compressed this way.
    Compressed(Compressor),
    /// Frames of another session protocol.
    Messages(&'static MessageForm),
}

/// What a message looks like on its way, the same for many.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WireForm {
    /// Complete unmasked WebSocket frames.
    Frames,
    /// A part of a poll's answer, of revision 4.
    Payload,
    /// A packet a line, as JSON strings.
    Lines,
}

impl WireForm {
    const COUNT: usize = 3;
}

/// A wire form. Long attachments stay slices of their own.
pub(crate) struct Pieces {
    first: Bytes,
    rest: Box<[Bytes]>,
}

impl Pieces {
    fn of(piece: Vec<u8>, mut pieces: Vec<Bytes>) -> Self {
        if !piece.is_empty() || pieces.is_empty() {
            pieces.push(piece.into());
        }
        let first = pieces.remove(0);
        Pieces { first, rest: pieces.into_boxed_slice() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.rest)
    }
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
            forms: [const { OnceLock::new() }; WireForm::COUNT],
            uncompressed: false,
            others: Mutex::default(),
            charge: OnceLock::new(),
        }
    }

    /// The same, never compressed on its way: for what cannot get shorter, or must not, such as a
    /// secret beside something a stranger chose.
    #[must_use]
    pub fn without_compression(mut self) -> Self {
        self.uncompressed = true;
        self
    }

    /// Whether it may be compressed on its way.
    pub fn may_be_compressed(&self) -> bool {
        !self.uncompressed
    }

    /// Whether any of its messages is to be compressed.
    pub(crate) fn is_worth_compressing(&self, by: &Compressor) -> bool {
        !self.uncompressed
            && (self.text.as_ref().is_some_and(|text| by.applies_to(text.len() + 1))
                || self.attachments.iter().any(|attachment| by.applies_to(attachment.len())))
    }

    /// The WebSocket form as `by` compresses it, made once for all that compress alike.
    pub(crate) fn compressed_frames(&self, by: &Compressor) -> Arc<Pieces> {
        let is_it = |other: &OtherForm| matches!(other, OtherForm::Compressed(other) if other.is_equivalent(by));
        self.other(is_it, || {
            let mut fresh = by.fresh();
            let frames = self.encode_frames(Some(&mut fresh));
            (OtherForm::Compressed(fresh), frames)
        })
    }

    /// The WebSocket form of another session protocol, made once for all that speak it.
    pub(crate) fn messages(&self, form: &'static MessageForm) -> Arc<Pieces> {
        let is_it = |other: &OtherForm| matches!(other, OtherForm::Messages(other) if ptr::eq(*other, form));
        self.other(is_it, || (OtherForm::Messages(form), self.encode_messages(form)))
    }

    /// One of the other forms, made when it is needed first.
    fn other(
        &self,
        is_it: impl Fn(&OtherForm) -> bool,
        make: impl FnOnce() -> (OtherForm, Pieces),
    ) -> Arc<Pieces> {
        let mut others = self.others.lock();
        if let Some((_, pieces)) = others.iter().find(|(form, _)| is_it(form)) {
            return Arc::clone(pieces);
        }
        let (form, pieces) = make();
        let pieces = Arc::new(pieces);
        others.push((form, Arc::clone(&pieces)));
        pieces
    }

    /// The text, without the packet type in front.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// The attachments.
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// Counts it from now on, for as long as anybody holds it.
    pub(crate) fn charge(&self, queued_bytes: &Arc<QueuedBytes>) {
        self.charge.get_or_init(|| queued_bytes.charge(self.content().bytes()));
    }

    #[inline]
    pub(crate) fn content(&self) -> Content<'_> {
        let (text, attachments) = (self.text(), self.attachments());
        Content { text, attachments, compress: !self.uncompressed }
    }

    /// The WebSocket form of a text message alone, which every session takes.
    pub(crate) fn text_frame(&self) -> Option<&Bytes> {
        let is_alone = self.text.is_some() && self.attachments.is_empty();
        is_alone.then(|| &self.pieces(WireForm::Frames).first)
    }

    /// A wire form, in pieces, made when it is needed first.
    pub(crate) fn form(&self, form: WireForm) -> impl Iterator<Item = &Bytes> {
        self.pieces(form).iter()
    }

    fn pieces(&self, form: WireForm) -> &Pieces {
        self.forms[form as usize].get_or_init(|| match form {
            WireForm::Frames => self.encode_frames(None),
            WireForm::Payload => {
                let mut payload = PayloadWriter::new();
                self.content().push_payload(&mut payload);
                Pieces::of(payload.finish(), Vec::new())
            }
            WireForm::Lines => {
                let mut lines = Vec::new();
                self.content().push_lines(&mut lines);
                Pieces::of(lines, Vec::new())
            }
        })
    }

    /// Complete frames, those compressed that `by` applies to.
    fn encode_frames(&self, mut by: Option<&mut Compressor>) -> Pieces {
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        if let Some(text) = &self.text {
            match by.as_deref_mut().filter(|by| by.applies_to(text.len() + 1)) {
                Some(by) => by.encode(Opcode::Text, (b"4", text.as_bytes()), None, &mut piece),
                None => {
                    piece.reserve_exact(text.len() + MESSAGE_HEAD_BYTES_MAX);
                    push_text_frame(text, &mut piece);
                }
            }
        }
        for attachment in &self.attachments {
            if let Some(by) = by.as_deref_mut().filter(|by| by.applies_to(attachment.len())) {
                by.encode(Opcode::Binary, (b"", attachment), None, &mut piece);
                continue;
            }
            push_binary_frame(attachment, &mut piece, &mut pieces);
        }
        Pieces::of(piece, pieces)
    }

    /// Complete frames as another session protocol has them.
    fn encode_messages(&self, form: &MessageForm) -> Pieces {
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        if let Some(text) = &self.text {
            form.push_text_frame(text, &mut piece);
        }
        for attachment in &self.attachments {
            if !form.push_binary_frame(attachment, &mut piece) {
                push_binary_frame(attachment, &mut piece, &mut pieces);
            }
        }
        Pieces::of(piece, pieces)
    }
}

/// Appends a binary frame, whose content is shared if it is long.
fn push_binary_frame(data: &Bytes, piece: &mut Vec<u8>, pieces: &mut Vec<Bytes>) {
    piece.extend_from_slice(FrameHeader::new(Opcode::Binary, data.len(), None).as_bytes());
    if data.len() <= JOINED_BYTES_MAX {
        piece.extend_from_slice(data);
    } else {
        pieces.push(Bytes::from(std::mem::take(piece)));
        pieces.push(data.clone());
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

/// Attachments up to this size are copied next to their header; longer ones are shared.
const JOINED_BYTES_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use sockeye_net::pipe::Compression;
    use sockeye_ws::Role;
    use sockeye_ws::handshake::deflate::Parameters;

    use super::*;

    fn payload(encoded: &Encoded) -> &[u8] {
        encoded.form(WireForm::Payload).next().unwrap()
    }

    fn joined(encoded: &Encoded) -> Vec<u8> {
        encoded.form(WireForm::Frames).flat_map(|piece| piece.iter().copied()).collect()
    }

    #[test]
    fn has_one_form_per_transport() {
        let encoded = Encoded::new("hello", vec![Bytes::from_static(&[1, 2, 3, 4])]);
        assert_eq!(joined(&encoded), b"\x81\x064hello\x82\x04\x01\x02\x03\x04");
        assert_eq!(encoded.form(WireForm::Frames).count(), 1);
        assert_eq!(payload(&encoded), b"4hello\x1ebAQIDBA==");
        assert_eq!((encoded.content().packets(), encoded.content().bytes()), (2, 9));
    }

    #[test]
    fn binary_messages_may_stand_alone() {
        let encoded = Encoded::binary(vec![Bytes::from_static(&[1, 2])]);
        assert_eq!(joined(&encoded), b"\x82\x02\x01\x02");
        assert_eq!(payload(&encoded), b"bAQI=");
        assert_eq!((encoded.content().packets(), encoded.content().bytes()), (1, 2));
        let nothing = Encoded::binary(Vec::new());
        assert_eq!((joined(&nothing).len(), nothing.content().packets()), (0, 0));
    }

    #[test]
    fn each_way_to_compress_is_gone_once() {
        let agreed = |server_max_window_bits| Parameters {
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits,
            client_max_window_bits: 15,
        };
        let by =
            |bits| Compressor::new(Role::Server, Some(&agreed(bits)), &Compression::on()).unwrap();
        let encoded = Encoded::new("x".repeat(2000), Vec::new());
        assert!(encoded.is_worth_compressing(&by(15)));
        let first = encoded.compressed_frames(&by(15));
        assert!(Arc::ptr_eq(&first, &encoded.compressed_frames(&by(15))));
        assert!(!Arc::ptr_eq(&first, &encoded.compressed_frames(&by(9))));
        assert_eq!(encoded.others.lock().len(), 2);
    }

    #[test]
    fn long_attachments_are_not_copied() {
        let long = Bytes::from(vec![7; JOINED_BYTES_MAX + 1]);
        let short = Bytes::from_static(b"x");
        let encoded = Encoded::new("", vec![long.clone(), short, long.clone()]);
        let pieces: Vec<_> = encoded.form(WireForm::Frames).collect();
        assert_eq!(pieces.len(), 4);
        assert_eq!(pieces[1].as_ptr(), long.as_ptr());
        assert_eq!(pieces[3].as_ptr(), long.as_ptr());
        assert!(joined(&encoded).starts_with(b"\x81\x014\x82\x7e\x10\x01\x07"));
        assert_eq!(&pieces[2][..], b"\x82\x01x\x82\x7e\x10\x01");
    }
}
