//! Cross-origin requests (the Fetch standard, "CORS protocol").
//!
//! Which pages may connect is for [`Config::origins`](crate::Config::origins) alone; this only
//! tells browsers so. Where that names pages of other origins it is said without being asked for
//! (`Config::checked`).

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_LENGTH, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Response, StatusCode};
use sockeye_net::http::Origins;

use crate::http::refusal::empty;
use crate::http::response_body::Body;

/// What browsers are told about cross-origin requests, if it is more than that they may be made. The
/// pages are those that [`Config::origins`](crate::Config::origins) lets in.
///
/// ```
/// use sockeye_engine::{Config, Cors, Origins};
///
/// let config = Config {
///     origins: Origins::SameOriginOr(vec!["https://app.example".parse()?]),
///     cors: Some(Cors { credentials: true, ..Cors::default() }),
///     ..Config::default()
/// };
/// # drop(config);
/// # Ok::<(), sockeye_engine::OriginPatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Whether cookies and the like may come along. Not together with
    /// [`Origins::Any`](crate::Origins::Any). Default `false`.
    pub credentials: bool,
    /// Methods of requests. Default `GET,POST`, which is all there is.
    pub methods: HeaderValue,
    /// Headers of requests. Default `None`: those the browser asks for.
    pub allowed_headers: Option<HeaderValue>,
    /// Headers of responses that scripts may read. Default `None`.
    pub exposed_headers: Option<HeaderValue>,
    /// How many seconds a browser may remember the answer to its preflight. Default `None`: as the
    /// browser likes.
    pub max_age_s: Option<u32>,
}

impl Default for Cors {
    fn default() -> Self {
        Cors {
            credentials: false,
            methods: HeaderValue::from_static("GET,POST"),
            allowed_headers: None,
            exposed_headers: None,
            max_age_s: None,
        }
    }
}

impl Cors {
    /// Adds what every response to a request with these headers, for this host, says.
    pub(crate) fn extend(
        &self,
        origins: &Origins,
        (request, host): (&HeaderMap, Option<&str>),
        out: &mut HeaderMap,
    ) {
        if *origins == Origins::Any {
            out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        } else {
            // Also where nothing is allowed: a cache must not hand that to another page.
            out.append(VARY, HeaderValue::from_static("Origin"));
            let origin = request.get(ORIGIN).filter(|_| origins.allow(request, host));
            let Some(origin) = origin else { return };
            out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        if self.credentials {
            out.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if let Some(headers) = &self.exposed_headers {
            out.insert(ACCESS_CONTROL_EXPOSE_HEADERS, headers.clone());
        }
    }

    /// The answer to a preflight: 204, whatever its path and query.
    pub(crate) fn preflight(
        &self,
        origins: &Origins,
        (request, host): (&HeaderMap, Option<&str>),
    ) -> Response<Body> {
        let mut response = empty(StatusCode::NO_CONTENT);
        let out = response.headers_mut();
        self.extend(origins, (request, host), out);
        out.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
        if self.allowed_headers.is_none() {
            out.append(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
        }
        let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS);
        if let Some(headers) = self.allowed_headers.as_ref().or(asked) {
            out.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
        if let Some(seconds) = self.max_age_s {
            out.insert(ACCESS_CONTROL_MAX_AGE, seconds.into());
        }
        // Some browsers wait for a body otherwise.
        out.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        response
    }
}
