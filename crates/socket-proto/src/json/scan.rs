//! A scanner of JSON text (RFC 8259): is it valid, and where does a value end.
//!
//! Every event of every client is read here, so strings are looked at eight bytes at a time. The
//! depth of nesting is the peer's choice: it costs a bit a level, and no recursion.

/// A position in JSON text, and the brackets that are open there.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    open: Nesting,
}

/// The offset of the byte at which the text is no JSON.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub(crate) at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, open: Nesting::default() }
    }

    /// The position, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Skips white space; true at the end of the text.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Skips white space and returns the byte behind it.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Skips white space, then `byte` if it is next. Whether it was.
    pub(crate) fn skip(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips one value.
    pub(crate) fn value(&mut self) -> Result<(), Invalid> {
        // A string with nothing around it: most names and many arguments.
        if self.open.depth == 0 && self.peek() == Some(b'"') {
            return self.string();
        }
        self.nested_value()
    }

    fn nested_value(&mut self) -> Result<(), Invalid> {
        loop {
            match self.peek() {
                Some(b'"') => self.string()?,
                Some(b'{') => {
                    self.at += 1;
                    if !self.skip(b'}') {
                        self.key()?;
                        self.open.push(Bracket::Object);
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    if !self.skip(b']') {
                        self.open.push(Bracket::Array);
                        continue;
                    }
                }
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => self.number()?,
            }
            if self.close()? {
                return Ok(());
            }
        }
    }

    /// After a value: skips the brackets that close here and the comma. True: no bracket is open.
    fn close(&mut self) -> Result<bool, Invalid> {
        while let Some(bracket) = self.open.top() {
            match (self.peek(), bracket) {
                (Some(b','), Bracket::Array) => {
                    self.at += 1;
                    return Ok(false);
                }
                (Some(b','), Bracket::Object) => {
                    self.at += 1;
                    return self.key().map(|()| false);
                }
                (Some(b']'), Bracket::Array) | (Some(b'}'), Bracket::Object) => {
                    self.at += 1;
                    self.open.pop();
                }
                _ => return self.invalid(),
            }
        }
        Ok(true)
    }

    fn key(&mut self) -> Result<(), Invalid> {
        if self.peek() != Some(b'"') {
            return self.invalid();
        }
        self.string()?;
        if self.skip(b':') { Ok(()) } else { self.invalid() }
    }

    /// Skips a string; its opening quote is next.
    fn string(&mut self) -> Result<(), Invalid> {
        self.at += 1;
        loop {
            self.at += plain(&self.bytes[self.at..]);
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                _ => return self.invalid(),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        let rest = &self.bytes[self.at + 1..];
        self.at += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) => 6,
            _ => return self.invalid(),
        };
        Ok(())
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Invalid> {
        let rest = &self.bytes[self.at..];
        let same = word.iter().zip(rest).take_while(|(a, b)| a == b).count();
        self.at += same;
        if same == word.len() { Ok(()) } else { self.invalid() }
    }

    fn number(&mut self) -> Result<(), Invalid> {
        self.at += usize::from(self.bytes.get(self.at) == Some(&b'-'));
        if self.bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.bytes.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    /// Skips digits, at least one.
    fn digits(&mut self) -> Result<(), Invalid> {
        let rest = &self.bytes[self.at..];
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        if count == 0 {
            return self.invalid();
        }
        self.at += count;
        Ok(())
    }

    fn invalid<T>(&self) -> Result<T, Invalid> {
        Err(Invalid { at: self.at.min(self.bytes.len()) })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    Array,
    Object,
}

/// The brackets that are open: a bit each, set for objects. The first 64 take no allocation.
#[derive(Default)]
struct Nesting {
    depth: u64,
    /// Up to 64 innermost brackets; the lowest bit is the innermost.
    word: u64,
    /// The brackets around those, 64 each.
    outer: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, bracket: Bracket) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.word);
        }
        self.word = self.word << 1 | u64::from(bracket == Bracket::Object);
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.word >>= 1;
        if self.depth > 0
            && self.depth.is_multiple_of(64)
            && let Some(word) = self.outer.pop()
        {
            self.word = word;
        }
    }

    fn top(&self) -> Option<Bracket> {
        let bracket = if self.word & 1 == 1 { Bracket::Object } else { Bracket::Array };
        (self.depth > 0).then_some(bracket)
    }
}

/// The number of bytes before the first quote, backslash or control character, or before the end.
pub(crate) fn plain(bytes: &[u8]) -> usize {
    let is_special = |&byte: &u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    // Without a branch in it, this becomes a few vector instructions.
    let is_plain = |chunk: &&[u8]| !chunk.iter().fold(false, |any, byte| any | is_special(byte));
    let long = 32 * bytes.chunks_exact(32).take_while(is_plain).count();
    long + plain_by_words(&bytes[long..])
}

fn plain_by_words(bytes: &[u8]) -> usize {
    let mut at = 0;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let special =
            specials(u64::from_le_bytes(chunk.try_into().expect("chunks are of 8 bytes")));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = chunks.remainder().len();
    match bytes.last_chunk::<8>() {
        Some(_) if rest == 0 => at,
        // The last eight bytes, those that were looked at before shifted out.
        Some(&last) => {
            let special = specials(u64::from_le_bytes(last)) >> (8 * (8 - rest));
            at + if special == 0 { rest } else { special.trailing_zeros() as usize / 8 }
        }
        None => {
            let special = bytes.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\');
            special.unwrap_or(bytes.len())
        }
    }
}

/// The high bits of the bytes that end a run of plain ones. Only exact for the lowest such byte.
fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // Sets the high bit of each byte below `n` (at most 128). Above the first such byte it may set
    // others as well.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & HIGHS;
    let quote = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
    quote | backslash | below(word, 0x20)
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    fn scan(text: &str) -> Result<(), Invalid> {
        let mut scanner = Scanner::new(text);
        scanner.value()?;
        if scanner.is_at_end() { Ok(()) } else { scanner.invalid() }
    }

    /// serde_json as the oracle.
    fn agrees(text: &str) -> bool {
        scan(text).is_ok() == serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    #[test]
    fn valid_and_invalid_as_the_oracle_says() {
        let pieces = [
            "",
            " ",
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\\",
            "\\n",
            "\\u12aF",
            "\\u12",
            "0",
            "01",
            "-",
            "-0",
            "1.",
            "1.5",
            ".5",
            "1e",
            "1e+5",
            "E9",
            "true",
            "tru",
            "null",
            "false",
            "\n",
            "\u{1}",
            "é",
            "😀",
            "12345678\"",
            "\"1234567\"",
            "\"12345678901234567\\\"\"",
        ];
        for a in pieces {
            for b in pieces {
                for c in pieces {
                    for text in [
                        format!("{a}{b}{c}"),
                        format!("[{a}{b}{c}]"),
                        format!("{{\"k\":{a}{b}{c}}}"),
                    ] {
                        assert!(agrees(&text), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_byte_in_every_place_of_a_string() {
        for length in 0..20 {
            for at in 0..length {
                for byte in (0..0x80).map(char::from) {
                    let mut text: Vec<char> = vec!['x'; length];
                    text[at] = byte;
                    let text = format!("\"{}\"", text.into_iter().collect::<String>());
                    assert!(agrees(&text), "{text:?}");
                }
            }
        }
    }

    #[test]
    fn any_depth_and_each_bracket_with_its_own() {
        for depth in [1, 63, 64, 65, 128, 129, 1_000, 100_000] {
            let open: String =
                (0..depth).map(|n| if n % 3 == 0 { "[" } else { "{\"k\":" }).collect();
            let close: String =
                (0..depth).rev().map(|n| if n % 3 == 0 { ']' } else { '}' }).collect();
            assert_eq!(scan(&format!("{open}1{close}")), Ok(()), "{depth}");
            let wrong = close.replacen(']', "}", 1);
            assert!(scan(&format!("{open}1{wrong}")).is_err(), "{depth}");
            assert!(scan(&format!("{open}1{}", &close[1..])).is_err(), "{depth}");
        }
    }

    #[test]
    fn the_error_is_where_it_stopped() {
        for (text, at) in
            [("", 0), ("[1,]", 3), ("[1 2]", 3), ("{\"a\" 1}", 5), ("\"a\u{1}\"", 2), ("1 x", 2)]
        {
            assert_eq!(scan(text), Err(Invalid { at }), "{text:?}");
        }
    }
}
