//! The request side of long-polling: GET waits for the session's task, POST brings it a body.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    USER_AGENT, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use sockeye_engine_proto::{PayloadForm, Revision};
use sockeye_net::http::{ContentCoding, KeptSeconds, Origins, ReadyHeaders};
use tokio::sync::oneshot;

use crate::body::Body;
use crate::compress;
use crate::config::Config;
use crate::detail::CloseDetail;
use crate::inbox::{Answer, Guest};
use crate::jsonp;
use crate::metrics;
use crate::present::Present;
use crate::refusal::{
    CROSS_ORIGIN, CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN, empty, unknown_session,
    wrong_transport,
};
use crate::session::Session;

/// A GET of a session that polls.
///
/// It keeps nothing of the request: its headers are slices of hyper's read buffer, which would
/// have to be replaced by another one for as long as the poll is parked.
pub(crate) struct Poll {
    session: Session,
    asked: Asked,
    coding: Option<ContentCoding>,
}

impl Poll {
    pub(crate) fn new(session: Session, head: &Parts, present: Present) -> Self {
        let accepts = present.accept_encoding && session.config().compress_from_bytes.is_some();
        let coding = accepts.then(|| ContentCoding::accepted(&head.headers, compress::OFFERED));
        let coding = coding.flatten();
        Poll { session, asked: Asked::new(head, present), coding }
    }

    /// Answers when the session has something to say.
    ///
    /// Dropping the future, which is what happens when the client gives the request up, closes the
    /// reply slot, and with it the session.
    pub(crate) async fn answer(self) -> Response<Body> {
        if self.session.has_parked() {
            // Perhaps the parked poll was given up, and its connection's task has yet to hear of
            // it: the reactor is looked at first.
            for _ in 0..REACTOR_LOOKS {
                tokio::task::yield_now().await;
            }
        }
        let (reply, answer) = oneshot::channel();
        // Refused, the guest drops and its slot with it.
        let _ = self.session.visit(Guest::Poll(reply));
        let answer = answer.await.unwrap_or(Answer::UnknownSession);
        if self.session.close_detail().is_some_and(CloseDetail::has_its_own_answer) {
            // A client that hears of the end here first never learns why.
            Box::pin(tokio::time::sleep(REFUSAL_LEAD)).await;
        }
        let compress = matches!(answer, Answer::Payload { compress: true, .. });
        let response = respond(answer, &self.session, self.asked);
        compressed(response, self.coding.filter(|_| compress), self.session.config())
            .map(|body| body.of_poll(&self.session))
    }
}

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
    pub(crate) fn new(session: Session, head: &Parts, present: Present, body: B) -> Self {
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
                let (reply, answer) = oneshot::channel();
                let _ = claim.session.visit(Guest::Post(body, form, reply));
                answer.await.unwrap_or(Answer::UnknownSession)
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
    let at_once = poll_fn(|cx| std::task::Poll::Ready(reading.as_mut().poll(cx))).await;
    match at_once {
        std::task::Poll::Ready(read) => Some(read),
        std::task::Poll::Pending => tokio::time::timeout(timeout, reading).await.ok(),
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
        let _ = session.visit(Guest::Violation(CloseDetail::PostOverlap));
        None
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.settled {
            let _ = self.session.visit(Guest::Violation(self.broken));
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
    let mut body = std::pin::pin!(body);
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

/// What of a request matters to its answer.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// What the listener announces.
    kept: KeptSeconds,
    /// Internet Explorer, whose filter would read scripts into answers.
    old_browser: bool,
}

impl Asked {
    fn new(head: &Parts, present: Present) -> Self {
        let agent = present.user_agent.then(|| head.headers.get(USER_AGENT)).flatten();
        let agent = agent.and_then(|agent| agent.to_str().ok());
        Asked {
            kept: KeptSeconds::of(head),
            old_browser: agent
                .is_some_and(|agent| agent.contains(";MSIE") || agent.contains("Trident/")),
        }
    }
}

fn respond(answer: Answer, session: &Session, asked: Asked) -> Response<Body> {
    let (headers, body) = match answer {
        Answer::Payload { body: payload, binary, .. } => match &session.dialect().jsonp {
            Some(index) => {
                let everybody = session.config().origins == Origins::Any;
                let headers = if everybody { &SCRIPT_FOR_ALL } else { &SCRIPT };
                (headers, jsonp::script(index, &payload).into())
            }
            None if binary => (&BINARY, payload.into()),
            None => (&TEXT, payload.into()),
        },
        Answer::Accepted => (&ACCEPTED, "ok".into()),
        Answer::Overlap => return empty(StatusCode::BAD_REQUEST),
        Answer::UnknownSession => return unknown_session(),
        Answer::WrongTransport => return wrong_transport(),
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers.copy(asked.kept);
    if asked.old_browser {
        response.headers_mut().insert(X_XSS_PROTECTION, HeaderValue::from_static("0"));
    }
    response
}

/// The headers of a good answer, for each kind.
static ACCEPTED: LazyLock<ReadyHeaders> = LazyLock::new(|| success("text/html", SAME_ORIGIN));
static TEXT: LazyLock<ReadyHeaders> =
    LazyLock::new(|| success("text/plain; charset=UTF-8", SAME_ORIGIN));
static BINARY: LazyLock<ReadyHeaders> =
    LazyLock::new(|| success("application/octet-stream", SAME_ORIGIN));
/// Browsers run a script only as what it is. The official server calls it plain text, which those that
/// heed `nosniff` would not run.
static SCRIPT: LazyLock<ReadyHeaders> =
    LazyLock::new(|| success("text/javascript; charset=UTF-8", SAME_ORIGIN));
static SCRIPT_FOR_ALL: LazyLock<ReadyHeaders> =
    LazyLock::new(|| success("text/javascript; charset=UTF-8", CROSS_ORIGIN));

fn success(content_type: &'static str, policy: HeaderValue) -> ReadyHeaders {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, policy);
    if content_type.starts_with("text/javascript") {
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    ReadyHeaders::new(headers)
}

fn compressed(
    mut response: Response<Body>,
    coding: Option<ContentCoding>,
    config: &Config,
) -> Response<Body> {
    if let (Some(coding), Some(bytes_min)) = (coding, config.compress_from_bytes)
        && response.status() == StatusCode::OK
        && response.body().bytes().len() >= bytes_min
        && let Ok(body) = compress::encode(coding, response.body().bytes())
    {
        *response.body_mut() = body.into();
        response.headers_mut().insert(CONTENT_ENCODING, coding.header());
    }
    response
}

/// The form of a POST. Revision 4 sends binary as base64, so a binary body is nothing it knows.
fn post_form(session: &Session, headers: &HeaderMap, present: Present) -> Option<PayloadForm> {
    let binary = present.content_type
        && headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/octet-stream");
    match session.revision() {
        Revision::V3 if binary => Some(PayloadForm::V3Binary),
        _ if binary => None,
        _ => Some(session.dialect().payload(false)),
    }
}

const X_XSS_PROTECTION: HeaderName = HeaderName::from_static("x-xss-protection");
/// How much later than the refusal of a POST a poll says that the session is over.
const REFUSAL_LEAD: Duration = Duration::from_millis(20);
/// Once for the reactor to see the end of a connection, once for its task to act on it.
const REACTOR_LOOKS: usize = 2;
