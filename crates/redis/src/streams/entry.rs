//! Entries of streams, as Redis answers with them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use redis::Value;
use sockeye_cluster_proto::messages;

/// Where an entry stands in its stream: a time in milliseconds, and a number within it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryId {
    millis: u64,
    number: u64,
}

/// A text that is no position in a stream.
#[derive(Debug)]
pub(super) struct NoEntryId;

/// As the official adapter takes them: `^[0-9]+-[0-9]+$`.
impl FromStr for EntryId {
    type Err = NoEntryId;

    fn from_str(text: &str) -> Result<Self, NoEntryId> {
        let (millis, number) = text.split_once('-').ok_or(NoEntryId)?;
        let digits = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_number).ok_or(NoEntryId)
        };
        Ok(Self { millis: digits(millis)?, number: digits(number)? })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis, self.number)
    }
}

/// An entry that was read.
pub(super) struct StreamEntry {
    pub(super) id: EntryId,
    /// `None`: its fields are no text, or not those of a message.
    pub(super) entry: Option<messages::Entry<'static>>,
}

/// The entries that `XREAD` of one stream answers with; none if it answers with nothing.
pub(super) fn of_read(answer: &Value) -> Vec<StreamEntry> {
    let entries = match answer {
        Value::Map(streams) => streams.first().map(|(_, entries)| entries),
        Value::Array(streams) => match streams.first() {
            Some(Value::Array(stream)) => stream.get(1),
            _ => None,
        },
        _ => None,
    };
    entries.map(of_range).unwrap_or_default()
}

/// The entries that `XRANGE` answers with.
pub(super) fn of_range(answer: &Value) -> Vec<StreamEntry> {
    let Value::Array(entries) = answer else { return Vec::new() };
    entries.iter().filter_map(stream_entry).collect()
}

fn stream_entry(value: &Value) -> Option<StreamEntry> {
    let Value::Array(parts) = value else { return None };
    let [id, fields] = &parts[..] else { return None };
    let id = text(id)?.parse().ok()?;
    let entry = match fields {
        Value::Array(fields) => message(fields),
        _ => None,
    };
    Some(StreamEntry { id, entry })
}

fn message(fields: &[Value]) -> Option<messages::Entry<'static>> {
    let mut entry = messages::Entry::default();
    for pair in fields.chunks_exact(2) {
        let value = || text(&pair[1]).map(|text| Cow::Owned(text.to_owned()));
        match text(&pair[0]) {
            Some("uid") => entry.uid = value()?,
            Some("nsp") => entry.nsp = value()?,
            Some("type") => entry.kind = value()?,
            Some("data") => entry.data = Some(value()?),
            _ => {}
        }
    }
    (!entry.kind.is_empty()).then_some(entry)
}

/// A value as text, if it is some.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_two_numbers() {
        for text in ["1-0", "1700000000000-12", "0-0"] {
            assert_eq!(
                text.parse::<EntryId>().ok().map(|id| id.to_string()).as_deref(),
                Some(text)
            );
        }
        for text in ["", "1", "-", "1-", "-1", "+1-0", "1-0-0", "a-0", "99999999999999999999-0"] {
            assert!(text.parse::<EntryId>().is_err(), "{text}");
        }
    }

    #[test]
    fn positions_are_ordered_by_their_numbers() {
        let id = |text: &str| text.parse::<EntryId>().ok();
        assert!(id("9-9") < id("10-0"));
        assert!(id("10-9") < id("10-10"));
    }

    #[test]
    fn entries_are_read_in_both_revisions_of_the_protocol_and_junk_is_marked() {
        let bulk = |text: &[u8]| Value::BulkString(text.to_vec());
        let fields = |kind: &[u8]| Value::Array(vec![bulk(b"type"), bulk(kind), bulk(b"x")]);
        let one = |kind: &[u8]| Value::Array(vec![bulk(b"5-1"), fields(kind)]);
        let entries = || Value::Array(vec![one(b"3"), one(b"\xff"), Value::Nil]);
        let second = Value::Array(vec![Value::Array(vec![bulk(b"s"), entries()])]);
        let third = Value::Map(vec![(bulk(b"s"), entries())]);
        for answer in [second, third] {
            let read = of_read(&answer);
            let kinds: Vec<_> =
                read.iter().map(|it| it.entry.as_ref().map(|entry| &*entry.kind)).collect();
            assert_eq!(kinds, [Some("3"), None]);
        }
        assert!(of_read(&Value::Nil).is_empty());
    }
}
