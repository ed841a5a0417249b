//! Event streams, as WHATWG HTML §9.2.6 has them: bytes in, events out, no IO.

use std::mem;
use std::time::Duration;

use super::lines::{EVENT_BYTES_MAX, LineEnd, Lines, TooLong};

/// U+FEFF, of which the first one of a stream is none of its content.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What an event stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// An event, whole.
    Event(StreamEvent),
    /// The last event id, by a block without data: nothing is dispatched. Empty: there is none any more.
    Id(String),
    /// How long to wait before connecting again.
    Retry(Duration),
}

/// An event of an event stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEvent {
    /// The `id` in its own block; without one the last event id stays what it was.
    pub id: Option<String>,
    /// Its type; none means `message`.
    pub event: Option<String>,
    /// Its lines of data, an LF between them.
    pub data: String,
}

/// A parser of an event stream that may arrive cut anywhere. An event that is not complete when the
/// stream ends was none, so there is nothing to call at the end.
#[derive(Debug)]
pub struct EventStream {
    lines: Lines,
    bytes_max: usize,
    /// How many bytes of the byte order mark the stream began with; `None` once that is decided.
    mark: Option<usize>,
    event: StreamEvent,
    has_data: bool,
}

impl Default for EventStream {
    fn default() -> Self {
        EventStream::with_limit(EVENT_BYTES_MAX)
    }
}

impl EventStream {
    /// A stream whose lines and events have that many bytes at most.
    pub fn with_limit(bytes_max: usize) -> Self {
        EventStream {
            lines: Lines::new(LineEnd::Any, bytes_max),
            bytes_max,
            mark: Some(0),
            event: StreamEvent::default(),
            has_data: false,
        }
    }

    /// Takes what arrived and appends what it says.
    ///
    /// # Errors
    /// A line or an event is too long; the stream cannot be read further.
    pub fn read(&mut self, bytes: &[u8], said: &mut Vec<Said>) -> Result<(), TooLong> {
        let mut rest = bytes;
        while let Some(matched) = self.mark {
            let Some((first, others)) = rest.split_first() else { return Ok(()) };
            if *first == BYTE_ORDER_MARK[matched] {
                rest = others;
                self.mark = Some(matched + 1).filter(|count| *count < BYTE_ORDER_MARK.len());
            } else {
                self.mark = None;
                self.read_lines(&BYTE_ORDER_MARK[..matched], said)?;
            }
        }
        self.read_lines(rest, said)
    }

    fn read_lines(&mut self, mut bytes: &[u8], said: &mut Vec<Said>) -> Result<(), TooLong> {
        while let Some(line) = self.lines.next(&mut bytes)? {
            if line.is_empty() {
                dispatch(&mut self.event, &mut self.has_data, said);
                continue;
            }
            let line = String::from_utf8_lossy(line);
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "data" => {
                    if mem::replace(&mut self.has_data, true) {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                    if self.event.data.len() > self.bytes_max {
                        return Err(TooLong(self.bytes_max));
                    }
                }
                "event" => {
                    self.event.event = Some(value.to_owned()).filter(|name| !name.is_empty())
                }
                "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
                "retry" => said.extend(retry(value).map(Said::Retry)),
                // A comment, whose field is empty, or a field that is not known.
                _ => {}
            }
        }
        Ok(())
    }
}

/// At the blank line: the event if it has data, else its id alone.
fn dispatch(event: &mut StreamEvent, has_data: &mut bool, said: &mut Vec<Said>) {
    let event = mem::take(event);
    if mem::take(has_data) {
        said.push(Said::Event(event));
    } else {
        said.extend(event.id.map(Said::Id));
    }
}

/// Milliseconds in ASCII digits; more than fit are as many as fit.
fn retry(value: &str) -> Option<Duration> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Duration::from_millis(value.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn read(parts: &[&[u8]]) -> Vec<Said> {
        let mut stream = EventStream::default();
        let mut said = Vec::new();
        for part in parts {
            stream.read(part, &mut said).unwrap();
        }
        said
    }

    fn event(id: Option<&str>, event: Option<&str>, data: &str) -> Said {
        let data = data.to_owned();
        Said::Event(StreamEvent {
            id: id.map(str::to_owned),
            event: event.map(str::to_owned),
            data,
        })
    }

    fn id(id: &str) -> Said {
        Said::Id(id.to_owned())
    }

    #[test]
    fn events_as_a_feed_sends_them() {
        let bytes =
            b":\nretry: 2000\nid: 0a\n\nid: 0b\nevent: tick\ndata: [1]\n\n:\n\ndata: [2]\n\n";
        let expected = [
            Said::Retry(Duration::from_secs(2)),
            id("0a"),
            event(Some("0b"), Some("tick"), "[1]"),
            event(None, None, "[2]"),
        ];
        assert_eq!(read(&[bytes]), expected);
    }

    /// The examples of the specification, and what it says in passing.
    #[test]
    fn fields_are_read_as_the_specification_says() {
        for (bytes, expected) in [
            ("data: YHOO\ndata: +2\ndata: 10\n\n", vec![event(None, None, "YHOO\n+2\n10")]),
            (
                ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
                vec![
                    event(Some("1"), None, "first event"),
                    event(Some(""), None, "second event"),
                    event(None, None, " third event"),
                ],
            ),
            // The last block is not complete, so it is none.
            ("data\n\ndata\ndata\n\ndata:", vec![event(None, None, ""), event(None, None, "\n")]),
            ("data:test\n\ndata: test\n\n", vec![event(None, None, "test"); 2]),
            ("\u{feff}data: a\n\n", vec![event(None, None, "a")]),
            ("\u{feff}\u{feff}data: a\n\ndata: b\n\n", vec![event(None, None, "b")]),
            ("event: tick\n\ndata: a\n\n", vec![event(None, None, "a")]),
            ("event: tick\nevent:\ndata: a\n\n", vec![event(None, None, "a")]),
            ("id: a\0b\ndata: x\n\n", vec![event(None, None, "x")]),
            ("id: a\nid: b\0\n\n", vec![id("a")]),
            ("data: a:b: c\nDATA: x\ndata : y\nother: z\n\n", vec![event(None, None, "a:b: c")]),
            (
                "retry: 5\nretry: 5s\nretry:\nretry: -1\nretry:  7\n",
                vec![Said::Retry(Duration::from_millis(5))],
            ),
            ("retry: 99999999999999999999\n", vec![Said::Retry(Duration::from_millis(u64::MAX))]),
        ] {
            assert_eq!(read(&[bytes.as_bytes()]), expected, "{bytes:?}");
        }
        assert_eq!(read(&[b"data: \xff\n\n"]), [event(None, None, "\u{fffd}")]);
        // Two bytes of the mark are no mark, and belong to the name of a field.
        assert_eq!(read(&[b"\xef\xbb", b"data: a\n\ndata: b\n\n"]), [event(None, None, "b")]);
    }

    #[test]
    fn lines_and_events_have_a_bound() {
        let limited = |bytes: &str| EventStream::with_limit(12).read(bytes.as_bytes(), &mut vec![]);
        assert_eq!(limited("data: 123456\n\ndata: 123456"), Ok(()));
        assert_eq!(limited("data: 1234567"), Err(TooLong(12)));
        assert_eq!(limited("data: 123456\ndata:12345\n\n"), Ok(()));
        assert_eq!(limited("data: 123456\ndata:123456\n"), Err(TooLong(12)));
    }

    /// What the specification says, written as briefly as can be: all at once, by text.
    fn reference(bytes: &[u8]) -> Vec<Said> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut lines: Vec<&str> = text.split('\n').collect();
        lines.pop();
        let (mut said, mut block) = (vec![], vec![]);
        for line in lines {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            if field == "retry" && !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) {
                said.push(Said::Retry(Duration::from_millis(value.parse().unwrap_or(u64::MAX))));
            }
            if !line.is_empty() {
                block.push((field, value));
                continue;
            }
            let last = |name| {
                block.iter().rev().find(|(field, _)| *field == name).map(|(_, value)| *value)
            };
            let data: Vec<&str> = block
                .iter()
                .filter(|(field, _)| *field == "data")
                .map(|(_, value)| *value)
                .collect();
            let mut ids =
                block.iter().filter(|(field, value)| *field == "id" && !value.contains('\0'));
            let own = ids.next_back().map(|(_, value)| *value);
            if !data.is_empty() {
                said.push(event(
                    own,
                    last("event").filter(|name| !name.is_empty()),
                    &data.join("\n"),
                ));
            } else {
                said.extend(own.map(id));
            }
            block.clear();
        }
        said
    }

    /// Streams that are more often sensible than chance would make them.
    fn streams() -> impl Strategy<Value = Vec<u8>> {
        let words = [
            "data",
            "event",
            "id",
            "retry",
            ":",
            ": ",
            " ",
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "a",
            "12",
            "\0",
            "\u{feff}",
            "é",
            "data: x\n",
            "id: 1\n",
        ];
        let words = words.map(|word| word.as_bytes().to_vec()).to_vec();
        let word = prop_oneof![9 => proptest::sample::select(words), 1 => vec(any::<u8>(), 1..3)];
        vec(word, 0..40).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same(bytes in streams(), cuts in vec(any::<proptest::sample::Index>(), 0..6)) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([bytes.len()]);
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let parts: Vec<_> = starts.zip(ends).map(|(start, end)| &bytes[start..end]).collect();
            prop_assert_eq!(read(&parts), reference(&bytes));
            let single: Vec<_> = bytes.chunks(1).collect();
            prop_assert_eq!(read(&single), reference(&bytes));
        }
    }
}
