//! Polling bodies: many packets in one, Engine.IO v4 and v3 "Packet encoding".
//!
//! | form | a packet | its length |
//! |---|---|---|
//! | [`V4`](PayloadForm::V4) | joined to the next by the record separator | – |
//! | [`V3`](PayloadForm::V3) | `LENGTH:PACKET` | UTF-16 code units, decimal |
//! | [`V3Binary`](PayloadForm::V3Binary) | `00` text or `01` binary, length, `ff`, packet | bytes, one byte per decimal digit |

use crate::packet::{BinaryForm, Control, Message, Packet};

mod reader;
pub use reader::PayloadReader;

/// How the packets of a polling body are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PayloadForm {
    /// Revision 4.
    #[default]
    V4,
    /// Revision 3, text.
    V3,
    /// Revision 3, `application/octet-stream`: used when a packet is binary and the client did not
    /// ask for `b64`.
    V3Binary,
}

impl PayloadForm {
    /// Whether the body is no text.
    pub fn is_binary(self) -> bool {
        self == PayloadForm::V3Binary
    }
}

/// Joins packets to one polling body.
#[derive(Debug, Default)]
pub struct PayloadWriter {
    form: PayloadForm,
    out: Vec<u8>,
}

impl PayloadWriter {
    /// An empty body of revision 4.
    pub fn new() -> Self {
        PayloadWriter::default()
    }

    /// An empty body of another form.
    pub fn with_form(form: PayloadForm) -> Self {
        PayloadWriter { form, out: Vec::new() }
    }

    /// An empty body of revision 4 with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        PayloadWriter { form: PayloadForm::V4, out: Vec::with_capacity(bytes) }
    }

    /// Makes room for messages that have so many bytes in all. As texts of revision 4 they take
    /// exactly that, in other forms more.
    pub fn reserve(&mut self, messages: usize, bytes: usize) {
        let separators = messages.saturating_sub(usize::from(self.out.is_empty()));
        self.out.reserve_exact(bytes.saturating_add(messages).saturating_add(separators));
    }

    /// How packets are joined.
    pub fn form(&self) -> PayloadForm {
        self.form
    }

    /// Adds any packet.
    pub fn packet(&mut self, packet: &Packet<'_>) {
        if let Packet::Message(Message::Binary(data)) = packet {
            return self.binary(data);
        }
        match self.form {
            PayloadForm::V4 => {
                self.separate();
                packet.encode(&mut self.out);
            }
            PayloadForm::V3 | PayloadForm::V3Binary => {
                let mut text = Vec::with_capacity(packet.encoded_len());
                packet.encode(&mut text);
                self.counted(&text);
            }
        }
    }

    /// Adds a text message.
    pub fn text(&mut self, text: &str) {
        self.packet(&Packet::Message(Message::Text(text)));
    }

    /// Adds a binary message: base64, but for the binary form.
    pub fn binary(&mut self, data: &[u8]) {
        match self.form {
            PayloadForm::V4 => {
                self.separate();
                BinaryForm::Base64.encode(data, &mut self.out);
            }
            PayloadForm::V3 => {
                let length = BinaryForm::TypedBase64.encoded_len(data.len());
                self.out.extend_from_slice(length.to_string().as_bytes());
                self.out.push(b':');
                BinaryForm::TypedBase64.encode(data, &mut self.out);
            }
            PayloadForm::V3Binary => {
                self.binary_head(1, BinaryForm::Typed.encoded_len(data.len()));
                BinaryForm::Typed.encode(data, &mut self.out);
            }
        }
    }

    /// Adds a packet of the session; `open` is the data of [`Control::Open`].
    pub fn control(&mut self, control: Control, open: &str) {
        match control.as_str() {
            Some(text) if self.form == PayloadForm::V4 => self.encoded(text.as_bytes()),
            Some(text) => self.counted(text.as_bytes()),
            None => self.packet(&Packet::Open(open)),
        }
    }

    /// Adds packets that are encoded and joined already, in this body's form.
    pub fn encoded(&mut self, packets: &[u8]) {
        self.separate();
        self.out.extend_from_slice(packets);
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing was written. No packet is empty, so an empty body holds none.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// The body.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn separate(&mut self) {
        if self.form == PayloadForm::V4 && !self.out.is_empty() {
            self.out.push(SEPARATOR);
        }
    }

    /// Adds a text packet with its length.
    fn counted(&mut self, packet: &[u8]) {
        if self.form == PayloadForm::V3Binary {
            self.binary_head(0, packet.len());
        } else {
            // Each character is one unit but those of four bytes, which are two. Continuation
            // bytes count nothing.
            let units = packet.iter().map(|&byte| match byte {
                0x80..=0xbf => 0,
                0xf0..=0xff => 2,
                _ => 1,
            });
            self.out.extend_from_slice(units.sum::<usize>().to_string().as_bytes());
            self.out.push(b':');
        }
        self.out.extend_from_slice(packet);
    }

    fn binary_head(&mut self, kind: u8, length: usize) {
        self.out.push(kind);
        self.out.extend(length.to_string().bytes().map(|digit| digit - b'0'));
        self.out.push(LENGTH_END);
    }
}

/// Decides how many packets a client may put into one POST, by the server's `maxPayload`.
///
/// One packet always goes, even when it is too large by itself: the server's refusal is better
/// than a queue that never moves.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    bytes: usize,
    bytes_max: Option<usize>,
}

impl Batch {
    /// An empty batch; without a limit everything fits.
    pub fn new(bytes_max: Option<usize>) -> Self {
        Batch { bytes: 0, bytes_max }
    }

    /// Takes the packet in and says so, or refuses it because the body would exceed the limit.
    pub fn admit(&mut self, packet: &Packet<'_>) -> bool {
        let separator = usize::from(self.bytes > 0);
        let bytes = self.bytes + separator + packet.encoded_len();
        let fits = self.bytes == 0 || self.bytes_max.is_none_or(|max| bytes <= max);
        if fits {
            self.bytes = bytes;
        }
        fits
    }
}

/// ASCII "record separator".
const SEPARATOR: u8 = 0x1e;
/// Ends the length in a binary payload of revision 3.
const LENGTH_END: u8 = 0xff;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::DecodeError;

    fn read(body: &[u8]) -> Vec<Result<String, DecodeError>> {
        read_form(PayloadForm::V4, body)
    }

    fn read_form(form: PayloadForm, body: &[u8]) -> Vec<Result<String, DecodeError>> {
        let mut reader = PayloadReader::with_form(form);
        let mut packets = Vec::new();
        while let Some(packet) = reader.next_packet(body) {
            packets.push(packet.map(|packet| format!("{packet:?}")));
        }
        packets
    }

    #[test]
    fn the_room_that_is_made_for_texts_is_what_they_take() {
        for texts in [&["hello"][..], &["", "a", "\u{20ac}"]] {
            let mut writer = PayloadWriter::new();
            writer.reserve(texts.len(), texts.iter().map(|text| text.len()).sum());
            texts.iter().for_each(|text| writer.text(text));
            assert_eq!(writer.out.len(), writer.out.capacity());
            // Behind others a separator more.
            writer.reserve(1, 3);
            writer.text("abc");
            assert_eq!(writer.out.len(), writer.out.capacity());
        }
        let mut writer = PayloadWriter::new();
        writer.reserve(0, 0);
        assert_eq!(writer.out.capacity(), 0);
    }

    #[test]
    fn joins_and_splits_as_the_protocol_document_shows() {
        let mut writer = PayloadWriter::new();
        writer.text("hello");
        writer.control(Control::Ping, "");
        writer.text("world");
        assert_eq!(writer.finish(), b"4hello\x1e2\x1e4world");

        let mut writer = PayloadWriter::new();
        writer.text("hello");
        writer.binary(&[1, 2, 3, 4]);
        assert_eq!(writer.len(), 16);
        let body = writer.finish();
        assert_eq!(body, b"4hello\x1ebAQIDBA==");
        assert_eq!(
            read(&body),
            [
                Ok("Message(Text(\"hello\"))".to_owned()),
                Ok("Message(Binary([1, 2, 3, 4]))".to_owned())
            ]
        );
    }

    #[test]
    fn the_first_bad_packet_ends_the_reading() {
        assert_eq!(read(b""), [Err(DecodeError::Empty)]);
        assert_eq!(read(b"2\x1e"), [Ok("Ping(\"\")".to_owned()), Err(DecodeError::Empty)]);
        assert_eq!(read(b"abc\x1e4x"), [Err(DecodeError::UnknownType { found: b'a' })]);
        assert_eq!(read(b"4\xff\x1e4x"), [Err(DecodeError::NotUtf8)]);
    }

    #[test]
    fn revision_three_counts_utf_16_units() {
        let mut writer = PayloadWriter::with_form(PayloadForm::V3);
        writer.text("€");
        writer.text("😀");
        writer.control(Control::Close, "");
        writer.binary(&[1, 2, 3, 4]);
        let body = writer.finish();
        assert_eq!(body, "2:4€3:4😀1:110:b4AQIDBA==".as_bytes());
        let expected = ["Message(Text(\"€\"))", "Message(Text(\"😀\"))", "Close"];
        let read = read_form(PayloadForm::V3, &body);
        for (read, expected) in read.iter().zip(expected) {
            assert_eq!(read.as_deref(), Ok(expected));
        }
        assert_eq!(read[3].as_deref(), Ok("Message(Binary([1, 2, 3, 4]))"));
        assert_eq!(read.len(), 4);
    }

    #[test]
    fn revision_three_marks_binary_packets() {
        let mut writer = PayloadWriter::with_form(PayloadForm::V3Binary);
        writer.text("hello");
        writer.binary(&[1, 2, 3, 4]);
        let body = writer.finish();
        assert_eq!(body, b"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04");
        let read = read_form(PayloadForm::V3Binary, &body);
        assert_eq!(read[0].as_deref(), Ok("Message(Text(\"hello\"))"));
        assert_eq!(read[1].as_deref(), Ok("Message(Binary([1, 2, 3, 4]))"));
        let mut writer = PayloadWriter::with_form(PayloadForm::V3Binary);
        writer.text("€€€");
        // Bytes are counted here, and each digit is a byte.
        assert_eq!(writer.finish(), ["\0\u{1}\0".as_bytes(), &[0xff], "4€€€".as_bytes()].concat());
    }

    #[test]
    fn wrong_lengths_of_revision_three_are_errors() {
        let long = format!("{}:4", "1".repeat(400));
        for body in ["", "1", "a:4", ":4", "2:4", "-1:4", "+1:4", " 1:4", "1:4€1", "2:4😀", &long]
        {
            let read = read_form(PayloadForm::V3, body.as_bytes());
            assert_eq!(read.last(), Some(&Err(DecodeError::Length)), "{body}");
        }
        assert_eq!(read_form(PayloadForm::V3, b"0:"), []);
        assert_eq!(read_form(PayloadForm::V3, b"1:20:1:3").len(), 2);
        assert_eq!(read_form(PayloadForm::V3, b"1:21:x1:2").len(), 2);
        assert_eq!(read_form(PayloadForm::V3, b"1:\xff"), [Err(DecodeError::NotUtf8)]);
        for body in [
            &b""[..],
            b"\x00",
            b"\x00\x01",
            b"\x00\x01\xff",
            b"\x02\x01\xff2",
            b"\x00\xff",
            b"\x00\x0a\xff",
            &[[0].as_slice(), &[9; 400], &[0xff, b'2']].concat(),
        ] {
            let read = read_form(PayloadForm::V3Binary, body);
            assert_eq!(read, [Err(DecodeError::Length)], "{body:?}");
        }
    }

    #[test]
    fn a_batch_is_full_exactly_at_the_limit() {
        let five = Packet::Message(Message::Text("1234"));
        let mut batch = Batch::new(Some(11));
        assert!(batch.admit(&five), "5 bytes");
        assert!(batch.admit(&five), "11 bytes with the separator");
        assert!(!batch.admit(&Packet::Noop), "13 bytes");
        let mut small = Batch::new(Some(3));
        assert!(small.admit(&five), "the first one always goes");
        assert!(!small.admit(&Packet::Noop));
        let mut open = Batch::new(None);
        assert!((0..100).all(|_| open.admit(&five)));
    }
}
