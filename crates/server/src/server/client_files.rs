//! The browser client, served from the server itself (`<script src="/socket.io/socket.io.js">`).
//!
//! The files are a checked copy of what `clients/js` builds. Names and headers are those of the
//! official server. A file is compressed at most once in each coding, when it is first asked for.

/// How a file is compressed on its way.
mod content_coding;

use std::sync::OnceLock;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use sockeye_engine::Body;
use sockeye_net::http::ContentCoding;

use self::content_coding::{OFFERED, encode};
use super::config::Config;

const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const JAVASCRIPT: &str = "application/javascript; charset=utf-8";
const SOURCE_MAP: &str = "application/json; charset=utf-8";
/// The package's version, as on the official server.
const ETAG: &str = concat!("\"", env!("CARGO_PKG_VERSION"), "\"");

struct File {
    name: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    compressed: [OnceLock<Bytes>; OFFERED.len()],
}

impl File {
    /// The content in this coding; without any if it cannot be compressed.
    fn content(&self, coding: Option<ContentCoding>) -> (Bytes, Option<ContentCoding>) {
        let plain = || (Bytes::from_static(self.content), None);
        let Some(coding) = coding else { return plain() };
        let place = OFFERED.iter().position(|other| *other == coding);
        let Some(cached) = place.and_then(|place| self.compressed.get(place)) else {
            return plain();
        };
        if let Some(content) = cached.get() {
            return (content.clone(), Some(coding));
        }
        match encode(coding, self.content) {
            Ok(content) => (cached.get_or_init(|| content.into()).clone(), Some(coding)),
            Err(error) => {
                tracing::warn!(%error, file = self.name, "the file cannot be compressed");
                plain()
            }
        }
    }
}

macro_rules! files {
    ($($name:literal: $content_type:ident,)*) => {
        [$(File {
            name: $name,
            content_type: $content_type,
            content: include_bytes!(concat!("../../client-dist/", $name)),
            compressed: [const { OnceLock::new() }; OFFERED.len()],
        }),*]
    };
}

static FILES: [File; 8] = files! {
    "socket.io.js": JAVASCRIPT,
    "socket.io.js.map": SOURCE_MAP,
    "socket.io.min.js": JAVASCRIPT,
    "socket.io.min.js.map": SOURCE_MAP,
    "socket.io.esm.min.js": JAVASCRIPT,
    "socket.io.esm.min.js.map": SOURCE_MAP,
    "socket.io.msgpack.min.js": JAVASCRIPT,
    "socket.io.msgpack.min.js.map": SOURCE_MAP,
};

/// The answer, if the request is for one of the files and they are served.
pub(crate) fn serve<B>(
    config: &Config,
    path: &str,
    request: &Request<B>,
) -> Option<Response<Body>> {
    config.serve_client.then(|| serve_below(path, request)).flatten()
}

/// The answer, if the request is for one of the files under `path`.
fn serve_below<B>(path: &str, request: &Request<B>) -> Option<Response<Body>> {
    let name = request.uri().path().strip_prefix(path)?.strip_prefix('/')?;
    let file = FILES.iter().find(|file| file.name == name)?;
    let is_known = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|values| values.split(','))
        .any(|value| value.trim().trim_start_matches("W/") == ETAG);
    let coding = ContentCoding::accepted(request.headers(), &OFFERED).filter(|_| !is_known);
    let (content, coding) = if is_known { (Bytes::new(), None) } else { file.content(coding) };
    let mut response = Response::new(Body::from(content));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(header::ETAG, HeaderValue::from_static(ETAG));
    // Pages of every origin may load them, cross-origin isolated ones too.
    headers.insert(CROSS_ORIGIN_RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, coding.header());
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(uri: &str, if_none_match: Option<&str>) -> Option<Response<Body>> {
        let mut request = Request::get(uri);
        if let Some(value) = if_none_match {
            request = request.header(header::IF_NONE_MATCH, value);
        }
        serve_below("/socket.io", &request.body(()).unwrap())
    }

    #[test]
    fn the_files_and_nothing_else() {
        let response = get("/socket.io/socket.io.js?x=1", None).unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], JAVASCRIPT);
        assert_eq!(
            get("/socket.io/socket.io.js.map", None).unwrap().headers()[header::CONTENT_TYPE],
            SOURCE_MAP
        );
        for path in ["/socket.io/", "/socket.io/other.js", "/socket.io.js", "/socket.io/../x"] {
            assert!(get(path, None).is_none(), "{path}");
        }
    }
}
