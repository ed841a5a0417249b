//! Reading a stream, on every road.
//!
//! What was lost is said on every road:
//!
//! | road | too old, foreign | malformed | gone | no place |
//! |---|---|---|---|---|
//! | `EventSource` | 200, event `gap`, goes on from the oldest | the same | 200, `gap`, the end; comes back | 200, `gap`, the end; comes back |
//! | NDJSON | 200, line `gap`, goes on from the oldest | the same | 200, line `gap`, the end | 200, line `gap`, the end |
//! | polls | 410 | 400 | 410 of a feed with a cursor, else 404 | 503 |
//! | `live=sse` | 410 | 400 | 410 of a feed with a cursor, else 404 | 503 |

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use sockeye::Body;

use super::answer::{
    CorsHeaders, NO_STORE, STREAM_CLOSED, STREAM_CURSOR, STREAM_NEXT_OFFSET, STREAM_UP_TO_DATE,
    TRUE, answer, cursor_value, error, json, no_place,
};
use super::query::{BadQuery, Query, Wanted};
use crate::config::Reading;
use crate::gap::{Gap, GapReason};
use crate::message::Kind;
use crate::metrics;
use crate::places::{Place, Places};
use crate::road::{Control, Road, push_control, push_opening, push_parting};
use crate::stream::readers::Opening;
use crate::stream::waiting::Waiting;
use crate::stream::{Part, Phase, Seek, Shared, interval};

/// What serves the readers of one owner.
#[derive(Debug)]
pub(crate) struct Readers {
    pub(crate) reading: Reading,
    pub(crate) places: Places,
}

/// An answer, or what it waits for.
pub(crate) enum Answering {
    Done(Response<Body>),
    Waiting(Box<Waiter>),
}

/// A poll that waits. It holds what its answer needs, and nothing else of its request.
pub(crate) struct Waiter {
    waiting: Waiting,
    poll: Polled,
    cors: CorsHeaders,
    place: Place,
}

/// How a poll is answered.
struct Polled {
    stream: Arc<Shared>,
    bytes_max: usize,
    from: u64,
    interval: Option<u64>,
    /// With the statuses of `live=long-poll`.
    is_long: bool,
    /// The answer depends on when it was asked.
    is_from_now: bool,
    known: Option<HeaderValue>,
    /// It asked to wait.
    waited: bool,
}

impl Answering {
    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` holds its argument twice, as long as a poll waits"
    )]
    pub(crate) fn finish(self) -> impl Future<Output = Response<Body>> + Send {
        async move {
            match self {
                Self::Done(response) => response,
                // It stays in its box, for the same reason.
                Self::Waiting(mut waiter) => {
                    let is_displaced = poll_fn(|cx| waiter.poll(cx)).await;
                    let Waiter { poll, cors, .. } = *waiter;
                    cors.on(if is_displaced { no_place() } else { poll.answer() })
                }
            }
        }
    }
}

impl Waiter {
    /// Whether its place was given to another meanwhile.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match self.place.poll_displaced(cx) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => Pin::new(&mut self.waiting).poll(cx).map(|()| false),
        }
    }
}

const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const EVENT_STREAM: HeaderValue = HeaderValue::from_static("text/event-stream");
/// No cache keeps it, nobody compresses it on the way and keeps it back for that.
const NO_TRANSFORM: HeaderValue = HeaderValue::from_static("no-cache, no-store, no-transform");
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
const STREAM_SSE_DATA_ENCODING: HeaderName = HeaderName::from_static("stream-sse-data-encoding");

impl Readers {
    /// Answers a request to read, which was let in. `HEAD` is answered as well.
    pub(crate) fn read(
        &self,
        stream: &Arc<Shared>,
        head: &Parts,
        address: Option<IpAddr>,
        cors: CorsHeaders,
    ) -> Answering {
        if head.method == Method::HEAD {
            return Answering::Done(cors.on(metadata(stream)));
        }
        let query = match Query::parse(head) {
            Ok(query) => query,
            Err(bad) => return Answering::Done(cors.on(bad_query(bad))),
        };
        match query.wanted {
            Wanted::Listen(road) => {
                Answering::Done(cors.on(self.listen(stream, road, &query, address)))
            }
            Wanted::Poll(wait) => {
                let wait = wait.unwrap_or_default().min(self.reading.wait_max);
                self.poll(stream, head, &query, (wait, address), cors)
            }
            Wanted::LongPoll => {
                self.poll(stream, head, &query, (self.reading.long_poll, address), cors)
            }
        }
    }

    fn poll(
        &self,
        stream: &Arc<Shared>,
        head: &Parts,
        query: &Query<'_>,
        (wait, address): (Duration, Option<IpAddr>),
        cors: CorsHeaders,
    ) -> Answering {
        let seek = query.seek();
        let from = match stream.seek(&seek) {
            Ok(from) => from,
            Err(gap) => return Answering::Done(cors.on(lost(&gap))),
        };
        let poll = Polled {
            stream: Arc::clone(stream),
            bytes_max: self.reading.answer_bytes_max,
            from,
            interval: query.interval,
            is_long: query.wanted == Wanted::LongPoll,
            is_from_now: seek == Seek::Now,
            known: head.headers.get(IF_NONE_MATCH).cloned(),
            waited: !wait.is_zero(),
        };
        if wait.is_zero() || stream.has_more(from) {
            return Answering::Done(cors.on(poll.answer()));
        }
        let Some(place) = self.places.take(address) else {
            return Answering::Done(cors.on(no_place()));
        };
        let waiting = stream.wait(from, wait);
        Answering::Waiting(Box::new(Waiter { waiting, poll, cors, place }))
    }

    fn listen(
        &self,
        stream: &Arc<Shared>,
        road: Road,
        query: &Query<'_>,
        address: Option<IpAddr>,
    ) -> Response<Body> {
        let (next, gap) = match stream.seek(&query.seek()) {
            Ok(next) => (next, None),
            Err(gap) if road == Road::DurableSse => return lost(&gap),
            // Where the gap says, though what is there may be dropped before it is sent: that is then said too.
            Err(gap) => (stream.oldest(&gap), Some(gap)),
        };
        let Some(place) = self.places.take(address) else {
            return match road {
                Road::DurableSse => no_place(),
                _ => {
                    only_gap(road, &Gap { reason: GapReason::Overload, oldest: None, newest: None })
                }
            };
        };
        let (tail, phase) = stream.tail();
        let at = stream.seal(next);
        // There is nothing to come back for: this status ends `EventSource` for good.
        let is_over = phase == Phase::Closed && at == tail && gap.is_none();
        if is_over && road == Road::EventSource {
            return answer(StatusCode::NO_CONTENT, Body::default());
        }
        // Only where the client shows one that is not over yet.
        let interval_min = query.interval.filter(|_| road == Road::DurableSse);
        let interval_min = interval_min.map(|shown| interval(Some(shown)));
        let interval_min = interval_min.filter(|min| *min > interval(None));
        let mut opening = Vec::new();
        match (road, &gap) {
            (Road::EventSource, _) => {
                let id = gap.is_none().then_some(&at);
                push_opening(millis(self.reading.retry), id, &mut opening);
            }
            (Road::Ndjson, _) => opening.push(b'\n'),
            (Road::DurableSse, _) if at == tail => {
                let is_closed = phase == Phase::Closed;
                let interval = interval_min.unwrap_or_else(|| interval(None));
                let control = Control { next: at, interval, is_up_to_date: true, is_closed };
                push_control(&control, &mut opening);
            }
            (Road::DurableSse, _) => {}
        }
        if let Some(gap) = &gap {
            metrics::gap(gap.reason);
            road.push_gap(gap, &mut opening);
        }
        // A deleted one has nothing more to say.
        let is_all = phase == Phase::Deleted || is_over;
        let opening = Opening {
            road,
            bytes: opening.into(),
            next,
            is_all,
            heartbeat: self.reading.heartbeat,
            write_timeout: self.reading.write_timeout,
            interval_min,
            duration: road.has_control().then_some(self.reading.durable_sse_max),
        };
        let stream_again = Arc::clone(stream);
        let (body, hand_over) =
            Body::stream(move |bytes| stream_again.listen(bytes, opening, place));
        let mut response = endless(road, body);
        response.extensions_mut().insert(hand_over);
        let headers = response.headers_mut();
        headers.insert(STREAM_NEXT_OFFSET, cursor_value(&at));
        if is_over {
            // NDJSON has no other word for it: who follows need not come back.
            headers.insert(STREAM_CLOSED, TRUE);
        }
        if stream.kind() == Kind::Bytes && road != Road::Ndjson {
            headers.insert(STREAM_SSE_DATA_ENCODING, HeaderValue::from_static("base64"));
        }
        response
    }
}

impl Polled {
    fn answer(self) -> Response<Body> {
        let part = match self.stream.part(self.from, self.bytes_max) {
            Ok(part) => part,
            Err(gap) => return lost(&gap),
        };
        match part.phase {
            Phase::Deleted => gone(),
            // Whoever asked again at once would be answered at once, again and again.
            Phase::Ending if self.waited && part.is_empty => ending(),
            _ if self.is_long && part.is_empty => {
                self.on(&part, answer(StatusCode::NO_CONTENT, Body::default()))
            }
            _ => self.with_body(&part),
        }
    }

    fn with_body(&self, part: &Part) -> Response<Body> {
        let is_closed = part.is_up_to_date && part.phase == Phase::Closed;
        let mark = if is_closed { ".closed" } else { "" };
        let etag = format!("\"{}.{}{mark}\"", part.from, part.next);
        let etag = HeaderValue::from_str(&etag).expect("cursors are letters, digits, `-` and `_`");
        let is_known = self.known.as_ref().is_some_and(|known| is_among(known, &etag));
        let mut response = match is_known && !self.is_from_now {
            true => answer(StatusCode::NOT_MODIFIED, Body::default()),
            false => {
                let mut response = answer(StatusCode::OK, part.body.clone());
                let content_type = HeaderValue::from_str(self.stream.content_type.as_str());
                let content_type = content_type.expect("it came from a header, or was checked");
                response.headers_mut().insert(CONTENT_TYPE, content_type);
                response
            }
        };
        if !self.is_from_now {
            response.headers_mut().insert(ETAG, etag);
        }
        self.on(part, response)
    }

    /// Adds where the reader is.
    fn on(&self, part: &Part, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        headers.insert(STREAM_NEXT_OFFSET, cursor_value(&part.next));
        headers.insert(STREAM_CURSOR, interval(self.interval).into());
        if part.is_up_to_date {
            headers.insert(STREAM_UP_TO_DATE, TRUE);
            if part.phase == Phase::Closed {
                headers.insert(STREAM_CLOSED, TRUE);
            }
        }
        let cache = match self.is_long || self.is_from_now {
            true => NO_STORE,
            // Whoever asks again is judged again.
            false => HeaderValue::from_static("private, no-cache"),
        };
        headers.insert(CACHE_CONTROL, cache);
        response
    }
}

/// Whether an entity tag is one of those that a client knows (RFC 9110, 13.1.2).
fn is_among(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else { return false };
    known.split(',').map(str::trim).any(|it| it == "*" || it.trim_start_matches("W/") == etag)
}

/// The answer to `HEAD`.
fn metadata(stream: &Shared) -> Response<Body> {
    let (tail, phase) = stream.tail();
    if phase == Phase::Deleted {
        return gone();
    }
    let mut response = answer(StatusCode::OK, Body::default());
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(stream.content_type.as_str());
    headers.insert(CONTENT_TYPE, content_type.expect("it came from a header, or was checked"));
    headers.insert(STREAM_NEXT_OFFSET, cursor_value(&tail));
    headers.insert(CACHE_CONTROL, NO_STORE);
    if phase == Phase::Closed {
        headers.insert(STREAM_CLOSED, TRUE);
    }
    response
}

/// The head of an answer that goes on and on. Its type comes first: Chromium takes a head that breaks off for
/// a whole one where nothing is encrypted, and one without this type ends its `EventSource` for good.
fn endless(road: Road, body: Body) -> Response<Body> {
    let mut response = answer(StatusCode::OK, body);
    let usual = std::mem::take(response.headers_mut());
    let headers = response.headers_mut();
    let content_type = if road == Road::Ndjson { NDJSON } else { EVENT_STREAM };
    headers.insert(CONTENT_TYPE, content_type);
    headers.extend(usual);
    headers.insert(CACHE_CONTROL, NO_TRANSFORM);
    // nginx would keep events back until it has some thousand bytes.
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

/// An answer in a stream's form that says what is wrong and ends: to a page that shall come back, which no
/// error status lets it (the HTML standard, 9.2.3).
pub(crate) fn only_gap(road: Road, gap: &Gap) -> Response<Body> {
    metrics::gap(gap.reason);
    let mut out = Vec::new();
    if road == Road::Ndjson {
        out.push(b'\n');
    }
    push_parting(road, gap, &mut out);
    endless(road, out.into())
}

/// What a poll is told that cannot go on where it was.
pub(crate) fn lost(gap: &Gap) -> Response<Body> {
    metrics::gap(gap.reason);
    let status = match gap.reason {
        GapReason::Malformed => StatusCode::BAD_REQUEST,
        _ => StatusCode::GONE,
    };
    let mut response = json(status, gap.to_error_json());
    if let Some(oldest) = &gap.oldest {
        response.headers_mut().insert(STREAM_NEXT_OFFSET, cursor_value(oldest));
    }
    response
}

fn bad_query(BadQuery(message): BadQuery) -> Response<Body> {
    error(StatusCode::BAD_REQUEST, "bad_request", message)
}

/// 503 of a server that ends.
fn ending() -> Response<Body> {
    let message = "the server ends: ask again after the seconds of `Retry-After`";
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "ending", message);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// 404 of a stream that was deleted while somebody waited.
fn gone() -> Response<Body> {
    error(StatusCode::NOT_FOUND, "unknown_stream", "there is no such stream (any more)")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
