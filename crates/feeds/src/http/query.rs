//! What a reader asks for: the road, where it begins, how long it waits.
//!
//! | request | road |
//! |---|---|
//! | `live=long-poll` | a poll that waits (Durable Streams 1.0, 5.6) |
//! | `live=sse` | events `data` and `control` (5.7) |
//! | `Accept` has `text/event-stream` | `EventSource` |
//! | `Accept` has `application/x-ndjson` | NDJSON |
//! | none of these | a poll (5.5), which `wait=` holds |

use std::borrow::Cow;
use std::time::Duration;

use http::HeaderMap;
use http::header::ACCEPT;
use http::request::Parts;
use sockeye::engine::query_pairs;

use crate::road::Road;
use crate::stream::Seek;

/// What a request to read asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Query<'a> {
    pub(crate) wanted: Wanted,
    /// Where it begins, if it says.
    from: Option<Cow<'a, str>>,
    /// `Stream-Cursor` of the answer before (Durable Streams 1.0, 8.1).
    pub(crate) interval: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What there is. With a time, waits for something.
    Poll(Option<Duration>),
    /// The same with Durable Streams' own statuses.
    LongPoll,
    /// An answer that goes on and on.
    Listen(Road),
}

/// Why a request to read is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadQuery(pub(crate) &'static str);

impl<'a> Query<'a> {
    pub(crate) fn parse(head: &'a Parts) -> Result<Self, BadQuery> {
        let (mut offset, mut live, mut wait, mut interval) = (None, None, None, None);
        for (name, value) in query_pairs(head.uri.query().unwrap_or_default()) {
            let slot = match &*name {
                "offset" => &mut offset,
                "live" => &mut live,
                "wait" => &mut wait,
                "cursor" => &mut interval,
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(BadQuery("a parameter is there twice"));
            }
        }
        let wanted = match live.as_deref() {
            Some("long-poll") => Wanted::LongPoll,
            Some("sse") => Wanted::Listen(Road::DurableSse),
            Some(_) => return Err(BadQuery("`live` is `long-poll` or `sse`")),
            None if accepts(&head.headers, "text/event-stream") => {
                Wanted::Listen(Road::EventSource)
            }
            None if accepts(&head.headers, "application/x-ndjson") => Wanted::Listen(Road::Ndjson),
            None => Wanted::Poll(wait.as_deref().map(seconds).transpose()?),
        };
        if live.is_some() && offset.is_none() {
            return Err(BadQuery("`live` needs an `offset`: -1, now, or a cursor"));
        }
        // A browser that comes back cannot change the address, so what the header says is newer.
        let from = match wanted {
            Wanted::Listen(Road::EventSource | Road::Ndjson) => {
                last_event_id(&head.headers).or(offset)
            }
            _ => offset,
        };
        let interval = interval.and_then(|text| text.parse().ok());
        Ok(Self { wanted, from, interval })
    }

    /// Where it begins. Without a word a poll has everything, and a listener what comes.
    pub(crate) fn seek(&self) -> Seek<'_> {
        match self.from.as_deref() {
            Some("-1") => Seek::Beginning,
            Some("now") => Seek::Now,
            Some(cursor) => Seek::At(cursor),
            None if matches!(self.wanted, Wanted::Listen(_)) => Seek::Now,
            None => Seek::Beginning,
        }
    }

    /// Whether it goes on from a cursor, rightly or not.
    pub(crate) fn resumes(&self) -> bool {
        matches!(self.seek(), Seek::At(_))
    }
}

fn seconds(text: &str) -> Result<Duration, BadQuery> {
    let is_number =
        !text.is_empty() && text.len() <= 4 && text.bytes().all(|it| it.is_ascii_digit());
    let seconds = text.parse().ok().filter(|_| is_number);
    seconds.map(Duration::from_secs).ok_or(BadQuery("`wait` is a number of seconds"))
}

/// What a client was given last. An empty one is as good as none: so it is before the first event.
fn last_event_id(headers: &HeaderMap) -> Option<Cow<'_, str>> {
    let value = headers.get("last-event-id")?;
    let id = String::from_utf8_lossy(value.as_bytes());
    (!id.is_empty()).then_some(id)
}

/// Whether a media type is asked for by its name (RFC 9110, 12.5.1), and not with the weight 0.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        is_named
            && !parts
                .any(|weight| matches!(weight, "q=0" | "q=0." | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request = headers
            .iter()
            .fold(Request::get(uri), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn wanted(uri: &str, accept: &str) -> Result<Wanted, BadQuery> {
        Query::parse(&head(uri, &[("accept", accept)])).map(|query| query.wanted)
    }

    #[test]
    fn every_row_of_the_table() {
        let seconds = |seconds| Ok(Wanted::Poll(Some(Duration::from_secs(seconds))));
        assert_eq!(wanted("/", "*/*"), Ok(Wanted::Poll(None)));
        assert_eq!(wanted("/?wait=25", "text/html"), seconds(25));
        assert_eq!(wanted("/?offset=-1&live=long-poll", "text/event-stream"), Ok(Wanted::LongPoll));
        assert_eq!(wanted("/?offset=now&live=sse", "*/*"), Ok(Wanted::Listen(Road::DurableSse)));
        assert_eq!(
            wanted("/", "text/html, Text/Event-Stream"),
            Ok(Wanted::Listen(Road::EventSource))
        );
        assert_eq!(wanted("/", "text/event-stream;q=0, */*"), Ok(Wanted::Poll(None)));
        assert_eq!(wanted("/", "application/x-ndjson; q=0.5"), Ok(Wanted::Listen(Road::Ndjson)));
        for bad in [
            "/?live=long-poll",
            "/?live=sse",
            "/?offset=-1&live=x",
            "/?live=",
            "/?wait=x",
            "/?wait=",
            "/?wait=-1",
            "/?offset=a&offset=b",
        ] {
            assert!(wanted(bad, "*/*").is_err(), "{bad}");
        }
    }

    #[test]
    fn where_it_begins() {
        let seek = |uri: &str, headers: &[(&str, &str)]| {
            let head = head(uri, headers);
            let query = Query::parse(&head).unwrap();
            match query.seek() {
                Seek::At(text) => format!("at {text}"),
                other => format!("{other:?}"),
            }
        };
        let sse = ("accept", "text/event-stream");
        assert_eq!(seek("/", &[]), "Beginning");
        assert_eq!(seek("/", &[sse]), "Now");
        assert_eq!(seek("/?offset=-1", &[sse]), "Beginning");
        assert_eq!(seek("/?offset=now", &[]), "Now");
        assert_eq!(seek("/?offset=a", &[sse, ("last-event-id", "b")]), "at b");
        assert_eq!(seek("/?offset=a", &[sse, ("last-event-id", "")]), "at a");
        assert_eq!(seek("/?offset=a", &[("last-event-id", "b")]), "at a");
        assert_eq!(seek("/?offset=", &[]), "at ");
        assert_eq!(seek("/?offset=now%0a", &[]), "at now\n");
    }
}
