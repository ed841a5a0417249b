//! The reading half of a connection: bytes to messages and control frames, whatever way they are cut.
//!
//! | reading   | input            | then                                                            |
//! |-----------|------------------|-----------------------------------------------------------------|
//! | `Header`  | part of a header | `Header` with the part kept (at most 13 bytes)                  |
//! | `Header`  | a whole message  | `Header`; it is left in the input, unmasked                     |
//! | `Header`  | a header         | `Payload`                                                       |
//! | `Payload` | part of it       | `Payload`; data goes to `assembly`, control to `control`        |
//! | `Payload` | the rest, FIN    | `Header`; it is in `assembly` or `control`                      |
//! | `Payload` | the rest, no FIN | `Header`; `assembly` waits for the next fragment                |
//! | any       | a broken rule    | error                                                           |
//!
//! A message whose first frame has RSV1 is compressed: it is decompressed once it is whole, into
//! `assembly`, wherever it lay.

use crate::connection::{Config, Role};
use crate::error::ProtocolError;
use crate::frame::{CONTROL_PAYLOAD_BYTES_MAX, Context, HEADER_BYTES_MAX, Opcode, ReceivedHeader};
use crate::inflater::Inflater;
use crate::mask;
use crate::message::Assembly;
use crate::utf8::Utf8Tail;

#[derive(Debug)]
pub(crate) struct Receiver {
    config: Config,
    assembly: Assembly,
    reading: Reading,
    /// The payload of a control frame that comes in pieces.
    control: Option<Box<ControlPayload>>,
    /// There when compression was negotiated.
    inflater: Option<Box<Inflater>>,
    /// Frames of the message in `assembly`.
    fragments: u32,
    role: Role,
    /// What was finished last is in `assembly` or `control`, and has been seen by now.
    finished: bool,
}

/// Where a finished message or control frame is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finished {
    /// In the input from `start` to `end`, unmasked; text is not checked yet.
    Input { opcode: Opcode, start: usize, end: usize },
    /// In [`Receiver::assembly`].
    Assembly,
    /// In [`Receiver::control`].
    Control { opcode: Opcode },
}

#[derive(Debug)]
enum Reading {
    Header { bytes: [u8; HEADER_BYTES_MAX - 1], len: u8 },
    Payload { remaining: u64, masking_key: [u8; 4], opcode: Opcode, fin: bool },
}

impl Reading {
    const START: Self = Self::Header { bytes: [0; HEADER_BYTES_MAX - 1], len: 0 };
}

impl Receiver {
    pub(crate) const fn new(role: Role, config: Config) -> Self {
        Self {
            config,
            assembly: Assembly::Empty,
            reading: Reading::START,
            control: None,
            inflater: None,
            fragments: 0,
            role,
            finished: false,
        }
    }

    /// Compression was negotiated.
    #[cfg(feature = "deflate")]
    pub(crate) fn set_inflater(&mut self, inflater: Inflater) {
        self.inflater = Some(Box::new(inflater));
    }

    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// The message being collected, or finished last.
    pub(crate) const fn assembly(&self) -> &Assembly {
        &self.assembly
    }

    /// The payload of the control frame finished last, if it came in pieces.
    pub(crate) fn control(&self) -> &[u8] {
        self.control.as_ref().map_or(&[], |control| control.as_bytes())
    }

    /// Frees what was finished last. Also done by the next `advance`.
    pub(crate) fn release(&mut self) {
        if self.finished {
            self.finished = false;
            // A control frame in pieces between two fragments leaves the message alone.
            if self.control.take().is_none() {
                self.assembly = Assembly::Empty;
                self.fragments = 0;
            }
        }
    }

    /// Frees everything; only for when no more is read.
    pub(crate) fn clear(&mut self) {
        self.assembly = Assembly::Empty;
        self.control = None;
        self.finished = false;
    }

    /// Goes on until a message or control frame is finished or the input is used.
    pub(crate) fn advance(
        &mut self,
        input: &mut [u8],
    ) -> Result<(usize, Option<Finished>), ProtocolError> {
        self.release();
        let mut used = 0;
        loop {
            if let Reading::Header { .. } = self.reading {
                let Some(header) = self.read_header(input, &mut used)? else {
                    return Ok((used, None));
                };
                self.check_limits(&header)?;
                if let Some(finished) = read_whole(&header, input, &mut used) {
                    let finished = match finished {
                        Finished::Input { opcode, start, end } if header.compressed => {
                            self.inflate(&input[start..end], opcode)?
                        }
                        finished => finished,
                    };
                    return Ok((used, Some(finished)));
                }
                self.start_payload(&header);
            }
            if let Some(finished) = self.read_payload(input, &mut used)? {
                self.finished = true;
                return Ok((used, Some(finished)));
            }
            if used == input.len() {
                return Ok((used, None));
            }
        }
    }

    /// Reads the header at `used`, together with what was kept of it.
    fn read_header(
        &mut self,
        input: &[u8],
        used: &mut usize,
    ) -> Result<Option<ReceivedHeader>, ProtocolError> {
        let Reading::Header { bytes: kept, len } = &mut self.reading else {
            return Ok(None);
        };
        let context = Context {
            role: self.role,
            continuing: !matches!(self.assembly, Assembly::Empty),
            compression: self.inflater.is_some(),
        };
        let rest = &input[*used..];
        let kept_len = usize::from(*len);

        let header = if kept_len == 0 {
            ReceivedHeader::decode(rest, context)?
        } else {
            let mut bytes = [0; HEADER_BYTES_MAX];
            let added = rest.len().min(HEADER_BYTES_MAX - kept_len);
            bytes[..kept_len].copy_from_slice(&kept[..kept_len]);
            bytes[kept_len..kept_len + added].copy_from_slice(&rest[..added]);
            ReceivedHeader::decode(&bytes[..kept_len + added], context)?
        };
        if let Some(header) = header {
            // What was kept was not a whole header, so at least one byte of it is in the input.
            *used += header.size - kept_len;
            *len = 0;
        } else {
            // A header that is not whole is shorter than the longest one.
            kept[kept_len..kept_len + rest.len()].copy_from_slice(rest);
            *len += rest.len() as u8;
            *used = input.len();
        }
        Ok(header)
    }

    /// Checks what the header declares, before any of the payload is kept.
    fn check_limits(&self, header: &ReceivedHeader) -> Result<(), ProtocolError> {
        if header.opcode.is_control() {
            return Ok(());
        }
        let Config { message_bytes_max, frame_bytes_max, fragments_max } = self.config;
        let length = header.payload_len;
        if length > frame_bytes_max as u64 {
            return Err(ProtocolError::FrameTooLarge { length, limit: frame_bytes_max });
        }
        let length = length + self.assembly.len() as u64;
        let compressed = header.compressed || matches!(self.assembly, Assembly::Compressed(..));
        let most =
            if compressed { compressed_bytes_max(message_bytes_max) } else { message_bytes_max };
        if length > most as u64 {
            return Err(ProtocolError::MessageTooLarge { length, limit: message_bytes_max });
        }
        if self.fragments >= fragments_max {
            return Err(ProtocolError::TooManyFragments { limit: fragments_max });
        }
        Ok(())
    }

    /// Prepares for a payload to be collected.
    fn start_payload(&mut self, header: &ReceivedHeader) {
        let ReceivedHeader { fin, opcode, payload_len, masking_key, compressed, .. } = *header;
        if opcode.is_control() {
            self.control = Some(ControlPayload::new(&[]));
        } else {
            self.fragments += 1;
            if opcode != Opcode::Continuation {
                self.assembly = Assembly::start(opcode, compressed);
            }
        }
        self.reading = Reading::Payload { remaining: payload_len, masking_key, opcode, fin };
    }

    /// Collects what there is of the payload.
    fn read_payload(
        &mut self,
        input: &mut [u8],
        used: &mut usize,
    ) -> Result<Option<Finished>, ProtocolError> {
        let Reading::Payload { remaining, masking_key, opcode, fin } = &mut self.reading else {
            return Ok(None);
        };
        let rest = &mut input[*used..];
        let count = usize::try_from(*remaining).map_or(rest.len(), |left| left.min(rest.len()));
        let chunk = &mut rest[..count];
        if self.role == Role::Server {
            mask::apply(*masking_key, chunk);
            *masking_key = mask::advance(*masking_key, count);
        }
        *used += count;
        *remaining -= count as u64;

        let (remaining, opcode, fin) = (*remaining, *opcode, *fin);
        if opcode.is_control() {
            if let Some(control) = &mut self.control {
                control.push(chunk);
            }
        } else {
            self.assembly.push(chunk, remaining)?;
        }
        if remaining > 0 {
            return Ok(None);
        }
        self.reading = Reading::START;
        if opcode.is_control() {
            return Ok(Some(Finished::Control { opcode }));
        }
        if !fin {
            return Ok(None);
        }
        if let Assembly::Compressed(payload, opcode) = &mut self.assembly {
            let (payload, opcode) = (std::mem::take(payload), *opcode);
            return self.inflate(&payload, opcode).map(Some);
        }
        self.assembly.finish()?;
        Ok(Some(Finished::Assembly))
    }

    /// Decompresses a whole message into `assembly`.
    fn inflate(&mut self, payload: &[u8], opcode: Opcode) -> Result<Finished, ProtocolError> {
        let inflater = self.inflater.as_mut().expect("RSV1 was refused without");
        let output = inflater.inflate(payload, self.config.message_bytes_max)?;
        self.assembly = if opcode == Opcode::Text {
            let text = String::from_utf8(output).map_err(|_| ProtocolError::InvalidUtf8)?;
            Assembly::Text(text, Utf8Tail::default())
        } else {
            Assembly::Binary(output)
        };
        self.finished = true;
        Ok(Finished::Assembly)
    }
}

/// How long a message may be that has to be within the limit when it is decompressed. What cannot be
/// compressed grows by less than a sixteenth with any compressor, and by a few bytes a fragment.
const fn compressed_bytes_max(message_bytes_max: usize) -> usize {
    message_bytes_max.saturating_add(message_bytes_max / 8).saturating_add(1024)
}

/// The usual case: a frame that is a message of its own, or a control frame, and lies whole in the
/// input.
fn read_whole(header: &ReceivedHeader, input: &mut [u8], used: &mut usize) -> Option<Finished> {
    let opcode = header.opcode;
    let alone = opcode.is_control() || (header.fin && opcode != Opcode::Continuation);
    let (start, available) = (*used, input.len() - *used);
    if !alone || header.payload_len > available as u64 {
        return None;
    }
    let end = start + header.payload_len as usize;
    if header.masked {
        mask::apply(header.masking_key, &mut input[start..end]);
    }
    *used = end;
    Some(Finished::Input { opcode, start, end })
}

/// The payload of one control frame.
#[derive(Debug)]
pub(crate) struct ControlPayload {
    bytes: [u8; CONTROL_PAYLOAD_BYTES_MAX],
    len: u8,
}

impl ControlPayload {
    /// Copies `payload`, of at most 125 bytes.
    pub(crate) fn new(payload: &[u8]) -> Box<Self> {
        let mut this = Box::new(Self { bytes: [0; CONTROL_PAYLOAD_BYTES_MAX], len: 0 });
        this.push(payload);
        this
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    fn push(&mut self, chunk: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + chunk.len()].copy_from_slice(chunk);
        self.len += chunk.len() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::FrameHeader;

    const CONFIG: Config =
        Config { message_bytes_max: 1000, frame_bytes_max: 600, fragments_max: 3 };

    fn advance(receiver: &mut Receiver, wire: &[u8]) -> Result<Option<Vec<u8>>, ProtocolError> {
        let mut wire = wire.to_vec();
        let (used, finished) = receiver.advance(&mut wire)?;
        assert_eq!(used, wire.len());
        Ok(finished.map(|finished| match finished {
            Finished::Input { start, end, .. } => wire[start..end].to_vec(),
            Finished::Assembly => match receiver.assembly() {
                Assembly::Text(text, _) => text.clone().into_bytes(),
                Assembly::Binary(bytes) => bytes.clone(),
                Assembly::Empty | Assembly::Compressed(..) => panic!("nothing was finished"),
            },
            Finished::Control { .. } => receiver.control().to_vec(),
        }))
    }

    /// An unmasked header whose FIN and opcode are `first`.
    fn header(first: u8, length: usize) -> Vec<u8> {
        let mut bytes = FrameHeader::new(Opcode::Binary, length, None).as_bytes().to_vec();
        bytes[0] = first;
        bytes
    }

    fn frame(first: u8, length: usize) -> Vec<u8> {
        [header(first, length), vec![b'x'; length]].concat()
    }

    fn client() -> Receiver {
        Receiver::new(Role::Client, CONFIG)
    }

    #[test]
    fn frame_limit_on_the_declared_length() {
        for length in [599, 600] {
            assert_eq!(advance(&mut client(), &frame(0x82, length)), Ok(Some(vec![b'x'; length])));
        }
        let too_large = ProtocolError::FrameTooLarge { length: 601, limit: 600 };
        assert_eq!(advance(&mut client(), &header(0x82, 601)), Err(too_large));
        let huge = ProtocolError::FrameTooLarge { length: i64::MAX as u64, limit: 600 };
        assert_eq!(advance(&mut client(), &header(0x82, i64::MAX as usize)), Err(huge));
    }

    /// fastwebsockets #100: only single frames were limited.
    #[test]
    fn message_limit_over_the_fragments() {
        for length in [499, 500] {
            let mut receiver = client();
            assert_eq!(advance(&mut receiver, &frame(0x02, 500)), Ok(None));
            let message = advance(&mut receiver, &frame(0x80, length)).unwrap().unwrap();
            assert_eq!(message.len(), 500 + length);
        }
        let mut receiver = client();
        assert_eq!(advance(&mut receiver, &frame(0x02, 500)), Ok(None));
        let too_large = ProtocolError::MessageTooLarge { length: 1001, limit: 1000 };
        assert_eq!(advance(&mut receiver, &header(0x80, 501)), Err(too_large));
    }

    #[test]
    fn the_message_limit_counts_a_cut_off_character() {
        let config = Config { message_bytes_max: 4, ..CONFIG };
        let mut receiver = Receiver::new(Role::Client, config);
        assert_eq!(advance(&mut receiver, b"\x01\x03\xf0\x9f\x98"), Ok(None));
        let too_large = ProtocolError::MessageTooLarge { length: 5, limit: 4 };
        assert_eq!(advance(&mut receiver, b"\x80\x02"), Err(too_large));
    }

    /// npm ws, pull request 2329: empty continuation frames were not counted.
    #[test]
    fn fragment_limit_counts_empty_ones() {
        for (fragments, limit_hit) in [(2, false), (3, false), (4, true)] {
            let mut receiver = client();
            let mut result = advance(&mut receiver, &frame(0x01, 0));
            for _ in 0..fragments - 2 {
                assert_eq!(result, Ok(None));
                result = advance(&mut receiver, &frame(0x00, 0));
            }
            assert_eq!(result, Ok(None));
            let result = advance(&mut receiver, &frame(0x80, 0));
            let too_many = Err(ProtocolError::TooManyFragments { limit: 3 });
            assert_eq!(result, if limit_hit { too_many } else { Ok(Some(Vec::new())) });
        }
    }

    #[test]
    fn fragments_are_counted_anew_for_each_message() {
        let mut receiver = client();
        for _ in 0..5 {
            assert_eq!(advance(&mut receiver, &frame(0x01, 1)), Ok(None));
            assert_eq!(advance(&mut receiver, &frame(0x80, 1)), Ok(Some(b"xx".to_vec())));
            assert_eq!(advance(&mut receiver, &frame(0x81, 1)), Ok(Some(b"x".to_vec())));
        }
    }

    #[test]
    fn control_frames_count_neither_as_bytes_nor_as_fragments() {
        let mut receiver = client();
        assert_eq!(advance(&mut receiver, &frame(0x02, 500)), Ok(None));
        for _ in 0..20 {
            assert_eq!(advance(&mut receiver, &frame(0x89, 125)), Ok(Some(vec![b'x'; 125])));
        }
        assert_eq!(advance(&mut receiver, &frame(0x80, 500)).unwrap().unwrap().len(), 1000);
    }

    /// RUSTSEC-2022-0035: the declared length was allocated up front, and the process aborted.
    #[test]
    fn a_declared_length_is_not_allocated() {
        let config =
            Config { message_bytes_max: usize::MAX, frame_bytes_max: usize::MAX, ..CONFIG };
        let mut receiver = Receiver::new(Role::Client, config);
        let mut wire = header(0x82, i64::MAX as usize);
        wire.extend([b'x'; 1000]);
        assert_eq!(advance(&mut receiver, &wire), Ok(None));
        let Assembly::Binary(bytes) = receiver.assembly() else {
            panic!("a message is incomplete")
        };
        assert_eq!(bytes.len(), 1000);
        assert!(bytes.capacity() <= 2000, "{}", bytes.capacity());
        for _ in 0..100 {
            assert_eq!(advance(&mut receiver, &[b'x'; 77]), Ok(None));
        }
        let Assembly::Binary(bytes) = receiver.assembly() else {
            panic!("a message is incomplete")
        };
        assert!(bytes.capacity() <= 2 * bytes.len(), "{} {}", bytes.capacity(), bytes.len());
    }

    #[test]
    fn a_buffer_grows_no_further_than_its_frame_declares() {
        let mut receiver = client();
        let mut wire = header(0x82, 600);
        wire.extend([b'x'; 400]);
        assert_eq!(advance(&mut receiver, &wire), Ok(None));
        let Assembly::Binary(bytes) = receiver.assembly() else {
            panic!("a message is incomplete")
        };
        assert_eq!(bytes.capacity(), 600);
    }

    #[test]
    fn what_was_finished_is_freed() {
        let mut receiver = client();
        assert_eq!(advance(&mut receiver, b"\x01\x01a"), Ok(None));
        assert_eq!(advance(&mut receiver, b"\x80\x01b"), Ok(Some(b"ab".to_vec())));
        receiver.release();
        assert!(matches!(receiver.assembly(), Assembly::Empty));
    }

    #[test]
    fn text_cut_within_a_character_must_not_end_there() {
        let mut receiver = client();
        assert_eq!(advance(&mut receiver, b"\x01\x02\xec\x95"), Ok(None));
        assert_eq!(advance(&mut receiver, b"\x00\x00"), Ok(None));
        assert_eq!(advance(&mut receiver, b"\x80\x00"), Err(ProtocolError::InvalidUtf8));
    }

    #[test]
    fn bad_text_is_refused_before_its_frame_is_complete() {
        // Autobahn 6.4.3: the bad byte arrives while the frame goes on.
        let mut receiver = client();
        assert_eq!(advance(&mut receiver, b"\x81\x10\xce\xba"), Ok(None));
        assert_eq!(advance(&mut receiver, b"\xf4\x90"), Err(ProtocolError::InvalidUtf8));
    }

    #[test]
    fn the_fragments_of_the_rfc() {
        // RFC 6455 §5.7, "a fragmented unmasked text message".
        let mut receiver = client();
        let mut wire = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
        let (used, finished) = receiver.advance(&mut wire).unwrap();
        assert_eq!(used, 9);
        assert!(matches!(finished, Some(Finished::Assembly)));
        let Assembly::Text(text, _) = receiver.assembly() else { panic!("it is text") };
        assert_eq!(text, "Hello");
    }
}
