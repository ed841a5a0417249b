//! Messages on a WebSocket as a session protocol of another crate has them.

use sockeye_engine_proto::Control;
use sockeye_net::pipe::Pipe;
use sockeye_ws::{FrameHeader, Opcode, encode_frame};

use super::content::Content;

/// How a session protocol writes its messages on a WebSocket: each is one WebSocket message.
#[derive(Debug)]
pub struct MessageForm {
    /// Appends what the WebSocket message says for a text message.
    pub text: fn(&str, &mut Vec<u8>),
    /// Appends what it says for a binary message, as text. `None`: it is a binary message there as well.
    pub binary: Option<WriteBinary>,
    /// What it says for a packet of the session itself; nothing is sent if that is empty.
    pub control: fn(Control) -> &'static str,
    /// A ping of the session goes with one of WebSocket, which every client answers.
    pub pings: bool,
}

/// Appends what a text message says for a binary one.
pub type WriteBinary = fn(&[u8], &mut Vec<u8>);

impl MessageForm {
    /// Queues a message of one session alone.
    pub(crate) fn push_own(&self, pipe: &mut Pipe, content: Content<'_>) {
        let Content { text, attachments, compress } = content;
        if let Some(text) = text {
            push_text(pipe, compress, |out| (self.text)(text, out));
        }
        for attachment in attachments {
            match self.binary {
                Some(write) => push_text(pipe, compress, |out| write(attachment, out)),
                None => pipe.push_bytes(Opcode::Binary, (b"", attachment), compress),
            }
        }
    }

    /// Appends the frame of a text message.
    pub(crate) fn push_text_frame(&self, text: &str, out: &mut Vec<u8>) {
        push_frame(out, |out| (self.text)(text, out));
    }

    /// Appends the frame of a binary message, if it is text there.
    pub(crate) fn push_binary_frame(&self, data: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(write) = self.binary else { return false };
        push_frame(out, |out| write(data, out));
        true
    }

    /// Appends the frames of a packet of the session itself.
    pub(crate) fn push_control(&self, control: Control, out: &mut Vec<u8>) {
        let text = (self.control)(control);
        if !text.is_empty() {
            encode_frame(Opcode::Text, text.as_bytes(), None, out);
        }
        if self.pings && control == Control::Ping {
            encode_frame(Opcode::Ping, b"", None, out);
        }
    }
}

/// Queues a text message, whose payload `write` appends: in its place, unless it is to be compressed.
fn push_text(pipe: &mut Pipe, compress: bool, write: impl FnOnce(&mut Vec<u8>)) {
    match pipe.plain_tail() {
        Some(tail) => {
            push_frame(tail, write);
            pipe.count(1);
        }
        None => {
            let mut payload = Vec::new();
            write(&mut payload);
            pipe.push(Opcode::Text, (b"", &payload), compress);
        }
    }
}

/// Appends a text frame around what `write` appends. How long that is shows behind it: there is room for
/// the header that nearly all frames have, and a longer one moves the payload.
fn push_frame(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    out.extend_from_slice(&[TEXT_FRAME, 0]);
    write(out);
    let length = out.len() - begin - 2;
    match u8::try_from(length) {
        Ok(short @ ..=125) => out[begin + 1] = short,
        _ => {
            let header = FrameHeader::new(Opcode::Text, length, None);
            out.splice(begin..begin + 2, header.as_bytes().iter().copied());
        }
    }
}

/// The first byte of a whole text message (RFC 6455 §5.2).
const TEXT_FRAME: u8 = 0x81;

#[cfg(test)]
mod tests {
    use super::*;

    static FORM: MessageForm = MessageForm {
        text: |text, out| out.extend_from_slice(text.as_bytes()),
        binary: None,
        control: |control| if control == Control::Ping { "h" } else { "" },
        pings: true,
    };

    #[test]
    fn a_frame_has_the_shortest_length() {
        for length in [0, 1, 125, 126, 65_535, 65_536, 70_000] {
            let text = "x".repeat(length);
            let (mut frame, mut expected) = (b"before".to_vec(), b"before".to_vec());
            FORM.push_text_frame(&text, &mut frame);
            encode_frame(Opcode::Text, text.as_bytes(), None, &mut expected);
            assert_eq!(frame, expected, "{length}");
        }
    }

    #[test]
    fn a_ping_goes_twice_and_silence_not_at_all() {
        let mut out = Vec::new();
        FORM.push_control(Control::Open, &mut out);
        assert_eq!(out, b"");
        FORM.push_control(Control::Ping, &mut out);
        assert_eq!(out, b"\x81\x01h\x89\x00");
    }
}
