//! The page over HTTP: one document for all its addresses, the files of the page, and what watches the server asks.
//!
//! | path | answer |
//! |---|---|
//! | `/`, `/room`, `/room/<id or title>`, `/invite`, `/reset`, `/setup`, `/login`, `/settings`, `/admin` | the page |
//! | `/api/…` | JSON, see [`accounts`](crate::accounts::contract) and the other contracts |
//! | `/healthz` | 200 `ok`: the process serves |
//! | `/readyz` | 200 `ok`, or 503 and why: the server stops, or cannot store messages |
//! | `/metrics` | numbers for Prometheus, for this machine or with the key; 403 otherwise |
//! | anything else | a file of the page, or 404 |
//!
//! The page is told with its HTML who is logged in ([`Boot`]), and nothing else of what is kept.

pub(crate) mod html;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::accounts::contract::Boot;
use crate::api::{self, BODY_BYTES_MAX};
use crate::app::App;
use crate::metrics::{self, MetricsKey};
use crate::store::StoreError;
use crate::ui::Ui;

/// Everything comes from this server, nothing is inline, nobody may frame the pages.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data: blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'";

/// What the page is made from.
#[derive(Debug)]
pub struct Site {
    app: App,
    ui: Ui,
    metrics_key: Option<MetricsKey>,
    is_stopping: AtomicBool,
}

impl Site {
    /// The page of this chat, with these files.
    pub fn new(app: App, ui: Ui) -> Self {
        Site { app, ui, metrics_key: None, is_stopping: AtomicBool::new(false) }
    }

    /// Other machines may ask for `/metrics` with this key. Default: they may not.
    #[must_use]
    pub fn metrics_key(self, key: Option<MetricsKey>) -> Self {
        Site { metrics_key: key, ..self }
    }

    /// From now on `/readyz` says that the server stops, so that a load balancer goes elsewhere.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// The routes.
    pub fn router(self: Arc<Self>) -> Router {
        let mut router = Router::new();
        for path in PAGES {
            router = router.route(path, get(page));
        }
        router
            .route("/room/{name}/{message}", get(at_message))
            .route("/room/", get(async || Redirect::permanent("/room")))
            .route("/robots.txt", get(async || ROBOTS))
            .route("/healthz", get(async || ([NOT_CACHED], "ok")))
            .route("/readyz", get(ready))
            .route("/metrics", get(numbers))
            .fallback(file)
            .with_state(Arc::clone(&self))
            .nest("/api", api::router(self.app.clone()))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .layer(map_response(secure))
    }

    /// The answer at a path where there is nothing: the page says so.
    pub(crate) fn missing(&self) -> Response {
        let boot = Boot { is_missing: true, ..Boot::default() };
        let page = self.ui.page(&boot, html::MISSING);
        let page = page.unwrap_or_else(|| html::document(html::MISSING));
        (StatusCode::NOT_FOUND, [NOT_CACHED], Html(page)).into_response()
    }
}

/// The addresses of the page.
const PAGES: [&str; 9] =
    ["/", "/room", "/room/{name}", "/invite", "/reset", "/setup", "/login", "/settings", "/admin"];

/// Nothing of a team's chat is for search engines.
const ROBOTS: &str = "User-agent: *\nDisallow: /\n";

const NOT_CACHED: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");
/// Who is logged in stands in the page: no cache that others share keeps it.
const OWN: (HeaderName, &str) = (header::CACHE_CONTROL, "private, no-cache");

async fn page(State(site): State<Arc<Site>>, request: Parts) -> Response {
    match site.app.accounts.boot(&request, &site.app.reach).await {
        Ok((mut boot, renewed)) => {
            boot.picture_bytes_max = site.app.pictures.bytes_max;
            let page = site.ui.page(&boot, html::NEEDS_SCRIPT);
            let page = page.unwrap_or_else(|| html::document(html::NO_UI));
            let mut response = ([OWN], Html(page)).into_response();
            if let Some(cookie) = renewed {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => failed(&error),
    }
}

/// The page at a message of a room, which is called by its number.
async fn at_message(
    site: State<Arc<Site>>,
    Path((_, message)): Path<(String, String)>,
    request: Parts,
) -> Response {
    if message.parse::<u64>().is_ok_and(|id| id > 0) {
        page(site, request).await
    } else {
        site.missing()
    }
}

async fn numbers(State(site): State<Arc<Site>>, request: Parts) -> Response {
    if !metrics::may_ask(&site.app, site.metrics_key.as_ref(), &request) {
        let advice = "the numbers are for this machine, and for others with the key of --metrics-key \
                      (Authorization: Bearer KEY)\n";
        return (StatusCode::FORBIDDEN, [NOT_CACHED], advice).into_response();
    }
    match metrics::text(&site.app).await {
        Ok(text) => {
            let kind = (header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
            ([NOT_CACHED, (kind.0, kind.1)], text).into_response()
        }
        Err(error) => failed(&error),
    }
}

async fn ready(State(site): State<Arc<Site>>) -> Response {
    let answer = if site.is_stopping.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned())
    } else {
        match site.app.store.health().await {
            Ok(()) => (StatusCode::OK, "ok".to_owned()),
            Err(fault) => {
                let why = format!("messages cannot be stored: {}", html::chain(&fault));
                (StatusCode::SERVICE_UNAVAILABLE, why)
            }
        }
    };
    ([NOT_CACHED], answer).into_response()
}

async fn file(State(site): State<Arc<Site>>, request: Request) -> Response {
    asset(&site.ui, &request).unwrap_or_else(|| site.missing())
}

/// The file of the page that is asked for.
pub(crate) fn asset(ui: &Ui, request: &Request) -> Option<Response> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let asset = ui.file(request.uri().path().trim_start_matches('/'))?;
    let caching =
        if asset.is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CACHE_CONTROL, caching), (header::CONTENT_TYPE, asset.content_type)];
    Some((headers, asset.body.clone()).into_response())
}

fn failed(error: &StoreError) -> Response {
    tracing::error!(error = %html::chain(error), "the page could not be made");
    let page = html::document(html::FAILED);
    (StatusCode::INTERNAL_SERVER_ERROR, [NOT_CACHED], Html(page)).into_response()
}

/// Adds the headers that keep pages to themselves; a policy that is there already stays.
pub(crate) async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Room names are nobody else's business.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests;
