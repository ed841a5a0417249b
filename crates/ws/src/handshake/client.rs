//! The client's side of the opening handshake (RFC 6455 §4.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{StatusCode, Version};

#[cfg(feature = "deflate")]
use super::deflate::{Parameters, Preferences};
use super::header::{contains, is_token};
use super::{VERSION, accept_value};

/// Why a response does not open a WebSocket connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// The status is not 101: the server refused, or wants something else first.
    #[error("status is {status}")]
    Status {
        /// The status of the response.
        status: StatusCode,
    },
    /// The HTTP version is not 1.1.
    #[error("HTTP version is not 1.1")]
    HttpVersion,
    /// `Upgrade` does not name `websocket`, or `Connection` does not name `upgrade` (RFC 6455 §4.1).
    #[error("not an upgrade to WebSocket")]
    NotUpgrade,
    /// `Sec-WebSocket-Accept` is missing, given twice, or does not belong to our key.
    #[error("missing or wrong Sec-WebSocket-Accept")]
    Accept,
    /// The server chose a sub-protocol that was not offered, or more than one.
    #[error("sub-protocol was not offered")]
    Protocol,
    /// The server uses an extension that was not offered.
    #[error("extension was not offered")]
    Extension,
    /// The parameters of an extension are not an answer to those offered (RFC 7692 §5.1, §7.1).
    #[error("extension parameters do not answer the offer")]
    ExtensionParameters,
}

/// One attempt to open a connection.
#[derive(Clone, Debug)]
pub struct Handshake {
    key: String,
    protocols: Vec<String>,
    #[cfg(feature = "deflate")]
    deflate: Option<Preferences>,
}

impl Handshake {
    /// A handshake with 16 random bytes, new ones for each connection, and the sub-protocols offered,
    /// the preferred one first. Names that are no token (RFC 9110 §5.6.2) are left out.
    pub fn new(nonce: [u8; 16], protocols: &[&str]) -> Self {
        let offered = protocols.iter().filter(|name| is_token(name));
        Self {
            key: STANDARD.encode(nonce),
            protocols: offered.map(|name| (*name).to_owned()).collect(),
            #[cfg(feature = "deflate")]
            deflate: None,
        }
    }

    /// Offers compression as well. What came of it: [`deflate`](Self::deflate).
    #[cfg(feature = "deflate")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
    #[must_use]
    pub const fn offer_deflate(mut self, preferences: Preferences) -> Self {
        self.deflate = Some(preferences);
        self
    }

    /// Adds the headers of the request, all but `Host`.
    pub fn extend_headers(&self, headers: &mut HeaderMap) {
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
        // Base64 and tokens are always header values.
        if let Ok(key) = HeaderValue::from_str(&self.key) {
            headers.insert(SEC_WEBSOCKET_KEY, key);
        }
        if let Ok(protocols) = HeaderValue::from_str(&self.protocols.join(", "))
            && !self.protocols.is_empty()
        {
            headers.insert(SEC_WEBSOCKET_PROTOCOL, protocols);
        }
        #[cfg(feature = "deflate")]
        if let Some(preferences) = &self.deflate {
            headers.insert(SEC_WEBSOCKET_EXTENSIONS, preferences.offer());
        }
    }

    /// Checks the response (RFC 6455 §4.1). Returns the sub-protocol the server chose, if any.
    ///
    /// # Errors
    ///
    /// When the server refused or broke the handshake: the connection must be closed.
    pub fn check<B>(&self, response: &http::Response<B>) -> Result<Option<&str>, ResponseError> {
        let headers = response.headers();
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(ResponseError::Status { status: response.status() });
        }
        if response.version() != Version::HTTP_11 {
            return Err(ResponseError::HttpVersion);
        }
        if !contains(headers, UPGRADE, "websocket") || !contains(headers, CONNECTION, "upgrade") {
            return Err(ResponseError::NotUpgrade);
        }
        let mut accepts = headers.get_all(SEC_WEBSOCKET_ACCEPT).into_iter();
        let expected = accept_value(self.key.as_bytes());
        if accepts.next().is_none_or(|accept| accept.as_bytes() != expected.as_bytes())
            || accepts.next().is_some()
        {
            return Err(ResponseError::Accept);
        }
        self.check_extensions(headers)?;
        self.check_protocol(headers)
    }

    /// What the server answered to [`offer_deflate`](Self::offer_deflate); `None`: nothing is
    /// compressed.
    ///
    /// # Errors
    ///
    /// When it is no answer to that offer, as [`check`](Self::check) finds as well.
    #[cfg(feature = "deflate")]
    #[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
    pub fn deflate<B>(
        &self,
        response: &http::Response<B>,
    ) -> Result<Option<Parameters>, ResponseError> {
        match &self.deflate {
            Some(preferences) => preferences.check(response.headers()),
            None => Ok(None),
        }
    }

    fn check_extensions(&self, headers: &HeaderMap) -> Result<(), ResponseError> {
        #[cfg(feature = "deflate")]
        if let Some(preferences) = &self.deflate {
            return preferences.check(headers).map(drop);
        }
        if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            return Err(ResponseError::Extension);
        }
        Ok(())
    }

    fn check_protocol(&self, headers: &HeaderMap) -> Result<Option<&str>, ResponseError> {
        let mut chosen = headers.get_all(SEC_WEBSOCKET_PROTOCOL).into_iter();
        let Some(protocol) = chosen.next() else {
            return Ok(None);
        };
        let offered =
            self.protocols.iter().find(|offered| offered.as_bytes() == protocol.as_bytes());
        match (offered, chosen.next()) {
            (Some(offered), None) => Ok(Some(offered)),
            _ => Err(ResponseError::Protocol),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response};

    use super::super::server;
    use super::*;

    /// The nonce whose base64 is the key of RFC 6455 §1.3.
    const NONCE: [u8; 16] = *b"the sample nonce";

    fn handshake() -> Handshake {
        Handshake::new(NONCE, &["chat", "superchat"])
    }

    fn response() -> Response<()> {
        Response::builder()
            .status(101)
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            .header("sec-websocket-protocol", "chat")
            .body(())
            .unwrap()
    }

    #[test]
    fn the_example_of_the_rfc() {
        let mut headers = HeaderMap::new();
        handshake().extend_headers(&mut headers);
        assert_eq!(headers[SEC_WEBSOCKET_KEY], "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(headers[SEC_WEBSOCKET_PROTOCOL], "chat, superchat");
        assert_eq!(headers.len(), 5);
        assert_eq!(handshake().check(&response()), Ok(Some("chat")));
    }

    #[test]
    fn our_server_accepts_our_client() {
        for protocols in [&[][..], &["chat"]] {
            let handshake = Handshake::new([7; 16], protocols);
            let mut request = Request::get("/").body(()).unwrap();
            handshake.extend_headers(request.headers_mut());
            let response = server::check(&request).unwrap().into_response::<()>();
            assert_eq!(handshake.check(&response), Ok(None));
        }
    }

    #[test]
    fn bad_responses() {
        use ResponseError::*;
        let cases = [
            ("upgrade", "h2c", NotUpgrade),
            ("connection", "close", NotUpgrade),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo", Accept),
            ("sec-websocket-accept", "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Accept),
            ("sec-websocket-protocol", "megachat", Protocol),
            ("sec-websocket-protocol", "Chat", Protocol),
            ("sec-websocket-protocol", "chat, superchat", Protocol),
            ("sec-websocket-extensions", "permessage-deflate", Extension),
        ];
        for (name, value, expected) in cases {
            let mut response = response();
            response.headers_mut().insert(name, HeaderValue::from_static(value));
            assert_eq!(handshake().check(&response), Err(expected), "{name}: {value}");
        }
        for name in ["sec-websocket-accept", "sec-websocket-protocol"] {
            let mut response = response();
            let value = response.headers()[name].clone();
            response.headers_mut().append(name, value);
            assert!(handshake().check(&response).is_err(), "{name} twice");
            response.headers_mut().remove(name);
            assert_eq!(handshake().check(&response).is_ok(), name == "sec-websocket-protocol");
        }
        let mut refused = response();
        *refused.status_mut() = StatusCode::UNAUTHORIZED;
        let expected = Status { status: StatusCode::UNAUTHORIZED };
        assert_eq!(handshake().check(&refused), Err(expected));
        let mut old = response();
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(handshake().check(&old), Err(HttpVersion));
    }

    #[test]
    fn names_that_are_no_token_are_not_offered() {
        let handshake = Handshake::new(NONCE, &["a b", "", "ok", "x\r\ny"]);
        let mut headers = HeaderMap::new();
        handshake.extend_headers(&mut headers);
        assert_eq!(headers[SEC_WEBSOCKET_PROTOCOL], "ok");
    }
}
