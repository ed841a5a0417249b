//! The page for iframes (SockJS 0.3.3, "IframePage").

use std::hash::{DefaultHasher, Hash, Hasher};

use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH,
};
use http::{Response, StatusCode};
use sockeye_engine::Body;

use super::headers::{cache_for_a_year, typed};
use crate::config::Iframe;

/// Answers a request for the page.
pub(crate) fn answer(iframe: &Iframe, request: &HeaderMap) -> Response<Body> {
    let page = page(&iframe.script);
    let mut hasher = DefaultHasher::new();
    page.hash(&mut hasher);
    let tag = format!("\"{:016x}\"", hasher.finish());
    let is_known =
        request.get_all(IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes());
    let html = HeaderValue::from_static("text/html; charset=UTF-8");
    let mut response = match is_known {
        true => typed(StatusCode::NOT_MODIFIED, html, Body::default()),
        false => typed(StatusCode::OK, html, page.into()),
    };
    let headers = response.headers_mut();
    if is_known {
        headers.remove(CONTENT_TYPE);
    }
    let policy = format!("frame-ancestors {}", iframe.ancestors.join(" "));
    for (name, value) in [(ETAG, tag), (CONTENT_SECURITY_POLICY, policy)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    cache_for_a_year(headers);
    response
}

/// The protocol tells this page word for word: clients of every version load it.
fn page(script: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html>\n<head>\n  <meta http-equiv=\"X-UA-Compatible\" content=\"IE=edge\" />\n  \
         <meta http-equiv=\"Content-Type\" content=\"text/html; charset=UTF-8\" />\n  \
         <script src=\"{script}\"></script>\n  <script>\n    document.domain = document.domain;\n    \
         SockJS.bootstrap_iframe();\n  </script>\n</head>\n<body>\n  <h2>Don't panic!</h2>\n  \
         <p>This is a SockJS hidden iframe. It's used for cross domain magic.</p>\n</body>\n</html>"
    )
}
