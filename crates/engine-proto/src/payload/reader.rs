//! Reading polling bodies.

use memchr::memchr;

use super::{LENGTH_END, PayloadForm, SEPARATOR};
use crate::packet::{DecodeError, Packet};

/// Reads the packets of one polling body, one at a time, so that a reader that has to wait can go
/// on later. It keeps its place, not the body.
#[derive(Debug, Default)]
pub struct PayloadReader {
    form: PayloadForm,
    offset: usize,
    ended: bool,
    scratch: Vec<u8>,
}

impl PayloadReader {
    /// A reader at the beginning of a body of revision 4.
    pub fn new() -> Self {
        PayloadReader::default()
    }

    /// A reader at the beginning of a body of another form.
    pub fn with_form(form: PayloadForm) -> Self {
        PayloadReader { form, ..PayloadReader::default() }
    }

    /// The next packet of `body`, which must be the same bytes on each call; `None` at its end.
    /// An empty body is an error in every form. Empty packets of revision 3 are skipped.
    ///
    /// # Errors
    /// When a packet cannot be read. The rest of the body is dropped: the next call gives `None`.
    pub fn next_packet<'a>(
        &'a mut self,
        body: &'a [u8],
    ) -> Option<Result<Packet<'a>, DecodeError>> {
        let piece = match self.next_piece(body)? {
            Ok(piece) => piece,
            Err(error) => {
                self.ended = true;
                return Some(Err(error));
            }
        };
        let decoded = match piece {
            Piece::Binary(data) => Packet::decode_v3_binary(data),
            Piece::Text(text) => std::str::from_utf8(text)
                .map_err(|_| DecodeError::NotUtf8)
                .and_then(|text| match self.form {
                    PayloadForm::V4 => Packet::decode(text, &mut self.scratch),
                    _ => Packet::decode_v3(text, &mut self.scratch),
                }),
        };
        if decoded.is_err() {
            self.ended = true;
        }
        Some(decoded)
    }

    fn next_piece<'a>(&mut self, body: &'a [u8]) -> Option<Result<Piece<'a>, DecodeError>> {
        if self.ended {
            return None;
        }
        if self.form == PayloadForm::V4 {
            return Some(Ok(Piece::Text(self.separated(body))));
        }
        loop {
            let rest = body.get(self.offset..).unwrap_or_default();
            if rest.is_empty() && self.offset > 0 {
                self.ended = true;
                return None;
            }
            let counted = match self.form {
                PayloadForm::V3Binary => counted_bytes(rest),
                _ => counted_units(rest),
            };
            match counted {
                Some((piece, used)) => {
                    self.offset += used;
                    if !piece.is_empty() {
                        return Some(Ok(piece));
                    }
                }
                None => return Some(Err(self.length_error(rest))),
            }
        }
    }

    fn separated<'a>(&mut self, body: &'a [u8]) -> &'a [u8] {
        let rest = body.get(self.offset..).unwrap_or_default();
        match memchr(SEPARATOR, rest) {
            Some(length) => {
                self.offset += length + 1;
                &rest[..length]
            }
            None => {
                self.ended = true;
                rest
            }
        }
    }

    /// Text that cannot be counted because it is none is told apart from wrong lengths.
    fn length_error(&self, rest: &[u8]) -> DecodeError {
        if self.form == PayloadForm::V3 && std::str::from_utf8(rest).is_err() {
            DecodeError::NotUtf8
        } else {
            DecodeError::Length
        }
    }
}

enum Piece<'a> {
    Text(&'a [u8]),
    Binary(&'a [u8]),
}

impl Piece<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Piece::Text(bytes) | Piece::Binary(bytes) => bytes.is_empty(),
        }
    }
}

/// Takes `LENGTH:PACKET` off the front; gives the bytes it used.
fn counted_units(rest: &[u8]) -> Option<(Piece<'_>, usize)> {
    let head = rest.iter().take(LENGTH_DIGITS_MAX + 1).position(|&byte| byte == b':')?;
    let mut units = length(rest[..head].iter().map(|byte| byte.wrapping_sub(b'0')))?;
    let packet = &rest[head + 1..];
    // As many characters as make up the length. What is no UTF-8 has none.
    let mut bytes = 0;
    while units > 0 {
        let (width, count) = match *packet.get(bytes)? {
            0..=0x7f => (1, 1),
            0xc2..=0xdf => (2, 1),
            0xe0..=0xef => (3, 1),
            0xf0..=0xf4 => (4, 2),
            _ => return None,
        };
        bytes += width;
        units = units.checked_sub(count)?;
    }
    Some((Piece::Text(packet.get(..bytes)?), head + 1 + bytes))
}

/// Takes a packet of the binary form off the front; gives the bytes it used.
fn counted_bytes(rest: &[u8]) -> Option<(Piece<'_>, usize)> {
    let (&kind, counted) = rest.split_first()?;
    let end = counted.iter().take(LENGTH_DIGITS_MAX + 1).position(|&byte| byte == LENGTH_END)?;
    let bytes = length(counted[..end].iter().copied())?;
    let packet = counted[end + 1..].get(..bytes)?;
    let piece = match kind {
        0 => Piece::Text(packet),
        1 => Piece::Binary(packet),
        _ => return None,
    };
    Some((piece, 1 + end + 1 + bytes))
}

/// A decimal number of at least one digit.
fn length(digits: impl Iterator<Item = u8>) -> Option<usize> {
    let mut length = None;
    for digit in digits {
        if digit > 9 {
            return None;
        }
        length = Some(length.unwrap_or(0usize).checked_mul(10)?.checked_add(digit.into())?);
    }
    length
}

/// Longer than any length that fits: a search for the end of the digits stops here.
const LENGTH_DIGITS_MAX: usize = 20;
