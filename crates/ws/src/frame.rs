//! Frames (RFC 6455 §5.2): the header in both directions.
//!
//! ```text
//!  byte 0: FIN RSV1 RSV2 RSV3 opcode(4)
//!  byte 1: MASK length(7)   0..=125: the length itself; 126: 2 more bytes; 127: 8 more bytes
//!  then:   0, 2 or 8 bytes of length, big endian · 0 or 4 bytes of masking key · the payload
//! ```

use crate::close::{CloseCode, fitting_reason};
use crate::connection::Role;
use crate::error::ProtocolError;
use crate::mask;

/// The most bytes a control frame (close, ping, pong) can carry (RFC 6455 §5.5).
pub const CONTROL_PAYLOAD_BYTES_MAX: usize = 125;

/// The most bytes a frame header takes: 2, 8 of length, 4 of masking key.
pub(crate) const HEADER_BYTES_MAX: usize = 14;

const FIN: u8 = 0b1000_0000;
const RESERVED: u8 = 0b0111_0000;
/// The first frame of a compressed message (RFC 7692 §6).
const RSV1: u8 = 0b0100_0000;
const MASK: u8 = 0b1000_0000;
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// What a frame is (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// Goes on with a fragmented message.
    Continuation = 0x0,
    /// Text, or the first fragment of one.
    Text = 0x1,
    /// Bytes, or the first fragment of them.
    Binary = 0x2,
    /// The last frame of its sender.
    Close = 0x8,
    /// Asks for a pong.
    Ping = 0x9,
    /// Answers a ping, or is sent unasked.
    Pong = 0xA,
}

impl Opcode {
    /// Whether it is a control frame: never fragmented, at most 125 bytes, allowed between fragments.
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }
}

/// The header of a frame to send: FIN set, the length in its shortest form.
#[derive(Clone, Copy, Debug)]
pub struct FrameHeader {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl FrameHeader {
    /// The header for a whole message of `payload_len` bytes; the key is for clients only.
    pub fn new(opcode: Opcode, payload_len: usize, masking_key: Option<[u8; 4]>) -> Self {
        let mut bytes = [0; HEADER_BYTES_MAX];
        bytes[0] = FIN | opcode as u8;
        let mut len = 2;
        if payload_len <= CONTROL_PAYLOAD_BYTES_MAX {
            bytes[1] = payload_len as u8;
        } else if let Ok(short) = u16::try_from(payload_len) {
            bytes[1] = LENGTH_16;
            bytes[2..4].copy_from_slice(&short.to_be_bytes());
            len = 4;
        } else {
            bytes[1] = LENGTH_64;
            bytes[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
            len = 10;
        }
        if let Some(key) = masking_key {
            bytes[1] |= MASK;
            bytes[len..len + 4].copy_from_slice(&key);
            len += 4;
        }
        Self { bytes, len: len as u8 }
    }

    /// Marks the message as compressed (RFC 7692 §6): to be sent only where that was negotiated.
    #[cfg(feature = "deflate")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
    #[must_use]
    pub const fn compressed(mut self) -> Self {
        self.bytes[0] |= RSV1;
        self
    }

    /// The bytes as they go on the wire: 2, 4 or 10, and 4 more with a masking key.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Appends one complete frame with FIN set to `out`, for whoever sends without a
/// [`Connection`](crate::Connection) at hand, such as a broadcast encoded once for many. The caller
/// sees to it that nothing follows a close frame and that control payloads are short enough.
pub fn encode_frame(
    opcode: Opcode,
    payload: &[u8],
    masking_key: Option<[u8; 4]>,
    out: &mut Vec<u8>,
) {
    debug_assert!(!opcode.is_control() || payload.len() <= CONTROL_PAYLOAD_BYTES_MAX);
    encode(&FrameHeader::new(opcode, payload.len(), masking_key), payload, masking_key, out);
}

/// [`encode_frame`] for a payload that is compressed already, such as that of a broadcast compressed
/// once ([`Deflater::deflate`](crate::Deflater)).
#[cfg(feature = "deflate")]
pub fn encode_compressed_frame(
    opcode: Opcode,
    deflated: &[u8],
    masking_key: Option<[u8; 4]>,
    out: &mut Vec<u8>,
) {
    debug_assert!(!opcode.is_control(), "control frames are never compressed");
    let header = FrameHeader::new(opcode, deflated.len(), masking_key).compressed();
    encode(&header, deflated, masking_key, out);
}

fn encode(header: &FrameHeader, payload: &[u8], masking_key: Option<[u8; 4]>, out: &mut Vec<u8>) {
    out.reserve(header.as_bytes().len() + payload.len());
    out.extend_from_slice(header.as_bytes());
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = masking_key {
        mask::apply(key, &mut out[start..]);
    }
}

/// Appends a close frame to `out`. A code that must not be sent (RFC 6455 §7.4.1, such as 1005) gives
/// a frame without a body; the reason is cut to the 123 bytes that fit, between two characters.
pub fn encode_close(
    code: CloseCode,
    reason: &str,
    masking_key: Option<[u8; 4]>,
    out: &mut Vec<u8>,
) {
    let mut body = [0; CONTROL_PAYLOAD_BYTES_MAX];
    let mut len = 0;
    if code.is_sendable() {
        let reason = fitting_reason(reason).as_bytes();
        len = 2 + reason.len();
        body[..2].copy_from_slice(&code.get().to_be_bytes());
        body[2..len].copy_from_slice(reason);
    }
    encode_frame(Opcode::Close, &body[..len], masking_key, out);
}

/// What a received header is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// Who we are.
    pub(crate) role: Role,
    /// A fragmented message is under way.
    pub(crate) continuing: bool,
    /// Compression was negotiated, so RSV1 has a meaning.
    pub(crate) compression: bool,
}

/// The header of a frame received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReceivedHeader {
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    pub(crate) payload_len: u64,
    /// All zeros when the frame is not masked: unmasking with that changes nothing.
    pub(crate) masking_key: [u8; 4],
    pub(crate) masked: bool,
    /// The frame begins a compressed message.
    pub(crate) compressed: bool,
    /// How many bytes the header took.
    pub(crate) size: usize,
}

impl ReceivedHeader {
    /// Reads a header from the front of `bytes`; `None` when its end is not there yet.
    ///
    /// Every rule is checked as soon as the byte it is about is there, so the verdict on a stream does
    /// not depend on how it was cut.
    pub(crate) fn decode(bytes: &[u8], context: Context) -> Result<Option<Self>, ProtocolError> {
        let Some(&first) = bytes.first() else {
            return Ok(None);
        };
        let opcode = check_first_byte(first, context)?;
        let Some(&second) = bytes.get(1) else {
            return Ok(None);
        };
        let masked = check_second_byte(second, opcode, context.role)?;

        let Some((payload_len, length_end)) = decode_length(bytes, second & !MASK)? else {
            return Ok(None);
        };
        let size = if masked { length_end + 4 } else { length_end };
        let Some(key) = bytes.get(length_end..size) else {
            return Ok(None);
        };
        let masking_key = key.try_into().unwrap_or_default();
        let (fin, compressed) = (first & FIN != 0, first & RSV1 != 0);
        Ok(Some(Self { fin, opcode, payload_len, masking_key, masked, compressed, size }))
    }
}

/// The header of a frame as it passes somebody who only looks on: taken apart, and not judged.
///
/// ```
/// use sockeye_ws::ObservedHeader;
///
/// let header = ObservedHeader::read(b"\x81\x85\x01\x02\x03\x04")?.expect("it is whole");
/// assert!(header.is_final && header.opcode_bits == 1);
/// assert_eq!((header.payload_len, header.size), (5, 6));
/// assert_eq!(header.masking_key, Some([1, 2, 3, 4]));
/// # Ok::<(), sockeye_ws::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedHeader {
    /// FIN: no fragment of the message follows.
    pub is_final: bool,
    /// RSV1 to RSV3, the first one the highest of three bits.
    pub reserved_bits: u8,
    /// The opcode, 0 to 15; [`Opcode`] names those that mean something.
    pub opcode_bits: u8,
    /// How many bytes of payload follow the header.
    pub payload_len: u64,
    /// What the payload is masked with, if it is.
    pub masking_key: Option<[u8; 4]>,
    /// How many bytes the header takes: 2 to 14.
    pub size: usize,
}

impl ObservedHeader {
    /// Reads a header from the front of `bytes`; `None` when its end is not there yet.
    ///
    /// # Errors
    /// When the length is not in its shortest form, or above 2⁶³ - 1.
    pub fn read(bytes: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let &[first, second, ..] = bytes else { return Ok(None) };
        let Some((payload_len, length_end)) = decode_length(bytes, second & !MASK)? else {
            return Ok(None);
        };
        let masked = second & MASK != 0;
        let size = if masked { length_end + 4 } else { length_end };
        let Some(key) = bytes.get(length_end..size) else { return Ok(None) };
        Ok(Some(Self {
            is_final: first & FIN != 0,
            reserved_bits: (first & RESERVED) >> 4,
            opcode_bits: first & 0x0F,
            payload_len,
            masking_key: key.try_into().ok(),
            size,
        }))
    }
}

fn check_first_byte(first: u8, context: Context) -> Result<Opcode, ProtocolError> {
    let Context { continuing, compression, .. } = context;
    let starts_message =
        matches!(Opcode::from_bits(first & 0x0F), Some(Opcode::Text | Opcode::Binary));
    let allowed = if compression && starts_message { RSV1 } else { 0 };
    if first & RESERVED & !allowed != 0 {
        return Err(ProtocolError::ReservedBits { bits: (first & RESERVED) >> 4 });
    }
    let Some(opcode) = Opcode::from_bits(first & 0x0F) else {
        return Err(ProtocolError::ReservedOpcode { opcode: first & 0x0F });
    };
    match opcode {
        Opcode::Continuation if !continuing => Err(ProtocolError::UnexpectedContinuation),
        Opcode::Text | Opcode::Binary if continuing => {
            Err(ProtocolError::ExpectedContinuation { opcode })
        }
        _ if opcode.is_control() && first & FIN == 0 => {
            Err(ProtocolError::FragmentedControl { opcode })
        }
        _ => Ok(opcode),
    }
}

fn check_second_byte(second: u8, opcode: Opcode, role: Role) -> Result<bool, ProtocolError> {
    let masked = second & MASK != 0;
    match (role, masked) {
        (Role::Server, false) => return Err(ProtocolError::NotMasked),
        (Role::Client, true) => return Err(ProtocolError::Masked),
        _ => {}
    }
    if opcode.is_control() && usize::from(second & !MASK) > CONTROL_PAYLOAD_BYTES_MAX {
        return Err(ProtocolError::ControlTooLong { opcode });
    }
    Ok(masked)
}

/// The payload length and where its bytes end; `None` when they are not all there.
fn decode_length(bytes: &[u8], short: u8) -> Result<Option<(u64, usize)>, ProtocolError> {
    let (length, end, minimum) = match short {
        LENGTH_16 => match bytes.get(2..4).and_then(|b| <[u8; 2]>::try_from(b).ok()) {
            Some(length) => (u64::from(u16::from_be_bytes(length)), 4, 126),
            None => return Ok(None),
        },
        LENGTH_64 => match bytes.get(2..10).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
            Some(length) => (u64::from_be_bytes(length), 10, 65_536),
            None => return Ok(None),
        },
        short => (u64::from(short), 2, 0),
    };
    if length < minimum {
        return Err(ProtocolError::LengthNotMinimal { length });
    }
    if length >> 63 != 0 {
        return Err(ProtocolError::LengthOverflow { length });
    }
    Ok(Some((length, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8], role: Role) -> Result<Option<ReceivedHeader>, ProtocolError> {
        ReceivedHeader::decode(bytes, Context { role, continuing: false, compression: false })
    }

    /// The examples of RFC 6455 §5.7 that are one unfragmented frame.
    #[test]
    fn rfc_examples() {
        let key = Some([0x37, 0xfa, 0x21, 0x3d]);
        let masked = [0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let with = |first: u8, rest: &[u8]| [&[first], rest].concat();
        let cases = [
            (Opcode::Text, None, with(0x81, b"\x05Hello")),
            (Opcode::Text, key, with(0x81, &masked)),
            (Opcode::Ping, None, with(0x89, b"\x05Hello")),
            (Opcode::Pong, key, with(0x8a, &masked)),
        ];
        for (opcode, key, expected) in cases {
            let mut out = Vec::new();
            encode_frame(opcode, b"Hello", key, &mut out);
            assert_eq!(out, expected);
        }
        let header = FrameHeader::new(Opcode::Binary, 256, None);
        assert_eq!(header.as_bytes(), [0x82, 0x7e, 0x01, 0x00]);
        let header = FrameHeader::new(Opcode::Binary, 65_536, None);
        assert_eq!(header.as_bytes(), [0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn lengths_take_the_fewest_bytes_and_come_back() {
        let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, u32::MAX as usize, i64::MAX as usize];
        for length in lengths {
            for (role, key) in [(Role::Server, Some([1, 2, 3, 4])), (Role::Client, None)] {
                let header = FrameHeader::new(Opcode::Binary, length, key);
                let bytes = header.as_bytes();
                let form = if length < 126 {
                    2
                } else if length < 65_536 {
                    4
                } else {
                    10
                };
                assert_eq!(bytes.len(), form + if key.is_some() { 4 } else { 0 });
                for cut in 0..bytes.len() {
                    assert_eq!(decode(&bytes[..cut], role), Ok(None), "{length} at {cut}");
                }
                let expected = ReceivedHeader {
                    fin: true,
                    opcode: Opcode::Binary,
                    payload_len: length as u64,
                    masking_key: key.unwrap_or_default(),
                    masked: key.is_some(),
                    compressed: false,
                    size: bytes.len(),
                };
                assert_eq!(decode(bytes, role), Ok(Some(expected)));
            }
        }
    }

    #[test]
    fn whoever_looks_on_sees_the_same_header() {
        for length in [0, 1, 125, 126, 65_535, 65_536, i64::MAX as usize] {
            for masking_key in [Some([1, 2, 3, 4]), None] {
                let header = FrameHeader::new(Opcode::Ping, length, masking_key);
                let bytes = header.as_bytes();
                for cut in 0..bytes.len() {
                    assert_eq!(ObservedHeader::read(&bytes[..cut]), Ok(None), "{length} at {cut}");
                }
                let expected = ObservedHeader {
                    is_final: true,
                    reserved_bits: 0,
                    opcode_bits: 9,
                    payload_len: length as u64,
                    masking_key,
                    size: bytes.len(),
                };
                assert_eq!(ObservedHeader::read(bytes), Ok(Some(expected)));
            }
        }
        let unusual = ObservedHeader::read(b"\x5f\0").unwrap().unwrap();
        assert_eq!((unusual.is_final, unusual.reserved_bits), (false, 0b101));
        assert_eq!(unusual.opcode_bits, 15);
    }

    #[test]
    fn every_first_byte() {
        for first in 0..=u8::MAX {
            for (continuing, compression) in
                [(false, false), (true, false), (false, true), (true, true)]
            {
                let (fin, reserved, opcode) = (first >> 7, first >> 4 & 7, first & 15);
                let context = Context { role: Role::Server, continuing, compression };
                let result = ReceivedHeader::decode(&[first], context);
                // RFC 7692 §6: RSV1 on the first frame of a message, and nowhere else.
                let meant = compression && reserved == 4 && matches!(opcode, 1 | 2);
                let expected = match opcode {
                    _ if reserved > 0 && !meant => {
                        Err(ProtocolError::ReservedBits { bits: reserved })
                    }
                    3..=7 | 11..=15 => Err(ProtocolError::ReservedOpcode { opcode }),
                    0 if !continuing => Err(ProtocolError::UnexpectedContinuation),
                    1 if continuing => {
                        Err(ProtocolError::ExpectedContinuation { opcode: Opcode::Text })
                    }
                    2 if continuing => {
                        Err(ProtocolError::ExpectedContinuation { opcode: Opcode::Binary })
                    }
                    8 if fin == 0 => {
                        Err(ProtocolError::FragmentedControl { opcode: Opcode::Close })
                    }
                    9 if fin == 0 => Err(ProtocolError::FragmentedControl { opcode: Opcode::Ping }),
                    10 if fin == 0 => {
                        Err(ProtocolError::FragmentedControl { opcode: Opcode::Pong })
                    }
                    _ => Ok(None),
                };
                assert_eq!(result, expected, "{first:#x} {continuing}");
            }
        }
    }

    #[test]
    fn bad_headers_are_refused_at_the_first_byte_that_shows_it() {
        let cases: [(&[u8], Role, ProtocolError); 8] = [
            (b"\x81\x05", Role::Server, ProtocolError::NotMasked),
            (b"\x81\x85", Role::Client, ProtocolError::Masked),
            (b"\x89\xfe", Role::Server, ProtocolError::ControlTooLong { opcode: Opcode::Ping }),
            (b"\x88\x7f", Role::Client, ProtocolError::ControlTooLong { opcode: Opcode::Close }),
            (b"\x82\x7e\0\x7d", Role::Client, ProtocolError::LengthNotMinimal { length: 125 }),
            (b"\x82\x7e\0\0", Role::Client, ProtocolError::LengthNotMinimal { length: 0 }),
            (
                b"\x82\xff\0\0\0\0\0\0\xff\xff",
                Role::Server,
                ProtocolError::LengthNotMinimal { length: 65_535 },
            ),
            (
                b"\x82\xff\x80\0\0\0\0\0\0\0",
                Role::Server,
                ProtocolError::LengthOverflow { length: 1 << 63 },
            ),
        ];
        for (bytes, role, expected) in cases {
            assert_eq!(decode(bytes, role), Err(expected), "{bytes:x?}");
            assert_eq!(decode(&bytes[..bytes.len() - 1], role), Ok(None), "{bytes:x?}");
        }
    }

    #[test]
    fn close_frames() {
        let encode = |code, reason: &str| {
            let mut out = Vec::new();
            encode_close(code, reason, None, &mut out);
            out
        };
        assert_eq!(encode(CloseCode::NORMAL, ""), b"\x88\x02\x03\xe8");
        assert_eq!(encode(CloseCode::GOING_AWAY, "bye"), b"\x88\x05\x03\xe9bye");
        for code in [CloseCode::NO_STATUS, CloseCode::ABNORMAL, CloseCode::new(999)] {
            assert_eq!(encode(code, "lost"), b"\x88\x00");
        }
        assert_eq!(encode(CloseCode::NORMAL, &"r".repeat(200)).len(), 127);
    }
}
