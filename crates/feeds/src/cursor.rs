//! Cursors: positions in one stream, as clients keep them.
//!
//! ```text
//! 000000000000002a_QIJ8xNkQ3q1kq0dG9mC1Zg
//! ^ the position, 16 digits of base 16, which sort as text
//!                  ^ the first 128 bits of an HMAC-SHA256 of the stream's number and the position
//! ```
//!
//! A position counts what was appended before it, in that stream alone: a reader learns nothing of the
//! traffic of others. The code tells a cursor of this stream from any other, made up, from another stream
//! or from before a restart: that one is *foreign*, and says nothing about what its client has missed.

use std::fmt;
use std::str;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;

/// A position in one stream, as text. It sorts as the positions do (Durable Streams 1.0, 6), and has no
/// other meaning outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor([u8; LENGTH]);

/// Digits of the position.
const DIGITS: usize = 16;
/// Characters of the code.
const CODE: usize = 22;
/// Bytes of the code before it is text.
const CODE_BYTES: usize = 16;
const LENGTH: usize = DIGITS + CODE;

impl Cursor {
    /// The cursor as text, 38 characters: digits, letters, `-` and `_`.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).expect("a cursor is ASCII")
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Why a text is no cursor of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CursorError {
    /// It does not have the form of one.
    #[error("it does not have the form of a cursor")]
    Malformed,
    /// It is another stream's, or from before a restart.
    #[error("it is of another stream, or from before a restart")]
    Foreign,
}

/// The secret of all streams of one owner.
#[derive(Clone)]
pub(crate) struct CursorKey(Hmac<Sha256>);

impl CursorKey {
    /// A key that nobody else has.
    pub(crate) fn random() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the system has random numbers");
        Self(Hmac::new_from_slice(&key).expect("HMAC takes keys of any length"))
    }

    /// What makes the cursors of one stream, whose number no other has.
    pub(crate) fn sealer(&self, stream: u64) -> Sealer {
        let mut mac = self.0.clone();
        mac.update(&stream.to_be_bytes());
        Sealer(mac)
    }
}

/// What makes and checks the cursors of one stream.
#[derive(Clone)]
pub(crate) struct Sealer(Hmac<Sha256>);

impl Sealer {
    pub(crate) fn seal(&self, position: u64) -> Cursor {
        let mut text = [0; LENGTH];
        for (digit, shift) in text[..DIGITS].iter_mut().zip((0..DIGITS).rev()) {
            *digit = b"0123456789abcdef"[(position >> (4 * shift)) as usize & 15];
        }
        text[DIGITS..].copy_from_slice(&self.code(position));
        Cursor(text)
    }

    /// The position of a cursor of this stream.
    pub(crate) fn open(&self, text: &str) -> Result<u64, CursorError> {
        let bytes: &[u8; LENGTH] =
            text.as_bytes().try_into().map_err(|_| CursorError::Malformed)?;
        let (digits, code) = bytes.split_at(DIGITS);
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_code = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !digits.iter().all(is_digit) || !code.iter().all(is_code) {
            return Err(CursorError::Malformed);
        }
        let position = digits.iter().fold(0, |number, digit| {
            let value = if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
            number << 4 | u64::from(value)
        });
        // In constant time, so that nobody finds a code byte by byte.
        let differs = self.code(position).iter().zip(code).fold(0, |all, (a, b)| all | (a ^ b));
        if differs == 0 { Ok(position) } else { Err(CursorError::Foreign) }
    }

    fn code(&self, position: u64) -> [u8; CODE] {
        let mut mac = self.0.clone();
        mac.update(&position.to_be_bytes());
        let code = mac.finalize().into_bytes();
        let mut text = [0; CODE];
        let written = URL_SAFE_NO_PAD.encode_slice(&code[..CODE_BYTES], &mut text);
        debug_assert_eq!(written, Ok(CODE));
        text
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer")
    }
}

impl fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CursorKey")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_position_is_one_too() {
        let sealer = CursorKey::random().sealer(7);
        let last = sealer.seal(u64::MAX);
        assert_eq!(sealer.open(last.as_str()), Ok(u64::MAX));
        assert_eq!(last.as_str().len(), 38);
        assert!(last.as_str().starts_with("ffffffffffffffff"));
    }

    #[test]
    fn what_is_no_cursor_of_this_stream() {
        let key = CursorKey::random();
        let sealer = key.sealer(7);
        let cursor = sealer.seal(42);
        for text in ["", "-1", "now", "000000000000002a", &"0".repeat(300), "é"] {
            assert_eq!(sealer.open(text), Err(CursorError::Malformed), "{text}");
        }
        let upper = cursor.as_str().replacen('a', "A", 1);
        assert_eq!(sealer.open(&upper), Err(CursorError::Malformed));
        assert_eq!(key.sealer(8).open(cursor.as_str()), Err(CursorError::Foreign));
        assert_eq!(CursorKey::random().sealer(7).open(cursor.as_str()), Err(CursorError::Foreign));
        let moved = cursor.as_str().replacen("2a", "2b", 1);
        assert_eq!(sealer.open(&moved), Err(CursorError::Foreign));
    }

    proptest! {
        #[test]
        fn cursors_sort_as_their_positions_and_come_back(a: u64, b: u64) {
            let sealer = CursorKey::random().sealer(1);
            let (first, second) = (sealer.seal(a), sealer.seal(b));
            prop_assert_eq!(first.as_str().cmp(second.as_str()), a.cmp(&b));
            prop_assert_eq!(sealer.open(first.as_str()), Ok(a));
            prop_assert!(!first.as_str().contains([',', '&', '=', '?', '/']));
        }

        #[test]
        fn no_text_is_taken_that_was_not_given_out(text in "[0-9a-f]{16}[A-Za-z0-9_-]{22}|.{0,60}") {
            prop_assert!(CursorKey::random().sealer(1).open(&text).is_err());
        }
    }
}
