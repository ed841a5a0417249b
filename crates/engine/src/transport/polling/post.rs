//! A POST of a session: its body, and what becomes of the session if that breaks a rule.

use std::future::poll_fn;
use std::pin::pin;
use std::task;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use sockeye_engine_proto::{PayloadForm, Revision};

use super::{Asked, jsonp, respond};
use crate::http::body::Body;
use crate::http::headers_present::HeadersPresent;
use crate::http::refusal::empty;
use crate::metrics;
use crate::session::Session;
use crate::session::close_detail::CloseDetail;
use crate::session::config::Config;
use crate::session::inbox::SessionRequest;
use crate::session::reply::{Answer, reply};

/// A POST of a session that polls.
pub(crate) struct Post<B> {
    /// `None`: it overlaps another.
    claim: Option<Claim>,
    body: B,
    /// `None`: the content type is nothing the session's client may send.
    form: Option<PayloadForm>,
    asked: Asked,
    bounds: BodyBounds,
    timeout: Duration,
}

impl<B: HttpBody> Post<B> {
    pub(crate) fn new(session: Session, head: &Parts, present: HeadersPresent, body: B) -> Self {
        let config = session.config();
        Post {
            form: post_form(&session, &head.headers, present),
            body,
            asked: Asked::new(head, present),
            bounds: BodyBounds::new(config),
            timeout: config.body_timeout,
            claim: Claim::new(session),
        }
    }

    /// Takes in the body and answers when its packets were handled.
    pub(crate) async fn answer(self) -> Response<Body> {
        let Post { claim, body, form, asked, bounds, timeout } = self;
        let refused =
            |body| Unread { response: empty(StatusCode::BAD_REQUEST), body, bounds, timeout };
        let Some(mut claim) = claim else { return Box::pin(refused(body).answer()).await };
        let Some(form) = form else {
            claim.broken = CloseDetail::ContentType;
            drop(claim);
            return Box::pin(refused(body).answer()).await;
        };
        let body = match within(timeout, collect(body, bounds)).await {
            Some(Ok(body)) => body,
            Some(Err(BodyError::TooLarge(detail))) => {
                claim.broken = detail;
                metrics::body_too_large();
                return closing(empty(StatusCode::PAYLOAD_TOO_LARGE));
            }
            Some(Err(BodyError::Broken)) => return empty(StatusCode::BAD_REQUEST),
            None => {
                claim.broken = CloseDetail::BodyTimeout;
                // RFC 9110 §15.5.9.
                return closing(empty(StatusCode::REQUEST_TIMEOUT));
            }
        };
        let body = match claim.session.dialect().jsonp {
            None => Some(body),
            Some(_) => jsonp::form_payload(&body),
        };
        let answer = match body {
            Some(body) => {
                let (reply, answer) = reply(&claim.session);
                // Turned away, it is answered as well.
                let _ = claim.session.submit(SessionRequest::Post(body, form, reply));
                answer.await
            }
            // As the official server does with a form that has no payload.
            None => Answer::Accepted,
        };
        claim.settled = true;
        respond(answer, &claim.session, asked)
    }
}

/// An answer that does not depend on the body of its request. What of that is still to come is read
/// and forgotten: so the answer arrives, whoever is in between, and the connection can go on.
pub(crate) struct Unread<B> {
    response: Response<Body>,
    body: B,
    bounds: BodyBounds,
    timeout: Duration,
}

impl<B: HttpBody> Unread<B> {
    pub(crate) fn new(response: Response<Body>, body: B, config: &Config) -> Self {
        let (bounds, timeout) = (BodyBounds::new(config), config.body_timeout);
        Unread { response, body, bounds, timeout }
    }

    pub(crate) async fn answer(self) -> Response<Body> {
        match within(self.timeout, forget(self.body, self.bounds)).await {
            Some(Ok(())) => self.response,
            _ => closing(self.response),
        }
    }
}

/// The connection ends behind this answer: more of the request may come.
fn closing(mut response: Response<Body>) -> Response<Body> {
    // HTTP/2 leaves it out.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What a body gives within its time, if it does. Nearly always all of it came with the head, and no
/// timer is needed.
async fn within<R>(timeout: Duration, reading: impl Future<Output = R>) -> Option<R> {
    let mut reading = pin!(reading);
    let at_once = poll_fn(|cx| task::Poll::Ready(reading.as_mut().poll(cx))).await;
    match at_once {
        task::Poll::Ready(read) => Some(read),
        task::Poll::Pending => tokio::time::timeout(timeout, reading).await.ok(),
    }
}

/// A session's one POST. Unless it is settled, its end is the session's end: the request was given
/// up, or broke a rule.
struct Claim {
    session: Session,
    settled: bool,
    /// Which rule is broken if it is never settled.
    broken: CloseDetail,
}

impl Claim {
    /// `None` when there is a POST already, which ends the session.
    fn new(session: Session) -> Option<Self> {
        if session.begin_post() {
            return Some(Claim { session, settled: false, broken: CloseDetail::PostAborted });
        }
        let _ = session.submit(SessionRequest::Violation(CloseDetail::PostOverlap));
        None
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settled {
            let _ = self.session.submit(SessionRequest::Violation(self.broken));
        }
        self.session.end_post();
    }
}

enum BodyError {
    /// In bytes or in pieces.
    TooLarge(CloseDetail),
    Broken,
}

/// How large a body may be.
#[derive(Clone, Copy)]
struct BodyBounds {
    bytes_max: usize,
    chunks_max: u32,
}

impl BodyBounds {
    fn new(config: &Config) -> Self {
        BodyBounds { bytes_max: config.payload_bytes_max, chunks_max: config.body_chunks_max }
    }

    fn check(self, bytes: u64, chunks: u32) -> Result<(), BodyError> {
        if bytes > self.bytes_max as u64 {
            let detail = CloseDetail::PayloadTooLarge { limit: self.bytes_max, size: bytes };
            return Err(BodyError::TooLarge(detail));
        }
        if chunks > self.chunks_max {
            let detail = CloseDetail::BodyChunks { limit: self.chunks_max };
            return Err(BodyError::TooLarge(detail));
        }
        Ok(())
    }
}

/// Reads a body within its bounds, and keeps nothing of it.
async fn forget<B: HttpBody>(body: B, bounds: BodyBounds) -> Result<(), BodyError> {
    bounds.check(body.size_hint().lower(), 0)?;
    let mut body = pin!(body);
    let (mut bytes, mut chunks) = (0, 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
        chunks += 1;
        bounds.check(bytes, chunks)?;
    }
    Ok(())
}

/// Reads a body within its bounds. One that came in one piece is not copied.
async fn collect<B: HttpBody>(body: B, bounds: BodyBounds) -> Result<Bytes, BodyError> {
    bounds.check(body.size_hint().lower(), 0)?;
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut joined = Vec::new();
    let mut chunks = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        let Ok(mut data) = frame.into_data() else {
            continue;
        };
        let length = data.remaining();
        if length == 0 {
            continue;
        }
        chunks += 1;
        bounds.check((first.len() + joined.len() + length) as u64, chunks)?;
        if first.is_empty() && joined.is_empty() {
            first = data.copy_to_bytes(length);
            continue;
        }
        if joined.is_empty() {
            joined.extend_from_slice(&first);
            first = Bytes::new();
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            joined.extend_from_slice(chunk);
            let length = chunk.len();
            data.advance(length);
        }
    }
    Ok(if joined.is_empty() { first } else { joined.into() })
}

/// The form of a POST. Revision 4 sends binary as base64, so a binary body is nothing it knows.
fn post_form(
    session: &Session,
    headers: &HeaderMap,
    present: HeadersPresent,
) -> Option<PayloadForm> {
    let binary = present.content_type
        && headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/octet-stream");
    match session.revision() {
        Revision::V3 if binary => Some(PayloadForm::V3Binary),
        _ if binary => None,
        _ => Some(session.dialect().payload(false)),
    }
}
