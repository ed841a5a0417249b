//! How requests are refused, to the byte as the official server does.

use http::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Response, StatusCode};
use sockeye_net::http::TargetError;
use sockeye_net::lines::push_json_string;

use crate::http::response_body::Body;

/// Why a request is refused, with what the official server calls the error's context.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// No such transport, or it is not served. Code 0.
    UnknownTransport {
        /// The query's `transport`.
        transport: Option<String>,
    },
    /// No such session, or not any more. Code 1.
    UnknownSession {
        /// The query's `sid`.
        sid: String,
    },
    /// A session can only be opened with GET. Code 2.
    HandshakeMethod {
        /// The request's method.
        method: Method,
    },
    /// The session speaks another revision than the request's `EIO` says. Code 3.
    RevisionMismatch,
    /// The session lives on another transport, or a WebSocket was asked for without an upgrade.
    /// Code 3.
    TransportMismatch,
    /// The query's `j` asks for JSONP, which [`jsonp`](crate::Config::jsonp) does not serve. Code 3.
    Jsonp,
    /// The request is not clear about whom it is for, or a handshake with a body. Code 3.
    Target(TargetError),
    /// A WebSocket without the headers of its handshake. Code 3.
    BadUpgrade,
    /// The hook [`generate_id`](crate::Hooks::generate_id) gave no id that can be used, or the
    /// system no randomness. Code 3.
    NoId,
    /// A hook did not answer within [`hook_timeout`](crate::Config::hook_timeout). Code 3.
    HookTimeout,
    /// [`origins`](crate::Config::origins) does not let the page in. Code 4.
    OriginDenied,
    /// The browser says that a page of another origin loads this, and not which one:
    /// `Sec-Fetch-Site` without `Origin`. Code 4.
    CrossSite,
    /// The hook [`allow_request`](crate::Hooks::allow_request) said no. Code 4.
    Rejected {
        /// What the client is told.
        message: String,
    },
    /// The address has as many sessions as
    /// [`sessions_per_address_max`](crate::Config::sessions_per_address_max) lets it have. Code 4.
    TooManySessions {
        /// How many it may have.
        limit: u32,
    },
    /// The `EIO` parameter names no revision spoken here. Code 5.
    UnsupportedRevision,
}

impl Refusal {
    /// The number in the response, 0 to 5.
    pub fn code(&self) -> u8 {
        self.code_and_name().0
    }

    /// The text in the response.
    pub fn message(&self) -> &str {
        match (self, self.code()) {
            (Refusal::Rejected { message }, _) => message,
            (Refusal::TooManySessions { .. }, _) => "Too many sessions",
            (_, code) => MESSAGES[usize::from(code)],
        }
    }

    /// A short name for logs and counters.
    pub fn as_str(&self) -> &'static str {
        self.code_and_name().1
    }

    fn code_and_name(&self) -> (u8, &'static str) {
        match self {
            Refusal::UnknownTransport { .. } => (0, "unknown_transport"),
            Refusal::UnknownSession { .. } => (1, "unknown_session"),
            Refusal::HandshakeMethod { .. } => (2, "handshake_method"),
            Refusal::RevisionMismatch => (3, "revision_mismatch"),
            Refusal::TransportMismatch => (3, "transport_mismatch"),
            Refusal::Jsonp => (3, "jsonp"),
            Refusal::Target(_) => (3, "target"),
            Refusal::BadUpgrade => (3, "bad_upgrade"),
            Refusal::NoId => (3, "no_id"),
            Refusal::HookTimeout => (3, "hook_timeout"),
            Refusal::OriginDenied => (4, "origin_denied"),
            Refusal::CrossSite => (4, "cross_site"),
            Refusal::Rejected { .. } => (4, "rejected"),
            Refusal::TooManySessions { .. } => (4, "too_many_sessions"),
            Refusal::UnsupportedRevision => (5, "unsupported_revision"),
        }
    }

    /// The response to an ordinary request: JSON.
    pub(crate) fn response(&self) -> Response<Body> {
        let code = self.code();
        let mut body = format!("{{\"code\":{code},\"message\":").into_bytes();
        push_json_string(self.message(), &mut body);
        body.push(b'}');
        let status = if code == 4 { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
        with_type(status, "application/json", body.into())
    }

    /// The response to a WebSocket handshake: always 400, plain text, and the connection ends.
    pub(crate) fn upgrade_response(&self) -> Response<Body> {
        // Whatever an application says there is no page.
        let is_rejected = matches!(self, Refusal::Rejected { .. });
        let content_type = if is_rejected { "text/plain; charset=UTF-8" } else { "text/html" };
        let message = self.message().to_owned();
        let mut response = with_type(StatusCode::BAD_REQUEST, content_type, message.into());
        let headers = response.headers_mut();
        if is_rejected {
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

fn with_type(status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = empty(status).map(|_| body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A response with nothing but a status.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response.headers_mut().insert(CROSS_ORIGIN_RESOURCE_POLICY, SAME_ORIGIN);
    response
}

/// What the official server says beside each code.
const MESSAGES: [&str; 6] = [
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Bad request",
    "Forbidden",
    "Unsupported protocol version",
];
/// Says which pages may load an answer without asking by CORS (the Fetch standard,
/// "`Cross-Origin-Resource-Policy` header"). Browsers heed it whatever they say of themselves.
pub(crate) const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
/// Those of this origin.
pub(crate) const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
/// Every page.
pub(crate) const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");
