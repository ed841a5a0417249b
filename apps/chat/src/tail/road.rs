//! The roads to a feed or a stream, where to begin, and what is asked on each road.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use http::header::{ACCEPT, HeaderName, IF_NONE_MATCH};
use thiserror::Error;

/// The header with which an event stream is continued (WHATWG HTML §9.2.3).
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The parameters of an address that are set here.
pub const OWN_PARAMETERS: [&str; 4] = ["offset", "live", "wait", "cursor"];

/// How long an answer on one of the held polls is waited for by the server, in seconds.
const WAIT_SECONDS: u32 = 25;
/// The most bytes of a cursor. Those of Sockeye have 38; an event stream of somebody else may have longer ids.
const CURSOR_BYTES_MAX: usize = 1024;

/// How the events come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Road {
    /// A stream of either kind; long polling where none comes through
    #[default]
    Auto,
    /// Server-sent events, as a browser's `EventSource` reads them
    Sse,
    /// A line of JSON an event, on one answer that goes on
    Ndjson,
    /// An answer as soon as there are events, at the latest after 25 s
    LongPoll,
    /// An answer at once, again and again
    Poll,
    /// Server-sent events of Durable Streams 1.0
    DurableSse,
    /// Long polling of Durable Streams 1.0
    DurableLongPoll,
}

impl Road {
    /// Whether answers on it go on.
    pub fn is_stream(self) -> bool {
        matches!(self, Road::Auto | Road::Sse | Road::Ndjson | Road::DurableSse)
    }

    /// Whether it never says that everything was given.
    pub fn is_endless(self) -> bool {
        matches!(self, Road::Sse | Road::Ndjson)
    }

    /// In words, for news.
    pub fn name(self) -> &'static str {
        match self {
            Road::Auto => "a stream",
            Road::Sse => "server-sent events",
            Road::Ndjson => "NDJSON",
            Road::LongPoll => "long polling",
            Road::Poll => "polling",
            Road::DurableSse => "server-sent events of Durable Streams",
            Road::DurableLongPoll => "long polling of Durable Streams",
        }
    }

    /// How long nothing may come before the other end counts as gone. A server sends something every
    /// 15 s, but on the roads of Durable Streams, whose answers end by themselves.
    fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Road::Auto | Road::Sse | Road::Ndjson => 45,
            Road::DurableSse | Road::DurableLongPoll => 90,
            Road::LongPoll => u64::from(WAIT_SECONDS) + 20,
            Road::Poll => 30,
        })
    }

    /// How long the first byte of an answer may take. Where a stream is but one of two roads it is known
    /// within seconds: a server sends a comment at once.
    fn opening_patience(self) -> Duration {
        match self {
            Road::Auto => Duration::from_secs(8),
            road => road.patience(),
        }
    }
}

/// A place in a feed or a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The oldest event that is kept.
    Beginning,
    /// Behind the newest event.
    Now,
    /// Behind the event with this cursor.
    At(String),
}

/// This is no cursor.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "it takes `beginning`, `now`, or the `id` of an event: visible characters, {CURSOR_BYTES_MAX} bytes at most"
)]
pub struct NoPlace;

impl Place {
    /// The place behind the event with this id.
    ///
    /// # Errors
    /// It cannot be sent in a header.
    pub fn at(cursor: &str) -> Result<Self, NoPlace> {
        let fits = !cursor.is_empty()
            && cursor.len() <= CURSOR_BYTES_MAX
            && cursor.trim() == cursor
            && !cursor.contains(char::is_control);
        if fits { Ok(Place::At(cursor.to_owned())) } else { Err(NoPlace) }
    }

    /// Whether it is known to be this cursor or behind it: those of one feed sort as text. What has
    /// no cursor yet has missed nothing.
    pub fn is_at_least(&self, cursor: &str) -> bool {
        match self {
            Place::Beginning | Place::Now => true,
            Place::At(own) => own.as_str() >= cursor,
        }
    }

    /// As the parameter `offset` has it.
    pub fn offset(&self) -> &str {
        match self {
            Place::Beginning => "-1",
            Place::Now => "now",
            Place::At(cursor) => cursor,
        }
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        match text {
            "beginning" | "-1" => Ok(Place::Beginning),
            "now" => Ok(Place::Now),
            cursor => Place::at(cursor),
        }
    }
}

/// A request to send, after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How long to wait before.
    pub after: Duration,
    /// Parameters that the address gets besides its own.
    pub query: Vec<(&'static str, String)>,
    /// Headers.
    pub headers: Vec<(HeaderName, String)>,
    /// How long the head of the answer may take.
    pub patience: Duration,
}

/// What a poll remembers of the last answer.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// `ETag`, as long as the place is the same.
    pub etag: Option<String>,
    /// `Stream-Cursor` of Durable Streams, which is sent back as it came.
    pub cursor: Option<String>,
}

/// The request for what follows a place.
///
/// Roads without an event id in each answer begin at `now` with an answer that has no events but the
/// cursor: if they waited at `now` itself and the answer were lost, so would be what had come.
pub fn ask(road: Road, place: &Place, remembered: &Remembered, after: Duration) -> Ask {
    let is_plain_stream = matches!(road, Road::Auto | Road::Sse | Road::Ndjson);
    let mut query = Vec::new();
    let mut headers = Vec::new();
    let accept = match road {
        Road::Auto => "text/event-stream, application/x-ndjson;q=0.9",
        Road::Sse => "text/event-stream",
        Road::Ndjson => "application/x-ndjson",
        _ => "*/*",
    };
    headers.push((ACCEPT, accept.to_owned()));
    match place {
        Place::At(cursor) if is_plain_stream => headers.push((LAST_EVENT_ID, cursor.clone())),
        Place::Now if is_plain_stream => {}
        place => query.push(("offset", place.offset().to_owned())),
    }
    let live = if *place == Place::Now { Road::Poll } else { road };
    match live {
        Road::LongPoll => query.push(("wait", WAIT_SECONDS.to_string())),
        Road::DurableLongPoll => query.push(("live", "long-poll".to_owned())),
        Road::DurableSse => query.push(("live", "sse".to_owned())),
        Road::Poll => {
            let etag = remembered.etag.clone().filter(|_| *place != Place::Now);
            headers.extend(etag.map(|etag| (IF_NONE_MATCH, etag)));
        }
        Road::Auto | Road::Sse | Road::Ndjson => {}
    }
    if matches!(live, Road::DurableLongPoll | Road::DurableSse) {
        query.extend(remembered.cursor.clone().map(|cursor| ("cursor", cursor)));
    }
    Ask { after, query, headers, patience: road.opening_patience() }
}

/// How long the next byte of an answer may take.
pub fn patience(road: Road, is_opened: bool) -> Duration {
    if is_opened { road.patience() } else { road.opening_patience() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parameters and headers of a request, but `Accept`.
    fn asked(road: Road, place: &str) -> String {
        let remembered = Remembered { etag: Some("\"e\"".into()), cursor: Some("7".into()) };
        let ask = ask(road, &place.parse().unwrap(), &remembered, Duration::ZERO);
        assert_eq!(ask.headers[0].0, ACCEPT);
        let query = ask.query.iter().map(|(name, value)| format!("{name}={value}"));
        let headers = ask.headers[1..].iter().map(|(name, value)| format!("{name}: {value}"));
        query.chain(headers).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_road_asks_in_its_way() {
        for (road, at, beginning, now) in [
            (Road::Auto, "last-event-id: 0a", "offset=-1", ""),
            (Road::Sse, "last-event-id: 0a", "offset=-1", ""),
            (Road::Ndjson, "last-event-id: 0a", "offset=-1", ""),
            (Road::LongPoll, "offset=0a wait=25", "offset=-1 wait=25", "offset=now"),
            (
                Road::Poll,
                "offset=0a if-none-match: \"e\"",
                "offset=-1 if-none-match: \"e\"",
                "offset=now",
            ),
            (
                Road::DurableLongPoll,
                "offset=0a live=long-poll cursor=7",
                "offset=-1 live=long-poll cursor=7",
                "offset=now",
            ),
            (
                Road::DurableSse,
                "offset=0a live=sse cursor=7",
                "offset=-1 live=sse cursor=7",
                "offset=now",
            ),
        ] {
            assert_eq!(asked(road, "0a"), at, "{road:?}");
            assert_eq!(asked(road, "beginning"), beginning, "{road:?}");
            assert_eq!(asked(road, "now"), now, "{road:?}");
        }
    }

    #[test]
    fn a_place_is_a_word_or_a_cursor() {
        assert_eq!("-1".parse(), Ok(Place::Beginning));
        assert_eq!("beginning".parse(), Ok(Place::Beginning));
        assert_eq!("now".parse(), Ok(Place::Now));
        let longest = "x".repeat(CURSOR_BYTES_MAX);
        assert_eq!(longest.parse(), Ok(Place::At(longest.clone())));
        for text in ["", " a", "a ", "a\nb", "a\0", "a\u{7f}", &format!("{longest}x")] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text:?}");
        }
    }
}
