//! HTTP below `/api`: JSON in and out, for this server's own page and for programs.
//!
//! What changes something is asked with `Content-Type: application/json`, which no form of another site can send, and
//! from a page of this server, by the browser's word (`Sec-Fetch-Site`, or `Origin` where it says none). A picture is
//! sent as a file of bytes instead, which no form can send either. Nothing but pictures is cached. A refused request is answered 4xx with `{ "error": Refusal }`.

use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::app::App;
use crate::contract::Refusal;
use crate::invitations;
use crate::refusal::Refused;
use crate::{accounts, admin, pictures};

/// The most bytes of a body.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;

/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A body in JSON.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

/// The routes of all features, to be nested at `/api`.
pub(crate) fn router(app: App) -> Router {
    Router::new()
        .merge(accounts::http::routes())
        .merge(accounts::passkeys::http::routes())
        .merge(admin::http::routes())
        .merge(invitations::http::routes())
        .merge(pictures::http::routes())
        .fallback(async || Refused::NotThere)
        .layer(middleware::from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let mut response = match check(&app, &request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    let kept = response.headers_mut().entry(header::CACHE_CONTROL);
    kept.or_insert(HeaderValue::from_static("no-store"));
    response
}

fn check(app: &App, request: &Request) -> Result<(), Refused> {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return Ok(());
    }
    if !app.reach.is_own(request) {
        return Err(Refused::OtherSite);
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    let (is_right, advice) = if pictures::http::is_file(request) {
        let is_image = kind.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/"));
        let is_bytes = kind.eq_ignore_ascii_case("application/octet-stream");
        (is_image || is_bytes, "send it with the header Content-Type: application/octet-stream")
    } else {
        let is_json = kind.eq_ignore_ascii_case("application/json");
        (is_json, "send it with the header Content-Type: application/json")
    };
    if is_right { Ok(()) } else { Err(Refused::BadRequest(advice.to_owned())) }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let body = timeout(BODY_TIMEOUT, to_bytes(request.into_body(), BODY_BYTES_MAX)).await;
        let body = body.map_err(|_| Refused::BodyLate)?;
        let body = body.map_err(|_| {
            let problem = format!("the body is longer than {BODY_BYTES_MAX} bytes, or broke off");
            Refused::BadRequest(problem)
        })?;
        let read = serde_json::from_slice(&body);
        read.map(Json).map_err(|error| Refused::BadRequest(format!("the body: {error}")))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer is no JSON");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

#[derive(Serialize)]
struct Error {
    error: Refusal,
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let error = self.told();
        tracing::debug!(code = error.code, "request refused");
        let retry_after = error.retry_after;
        let mut response = (status(&self), Json(Error { error })).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

fn status(refused: &Refused) -> StatusCode {
    match refused {
        Refused::Unauthorized => StatusCode::UNAUTHORIZED,
        Refused::Forbidden
        | Refused::OtherSite
        | Refused::WrongLogin
        | Refused::PasskeyFailed
        | Refused::WrongPassword
        | Refused::GuestsOff
        | Refused::GuestOwnsNothing
        | Refused::InvitationNoAccount
        | Refused::Banned => StatusCode::FORBIDDEN,
        Refused::NotThere | Refused::RoomGone | Refused::InvitationOver => StatusCode::NOT_FOUND,
        Refused::NameTaken
        | Refused::LastOwner
        | Refused::BlocksFull
        | Refused::InvitationsFull
        | Refused::PasskeysFull => StatusCode::CONFLICT,
        Refused::TooFast(_) | Refused::TooManyRooms(_) | Refused::QuotaUsed(_) => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Refused::BodyLate => StatusCode::REQUEST_TIMEOUT,
        Refused::FileLarge(_) | Refused::PictureLarge | Refused::AnimationLong => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        Refused::NotAPicture => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Refused::Storage | Refused::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
        Refused::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
pub(crate) mod tests;
