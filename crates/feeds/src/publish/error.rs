//! What can be wrong with a request, and how that is answered.
//!
//! A message is a text of the program: nothing that the client sent can stand in it.

use std::time::Duration;

use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::json;
use sockeye::Body;

use crate::http::answer;
use crate::http::body::BodyError;

/// The codes of errors, with their statuses and what to do about them.
macro_rules! codes {
    ($($variant:ident $code:literal $status:ident $advice:literal)*) => {
        /// What is wrong with a request: `error.code` of the answer. The
        /// [guide](crate::guide::publishing) has the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $(#[doc = $advice] $variant,)*
        }

        impl ErrorCode {
            /// All there are, in the order of their statuses.
            pub const ALL: &[ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The code as it is in the answer.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The status of the answer.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)* }
            }

            /// What it means and what to do: the message, where there is none that says more.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    BadJson "bad_json" BAD_REQUEST
        "The body is not one JSON object in UTF-8: send one."
    BadRequest "bad_request" BAD_REQUEST
        "A member of the body or a parameter of the query is missing, unknown or not what it has to be: the message says which."
    ReservedEvent "reserved_event" BAD_REQUEST
        "Socket.IO uses this name of an event itself (connect, connect_error, disconnect, disconnecting, newListener, removeListener): use another one."
    BadIdempotencyKey "bad_idempotency_key" BAD_REQUEST
        "The header Idempotency-Key has to be there once, with 1 to 255 visible ASCII characters."
    KeyMissing "key_missing" UNAUTHORIZED
        "Send a key: `Authorization: Bearer sk_...`, once. Whoever runs the server makes one."
    KeyUnknown "key_unknown" UNAUTHORIZED
        "There is no such key, or it was revoked: ask whoever runs the server for one."
    KeyExpired "key_expired" UNAUTHORIZED
        "The key was valid until a while ago: ask whoever runs the server for a new one."
    OutOfScope "out_of_scope" FORBIDDEN
        "The key is not for this verb in this namespace: use one that is."
    WrongOrigin "wrong_origin" FORBIDDEN
        "Pages of this origin may not use this server: whoever runs it allows them (`allow_origin`)."
    UnknownRoute "unknown_route" NOT_FOUND
        "There is nothing at this path: openapi.json lists what there is."
    UnknownNamespace "unknown_namespace" NOT_FOUND
        "There is no such namespace now. Its name begins with a slash; a dynamic one exists once a client has connected to it."
    UnknownSocket "unknown_socket" NOT_FOUND
        "No socket of this id is connected to this namespace: it has left, or its id is of another namespace."
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED
        "This path takes another method: the header Allow names it."
    BodyTimeout "body_timeout" REQUEST_TIMEOUT
        "The body did not come in time: send it at once."
    TooLarge "too_large" PAYLOAD_TOO_LARGE
        "The body is too long: send less at a time."
    ContentType "content_type" UNSUPPORTED_MEDIA_TYPE
        "The body has to be JSON, and said to be: `Content-Type: application/json`."
    IdempotencyMismatch "idempotency_mismatch" UNPROCESSABLE_ENTITY
        "This Idempotency-Key came with another request before: use a new one for each request that is not a repeat."
    RateLimited "rate_limited" TOO_MANY_REQUESTS
        "This key was used too often: wait as long as Retry-After says."
    TooManyAtOnce "too_many_at_once" TOO_MANY_REQUESTS
        "Too many requests with this key are being answered: wait for some of them."
    IdempotencyFull "idempotency_full" TOO_MANY_REQUESTS
        "This key has as many idempotency keys in the window as it may: wait as long as Retry-After says, or send none. Nothing was done."
    KeysUnavailable "keys_unavailable" SERVICE_UNAVAILABLE
        "The server cannot look keys up now: try again later. Its log has the reason."
    ClusterUnavailable "cluster_unavailable" SERVICE_UNAVAILABLE
        "Other servers did not say in time whether they have this socket: try again. Nothing was done."
}

impl ErrorCode {
    /// The error with its usual message.
    pub(super) const fn error(self) -> ApiError {
        self.because(self.advice())
    }

    /// The error with a message that says more.
    pub(super) const fn because(self, message: &'static str) -> ApiError {
        ApiError { code: self, message, retry_after: None, allow: None }
    }
}

/// An error that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) code: ErrorCode,
    pub(super) message: &'static str,
    retry_after: Option<Duration>,
    allow: Option<&'static str>,
}

impl ApiError {
    pub(super) const fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    pub(super) const fn allow(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Its body: `{"error":{"code":"..","message":".."}}`.
    pub(super) fn to_json(self) -> serde_json::Value {
        json!({"error": {"code": self.code.as_str(), "message": self.message}})
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = answer::json(self.code.status(), self.to_json().to_string());
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(RETRY_AFTER, seconds.max(1).into());
        }
        if let Some(methods) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        let challenge = match self.code {
            ErrorCode::KeyMissing => Some(r#"Bearer realm="sockeye""#),
            ErrorCode::KeyUnknown | ErrorCode::KeyExpired => {
                Some(r#"Bearer realm="sockeye", error="invalid_token""#)
            }
            ErrorCode::OutOfScope => Some(r#"Bearer realm="sockeye", error="insufficient_scope""#),
            _ => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge => ErrorCode::TooLarge.error(),
            BodyError::Broken => {
                ErrorCode::BadJson.because("The body ended before its end: send it again.")
            }
            BodyError::Timeout => ErrorCode::BodyTimeout.error(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_its_own_and_says_what_to_do() {
        let mut statuses = Vec::new();
        for (at, code) in ErrorCode::ALL.iter().enumerate() {
            let name = code.as_str();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(!ErrorCode::ALL[..at].iter().any(|other| other.as_str() == name), "{name}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{name}");
            assert!(code.advice().ends_with('.') && code.advice().len() > 30, "{name}");
            statuses.push(code.status());
        }
        assert!(statuses.is_sorted());
    }

    #[test]
    fn waiting_is_said_in_whole_seconds() {
        for (after, seconds) in [(0, "1"), (1, "1"), (1_000, "1"), (1_001, "2"), (60_000, "60")] {
            let error = ErrorCode::RateLimited.error().retry_after(Duration::from_millis(after));
            assert_eq!(error.into_response().headers()[RETRY_AFTER], seconds, "{after}");
        }
    }
}
