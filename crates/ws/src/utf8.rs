//! UTF-8 checked while it arrives (RFC 6455 §8.1): bad bytes are refused as soon as they are seen,
//! wherever the text was cut.

use crate::error::ProtocolError;

/// The beginning of a character whose rest has not arrived: zero to three bytes, always a prefix of
/// some valid character.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8Tail {
    bytes: [u8; 3],
    len: u8,
}

impl Utf8Tail {
    /// How many bytes are held back.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Appends the whole characters of what was held back and `chunk` to `text`, and holds back a
    /// character that is cut off at the end.
    pub(crate) fn push(&mut self, chunk: &[u8], text: &mut String) -> Result<(), ProtocolError> {
        let chunk = if self.len == 0 { chunk } else { self.complete(chunk, text)? };
        match simdutf8::compat::from_utf8(chunk) {
            Ok(whole) => text.push_str(whole),
            Err(error) => {
                if error.error_len().is_some() {
                    return Err(ProtocolError::InvalidUtf8);
                }
                let (whole, cut) = chunk.split_at(error.valid_up_to());
                text.push_str(
                    simdutf8::basic::from_utf8(whole).map_err(|_| ProtocolError::InvalidUtf8)?,
                );
                self.bytes[..cut.len()].copy_from_slice(cut);
                self.len = cut.len() as u8;
            }
        }
        Ok(())
    }

    /// Takes what the held back character lacks from the front of `chunk`; returns the rest.
    fn complete<'a>(
        &mut self,
        chunk: &'a [u8],
        text: &mut String,
    ) -> Result<&'a [u8], ProtocolError> {
        let mut character = [0; 4];
        let held = self.len();
        character[..held].copy_from_slice(&self.bytes[..held]);
        // At most three more bytes, and each is looked at alone: the first bad one ends it.
        for (taken, byte) in chunk.iter().enumerate().take(4 - held) {
            let len = held + taken + 1;
            character[len - 1] = *byte;
            match std::str::from_utf8(&character[..len]) {
                Ok(whole) => {
                    text.push_str(whole);
                    self.len = 0;
                    return Ok(&chunk[taken + 1..]);
                }
                Err(error) if error.error_len().is_some() => {
                    return Err(ProtocolError::InvalidUtf8);
                }
                Err(_) => {
                    self.bytes[..len].copy_from_slice(&character[..len]);
                    self.len = len as u8;
                }
            }
        }
        Ok(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after each byte: refused as soon as `str::from_utf8` says that more input would
    /// not help.
    fn check_every_prefix(bytes: &[u8]) {
        let mut tail = Utf8Tail::default();
        let mut text = String::new();
        for len in 1..=bytes.len() {
            let expected = std::str::from_utf8(&bytes[..len]);
            let result = tail.push(&bytes[len - 1..len], &mut text);
            match expected {
                Ok(whole) => {
                    assert_eq!(result, Ok(()), "{:x?}", &bytes[..len]);
                    assert_eq!((text.as_str(), tail.len()), (whole, 0));
                }
                Err(error) if error.error_len().is_none() => {
                    assert_eq!(result, Ok(()), "{:x?}", &bytes[..len]);
                    assert_eq!(text.len(), error.valid_up_to());
                    assert_eq!(text.len() + tail.len(), len);
                }
                Err(_) => {
                    assert_eq!(result, Err(ProtocolError::InvalidUtf8), "{:x?}", &bytes[..len]);
                    return;
                }
            }
        }
    }

    #[test]
    fn every_sequence_of_interesting_bytes() {
        // The ends of all ranges in RFC 3629 §4.
        let interesting = [
            0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1,
            0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff,
        ];
        let digits = interesting.len();
        for number in 0..digits.pow(4) {
            let bytes = [1, digits, digits.pow(2), digits.pow(3)]
                .map(|place| interesting[number / place % digits]);
            check_every_prefix(&bytes);
        }
    }

    #[test]
    fn refused_within_the_chunk_that_is_bad() {
        // Autobahn 6.4.1: the bad character lies in the middle of three fragments.
        let mut tail = Utf8Tail::default();
        let mut text = String::new();
        assert_eq!(tail.push("κόσμε".as_bytes(), &mut text), Ok(()));
        assert_eq!(tail.push(b"\xf4\x90\x80\x80", &mut text), Err(ProtocolError::InvalidUtf8));
    }

    #[test]
    fn a_chunk_may_be_shorter_than_what_is_missing() {
        let mut tail = Utf8Tail::default();
        let mut text = String::new();
        for chunk in [&b"a\xf0"[..], b"", b"\x9f\x98", b"\x80b"] {
            assert_eq!(tail.push(chunk, &mut text), Ok(()));
        }
        assert_eq!((text.as_str(), tail.len()), ("a😀b", 0));
    }
}
