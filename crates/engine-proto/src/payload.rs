//! Polling bodies: packets joined by the record separator, Engine.IO v4 "Packet encoding".

use crate::packet::{Control, DecodeError, Message, Packet, encode_base64};

/// Reads the packets of one polling body, one at a time, so that a reader that has to wait can go
/// on later. It keeps its place, not the body.
#[derive(Debug, Default)]
pub struct PayloadReader {
    offset: usize,
    ended: bool,
    scratch: Vec<u8>,
}

impl PayloadReader {
    /// A reader at the beginning of a body.
    pub fn new() -> Self {
        PayloadReader::default()
    }

    /// The next packet of `body`, which must be the same bytes on each call; `None` at its end.
    /// An empty body is one empty packet and therefore an error.
    ///
    /// # Errors
    /// When a packet cannot be read. The rest of the body is dropped: the next call gives `None`.
    pub fn next_packet<'a>(
        &'a mut self,
        body: &'a [u8],
    ) -> Option<Result<Packet<'a>, DecodeError>> {
        if self.ended {
            return None;
        }
        let rest = body.get(self.offset..).unwrap_or_default();
        let packet = match rest.iter().position(|&byte| byte == SEPARATOR) {
            Some(length) => {
                self.offset += length + 1;
                &rest[..length]
            }
            None => {
                self.ended = true;
                rest
            }
        };
        let decoded = std::str::from_utf8(packet)
            .map_err(|_| DecodeError::NotUtf8)
            .and_then(|text| Packet::decode(text, &mut self.scratch));
        if decoded.is_err() {
            self.ended = true;
        }
        Some(decoded)
    }
}

/// Joins packets to one polling body.
#[derive(Debug, Default)]
pub struct PayloadWriter {
    out: Vec<u8>,
}

impl PayloadWriter {
    /// An empty body.
    pub fn new() -> Self {
        PayloadWriter::default()
    }

    /// An empty body with room for `bytes`.
    pub fn with_capacity(bytes: usize) -> Self {
        PayloadWriter { out: Vec::with_capacity(bytes) }
    }

    /// Adds any packet.
    pub fn packet(&mut self, packet: &Packet<'_>) {
        self.separate();
        packet.encode(&mut self.out);
    }

    /// Adds a text message.
    pub fn text(&mut self, text: &str) {
        self.packet(&Packet::Message(Message::Text(text)));
    }

    /// Adds a binary message as base64.
    pub fn binary(&mut self, data: &[u8]) {
        self.separate();
        self.out.push(b'b');
        encode_base64(data, &mut self.out);
    }

    /// Adds a packet of the session; `open` is the data of [`Control::Open`].
    pub fn control(&mut self, control: Control, open: &str) {
        match control.as_str() {
            Some(text) => self.encoded(text.as_bytes()),
            None => self.packet(&Packet::Open(open)),
        }
    }

    /// Adds packets that are encoded and joined already.
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
        if !self.out.is_empty() {
            self.out.push(SEPARATOR);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> Vec<Result<String, DecodeError>> {
        let mut reader = PayloadReader::new();
        let mut packets = Vec::new();
        while let Some(packet) = reader.next_packet(body) {
            packets.push(packet.map(|packet| format!("{packet:?}")));
        }
        packets
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
