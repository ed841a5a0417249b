//! Tokens of MessagePack.

use rmp::Marker;

use crate::packet::DecodeError;

/// One value, or the head of a list or map whose values follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    /// What the official parser writes for `undefined`.
    Undefined,
    Bool(bool),
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(&'a str),
    Binary(&'a [u8]),
    /// Milliseconds since 1970.
    Date(i64),
    List(u32),
    /// The number of keys; each is followed by its value.
    Map(u32),
}

/// A reader of tokens, with its position for errors.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(all: &'a [u8]) -> Self {
        Tokens { all, at: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.all.len()
    }

    pub(super) fn error(&self) -> DecodeError {
        DecodeError::Msgpack { offset: self.at }
    }

    pub(super) fn next(&mut self) -> Result<Token<'a>, DecodeError> {
        let start = self.at;
        self.read().ok_or(DecodeError::Msgpack { offset: start })
    }

    /// The next token, without moving on.
    pub(super) fn peek(&self) -> Result<Token<'a>, DecodeError> {
        let mut ahead = *self;
        ahead.next()
    }

    /// Skips one value and everything in it.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut missing: u64 = 1;
        while missing > 0 {
            missing -= 1;
            match self.next()? {
                Token::List(count) => missing = missing.saturating_add(count.into()),
                Token::Map(count) => missing = missing.saturating_add(2 * u64::from(count)),
                _ => {}
            }
        }
        Ok(())
    }

    fn read(&mut self) -> Option<Token<'a>> {
        Some(match Marker::from_u8(self.take(1)?[0]) {
            Marker::FixPos(value) => Token::Unsigned(value.into()),
            Marker::FixNeg(value) => Token::Negative(value.into()),
            Marker::Null => Token::Nil,
            Marker::True => Token::Bool(true),
            Marker::False => Token::Bool(false),
            Marker::U8 => Token::Unsigned(self.unsigned(1)?),
            Marker::U16 => Token::Unsigned(self.unsigned(2)?),
            Marker::U32 => Token::Unsigned(self.unsigned(4)?),
            Marker::U64 => Token::Unsigned(self.unsigned(8)?),
            Marker::I8 => signed(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => signed(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => signed(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => signed(i64::from_be_bytes(self.array()?)),
            Marker::F32 => Token::Float(f32::from_be_bytes(self.array()?).into()),
            Marker::F64 => Token::Float(f64::from_be_bytes(self.array()?)),
            Marker::FixStr(length) => self.text(length.into())?,
            Marker::Str8 => self.sized(1, Self::text)?,
            Marker::Str16 => self.sized(2, Self::text)?,
            Marker::Str32 => self.sized(4, Self::text)?,
            Marker::Bin8 => self.sized(1, Self::binary)?,
            Marker::Bin16 => self.sized(2, Self::binary)?,
            Marker::Bin32 => self.sized(4, Self::binary)?,
            Marker::FixArray(count) => Token::List(count.into()),
            Marker::Array16 => Token::List(self.count(2)?),
            Marker::Array32 => Token::List(self.count(4)?),
            Marker::FixMap(count) => Token::Map(count.into()),
            Marker::Map16 => Token::Map(self.count(2)?),
            Marker::Map32 => Token::Map(self.count(4)?),
            Marker::FixExt1 => self.extension(1, true)?,
            Marker::FixExt4 => self.extension(4, true)?,
            Marker::FixExt8 => self.extension(8, true)?,
            Marker::Ext8 => self.sized(1, |tokens, length| tokens.extension(length, false))?,
            Marker::Ext16 => self.sized(2, |tokens, length| tokens.extension(length, false))?,
            Marker::Ext32 => self.sized(4, |tokens, length| tokens.extension(length, false))?,
            Marker::FixExt2 | Marker::FixExt16 | Marker::Reserved => return None,
        })
    }

    /// The official parser writes `undefined`, dates and array buffers as extensions of type 0;
    /// type -1 is MessagePack's own time stamp.
    fn extension(&mut self, length: usize, is_fixed: bool) -> Option<Token<'a>> {
        let kind = i8::from_be_bytes(self.array()?);
        let data = self.take(length)?;
        let long = |at: usize| Some(u64::from_be_bytes(data.get(at..at + 8)?.try_into().ok()?));
        let short = |at: usize| Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?));
        match (kind, is_fixed, length) {
            (0, true, 1) => Some(Token::Undefined),
            (0, true, 8) => Some(Token::Date(long(0)?.cast_signed())),
            (0, false, _) => Some(Token::Binary(data)),
            (-1, true, 4) => Some(Token::Date(i64::from(short(0)?) * 1_000)),
            (-1, true, 8) => {
                let (nanoseconds, seconds) = (long(0)? >> 34, long(0)? & ((1 << 34) - 1));
                Some(Token::Date((seconds * 1_000 + nanoseconds / 1_000_000).cast_signed()))
            }
            (-1, false, 12) => {
                let (nanoseconds, seconds) = (short(0)?, long(4)?.cast_signed());
                let milliseconds = seconds.saturating_mul(1_000);
                Some(Token::Date(milliseconds.saturating_add(i64::from(nanoseconds / 1_000_000))))
            }
            _ => None,
        }
    }

    fn text(&mut self, length: usize) -> Option<Token<'a>> {
        std::str::from_utf8(self.take(length)?).ok().map(Token::Text)
    }

    fn binary(&mut self, length: usize) -> Option<Token<'a>> {
        self.take(length).map(Token::Binary)
    }

    fn sized(
        &mut self,
        length_bytes: usize,
        read: impl FnOnce(&mut Self, usize) -> Option<Token<'a>>,
    ) -> Option<Token<'a>> {
        let length = usize::try_from(self.unsigned(length_bytes)?).ok()?;
        read(self, length)
    }

    fn count(&mut self, bytes: usize) -> Option<u32> {
        u32::try_from(self.unsigned(bytes)?).ok()
    }

    fn unsigned(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let taken = self.all.get(self.at..)?.get(..count)?;
        self.at += count;
        Some(taken)
    }
}

fn signed<'a>(value: i64) -> Token<'a> {
    u64::try_from(value).map_or(Token::Negative(value), Token::Unsigned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first byte of each form, from the MessagePack specification.
    #[test]
    fn every_form_is_read() {
        let date = |bytes: &'static [u8], milliseconds| (bytes, Some(Token::Date(milliseconds)));
        for (bytes, token) in [
            (&b"\x00"[..], Some(Token::Unsigned(0))),
            (b"\x7f", Some(Token::Unsigned(127))),
            (b"\xe0", Some(Token::Negative(-32))),
            (b"\xc0", Some(Token::Nil)),
            (b"\xc1", None),
            (b"\xc2", Some(Token::Bool(false))),
            (b"\xc3", Some(Token::Bool(true))),
            (b"\xcc\xff", Some(Token::Unsigned(255))),
            (b"\xcd\x01\x00", Some(Token::Unsigned(256))),
            (b"\xce\x00\x01\x00\x00", Some(Token::Unsigned(65_536))),
            (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", Some(Token::Unsigned(u64::MAX))),
            (b"\xd0\x80", Some(Token::Negative(-128))),
            (b"\xd0\x01", Some(Token::Unsigned(1))),
            (b"\xd1\x80\x00", Some(Token::Negative(-32_768))),
            (b"\xd2\x80\x00\x00\x00", Some(Token::Negative(i64::from(i32::MIN)))),
            (b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", Some(Token::Negative(i64::MIN))),
            (b"\xca\x3f\x80\x00\x00", Some(Token::Float(1.0))),
            (b"\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", Some(Token::Float(1.5))),
            (b"\xa2hi", Some(Token::Text("hi"))),
            (b"\xd9\x02hi", Some(Token::Text("hi"))),
            (b"\xda\x00\x02hi", Some(Token::Text("hi"))),
            (b"\xdb\x00\x00\x00\x02hi", Some(Token::Text("hi"))),
            (b"\xa1\xff", None),
            (b"\xa3hi", None),
            (b"\xc4\x01\x07", Some(Token::Binary(&[7]))),
            (b"\xc5\x00\x01\x07", Some(Token::Binary(&[7]))),
            (b"\xc6\x00\x00\x00\x01\x07", Some(Token::Binary(&[7]))),
            (b"\xc6\xff\xff\xff\xff\x07", None),
            (b"\x92", Some(Token::List(2))),
            (b"\xdc\x01\x00", Some(Token::List(256))),
            (b"\xdd\xff\xff\xff\xff", Some(Token::List(u32::MAX))),
            (b"\x82", Some(Token::Map(2))),
            (b"\xde\x01\x00", Some(Token::Map(256))),
            (b"\xdf\x00\x00\x00\x01", Some(Token::Map(1))),
            (b"\xd4\x00\x00", Some(Token::Undefined)),
            (b"\xd4\x01\x00", None),
            (b"\xd5\x00\x00\x00", None),
            (b"\xc7\x02\x00\x01\x02", Some(Token::Binary(&[1, 2]))),
            (b"\xc8\x00\x01\x00\x09", Some(Token::Binary(&[9]))),
            (b"\xc9\x00\x00\x00\x01\x00\x09", Some(Token::Binary(&[9]))),
            (b"\xc7\x01\x05\x01", None),
            date(b"\xd7\x00\x00\x00\x00\x00\x00\x00\x03\xe8", 1_000),
            date(b"\xd7\x00\xff\xff\xff\xff\xff\xff\xff\xff", -1),
            date(b"\xd6\xff\x00\x00\x00\x02", 2_000),
            // 5 ms are 5,000,000 ns; shifted by 34 bits.
            date(b"\xd7\xff\x01\x31\x2d\x00\x00\x00\x00\x03", 3_005),
            date(b"\xc7\x0c\xff\x00\x4c\x4b\x40\xff\xff\xff\xff\xff\xff\xff\xff", -995),
            (b"", None),
            (b"\xcd\x01", None),
        ] {
            let mut tokens = Tokens::new(bytes);
            let read = tokens.next();
            assert_eq!(read.ok(), token, "{bytes:02x?}");
            assert!(token.is_none() || tokens.is_at_end(), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_value_is_skipped_with_all_that_is_in_it() {
        let mut tokens = Tokens::new(b"\x93\x01\x81\xa1a\x92\xc0\xc0\xc4\x01\x00\x2a");
        tokens.skip().unwrap();
        assert_eq!(tokens.next(), Ok(Token::Unsigned(42)));
        // Counts beyond all bounds end with the message.
        let mut tokens = Tokens::new(b"\xdd\xff\xff\xff\xff\xdf\xff\xff\xff\xff\xc0");
        assert_eq!(tokens.skip(), Err(DecodeError::Msgpack { offset: 11 }));
    }
}
