//! The request that opened a session.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::header::{HeaderName, HeaderValue};
use http::request::Parts;
use http::{Extensions, HeaderMap, Method, Uri};
use sockeye_net::http::Source;

use crate::http::kept_extensions::KeptExtensions;
use crate::http::query;

/// The request that opened a session, kept for as long as the session's application wants it.
///
/// It is stored as one short block of bytes: a live session should neither hold on to the HTTP
/// connection's buffer nor keep a header map of its own, so [`headers`](Handshake::headers) and
/// [`uri`](Handshake::uri) are built when asked for.
#[derive(Clone)]
pub struct Handshake {
    /// The URI, then `name: value\n` for each header. Neither can contain a line break.
    text: Box<[u8]>,
    uri_bytes: u32,
    address: Option<SocketAddr>,
    secure: bool,
    /// Since the beginning of Unix time; shorter than a `SystemTime`.
    issued_nanos: u64,
    /// Without memory of their own when there are none.
    extensions: Extensions,
}

impl Handshake {
    /// Copies what is kept of a request that comes from `source`.
    pub(crate) fn new(head: &Parts, source: &Source<'_>, kept: &KeptExtensions) -> Self {
        let uri = head.uri.to_string();
        let headers = &head.headers;
        let bytes: usize = headers.iter().map(|(n, v)| n.as_str().len() + v.len() + 3).sum();
        let mut text = Vec::with_capacity(uri.len() + bytes);
        text.extend_from_slice(uri.as_bytes());
        for (name, value) in headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.push(b'\n');
        }
        Handshake {
            text: text.into_boxed_slice(),
            uri_bytes: u32::try_from(uri.len()).unwrap_or(u32::MAX),
            address: source.address,
            secure: source.secure,
            issued_nanos: nanos_since_epoch(SystemTime::now()),
            extensions: kept.of(&head.extensions),
        }
    }

    /// The method: a session can only be opened with GET.
    pub fn method(&self) -> Method {
        Method::GET
    }

    /// The URI as it was requested.
    pub fn uri(&self) -> Uri {
        self.uri_text().parse().unwrap_or_default()
    }

    /// The headers, built anew by each call. For one header [`header`](Handshake::header) is
    /// cheaper.
    pub fn headers(&self) -> HeaderMap {
        let header = |(name, value)| {
            HeaderName::from_bytes(name).ok().zip(HeaderValue::from_bytes(value).ok())
        };
        self.lines().filter_map(header).collect()
    }

    /// The first value of a header, in bytes: [`header_str`](Handshake::header_str) is the same as
    /// text. Letter case does not matter in its name.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.lines()
            .find(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The first value of a header. Letter case does not matter in its name. `None`: there is none, or
    /// it is not UTF-8.
    ///
    /// ```
    /// # fn example(handshake: &sockeye_engine::Handshake) {
    /// let token = handshake
    ///     .header_str("authorization")
    ///     .and_then(|value| value.strip_prefix("Bearer "));
    /// # drop(token.map(str::len));
    /// # }
    /// ```
    pub fn header_str(&self, name: &str) -> Option<&str> {
        self.header(name).and_then(|value| str::from_utf8(value).ok())
    }

    /// The value of a cookie, as it came: quotes stay, and nothing is decoded. Of several with this name
    /// the first, which browsers give the longest path (RFC 6265 §5.4).
    ///
    /// For signed and encrypted cookies hand [`headers`](Handshake::headers) to the library that made
    /// them: `CookieJar::from_headers(&handshake.headers())` of axum-extra.
    ///
    /// ```
    /// # fn example(handshake: &sockeye_engine::Handshake) {
    /// match handshake.cookie("sid") {
    ///     Some(sid) => println!("the session {sid}"),
    ///     None => println!("not logged in"),
    /// }
    /// let theme: String = handshake.cookie("theme").unwrap_or("light").to_owned();
    /// # drop(theme);
    /// # }
    /// ```
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// All cookies as names and values, in their order (RFC 6265 §4.2.1). What is no pair, or not UTF-8, is
    /// left out.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        // HTTP/2 may cut the list into several fields (RFC 9113 §8.2.3).
        let lists = self.lines().filter(|(name, _)| *name == b"cookie").map(|(_, value)| value);
        lists.flat_map(|list| list.split(|byte| *byte == b';')).filter_map(|pair| {
            let (name, value) = str::from_utf8(pair).ok()?.split_once('=')?;
            Some((name.trim_ascii(), value.trim_ascii()))
        })
    }

    /// A parameter of the query, decoded; the last one if it is repeated. It is borrowed, or owned where
    /// something was decoded: as a `&str` by `as_deref`, as a `String` by `into_owned`.
    ///
    /// ```
    /// # fn example(handshake: &sockeye_engine::Handshake) {
    /// let is_mobile = handshake.query("device").as_deref() == Some("mobile");
    /// let name: Option<String> = handshake.query("name").map(|name| name.into_owned());
    /// let page: u32 = handshake.query("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    /// # drop((is_mobile, name, page));
    /// # }
    /// ```
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.queries().filter(|(found, _)| found == name).last().map(|(_, value)| value)
    }

    /// All parameters of the query, decoded, in their order.
    pub fn queries(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let query = self.uri_text().split_once('?').map_or("", |(_, query)| query);
        query::pairs(query)
    }

    /// The client's address, if the listener told it in a
    /// [`PeerAddr`](sockeye_net::http::PeerAddr), or with the feature `axum` in axum's `ConnectInfo`. When one of
    /// [`trusted_proxies`](crate::Config::trusted_proxies) handed the request on, it is the one
    /// that proxy told, and the port is 0.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Whether the client used TLS, by the listener or one of
    /// [`trusted_proxies`](crate::Config::trusted_proxies).
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether a page sent it, of whatever origin: `xdomain` of the official server. Which origins
    /// may is [`Config::origins`](crate::Config::origins)' business.
    pub fn has_origin(&self) -> bool {
        self.header("origin").is_some()
    }

    /// When the request arrived.
    pub fn issued(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.issued_nanos)
    }

    /// What layers around the engine (of tower, of axum) said of the request, those types of it that
    /// [`kept_extensions`](crate::Config::kept_extensions) names.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// The extension of this type. `None`: the request had none, or
    /// [`kept_extensions`](crate::Config::kept_extensions) does not name the type.
    pub fn extension<T: Send + Sync + 'static>(&self) -> Option<&T> {
        self.extensions.get()
    }

    fn uri_text(&self) -> &str {
        let uri = &self.text[..self.uri_bytes as usize];
        std::str::from_utf8(uri).expect("it was copied from a string")
    }

    fn lines(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.text[self.uri_bytes as usize..].split(|&byte| byte == b'\n').filter_map(|line| {
            let end = line.windows(2).position(|pair| pair == b": ")?;
            Some((&line[..end], &line[end + 2..]))
        })
    }
}

impl fmt::Debug for Handshake {
    /// Shows no header values and no query: both may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("address", &self.address)
            .field("secure", &self.secure)
            .field("issued", &self.issued())
            .finish_non_exhaustive()
    }
}

/// Until the year 2554. A clock that stands before 1970 says 1970.
fn nanos_since_epoch(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use sockeye_net::http::{PeerAddr, TrustedProxies};

    use super::*;

    #[test]
    fn keeps_what_the_request_said() {
        let address: SocketAddr = "127.0.0.1:5000".parse().unwrap();
        let request = http::Request::get("/engine.io/?EIO=4&token=a%20b&token=c")
            .header("host", "localhost")
            .header("x-empty", "")
            .header("x-two", "a: b")
            .header("x-two", "c")
            .header("x-bytes", HeaderValue::from_bytes(b"\xff").unwrap())
            .extension(PeerAddr(address))
            .body(())
            .unwrap();
        let (head, ()) = request.into_parts();
        let before = SystemTime::now();
        let source = Source::of_head(&head, &TrustedProxies::none());
        let handshake = Handshake::new(&head, &source, &KeptExtensions::new());
        assert!((before..=SystemTime::now()).contains(&handshake.issued()));
        // The address is kept once.
        assert!(handshake.extensions().is_empty());
        assert_eq!(handshake.headers(), head.headers);
        assert_eq!(handshake.uri(), head.uri);
        assert_eq!(handshake.header("x-two"), Some(&b"a: b"[..]));
        assert_eq!(handshake.header("x-empty"), Some(&b""[..]));
        assert_eq!(handshake.header("missing"), None);
        assert_eq!(handshake.query("token").as_deref(), Some("c"));
        assert_eq!(handshake.queries().count(), 3);
        assert_eq!(handshake.address(), Some(address));
        assert!(!format!("{handshake:?}").contains("token"));
    }

    fn with_headers(headers: &[(&str, &[u8])]) -> Handshake {
        let request = http::Request::get("/engine.io/");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, HeaderValue::from_bytes(value).unwrap())
        });
        let (head, ()) = request.body(()).unwrap().into_parts();
        let source = Source::of_head(&head, &TrustedProxies::none());
        Handshake::new(&head, &source, &KeptExtensions::new())
    }

    #[test]
    fn headers_are_found_in_any_letter_case_and_are_text_if_they_are() {
        let handshake = with_headers(&[("X-Token", b"abc"), ("x-bytes", b"\xff")]);
        for name in ["x-token", "X-Token", "X-TOKEN"] {
            assert_eq!(handshake.header_str(name), Some("abc"), "{name}");
            assert_eq!(handshake.header(name), Some(&b"abc"[..]), "{name}");
        }
        assert_eq!(handshake.header_str("x-bytes"), None);
        assert_eq!(handshake.header_str("missing"), None);
    }

    #[test]
    fn cookies_are_pairs_of_every_list() {
        let handshake = with_headers(&[
            ("cookie", b"sid=31d4d96e407aad42; lang=en-US"),
            ("x-cookie", b"sid=other"),
            ("cookie", b"quoted=\"a b\";tight=1 ;  sid=2;none;empty=;\xff=1;equals=a=b; "),
        ]);
        assert_eq!(handshake.cookie("sid"), Some("31d4d96e407aad42"));
        let cookies: Vec<_> = handshake.cookies().collect();
        let expected = [
            ("sid", "31d4d96e407aad42"),
            ("lang", "en-US"),
            ("quoted", "\"a b\""),
            ("tight", "1"),
            ("sid", "2"),
            ("empty", ""),
            ("equals", "a=b"),
        ];
        assert_eq!(cookies, expected);
        // Letter case matters in their names.
        assert_eq!(handshake.cookie("SID"), None);
        assert_eq!(with_headers(&[]).cookie("sid"), None);
    }

    #[test]
    fn an_extension_is_there_if_its_type_is_named() {
        let (head, ()) = http::Request::builder().extension(7_u32).body(()).unwrap().into_parts();
        let source = Source::of_head(&head, &TrustedProxies::none());
        let kept = KeptExtensions::new().with::<u32>();
        assert_eq!(Handshake::new(&head, &source, &kept).extension(), Some(&7_u32));
        assert_eq!(Handshake::new(&head, &source, &KeptExtensions::new()).extension::<u32>(), None);
    }

    /// Every session has one.
    #[test]
    fn it_is_no_larger_than_its_parts_need() {
        assert!(size_of::<Handshake>() <= 72, "{}", size_of::<Handshake>());
    }
}
