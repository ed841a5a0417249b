//! The body of an answer on each road: bytes in, events and cursors out, no IO.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::time::Duration;
use thiserror::Error;

use super::event_stream::{EventStream, Said};
use super::head::Head;
use super::line::Line;
use super::lines::{EVENT_BYTES_MAX, TooLong};
use super::ndjson::{Ndjson, NdjsonError};

/// The most bytes of a page.
const PAGE_BYTES_MAX: usize = 4 * EVENT_BYTES_MAX;
/// The most bytes that are read of an answer that refuses.
pub const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// What an answer gives, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// An event or a gap.
    Line(Line),
    /// The place to go on from; empty: there is none any more.
    Cursor(String),
    /// How long to wait before connecting again.
    Retry(Duration),
    /// `Stream-Cursor` of Durable Streams, for the next request.
    StreamCursor(String),
    /// Whether that was everything for now.
    UpToDate(bool),
    /// Nothing will follow, ever.
    Closed,
}

/// Why an answer cannot be read.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// Something in it is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A line of NDJSON is none.
    #[error(transparent)]
    Ndjson(#[from] NdjsonError),
    /// A page is no JSON array: it is something else, or was cut where nobody noticed.
    #[error("the answer is no JSON array")]
    Page(#[source] serde_json::Error),
    /// The event `control` of Durable Streams is not as it has to be.
    #[error("the event `control` is not one of Durable Streams")]
    Control(#[source] serde_json::Error),
}

/// What the messages of a stream are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// JSON values.
    Json,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
}

impl Content {
    /// By its media type.
    pub fn of_type(media_type: &str) -> Self {
        match media_type {
            "application/json" => Content::Json,
            media_type if media_type.starts_with("text/") => Content::Text,
            _ => Content::Bytes,
        }
    }

    fn lines(self, bytes: &[u8]) -> Result<Vec<Line>, Unreadable> {
        let data = match (self, std::str::from_utf8(bytes)) {
            _ if bytes.is_empty() => return Ok(Vec::new()),
            (Content::Json, _) => return Line::of_page(bytes).map_err(Unreadable::Page),
            (Content::Text, Ok(text)) => serde_json::Value::from(text).to_string(),
            _ => format!(r#"{{"base64":"{}"}}"#, STANDARD.encode(bytes)),
        };
        Ok(vec![Line { id: None, event: None, data }])
    }
}

/// What the head of a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageHead {
    content: Content,
    next: String,
    stream_cursor: Option<String>,
    is_up_to_date: bool,
    is_closed: bool,
}

/// An answer that is being read.
#[derive(Debug)]
pub enum Answer {
    /// Server-sent events, each with its cursor; whether their data is base64.
    Events(EventStream, bool),
    /// NDJSON.
    Ndjson(Ndjson),
    /// Server-sent events of Durable Streams.
    Durable(Durable),
    /// An answer that counts when it is whole.
    Page(PageHead, Vec<u8>),
}

impl Answer {
    /// A page after whose events it goes on from `next`.
    pub fn page(head: &Head, next: String) -> Self {
        let head = PageHead {
            content: Content::of_type(&head.media_type),
            next,
            stream_cursor: head.stream_cursor.clone(),
            is_up_to_date: head.is_up_to_date,
            is_closed: head.is_closed,
        };
        Answer::Page(head, Vec::new())
    }

    /// Takes what arrived and appends what it gives.
    ///
    /// # Errors
    /// It cannot be read further.
    pub fn read(&mut self, bytes: &[u8], got: &mut Vec<Got>) -> Result<(), Unreadable> {
        match self {
            Answer::Events(stream, is_base64) => {
                let mut said = Vec::new();
                let read = stream.read(bytes, &mut said);
                got.extend(said.into_iter().map(|said| match said {
                    Said::Event(event) if *is_base64 && event.event.is_none() => {
                        Got::Line(Line { id: event.id, event: None, data: base64(&event.data) })
                    }
                    Said::Event(event) => {
                        Got::Line(Line::of_data(event.id, event.event, &event.data))
                    }
                    Said::Id(id) => Got::Cursor(id),
                    Said::Retry(retry) => Got::Retry(retry),
                }));
                Ok(read?)
            }
            Answer::Ndjson(stream) => {
                let mut lines = Vec::new();
                let read = stream.read(bytes, &mut lines);
                got.extend(lines.into_iter().map(Got::Line));
                Ok(read?)
            }
            Answer::Durable(stream) => stream.read(bytes, got),
            Answer::Page(_, body) => {
                if body.len() + bytes.len() > PAGE_BYTES_MAX {
                    return Err(TooLong(PAGE_BYTES_MAX).into());
                }
                body.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// The answer has ended in good order: what a page gives. What is left of a stream counts for nothing.
    ///
    /// # Errors
    /// It is no page.
    pub fn finish(self, got: &mut Vec<Got>) -> Result<(), Unreadable> {
        let Answer::Page(head, body) = self else { return Ok(()) };
        push_page(head.content.lines(&body)?, &head.next, got);
        got.extend(head.stream_cursor.map(Got::StreamCursor));
        got.push(Got::UpToDate(head.is_up_to_date));
        got.extend(head.is_closed.then_some(Got::Closed));
        Ok(())
    }
}

/// Bytes as events carry them, from lines of base64.
fn base64(lines: &str) -> String {
    let base64: String = lines.split('\n').collect();
    format!(r#"{{"base64":{}}}"#, serde_json::Value::from(base64))
}

/// The events of a page, the last one with the cursor behind it.
fn push_page(mut lines: Vec<Line>, next: &str, got: &mut Vec<Got>) {
    match lines.last_mut() {
        Some(last) => last.id = Some(next.to_owned()),
        None => got.push(Got::Cursor(next.to_owned())),
    }
    got.extend(lines.into_iter().map(Got::Line));
}

/// A parser of the event streams of Durable Streams 1.0 (§5.8): `data` has messages, and counts when
/// the `control` after it has said the cursor behind them. Without it they would come again.
#[derive(Debug, Default)]
pub struct Durable {
    stream: EventStream,
    /// Whether `data` is base64.
    is_base64: bool,
    /// Messages that no `control` has confirmed.
    held: Vec<Line>,
    held_bytes: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Control {
    stream_next_offset: String,
    stream_cursor: Option<String>,
    #[serde(default)]
    up_to_date: bool,
    #[serde(default)]
    stream_closed: bool,
}

impl Durable {
    /// A stream that has base64 as data, or text and JSON.
    pub fn new(is_base64: bool) -> Self {
        Durable { is_base64, ..Durable::default() }
    }

    fn read(&mut self, bytes: &[u8], got: &mut Vec<Got>) -> Result<(), Unreadable> {
        let mut said = Vec::new();
        let read = self.stream.read(bytes, &mut said);
        for said in said {
            match said {
                Said::Retry(retry) => got.push(Got::Retry(retry)),
                Said::Event(event) if event.event.as_deref() == Some("data") => {
                    self.hold(&event.data)?;
                }
                Said::Event(event) if event.event.as_deref() == Some("control") => {
                    self.confirm(&event.data, got)?;
                }
                Said::Event(_) | Said::Id(_) => {}
            }
        }
        Ok(read?)
    }

    fn hold(&mut self, data: &str) -> Result<(), Unreadable> {
        self.held_bytes += data.len();
        if self.held_bytes > PAGE_BYTES_MAX {
            return Err(TooLong(PAGE_BYTES_MAX).into());
        }
        if self.is_base64 {
            self.held.push(Line { id: None, event: None, data: base64(data) });
        } else {
            let page =
                Line::of_page(data.as_bytes()).or_else(|_| Content::Text.lines(data.as_bytes()));
            self.held.extend(page?);
        }
        Ok(())
    }

    fn confirm(&mut self, control: &str, got: &mut Vec<Got>) -> Result<(), Unreadable> {
        let control: Control = serde_json::from_str(control).map_err(Unreadable::Control)?;
        self.held_bytes = 0;
        push_page(std::mem::take(&mut self.held), &control.stream_next_offset, got);
        got.extend(control.stream_cursor.map(Got::StreamCursor));
        got.push(Got::UpToDate(control.up_to_date));
        got.extend(control.stream_closed.then_some(Got::Closed));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(content: Content, body: &str) -> Result<Vec<Got>, Unreadable> {
        let head = PageHead {
            content,
            next: "0c".into(),
            stream_cursor: Some("7".into()),
            is_up_to_date: true,
            is_closed: false,
        };
        let mut answer = Answer::Page(head, Vec::new());
        let mut got = Vec::new();
        for byte in body.as_bytes() {
            answer.read(&[*byte], &mut got)?;
            assert_eq!(got, [], "a page counts when it is whole");
        }
        answer.finish(&mut got)?;
        assert_eq!(
            got.split_off(got.len() - 2),
            [Got::StreamCursor("7".into()), Got::UpToDate(true)]
        );
        Ok(got)
    }

    fn line(id: Option<&str>, data: &str) -> Got {
        Got::Line(Line { id: id.map(str::to_owned), event: None, data: data.to_owned() })
    }

    #[test]
    fn the_last_event_of_a_page_has_its_cursor() {
        let got = page(Content::Json, "[1,2]").unwrap();
        assert_eq!(got, [line(None, "1"), line(Some("0c"), "2")]);
        assert_eq!(page(Content::Json, "[]").unwrap(), [Got::Cursor("0c".into())]);
        assert_eq!(page(Content::Text, "a\nb").unwrap(), [line(Some("0c"), "\"a\\nb\"")]);
        assert_eq!(page(Content::Text, "").unwrap(), [Got::Cursor("0c".into())]);
        let got = page(Content::Bytes, "abc").unwrap();
        assert_eq!(got, [line(Some("0c"), "{\"base64\":\"YWJj\"}")]);
        for body in ["[1", "<html>", "{}"] {
            assert!(matches!(page(Content::Json, body), Err(Unreadable::Page(_))), "{body}");
        }
    }

    #[test]
    fn a_page_has_a_bound() {
        let mut answer = Answer::page(
            &Head::read(
                http::StatusCode::OK,
                &http::HeaderMap::new(),
                std::time::SystemTime::UNIX_EPOCH,
            ),
            "0c".into(),
        );
        let quarter = vec![b' '; EVENT_BYTES_MAX];
        for _ in 0..4 {
            answer.read(&quarter, &mut Vec::new()).unwrap();
        }
        let error = answer.read(b" ", &mut Vec::new()).unwrap_err();
        assert!(matches!(error, Unreadable::TooLong(TooLong(PAGE_BYTES_MAX))));
    }

    #[test]
    fn what_durable_streams_hold_has_a_bound() {
        let message = format!("event: data\ndata:[\"{}\"]\n\n", "x".repeat(EVENT_BYTES_MAX - 64));
        let mut answer = Answer::Durable(Durable::new(false));
        let read = |answer: &mut Answer| answer.read(message.as_bytes(), &mut Vec::new());
        for _ in 0..4 {
            read(&mut answer).unwrap();
        }
        let error = read(&mut answer).unwrap_err();
        assert!(matches!(error, Unreadable::TooLong(TooLong(PAGE_BYTES_MAX))));
    }

    const DURABLE: &str = "event: control\ndata: {\"streamNextOffset\":\"0a\"}\n\n\
        event: data\ndata: [1,\ndata: 2]\n\nevent: data\ndata: [3]\n\n\
        event: control\ndata: {\"streamNextOffset\":\"0b\",\"streamCursor\":\"9\",\"upToDate\":true}\n\n\
        event: data\ndata: [4]\n\n";

    #[test]
    fn data_of_durable_streams_count_when_control_has_come() {
        for cut in 0..=DURABLE.len() {
            let mut answer = Answer::Durable(Durable::new(false));
            let mut got = Vec::new();
            answer.read(&DURABLE.as_bytes()[..cut], &mut got).unwrap();
            let at = got.len();
            answer.read(&DURABLE.as_bytes()[cut..], &mut got).unwrap();
            let expected = [
                Got::Cursor("0a".into()),
                Got::UpToDate(false),
                line(None, "1"),
                line(None, "2"),
                line(Some("0b"), "3"),
                Got::StreamCursor("9".into()),
                Got::UpToDate(true),
            ];
            assert_eq!(got, expected);
            assert!([0, 2, 7].contains(&at), "events came without their cursor at {cut}");
            answer.finish(&mut got).unwrap();
            assert_eq!(got.len(), expected.len());
        }
    }

    #[test]
    fn bytes_come_as_base64_on_event_streams() {
        let mut got = Vec::new();
        let bytes = b"id: 0b\ndata: YW\ndata: Jj\n\nid: 0m\nevent: gap\ndata: {}\n\n";
        Answer::Events(EventStream::default(), true).read(bytes, &mut got).unwrap();
        assert_eq!(got[0], line(Some("0b"), "{\"base64\":\"YWJj\"}"));
        let gap = Line::of_data(Some("0m".into()), Some("gap".into()), "{}");
        assert_eq!(got[1..], [Got::Line(gap)]);
    }

    #[test]
    fn durable_streams_have_text_bytes_and_an_end() {
        let read = |is_base64, bytes: &str| {
            let mut got = Vec::new();
            Answer::Durable(Durable::new(is_base64)).read(bytes.as_bytes(), &mut got).map(|()| got)
        };
        let control =
            "event: control\ndata: {\"streamNextOffset\":\"0b\",\"streamClosed\":true}\n\n";
        let got = read(false, &format!("event: data\ndata: a\ndata: b\n\n{control}")).unwrap();
        let end = [Got::UpToDate(false), Got::Closed];
        assert_eq!(got[0], line(Some("0b"), "\"a\\nb\""));
        assert_eq!(got[1..], end);
        let got = read(true, &format!("event: data\ndata: YW\ndata: Jj\n\n{control}")).unwrap();
        assert_eq!(got[0], line(Some("0b"), "{\"base64\":\"YWJj\"}"));
        let error = read(false, "event: control\ndata: {}\n\n").unwrap_err();
        assert!(matches!(error, Unreadable::Control(_)));
    }
}
