//! Answers: errors as JSON, and the headers that all have.

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, CACHE_CONTROL, CONNECTION,
    CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use sockeye::{Body, Server};

use crate::cursor::Cursor;
use crate::metrics;

pub(crate) const STREAM_NEXT_OFFSET: HeaderName = HeaderName::from_static("stream-next-offset");
pub(crate) const STREAM_UP_TO_DATE: HeaderName = HeaderName::from_static("stream-up-to-date");
pub(crate) const STREAM_CLOSED: HeaderName = HeaderName::from_static("stream-closed");
pub(crate) const STREAM_CURSOR: HeaderName = HeaderName::from_static("stream-cursor");
pub(crate) const PRODUCER_EPOCH: HeaderName = HeaderName::from_static("producer-epoch");
pub(crate) const PRODUCER_SEQ: HeaderName = HeaderName::from_static("producer-seq");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

pub(crate) const TRUE: HeaderValue = HeaderValue::from_static("true");
pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// What scripts of pages of other origins may read beside the usual.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Stream-Next-Offset, Stream-Up-To-Date, Stream-Closed, Stream-Cursor, Stream-SSE-Data-Encoding, \
     Producer-Epoch, Producer-Seq, Producer-Expected-Seq, Producer-Received-Seq, ETag, Location, Retry-After",
);

/// An answer with the headers that all have.
pub(crate) fn answer(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}

/// An answer of JSON that nobody keeps.
pub(crate) fn json(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    let mut response = answer(status, body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

/// An error: a word for programs, a sentence for people.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    json(status, serde_json::json!({ "error": { "code": code, "message": message } }).to_string())
}

/// The connection ends behind this answer: more of the request may come.
pub(crate) fn closing(mut response: Response<Body>) -> Response<Body> {
    // HTTP/2 leaves it out.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// 405, with what is allowed.
pub(crate) fn wrong_method(allowed: &'static str) -> Response<Body> {
    let message = format!("this address takes {allowed}");
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", &message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The answer to `OPTIONS`: to a browser's question about a page of another origin, or what is allowed.
pub(crate) fn options(server: &Server, head: &Parts, allowed: &'static str) -> Response<Body> {
    let allowed = HeaderValue::from_static(allowed);
    let mut response = server
        .preflight(head, allowed.clone())
        .unwrap_or_else(|| answer(StatusCode::NO_CONTENT, Body::default()));
    response.headers_mut().insert(ALLOW, allowed);
    response
}

/// 503 of a server that has no place for one more.
pub(crate) fn no_place() -> Response<Body> {
    metrics::refused("overload");
    let mut response = error(
        StatusCode::SERVICE_UNAVAILABLE,
        "overload",
        "too many readers: come back after the seconds of `Retry-After`",
    );
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
    response
}

pub(crate) fn cursor_value(cursor: &Cursor) -> HeaderValue {
    HeaderValue::from_str(cursor.as_str()).expect("a cursor is letters, digits, `-` and `_`")
}

/// What the answer to a page of another origin says, found out before the answer is there: whoever waits
/// for it holds no more of its request than that.
#[derive(Debug)]
pub(crate) struct CorsHeaders(HeaderMap);

impl CorsHeaders {
    /// With the head, which it only borrows.
    pub(crate) fn new(server: &Server, head: Parts) -> (Self, Parts) {
        let request = Request::from_parts(head, ());
        let mut headers = server.with_cors(&request, Response::default()).into_parts().0.headers;
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
        (Self(headers), request.into_parts().0)
    }

    pub(crate) fn on(self, mut response: Response<Body>) -> Response<Body> {
        for (name, value) in &self.0 {
            response.headers_mut().append(name, value.clone());
        }
        response
    }
}
