//! The page of the lab.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::map_response;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::contract::PAGE_PATH;
use crate::site::{self, html};
use crate::ui::Ui;

/// The page at [`PAGE_PATH`], without its files.
pub(crate) fn pages(ui: Ui) -> Router {
    Router::new()
        .route(PAGE_PATH, get(page))
        .layer(map_response(site::secure))
        .with_state(Arc::new(ui))
}

async fn page(State(ui): State<Arc<Ui>>, headers: HeaderMap) -> Response {
    let body = ui.lab_page().unwrap_or_else(|| html::document(html::NO_UI).into());
    let mut response = Html(body).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(policy) = policy(&headers) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The policy of the other pages, and connections to all ports of the page's own host: those of the
/// roads. Without a host that can be told, only the former.
fn policy(headers: &HeaderMap) -> Option<HeaderValue> {
    let host: Authority = headers.get(HOST)?.to_str().ok()?.parse().ok()?;
    let host = host.host();
    let is_plain =
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-[:]_".contains(&byte));
    if !is_plain {
        return None;
    }
    let roads = format!("connect-src 'self' http://{host}:* ws://{host}:*");
    site::CONTENT_SECURITY_POLICY.replace("connect-src 'self'", &roads).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_may_connect_to_its_own_host_alone() {
        let policy = |host: &'static str| {
            let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            policy(&headers).map(|policy| policy.to_str().unwrap().to_owned())
        };
        let told = policy("localhost:3200").unwrap();
        assert!(
            told.contains("; connect-src 'self' http://localhost:* ws://localhost:*; "),
            "{told}"
        );
        assert!(policy("[::1]:3200").unwrap().contains(" ws://[::1]:*; "));
        assert_eq!(policy("a;script-src:3200"), None);
        assert_eq!(policy("a b"), None);
    }
}
