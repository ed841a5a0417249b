//! Headers of answers, and answers that are nothing but a status and a text.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    CACHE_CONTROL, CONTENT_TYPE, COOKIE, EXPIRES, HeaderMap, HeaderValue, ORIGIN, SET_COOKIE, VARY,
};
use http::{Method, Response, StatusCode};
use sockeye_engine::{Body, Origins};

use crate::config::Config;

/// What every answer to a request says, from what the request says.
#[derive(Clone, Debug)]
pub(crate) struct Common(Box<HeaderMap>);

impl Common {
    /// What browsers are told of pages of other origins (the Fetch standard, "CORS protocol"). The page was
    /// let in before.
    pub(crate) fn new(config: &Config, origins: &Origins, request: &HeaderMap) -> Self {
        let mut headers = HeaderMap::new();
        let origin = request.get(ORIGIN);
        let may_bring_cookies = config.cookies_of_any_origin || *origins != Origins::Any;
        match origin {
            Some(origin) if may_bring_cookies => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
            _ if *origins == Origins::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            }
            _ => {}
        }
        headers.insert(VARY, HeaderValue::from_name(ORIGIN));
        Common(Box::new(headers))
    }

    /// For the answers of sessions: the cookie that keeps a client with its server.
    pub(crate) fn with_cookie(mut self, config: &Config, request: &HeaderMap) -> Self {
        if config.cookie_needed {
            let own = request.get_all(COOKIE).iter().find_map(session_cookie);
            let value = own.unwrap_or_else(|| HeaderValue::from_static("JSESSIONID=dummy; path=/"));
            self.0.insert(SET_COOKIE, value);
        }
        self
    }

    /// Adds them to an answer.
    pub(crate) fn on(self, mut response: Response<Body>) -> Response<Body> {
        response.headers_mut().extend(*self.0);
        response
    }

    /// The answer to a preflight, which may be kept for a year.
    pub(crate) fn preflight(self, request: &HeaderMap, methods: &[Method]) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, list(methods));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("31536000"));
        let wanted = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty()) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        cache_for_a_year(headers);
        self.on(response)
    }
}

/// The cookie of a request once more, as it is to be set.
fn session_cookie(value: &HeaderValue) -> Option<HeaderValue> {
    let cookies = value.to_str().ok()?;
    let cookie = cookies.split(';').map(str::trim).find(|it| it.starts_with("JSESSIONID="))?;
    HeaderValue::try_from(format!("{cookie}; path=/")).ok()
}

/// An answer with a text.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let content_type = HeaderValue::from_static("text/plain; charset=UTF-8");
    typed(status, content_type, Bytes::from(text.into()).into())
}

/// An answer of this media type.
pub(crate) fn typed(status: StatusCode, content_type: HeaderValue, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// There is nothing at this path.
pub(crate) fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "404 Error: Page not found\n")
}

/// The path is not for this method (RFC 9110 §15.5.6).
pub(crate) fn not_allowed(methods: &[Method]) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response.headers_mut().insert(ALLOW, list(methods));
    response
}

/// What is said now is of now.
pub(crate) fn never_cache(headers: &mut HeaderMap) {
    let never = "no-store, no-cache, no-transform, must-revalidate, max-age=0";
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(never));
}

/// What is said now is so for a year.
pub(crate) fn cache_for_a_year(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000"));
    let expires = httpdate::fmt_http_date(SystemTime::now() + YEAR);
    if let Ok(expires) = HeaderValue::try_from(expires) {
        headers.insert(EXPIRES, expires);
    }
}

fn list(methods: &[Method]) -> HeaderValue {
    let names: Vec<_> = methods.iter().map(Method::as_str).collect();
    HeaderValue::try_from(names.join(", ")).unwrap_or_else(|_| HeaderValue::from_static("GET"))
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
