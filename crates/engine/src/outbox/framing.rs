//! What the bytes on a pipe look like.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use sockeye_engine_proto::{BinaryForm, Control};
use sockeye_net::batch::{Batch, MemberId};
use sockeye_net::lines::push_line;
use sockeye_net::pipe::{Attached, Pipe};
use sockeye_ws::{Opcode, encode_frame};

use crate::outbox::content::{Content, push_text_frame};
use crate::outbox::encoded::{Encoded, WireForm};
use crate::outbox::message_form::MessageForm;

/// What the bytes on a pipe look like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    /// Frames of WebSocket, binary messages in this form.
    WebSocket(BinaryForm),
    /// A packet a line, as a JSON string.
    Lines,
    /// Frames of WebSocket as another session protocol has them.
    Messages(&'static MessageForm),
}

impl Framing {
    /// Appends a small text message of one session alone, if it is one frame at once.
    #[inline]
    pub(crate) fn push_small_text(self, pipe: &mut Pipe, text: &str) -> bool {
        let Some(tail) = pipe.plain_tail() else { return false };
        match self {
            Framing::WebSocket(_) => push_text_frame(text, tail),
            Framing::Messages(form) => form.push_text_frame(text, tail),
            Framing::Lines => return false,
        }
        pipe.count(1);
        true
    }

    /// Queues a message of one session alone.
    pub(crate) fn push_own(self, pipe: &mut Pipe, content: Content<'_>) {
        match self {
            Framing::WebSocket(form) => push_frames(pipe, content, form),
            Framing::Lines => {
                content.push_lines(pipe.tail());
                pipe.count(content.packets());
            }
            Framing::Messages(form) => form.push_own(pipe, content),
        }
    }

    /// Queues a message that goes to others as well. Frames that were made for all serve those that
    /// take binary messages as they are, and everybody while there are none.
    pub(crate) fn push_shared(self, pipe: &mut Pipe, packet: &Arc<Encoded>) {
        let content = packet.content();
        let form = match self {
            Framing::WebSocket(form) => form,
            Framing::Lines => {
                packet.form(WireForm::Lines).for_each(|piece| push_kept(pipe, piece, packet));
                return pipe.count(content.packets());
            }
            Framing::Messages(form) if pipe.compressor().is_some() => {
                return form.push_own(pipe, content);
            }
            Framing::Messages(form) => {
                packet.messages(form).iter().for_each(|piece| push_kept(pipe, piece, packet));
                return pipe.count(content.packets());
            }
        };
        let is_plain = form == BinaryForm::Raw || content.attachments.is_empty();
        let compressor = pipe.compressor().filter(|by| packet.is_worth_compressing(by));
        let compress = compressor.is_some();
        if !is_plain || compressor.as_ref().is_some_and(|by| by.remembers()) {
            return self.push_own(pipe, Content { compress, ..content });
        }
        match compressor.map(|by| packet.compressed_frames(by)) {
            Some(frames) => frames.iter().for_each(|piece| push_kept(pipe, piece, packet)),
            None => {
                packet.form(WireForm::Frames).for_each(|piece| push_kept(pipe, piece, packet));
            }
        }
        pipe.count(content.packets());
    }

    /// Shares a batch of frames with others, see [`Pipe::attach`].
    pub(crate) fn attach(self, pipe: &mut Pipe, batch: &Arc<Batch>, member: MemberId) -> Attached {
        match self {
            Framing::WebSocket(_) => pipe.attach(batch, member),
            // It is a batch of Engine.IO's frames.
            Framing::Lines | Framing::Messages(_) => Attached::Separate,
        }
    }

    /// Queues a packet of the session itself; `open` is what OPEN says.
    pub(crate) fn push_control(self, pipe: &mut Pipe, control: Control, open: &str) {
        if let Framing::Messages(form) = self {
            return form.push_control(control, pipe.tail());
        }
        let text = match control.as_str() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(format!("0{open}")),
        };
        let out = pipe.tail();
        match self {
            Framing::Lines => push_line(&text, "", out),
            _ => encode_frame(Opcode::Text, text.as_bytes(), None, out),
        }
    }
}

fn push_frames(pipe: &mut Pipe, content: Content<'_>, form: BinaryForm) {
    let Content { text, attachments, compress } = content;
    if let Some(text) = text {
        pipe.push(Opcode::Text, (b"4", text.as_bytes()), compress);
    }
    for attachment in attachments {
        if form.is_text() {
            let mut encoded = Vec::new();
            form.encode(attachment, &mut encoded);
            pipe.push(Opcode::Text, (&[], &encoded), compress);
        } else {
            pipe.push_bytes(Opcode::Binary, (form.prefix(), attachment), compress);
        }
    }
}

/// Bytes of a packet that is accounted for while anybody has to wait for it.
fn push_kept(pipe: &mut Pipe, bytes: &Bytes, packet: &Arc<Encoded>) {
    pipe.push_shared(bytes, || Some(Arc::<Encoded>::clone(packet)));
}
