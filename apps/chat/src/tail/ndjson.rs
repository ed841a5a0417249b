//! NDJSON, a line an event: bytes in, events out, no IO.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::line::{Line, one_line};
use super::lines::{EVENT_BYTES_MAX, LineEnd, Lines, TooLong};

/// Why a stream of lines cannot be read further.
#[derive(Debug, Error)]
pub enum NdjsonError {
    /// A line is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A line is no event.
    #[error("a line is no event: it takes a JSON object with `data`")]
    NoEvent(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// A parser of NDJSON that may arrive cut anywhere. A line that has no end when the stream ends was none.
#[derive(Debug)]
pub struct Ndjson {
    lines: Lines,
}

impl Default for Ndjson {
    fn default() -> Self {
        Ndjson::with_limit(EVENT_BYTES_MAX)
    }
}

impl Ndjson {
    /// A stream whose lines have that many bytes at most.
    pub fn with_limit(bytes_max: usize) -> Self {
        Ndjson { lines: Lines::new(LineEnd::Lf, bytes_max) }
    }

    /// Takes what arrived and appends its events. A blank line is a heartbeat.
    ///
    /// # Errors
    /// A line is too long or no event; the stream cannot be read further.
    pub fn read(&mut self, mut bytes: &[u8], events: &mut Vec<Line>) -> Result<(), NdjsonError> {
        while let Some(line) = self.lines.next(&mut bytes)? {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let event: Event<'_> = serde_json::from_slice(line).map_err(NdjsonError::NoEvent)?;
            events.push(Line {
                id: event.id.map(Cow::into_owned),
                event: event.event.map(Cow::into_owned),
                data: one_line(event.data.get()),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn read(parts: &[&[u8]]) -> Result<Vec<Line>, NdjsonError> {
        let mut stream = Ndjson::with_limit(64);
        let mut events = Vec::new();
        for part in parts {
            stream.read(part, &mut events)?;
        }
        Ok(events)
    }

    fn line(id: Option<&str>, event: Option<&str>, data: &str) -> Line {
        Line { id: id.map(str::to_owned), event: event.map(str::to_owned), data: data.to_owned() }
    }

    const STREAM: &[u8] = b"\n{\"id\":\"0a\",\"event\":\"ti\\nck\",\"data\":[1.0]}\r\n \n{\"data\":{\"a\": \"\xc3\xa9\"},\"x\":1}\n{\"id\":\"0c\",\"data\":null}\n{\"id\":\"0d";

    fn events() -> [Line; 3] {
        [
            line(Some("0a"), Some("ti\nck"), "[1.0]"),
            line(None, None, "{\"a\": \"é\"}"),
            line(Some("0c"), None, "null"),
        ]
    }

    #[test]
    fn a_line_is_an_event_and_a_cut_one_is_none() {
        assert_eq!(read(&[STREAM]).unwrap(), events());
    }

    #[test]
    fn what_is_no_event_is_said() {
        for bytes in ["x\n", "[]\n", "{}\n", "{\"id\":1,\"data\":2}\n", "{\"data\":1} {}\n"] {
            let error = read(&[bytes.as_bytes()]).unwrap_err();
            assert!(matches!(error, NdjsonError::NoEvent(_)), "{bytes:?}: {error}");
        }
        let fits = format!("{{\"data\":\"{}\"}}\n", "x".repeat(64 - 11));
        assert_eq!(read(&[fits.as_bytes()]).unwrap().len(), 1);
        let long = format!("{{\"data\":\"{}\"}}\n", "x".repeat(65 - 11));
        assert!(matches!(read(&[long.as_bytes()]), Err(NdjsonError::TooLong(TooLong(64)))));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(cuts in vec(0..=STREAM.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([STREAM.len()]);
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let parts: Vec<_> = starts.zip(ends).map(|(start, end)| &STREAM[start..end]).collect();
            prop_assert_eq!(read(&parts).unwrap(), events());
            let single: Vec<_> = STREAM.chunks(1).collect();
            prop_assert_eq!(read(&single).unwrap(), events());
        }
    }
}
