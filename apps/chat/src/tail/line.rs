//! The lines that `sockeye tail` prints: JSON, one event a line.

use std::borrow::Cow;
use std::io::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

/// An event, or a gap, as it is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The cursor behind it. Volatile events have none; of the events that one answer to a poll has,
    /// the last one has it.
    pub id: Option<String>,
    /// Its name. A message of a stream that is no feed has none.
    pub event: Option<String>,
    /// What it carries, as JSON in one line.
    pub data: String,
}

/// A hole in what was read: what a server says when events are lost.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Gap {
    /// `too_old`, `foreign`, `malformed`, `gone` or `overload`.
    pub reason: String,
    /// The cursor before the oldest event that is kept, where reading goes on.
    #[serde(default)]
    pub oldest: Option<String>,
    /// The cursor behind the newest event.
    #[serde(default)]
    pub newest: Option<String>,
}

impl Gap {
    /// The gap as event streams and NDJSON have it.
    pub fn into_line(self) -> Line {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let cursor = |cursor: &Option<String>| cursor.as_deref().map_or("null".to_owned(), text);
        let (oldest, newest) = (cursor(&self.oldest), cursor(&self.newest));
        let data =
            format!(r#"{{"reason":{},"oldest":{oldest},"newest":{newest}}}"#, text(&self.reason));
        Line { id: self.oldest, event: Some("gap".to_owned()), data }
    }
}

/// An event of a feed in an answer to a poll.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeedEvent<'a> {
    #[serde(borrow)]
    event: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Line {
    /// An event of an event stream: its data as they are if they are JSON, as text otherwise.
    pub fn of_data(id: Option<String>, event: Option<String>, data: &str) -> Self {
        let data = match serde_json::from_str::<&RawValue>(data) {
            Ok(json) => one_line(json.get()),
            Err(_) => serde_json::Value::from(data).to_string(),
        };
        Line { id, event, data }
    }

    /// The message of a JSON stream, or the event of a feed, of which a page has many.
    fn of_message(message: &RawValue) -> Self {
        match serde_json::from_str::<FeedEvent<'_>>(message.get()) {
            Ok(feed) if feed.data.get().starts_with('[') => Line {
                id: None,
                event: Some(feed.event.into_owned()),
                data: one_line(feed.data.get()),
            },
            _ => Line { id: None, event: None, data: one_line(message.get()) },
        }
    }

    /// The messages in a page: a JSON array of them, as polls and Durable Streams' `data` events have it.
    ///
    /// # Errors
    /// It is no JSON array.
    pub fn of_page(page: &[u8]) -> Result<Vec<Self>, serde_json::Error> {
        let messages: Vec<&RawValue> = serde_json::from_slice(page)?;
        Ok(messages.into_iter().map(Line::of_message).collect())
    }

    /// What this says of lost events, if that is what it is. (An application's own event `gap` has an
    /// array as data.)
    pub fn gap(&self) -> Option<Gap> {
        let is_gap = self.event.as_deref() == Some("gap") && self.data.starts_with('{');
        is_gap.then(|| serde_json::from_str(&self.data).ok()).flatten()
    }

    /// Appends the line with its end.
    pub fn write(&self, to: &mut Vec<u8>) {
        let mut separator = "{";
        for (name, value) in [("id", &self.id), ("event", &self.event)] {
            let Some(value) = value else { continue };
            let value = serde_json::Value::from(value.as_str());
            let _ = write!(to, r#"{separator}"{name}":{value}"#);
            separator = ",";
        }
        let _ = writeln!(to, r#"{separator}"data":{}}}"#, self.data);
    }
}

/// JSON without the ends of lines that may stand between its tokens. (In its strings they are escaped.)
pub(super) fn one_line(json: &str) -> String {
    json.trim().chars().filter(|char| !matches!(char, '\n' | '\r')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &Line) -> String {
        let mut bytes = Vec::new();
        line.write(&mut bytes);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn data_stay_as_they_came() {
        let line = Line::of_data(Some("0b".into()), Some("a\"b".into()), "[1e400, 1.0]");
        assert_eq!(written(&line), "{\"id\":\"0b\",\"event\":\"a\\\"b\",\"data\":[1e400, 1.0]}\n");
        let line = Line::of_data(None, None, "[1,\n \"a\\nb\"\r\n]");
        assert_eq!(written(&line), "{\"data\":[1, \"a\\nb\"]}\n");
        assert_eq!(written(&Line::of_data(None, None, "a\nb")), "{\"data\":\"a\\nb\"}\n");
        assert_eq!(written(&Line::of_data(None, None, "")), "{\"data\":\"\"}\n");
    }

    #[test]
    fn a_page_has_events_of_a_feed_or_messages_of_a_stream() {
        let page = br#"[{"event":"tick","data":[ 1 ]},{"event":"x","data":1},{"event":"x","data":[],"a":1}, 7]"#;
        let lines: Vec<_> = Line::of_page(page).unwrap().iter().map(written).collect();
        assert_eq!(lines[0], "{\"event\":\"tick\",\"data\":[ 1 ]}\n");
        assert_eq!(lines[1], "{\"data\":{\"event\":\"x\",\"data\":1}}\n");
        assert_eq!(lines[2], "{\"data\":{\"event\":\"x\",\"data\":[],\"a\":1}}\n");
        assert_eq!(lines[3], "{\"data\":7}\n");
        assert_eq!(Line::of_page(b"[]").unwrap(), []);
        for page in [b"{}".as_slice(), b"", b"[1", b"[1] 2", b"[\"\xff\"]"] {
            assert!(Line::of_page(page).is_err(), "{page:?}");
        }
    }

    #[test]
    fn a_gap_is_an_object_and_no_event_of_an_application() {
        let gap = Gap { reason: "too_old".into(), oldest: Some("0a".into()), newest: None };
        let line = gap.clone().into_line();
        let expected =
            r#"{"id":"0a","event":"gap","data":{"reason":"too_old","oldest":"0a","newest":null}}"#;
        assert_eq!(written(&line), format!("{expected}\n"));
        assert_eq!(line.gap(), Some(gap));
        for (event, data) in [("gap", "[1]"), ("gap", "{}"), ("tick", r#"{"reason":"x"}"#)] {
            assert_eq!(Line::of_data(None, Some(event.into()), data).gap(), None, "{data}");
        }
    }
}
