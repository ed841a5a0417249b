//! Frames, which the server says: `o`, `h`, `a["…"]` and `c[3000,"…"]` (SockJS 0.3.3, "Framing").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::quote::push_quoted;

/// Opens a session.
pub(crate) const OPEN: &str = "o";
/// Shows that the server is there.
pub(crate) const HEARTBEAT: &str = "h";

/// A frame of messages, to which more are added one by one.
#[derive(Debug, Default)]
pub(crate) struct MessagesFrame(Vec<u8>);

impl MessagesFrame {
    /// Adds a text message.
    pub(crate) fn push_text(&mut self, text: &str) {
        self.0.extend_from_slice(if self.0.is_empty() { b"a[" } else { b"," });
        push_quoted(text, &mut self.0);
    }

    /// Adds a binary message, as a text.
    pub(crate) fn push_binary(&mut self, data: &[u8]) {
        self.push_text(&binary_text(data));
    }

    /// The frame; `None` without a message.
    pub(crate) fn finish(mut self) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push(b']');
        Some(self.0)
    }
}

/// A frame of one text message, appended.
pub(crate) fn push_text_frame(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"a[");
    push_quoted(text, out);
    out.push(b']');
}

/// A frame of one binary message, appended.
pub(crate) fn push_binary_frame(data: &[u8], out: &mut Vec<u8>) {
    push_text_frame(&binary_text(data), out);
}

/// The frame that closes a session.
pub(crate) fn close(code: u16, reason: &str) -> String {
    let mut frame = format!("c[{code},").into_bytes();
    push_quoted(reason, &mut frame);
    frame.push(b']');
    String::from_utf8(frame).unwrap_or_default()
}

/// SockJS has texts alone: a binary message is `b` and its base64, as in the polls of Engine.IO.
fn binary_text(data: &[u8]) -> String {
    let mut text = "b".to_owned();
    STANDARD.encode_string(data, &mut text);
    text
}

/// What such a text stands for; `None` if it is none.
pub(crate) fn binary_of(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.strip_prefix('b')?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_the_protocol_has_them() {
        let mut frame = MessagesFrame::default();
        frame.push_text("a\"");
        frame.push_binary(&[1, 2, 3]);
        assert_eq!(frame.finish().unwrap(), br#"a["a\"","bAQID"]"#);
        assert_eq!(MessagesFrame::default().finish(), None);
        assert_eq!(close(3000, "Go away!"), r#"c[3000,"Go away!"]"#);
        assert_eq!(binary_of("bAQID"), Some(vec![1, 2, 3]));
        assert_eq!((binary_of("AQID"), binary_of("b?")), (None, None));
    }
}
