//! How requests are refused, to the byte as the official server does.

use http::header::{CONNECTION, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::jsonp::push_json_string;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No such transport, or it is not served.
    UnknownTransport,
    /// No such session, or not any more.
    UnknownSession,
    /// A session can only be opened with GET.
    HandshakeMethod,
    /// Anything else that does not fit.
    BadRequest,
    /// The origin may not connect.
    Forbidden,
    /// A hook said no, and what the client is told.
    Rejected(String),
    /// The `EIO` parameter names no revision spoken here.
    UnsupportedRevision,
}

impl Refusal {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Refusal::UnknownTransport => 0,
            Refusal::UnknownSession => 1,
            Refusal::HandshakeMethod => 2,
            Refusal::BadRequest => 3,
            Refusal::Forbidden | Refusal::Rejected(_) => 4,
            Refusal::UnsupportedRevision => 5,
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Refusal::UnknownTransport => "Transport unknown",
            Refusal::UnknownSession => "Session ID unknown",
            Refusal::HandshakeMethod => "Bad handshake method",
            Refusal::BadRequest => "Bad request",
            Refusal::Forbidden => "Forbidden",
            Refusal::Rejected(message) => message,
            Refusal::UnsupportedRevision => "Unsupported protocol version",
        }
    }

    /// The response to an ordinary request: JSON.
    pub(crate) fn response(&self) -> Response<Body> {
        let mut body = format!("{{\"code\":{},\"message\":", self.code());
        push_json_string(self.message(), &mut body);
        body.push('}');
        let status = match self.code() {
            4 => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        with_type(status, "application/json", body.into())
    }

    /// The response to a WebSocket handshake: always 400, plain text, and the connection ends.
    pub(crate) fn upgrade_response(&self) -> Response<Body> {
        let message = self.message().to_owned();
        let mut response = with_type(StatusCode::BAD_REQUEST, "text/html", message.into());
        if let Refusal::Rejected(_) = self {
            // Whatever an application says there is no page.
            let nosniff = HeaderValue::from_static("nosniff");
            response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, nosniff);
            let plain = HeaderValue::from_static("text/plain; charset=UTF-8");
            response.headers_mut().insert(CONTENT_TYPE, plain);
        }
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// A response with nothing but a status.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

pub(crate) fn with_type(
    status: StatusCode,
    content_type: &'static str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
