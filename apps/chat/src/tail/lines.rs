//! Lines of a stream of bytes that may arrive cut anywhere.

use thiserror::Error;

/// The most bytes of a line, and of an event. A server of Sockeye keeps events of 1 MB by default.
pub const EVENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A line or an event is longer than anybody wants to keep.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "an event or a line has more than {0} bytes: this is not a stream of events, or they are too large for this program"
)]
pub struct TooLong(pub usize);

/// What ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// LF alone, as in NDJSON.
    Lf,
    /// LF, CR, or CR and LF, as in event streams.
    Any,
}

/// A splitter of bytes into lines. What is left at the end of the stream is no line.
#[derive(Debug)]
pub struct Lines {
    end: LineEnd,
    bytes_max: usize,
    /// The beginning of a line whose end has not arrived.
    begun: Vec<u8>,
    /// `begun` is a whole line that was given out.
    is_given: bool,
    /// The last byte was a CR that ended a line: an LF after it belongs to it.
    is_after_cr: bool,
}

impl Lines {
    /// Nothing has arrived yet.
    pub fn new(end: LineEnd, bytes_max: usize) -> Self {
        Lines { end, bytes_max, begun: Vec::new(), is_given: false, is_after_cr: false }
    }

    /// The next line, without what ends it, of which the last part is taken off the front of `bytes`.
    /// `None`: all of them are used up, and no line ended.
    ///
    /// # Errors
    /// The line is too long.
    pub fn next<'l, 'b: 'l>(
        &'l mut self,
        bytes: &mut &'b [u8],
    ) -> Result<Option<&'l [u8]>, TooLong> {
        if self.is_given {
            self.begun.clear();
            self.is_given = false;
        }
        if self.is_after_cr && !bytes.is_empty() {
            self.is_after_cr = false;
            *bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        }
        let ends = |byte: &u8| *byte == b'\n' || (self.end == LineEnd::Any && *byte == b'\r');
        let found = bytes.iter().position(ends);
        let length = found.unwrap_or(bytes.len());
        if self.begun.len() + length > self.bytes_max {
            return Err(TooLong(self.bytes_max));
        }
        let (part, rest) = bytes.split_at(length);
        let Some((end, rest)) = rest.split_first() else {
            self.begun.extend_from_slice(part);
            *bytes = rest;
            return Ok(None);
        };
        *bytes = rest;
        self.is_after_cr = *end == b'\r';
        if self.begun.is_empty() {
            return Ok(Some(part));
        }
        self.begun.extend_from_slice(part);
        self.is_given = true;
        Ok(Some(&self.begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(end: LineEnd, parts: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::new(end, 8);
        let mut found = Vec::new();
        for part in parts {
            let mut rest = *part;
            while let Some(line) = lines.next(&mut rest).unwrap() {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
            assert!(rest.is_empty());
        }
        found
    }

    #[test]
    fn each_end_ends_one_line() {
        assert_eq!(
            split(LineEnd::Any, &[b"a\nb\rc\r\nd\n\re\r\r\nf"]),
            ["a", "b", "c", "d", "", "e", ""]
        );
        assert_eq!(split(LineEnd::Any, &[b"a\r", b"\nb\r", b"", b"\n\n"]), ["a", "b", ""]);
        assert_eq!(split(LineEnd::Lf, &[b"a\rb\r\n\nc"]), ["a\rb\r", ""]);
    }

    #[test]
    fn a_line_ends_with_its_cr_and_does_not_wait_for_the_lf() {
        assert_eq!(split(LineEnd::Any, &[b"a\r"]), ["a"]);
    }

    #[test]
    fn a_line_has_a_bound_however_it_arrives() {
        let fails = |parts: &[&str]| {
            let mut lines = Lines::new(LineEnd::Any, 8);
            parts.iter().any(|part| lines.next(&mut part.as_bytes()) == Err(TooLong(8)))
        };
        for parts in [["12345678\n", "", ""], ["1234", "5678", "\n1"]] {
            assert_eq!(split(LineEnd::Any, &parts.map(str::as_bytes)), ["12345678"]);
            assert!(!fails(&parts), "{parts:?}");
        }
        for parts in [["123456789\n", ""], ["1234", "56789"], ["123456789", ""]] {
            assert!(fails(&parts), "{parts:?}");
        }
    }
}
