//! A POST of a session: its body, and what becomes of the session if that breaks a rule.

use http::header::{CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body::Body as HttpBody;
use sockeye_engine_proto::{PayloadForm, Revision};

use super::upload::Upload;
use super::{Asked, jsonp, respond};
use crate::http::headers_present::HeadersPresent;
use crate::http::refusal::empty;
use crate::http::response_body::Body;
use crate::metrics;
use crate::session::Session;
use crate::session::close_detail::CloseDetail;
use crate::session::config::Config;
use crate::session::inbox::SessionRequest;
use crate::session::reply::{ReplyContent, reply};

/// A POST of a session that polls.
pub(crate) struct Post<B> {
    claim: Claim,
    body: Upload<B>,
    form: PayloadForm,
    asked: Asked,
}

impl<B: HttpBody> Post<B> {
    /// # Errors
    /// With the answer, when it overlaps another, or its content type is nothing the session's client
    /// may send. That ends the session.
    #[expect(clippy::result_large_err, reason = "it is the answer")]
    pub(crate) fn new(
        session: Session,
        head: &Parts,
        present: HeadersPresent,
        body: B,
    ) -> Result<Self, Unread<B>> {
        let body = Upload::new(body, session.config());
        let form = post_form(&session, &head.headers, present);
        let broken =
            if form.is_some() { CloseDetail::PostAborted } else { CloseDetail::ContentType };
        match Claim::new(session, broken).zip(form) {
            Some((claim, form)) => Ok(Post { claim, body, form, asked: Asked::new(head, present) }),
            None => Err(Unread { response: empty(StatusCode::BAD_REQUEST), body }),
        }
    }

    /// Takes in the body and answers when its packets were handled.
    pub(crate) async fn answer(self) -> Response<Body> {
        let Post { mut claim, body, form, asked } = self;
        let body = match body.collect().await {
            Ok(body) => body,
            Err(detail) => {
                // The session ends with this, by `transport error`, when the claim is dropped.
                claim.broken = detail;
                return match detail {
                    CloseDetail::PostAborted => empty(StatusCode::BAD_REQUEST),
                    // RFC 9110 §15.5.9.
                    CloseDetail::BodyTimeout => closing(empty(StatusCode::REQUEST_TIMEOUT)),
                    // Too many bytes, or too many pieces.
                    _ => {
                        metrics::body_too_large();
                        closing(empty(StatusCode::PAYLOAD_TOO_LARGE))
                    }
                };
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
            None => ReplyContent::Accepted,
        };
        claim.is_handed_over = true;
        respond(answer, &claim.session, asked)
    }
}

/// An answer that does not depend on the body of its request. What of that is still to come is read
/// and forgotten: so the answer arrives, whoever is in between, and the connection can go on.
pub(crate) struct Unread<B> {
    response: Response<Body>,
    body: Upload<B>,
}

impl<B: HttpBody> Unread<B> {
    pub(crate) fn new(response: Response<Body>, body: B, config: &Config) -> Self {
        Unread { response, body: Upload::new(body, config) }
    }

    pub(crate) async fn answer(self) -> Response<Body> {
        match self.body.read(drop).await {
            Ok(()) => self.response,
            Err(_) => closing(self.response),
        }
    }
}

/// The connection ends behind this answer: more of the request may come.
fn closing(mut response: Response<Body>) -> Response<Body> {
    // HTTP/2 leaves it out.
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A session's one POST. Unless its body was handed to the session's task, the end of the request is the
/// session's end: it was given up, or broke a rule (`task/receive.rs` takes that in).
struct Claim {
    session: Session,
    is_handed_over: bool,
    /// How the session ends if the body is never handed over.
    broken: CloseDetail,
}

impl Claim {
    /// `None` when there is a POST already, which ends the session.
    fn new(session: Session, broken: CloseDetail) -> Option<Self> {
        if session.begin_post() {
            return Some(Claim { session, is_handed_over: false, broken });
        }
        let _ = session.submit(SessionRequest::Failed(CloseDetail::PostOverlap));
        None
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.is_handed_over {
            let _ = self.session.submit(SessionRequest::Failed(self.broken));
        }
        self.session.end_post();
    }
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
