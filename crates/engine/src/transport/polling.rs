//! Long-polling: a GET waits until there is something to say, a POST brings packets.

#[cfg(feature = "deflate")]
mod compress;
#[cfg(not(feature = "deflate"))]
#[path = "polling/compress_absent.rs"]
mod compress;
mod get;
pub(crate) mod jsonp;
mod post;
mod upload;

use std::sync::LazyLock;

use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
    X_CONTENT_TYPE_OPTIONS,
};
use http::request::Parts;
use http::{Response, StatusCode};
use sockeye_net::http::{KeptSeconds, Origins, ReadyHeaders};

use crate::http::headers_present::HeadersPresent;
use crate::http::refusal::{
    CROSS_ORIGIN, CROSS_ORIGIN_RESOURCE_POLICY, Refusal, SAME_ORIGIN, empty,
};
use crate::http::response_body::Body;
use crate::session::Session;
use crate::session::reply::ReplyContent;

pub(crate) use get::{LongAnswer, Poll};
pub(crate) use post::{Post, Unread};
pub(crate) use upload::Upload;

/// What of a request matters to its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// What the listener announces.
    kept: KeptSeconds,
    /// Internet Explorer, whose filter would read scripts into answers.
    old_browser: bool,
}

impl Asked {
    pub(crate) fn new(head: &Parts, present: HeadersPresent) -> Self {
        let agent = present.user_agent.then(|| head.headers.get(USER_AGENT)).flatten();
        let agent = agent.and_then(|agent| agent.to_str().ok());
        Asked {
            kept: KeptSeconds::of(head),
            old_browser: agent
                .is_some_and(|agent| agent.contains(";MSIE") || agent.contains("Trident/")),
        }
    }
}

pub(crate) fn respond(answer: ReplyContent, session: &Session, asked: Asked) -> Response<Body> {
    let (headers, body) = match answer {
        ReplyContent::Payload { body: payload, binary, .. } => match &session.dialect().jsonp {
            Some(index) => {
                let everybody = session.config().origins == Origins::Any;
                let headers = if everybody { &SCRIPT_FOR_ALL } else { &SCRIPT };
                (headers, jsonp::script(index, &payload).into())
            }
            None if binary => (&BINARY, payload.into()),
            None => (&TEXT, payload.into()),
        },
        ReplyContent::Accepted => (&ACCEPTED, "ok".into()),
        ReplyContent::Overlap => return empty(StatusCode::BAD_REQUEST),
        ReplyContent::UnknownSession => {
            return Refusal::UnknownSession { sid: session.id().to_string() }.response();
        }
        ReplyContent::WrongTransport => return Refusal::TransportMismatch.response(),
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

const X_XSS_PROTECTION: HeaderName = HeaderName::from_static("x-xss-protection");
