//! The target of a session's requests: address, path, query and headers.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sockeye_engine_proto::TransportKind;
use sockeye_net::http::{ConnectError, Destination, Dialer};
use url::Url;

use crate::error::UrlError;
use crate::limits::Limits;

/// The characters that the official client escapes in a query: those of `encodeURIComponent`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// The address, path, query and headers of every request of one session, and limits on the responses.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) destination: Destination,
    pub(crate) dialer: Dialer,
    /// The path, with slashes at both ends.
    path: String,
    /// The user's parameters, encoded; empty or beginning with `&`.
    query: String,
    headers: HeaderMap,
    /// The first transport opens the session; if WebSocket is among the others, polling is upgraded.
    pub(crate) transports: Vec<TransportKind>,
    /// How long a session may take to open.
    pub(crate) open_timeout: Duration,
    /// Bytes of one message or polling body from the server.
    pub(crate) message_bytes_max: usize,
}

impl Target {
    /// Parses a URL. Returns the namespace too, which is the URL's path.
    pub(crate) fn parse(text: &str) -> Result<(Self, String), UrlError> {
        let url = Url::parse(text).map_err(|_| UrlError::Malformed)?;
        let destination = Destination::of(&url).map_err(|error| match error {
            ConnectError::Scheme => UrlError::Scheme { scheme: url.scheme().to_owned() },
            _ => UrlError::Malformed,
        })?;
        let limits = Limits::default();
        let mut target = Target {
            destination,
            dialer: Dialer::default(),
            path: "/socket.io/".to_owned(),
            query: String::new(),
            headers: HeaderMap::new(),
            transports: vec![TransportKind::Polling, TransportKind::WebSocket],
            open_timeout: limits.connect_timeout,
            message_bytes_max: limits.message_bytes_max,
        };
        for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            // A plus means a plus, as for the official client. Servers read it as a space, so it is
            // escaped below.
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            target.add_query(&decoded(key), &decoded(value));
        }
        Ok((target, normalize_namespace(raw_path(text))?))
    }

    pub(crate) fn set_path(&mut self, path: &str) {
        self.path = match path.trim_matches('/') {
            "" => "/".to_owned(),
            path => format!("/{path}/"),
        };
    }

    /// Adds a parameter, unless the protocol uses one of that name.
    pub(crate) fn add_query(&mut self, key: &str, value: &str) {
        if matches!(key, "EIO" | "transport" | "sid") {
            return;
        }
        self.query.push('&');
        self.query.extend(utf8_percent_encode(key, ESCAPED));
        self.query.push('=');
        self.query.extend(utf8_percent_encode(value, ESCAPED));
    }

    pub(crate) fn add_header(&mut self, name: &str, value: &str) -> Result<(), UrlError> {
        let name = HeaderName::try_from(name).map_err(|_| UrlError::Header)?;
        let value = HeaderValue::try_from(value).map_err(|_| UrlError::Header)?;
        self.headers.append(name, value);
        Ok(())
    }

    /// The path and query of a request.
    pub(crate) fn path_and_query(&self, transport: TransportKind, sid: Option<&str>) -> String {
        let Target { path, query, .. } = self;
        let sid =
            sid.map_or(String::new(), |sid| format!("&sid={}", utf8_percent_encode(sid, ESCAPED)));
        format!("{path}?EIO=4&transport={transport}{sid}{query}")
    }

    /// A request to `uri`, with the user's headers.
    pub(crate) fn request<B>(
        &self,
        uri: impl TryInto<Uri, Error: Into<http::Error>>,
        body: B,
    ) -> Result<Request<B>, http::Error> {
        let mut request = Request::builder().uri(uri).body(body)?;
        request.headers_mut().extend(self.headers.clone());
        Ok(request)
    }

    pub(crate) fn uri(
        &self,
        transport: TransportKind,
        sid: Option<&str>,
    ) -> Result<Uri, http::Error> {
        Uri::builder()
            .scheme(if self.destination.is_encrypted() { "https" } else { "http" })
            .authority(self.destination.authority())
            .path_and_query(self.path_and_query(transport, sid))
            .build()
    }
}

/// The name of a namespace with a slash before it; `/` for an empty one.
pub(crate) fn normalize_namespace(name: &str) -> Result<String, UrlError> {
    if name.contains(',') {
        return Err(UrlError::Namespace);
    }
    Ok(if name.starts_with('/') { name.to_owned() } else { format!("/{name}") })
}

/// The path as it is written in the URL, not encoded, as in the official client.
fn raw_path(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = after_scheme.find(['?', '#']).unwrap_or(after_scheme.len());
    let without_query = &after_scheme[..end];
    without_query.find('/').map_or("", |start| &without_query[start..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_namespace() {
        let rows = [
            ("http://localhost", "/", "localhost"),
            ("http://localhost:3000/", "/", "localhost:3000"),
            ("ws://example.org/chat", "/chat", "example.org"),
            ("http://[::1]:9/a/b?x=1#y", "/a/b", "[::1]:9"),
            ("https://h/한국?a=b/c", "/한국", "h"),
        ];
        for (url, namespace, authority) in rows {
            let (target, found) = Target::parse(url).unwrap();
            assert_eq!((&*found, target.destination.authority()), (namespace, authority), "{url}");
        }
    }

    #[test]
    fn urls_without_a_host_or_with_another_scheme_are_refused() {
        for url in ["", "localhost:3000", "http://", "/chat"] {
            let error = Target::parse(url).unwrap_err();
            assert!(matches!(error, UrlError::Malformed | UrlError::Scheme { .. }), "{url}");
        }
        assert!(matches!(Target::parse("ftp://h"), Err(UrlError::Scheme { .. })));
        assert!(matches!(Target::parse("http://h/a,b"), Err(UrlError::Namespace)));
    }

    #[test]
    fn requests_carry_path_query_and_session() {
        let (mut target, _) = Target::parse("http://h/chat?token=a b&x=%26").unwrap();
        let polling = TransportKind::Polling;
        assert_eq!(
            target.uri(polling, None).unwrap().to_string(),
            "http://h/socket.io/?EIO=4&transport=polling&token=a%20b&x=%26"
        );
        target.set_path("/my/io");
        assert_eq!(
            target.path_and_query(TransportKind::WebSocket, Some("a b&")),
            "/my/io/?EIO=4&transport=websocket&sid=a%20b%26&token=a%20b&x=%26"
        );
        target.set_path("/");
        assert!(target.path_and_query(polling, None).starts_with("/?EIO=4"));
    }

    /// The expected queries are those of the official client 4.8.4 for the same URLs.
    #[test]
    fn a_query_leaves_as_the_official_client_sends_it() {
        let sent = |query: &str| Target::parse(&format!("http://h/?{query}")).unwrap().0.query;
        for (query, expected) in [
            ("token=ab+cd/ef", "&token=ab%2Bcd%2Fef"),
            ("token=a%20b%2Bc", "&token=a%20b%2Bc"),
            ("a&b=&=c&d==e", "&a=&b=&=c&d=%3De"),
            ("x=e'()!~*", "&x=e'()!~*"),
            ("EIO=9&transport=x&sid=y&t=1", "&t=1"),
            ("", ""),
        ] {
            assert_eq!(sent(query), expected, "{query}");
        }
        assert_eq!(sent("&&q=%zz&&"), "&q=%25zz", "the official client throws here");
    }
}
