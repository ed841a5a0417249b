//! The server's side of the opening handshake (RFC 6455 §4.2).

use http::header::{
    ALLOW, CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, StatusCode, Version};

use super::extension::MalformedExtensions;
use super::header::contains;
use super::{VERSION, accept_value};

/// Why a request is not a WebSocket handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The method is not GET (RFC 6455 §4.2.1, 1).
    #[error("method is not GET")]
    Method,
    /// The HTTP version is not 1.1 (RFC 6455 §4.2.1, 1).
    #[error("HTTP version is not 1.1")]
    HttpVersion,
    /// `Upgrade` does not name `websocket`, or `Connection` does not name `upgrade` (RFC 6455
    /// §4.2.1, 3 and 4): an ordinary request.
    #[error("not an upgrade to WebSocket")]
    NotUpgrade,
    /// `Sec-WebSocket-Version` is not 13 (RFC 6455 §4.2.1, 6).
    #[error("WebSocket version is not 13")]
    WebSocketVersion,
    /// `Sec-WebSocket-Key` is missing, given twice, or not 16 bytes in base64 (RFC 6455 §4.2.1, 5).
    #[error("missing or invalid Sec-WebSocket-Key")]
    Key,
    /// `Sec-WebSocket-Extensions` is malformed (RFC 6455 §9.1). Only whoever negotiates extensions
    /// looks at it.
    #[error(transparent)]
    Extensions(#[from] MalformedExtensions),
}

impl RequestError {
    /// The status of the refusal (RFC 6455 §4.2.1, §4.2.2, §4.4): 405, 505, 426 or 400.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::HttpVersion => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::NotUpgrade | Self::WebSocketVersion => StatusCode::UPGRADE_REQUIRED,
            Self::Key | Self::Extensions(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Adds the headers the refusal's status calls for: `Allow`, or what to upgrade to.
    pub fn extend_headers(&self, headers: &mut HeaderMap) {
        match self {
            Self::Method => {
                headers.insert(ALLOW, HeaderValue::from_static("GET"));
            }
            Self::NotUpgrade | Self::WebSocketVersion => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
            }
            Self::HttpVersion | Self::Key | Self::Extensions(_) => {}
        }
    }
}

/// A handshake that can be accepted.
#[derive(Clone, Debug)]
pub struct Accept {
    value: HeaderValue,
    protocol: Option<HeaderValue>,
    extensions: Option<HeaderValue>,
}

impl Accept {
    /// The value of `Sec-WebSocket-Accept`.
    pub const fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// Chooses a sub-protocol. It must be one the client offered
    /// ([`protocols`](super::protocols)); what cannot be a header is ignored.
    #[must_use]
    pub fn with_protocol(mut self, protocol: &str) -> Self {
        self.protocol = HeaderValue::from_str(protocol).ok();
        self
    }

    /// Accepts extensions with this value of `Sec-WebSocket-Extensions`, as negotiated with the
    /// client's offers.
    #[must_use]
    pub fn with_extensions(mut self, extensions: HeaderValue) -> Self {
        self.extensions = Some(extensions);
        self
    }

    /// The response: 101 with the headers of RFC 6455 §4.2.2.
    pub fn into_response<B: Default>(self) -> http::Response<B> {
        let mut response = http::Response::new(B::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.value);
        if let Some(protocol) = self.protocol {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        if let Some(extensions) = self.extensions {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, extensions);
        }
        response
    }
}

/// Checks a request (RFC 6455 §4.2.1). The host and the origin are the application's to judge.
///
/// # Errors
///
/// When it is not a handshake of version 13 over HTTP/1.1.
pub fn check<B>(request: &http::Request<B>) -> Result<Accept, RequestError> {
    check_parts(request.method(), request.version(), request.headers())
}

/// [`check`] for whoever has no `http::Request`.
///
/// # Errors
///
/// As [`check`].
pub fn check_parts(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<Accept, RequestError> {
    if !contains(headers, UPGRADE, "websocket") || !contains(headers, CONNECTION, "upgrade") {
        return Err(RequestError::NotUpgrade);
    }
    if *method != Method::GET {
        return Err(RequestError::Method);
    }
    if version != Version::HTTP_11 {
        return Err(RequestError::HttpVersion);
    }
    if single(headers, SEC_WEBSOCKET_VERSION).is_none_or(|version| version != VERSION.as_bytes()) {
        return Err(RequestError::WebSocketVersion);
    }
    let key = single(headers, SEC_WEBSOCKET_KEY).filter(|key| is_key(key));
    let Some(key) = key else {
        return Err(RequestError::Key);
    };
    // 28 characters of base64 are always a header value.
    let value = HeaderValue::try_from(accept_value(key)).map_err(|_| RequestError::Key)?;
    Ok(Accept { value, protocol: None, extensions: None })
}

/// The value of a header that must be there once.
fn single(headers: &HeaderMap, name: http::HeaderName) -> Option<&[u8]> {
    let mut values = headers.get_all(name).into_iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

/// Whether it is 16 bytes in base64. The four spare bits of the last character are not looked at,
/// as no other server does.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key[..22].iter().all(is_digit) && &key[22..] == b"=="
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// The request of RFC 6455 §1.3.
    fn request() -> Request<()> {
        Request::get("/chat")
            .header("host", "server.example.com")
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("origin", "http://example.com")
            .header("sec-websocket-protocol", "chat, superchat")
            .header("sec-websocket-version", "13")
            .body(())
            .unwrap()
    }

    #[test]
    fn the_example_of_the_rfc() {
        let request = request();
        assert!(super::super::protocols(request.headers()).eq(["chat", "superchat"]));
        let response = check(&request).unwrap().with_protocol("chat").into_response::<()>();
        assert_eq!(response.status(), 101);
        let expected = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-protocol", "chat"),
        ];
        assert_eq!(response.headers().len(), expected.len());
        for (name, value) in expected {
            assert_eq!(response.headers()[name], value);
        }
    }

    #[test]
    fn headers_in_other_spellings() {
        for (name, value) in [
            ("upgrade", "WebSocket"),
            ("upgrade", "h2c, websocket"),
            ("connection", "keep-alive, Upgrade"),
            ("connection", "upgrade"),
        ] {
            let mut request = request();
            request.headers_mut().insert(name, HeaderValue::from_static(value));
            assert!(check(&request).is_ok(), "{name}: {value}");
        }
    }

    #[test]
    fn refusals() {
        use RequestError::*;
        let long = "A".repeat(8000);
        let cases = [
            ("upgrade", None, NotUpgrade),
            ("upgrade", Some("websockets"), NotUpgrade),
            ("connection", None, NotUpgrade),
            ("connection", Some("close"), NotUpgrade),
            ("sec-websocket-version", None, WebSocketVersion),
            ("sec-websocket-version", Some("12"), WebSocketVersion),
            ("sec-websocket-version", Some("13, 8"), WebSocketVersion),
            ("sec-websocket-key", None, Key),
            ("sec-websocket-key", Some(""), Key),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZQ="), Key),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZQ=A"), Key),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25j\u{e9}=="), Key),
            ("sec-websocket-key", Some("dGhlIHNhbXBsZSBub25jZSE="), Key),
            ("sec-websocket-key", Some(&long), Key),
        ];
        for (name, value, expected) in cases {
            let mut request = request();
            match value {
                Some(value) => {
                    let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
                    request.headers_mut().insert(name, value);
                }
                None => {
                    request.headers_mut().remove(name);
                }
            }
            assert_eq!(check(&request).err(), Some(expected), "{name}: {value:?}");
        }
    }

    #[test]
    fn a_header_given_twice_is_refused() {
        for (name, expected) in [
            ("sec-websocket-key", RequestError::Key),
            ("sec-websocket-version", RequestError::WebSocketVersion),
        ] {
            let mut request = request();
            let value = request.headers()[name].clone();
            request.headers_mut().append(name, value);
            assert_eq!(check(&request).err(), Some(expected));
        }
    }

    #[test]
    fn methods_and_versions() {
        let mut post = request();
        *post.method_mut() = Method::POST;
        assert_eq!(check(&post).err(), Some(RequestError::Method));
        for version in [Version::HTTP_10, Version::HTTP_2] {
            let mut old = request();
            *old.version_mut() = version;
            assert_eq!(check(&old).err(), Some(RequestError::HttpVersion));
        }
    }

    #[test]
    fn refusals_say_what_would_do() {
        let headers = |error: RequestError| {
            let mut headers = HeaderMap::new();
            error.extend_headers(&mut headers);
            headers
        };
        assert_eq!(RequestError::Method.status(), 405);
        assert_eq!(headers(RequestError::Method)[ALLOW], "GET");
        assert_eq!(RequestError::WebSocketVersion.status(), 426);
        let upgrade = headers(RequestError::WebSocketVersion);
        assert_eq!(upgrade[UPGRADE], "websocket");
        assert_eq!(upgrade[CONNECTION], "Upgrade");
        assert_eq!(upgrade[SEC_WEBSOCKET_VERSION], "13");
        assert_eq!(RequestError::Key.status(), 400);
        assert_eq!(RequestError::HttpVersion.status(), 505);
        assert!(headers(RequestError::Key).is_empty());
    }
}
