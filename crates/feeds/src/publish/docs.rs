//! The description of the API, and a page to try it.
//!
//! The page has nothing from elsewhere and nothing that is made for a request, so a strict policy can name all it
//! needs: its own script and style sheet by their paths. What is typed in stays in its memory.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use sockeye::Body;

use super::config::PublishingConfig;
use super::openapi;
use super::route::Route;

const PAGE: &str = include_str!("docs/page.html");
const SCRIPT: &str = include_str!("docs/page.js");
const STYLE: &str = include_str!("docs/page.css");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is shown of the API.
#[derive(Debug)]
pub(super) struct Docs {
    openapi: Bytes,
    /// Where the page is, for who asks for the mount without a slash at its end.
    page: HeaderValue,
}

impl Docs {
    pub(super) fn new(config: &PublishingConfig, path: &str) -> Self {
        let openapi = openapi::document(config, path).to_string().into();
        let name = path.rsplit('/').next().unwrap_or_default();
        let page = HeaderValue::from_str(&format!("{name}/docs"));
        // Nothing is mounted at another path than that of a URL.
        Self { openapi, page: page.unwrap_or(HeaderValue::from_static("docs")) }
    }

    /// One of its files.
    pub(super) fn answer(&self, route: Route) -> Response<Body> {
        let (content_type, body) = match route {
            Route::OpenApi => ("application/json", self.openapi.clone()),
            Route::Script => ("text/javascript; charset=utf-8", SCRIPT.into()),
            Route::Style => ("text/css; charset=utf-8", STYLE.into()),
            Route::Page => ("text/html; charset=utf-8", PAGE.into()),
            _ => return self.to_page(route),
        };
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        let mut set = |name: HeaderName, value| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set(CONTENT_TYPE, content_type);
        set(CACHE_CONTROL, "no-cache");
        set(X_CONTENT_TYPE_OPTIONS, "nosniff");
        if route == Route::Page {
            set(CONTENT_SECURITY_POLICY, POLICY);
            set(X_FRAME_OPTIONS, "DENY");
            set(REFERRER_POLICY, "no-referrer");
            set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        }
        response
    }

    /// From the mount itself to the page below it, whatever a proxy has put before its path.
    fn to_page(&self, route: Route) -> Response<Body> {
        let mut response = Response::new(Body::default());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        let page = match route {
            Route::Root => self.page.clone(),
            _ => HeaderValue::from_static("docs"),
        };
        response.headers_mut().insert(LOCATION, page);
        response
    }
}
