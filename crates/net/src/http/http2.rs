//! WebSocket over HTTP/2 (RFC 8441) in the words of HTTP/1.1, so that whoever handles handshakes need
//! not know both.

use http::header::{
    CONNECTION, HOST, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use hyper::ext::Protocol;

/// There is no key in HTTP/2; nobody sees the answer to this one.
const KEY: HeaderValue = HeaderValue::from_static("AAAAAAAAAAAAAAAAAAAAAA==");

/// Whether a request is an extended CONNECT for WebSocket (RFC 8441 §4, §5).
pub fn is_websocket<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_2
        && request.method() == Method::CONNECT
        && request
            .extensions()
            .get::<Protocol>()
            .is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// Gives a request of HTTP/2 a `Host`, and makes an extended CONNECT for WebSocket the handshake of
/// RFC 6455. Returns whether it did the latter: then the response goes through
/// [`translate_response`].
pub(crate) fn translate_request<B>(request: &mut Request<B>) -> bool {
    if request.version() != Version::HTTP_2 {
        return false;
    }
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        // `:authority` is what counts where both are given (RFC 9113 §8.3.1).
        request.headers_mut().insert(HOST, host);
    }
    let websocket = is_websocket(request);
    if websocket {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        *request.method_mut() = Method::GET;
        *request.version_mut() = Version::HTTP_11;
        extend_headers(request.headers_mut());
    }
    websocket
}

/// Adds what a handshake has in HTTP/1.1 only.
pub fn extend_headers(headers: &mut HeaderMap) {
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_KEY, KEY);
}

/// The answer to such a handshake: 200 instead of 101, without the headers of HTTP/1.1 (RFC 8441 §5,
/// RFC 9113 §8.2.2).
pub fn translate_response<B>(mut response: Response<B>) -> Response<B> {
    *response.version_mut() = Version::HTTP_2;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        *response.status_mut() = StatusCode::OK;
    }
    for name in [UPGRADE, CONNECTION, SEC_WEBSOCKET_ACCEPT, TRANSFER_ENCODING] {
        response.headers_mut().remove(name);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extended_connect(protocol: &'static str) -> Request<()> {
        Request::builder()
            .method(Method::CONNECT)
            .version(Version::HTTP_2)
            .uri("https://example.com:8443/chat?x=1")
            .header("sec-websocket-version", "13")
            .extension(Protocol::from_static(protocol))
            .body(())
            .unwrap()
    }

    /// The handshake of RFC 8441 §5.1, there and back.
    #[test]
    fn a_handshake_there_and_back() {
        let mut request = extended_connect("websocket");
        assert!(translate_request(&mut request));
        assert_eq!(request.uri(), "/chat?x=1");
        assert_eq!(request.headers()[HOST], "example.com:8443");
        let accept = sockeye_ws::handshake::server::check(&request).unwrap();
        let response = accept.with_protocol("chat").into_response::<()>();
        let response = translate_response(response);
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().len(), 1);
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    }

    #[test]
    fn other_requests_only_get_a_host() {
        let mut other = extended_connect("connect-udp");
        assert!(!translate_request(&mut other));
        assert_eq!((other.method(), other.headers().len()), (&Method::CONNECT, 2));
        let mut get = Request::get("https://a/b").version(Version::HTTP_2).body(()).unwrap();
        get.headers_mut().insert(HOST, HeaderValue::from_static("elsewhere"));
        assert!(!translate_request(&mut get));
        assert_eq!(
            (get.uri().path(), &get.headers()[HOST]),
            ("/b", &HeaderValue::from_static("a"))
        );
        let mut old = Request::get("http://a/b").body(()).unwrap();
        assert!(!translate_request(&mut old));
        assert!(old.headers().is_empty());
    }
}
