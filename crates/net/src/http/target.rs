//! Whom a request is for: what it says of that has to be there, once, and without contradiction.
//!
//! Whoever is asked in two ways may be understood in two ways: by a proxy in one, by us in the other.

use std::net::Ipv6Addr;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::{Request, Uri, Version};

/// Why the head of a request is refused with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// A request of HTTP/1.1 without `Host`, or of HTTP/2 without `:authority` and `Host` (RFC 9112
    /// §3.2, RFC 9113 §8.3.1).
    #[error("no host")]
    NoHost,
    /// More than one `Host` (RFC 9112 §3.2).
    #[error("several hosts")]
    SeveralHosts,
    /// `Host`, or the authority of the target, is none (RFC 9112 §3.2, RFC 9110 §4.2.1).
    #[error("invalid host")]
    InvalidHost,
    /// The target, or `:authority`, names another host than `Host` does (RFC 9112 §3.2.2, RFC 9113
    /// §8.3.1).
    #[error("the target is not the host")]
    OtherHost,
    /// A WebSocket handshake with a body, which would be read as frames (RFC 9110 §7.8).
    #[error("a handshake with a body")]
    HandshakeWithBody,
}

/// Checks what the head of a request says of its host, and that a handshake has no body. The
/// [`HttpServer`](super::HttpServer) and `sockeye_websocket::Acceptor` do; for services that are
/// mounted in somebody else's server.
///
/// # Errors
///
/// What is wrong with it; to be answered with 400.
pub fn check_target(version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), TargetError> {
    inspect(version, uri, headers).map(drop)
}

/// What else the listener wants to know of a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// `Connection` says `close`.
    pub(crate) closes: bool,
    /// There is an `Upgrade`.
    pub(crate) upgrades: bool,
}

/// [`check_target`], and what is seen on the way.
pub(crate) fn inspect(
    version: Version,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Head, TargetError> {
    let (mut host, mut has_body, mut is_handshake) = (None, false, false);
    let (mut closes, mut upgrades) = (false, false);
    // Heads are short, and asking for each of these by name takes longer.
    for (name, value) in headers {
        if *name == HOST && host.replace(value).is_some() {
            return Err(TargetError::SeveralHosts);
        }
        has_body |= *name == TRANSFER_ENCODING || (*name == CONTENT_LENGTH && value != "0");
        upgrades |= *name == UPGRADE;
        is_handshake |= *name == UPGRADE && lists(value, b"websocket");
        closes |= *name == CONNECTION && lists(value, b"close");
    }
    let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let host = host.map(|host| Host::parse(host.as_bytes(), default_port)).transpose()?;
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    let authority = authority.map(|text| Host::parse(text, default_port)).transpose()?;
    match (host, authority) {
        (Some(host), Some(authority)) if !host.is(&authority) => {
            return Err(TargetError::OtherHost);
        }
        (None, None) if version >= Version::HTTP_11 => return Err(TargetError::NoHost),
        // In HTTP/1 the target does not replace it.
        (None, Some(_)) if version == Version::HTTP_11 => return Err(TargetError::NoHost),
        _ => {}
    }
    if is_handshake && has_body {
        return Err(TargetError::HandshakeWithBody);
    }
    Ok(Head { closes, upgrades })
}

/// [`check_target`], unless our own listener has asked already.
///
/// # Errors
///
/// As [`check_target`].
pub fn check_request<B>(request: &Request<B>) -> Result<(), TargetError> {
    match request.extensions().get::<Inspected>() {
        Some(_) => Ok(()),
        None => check_target(request.version(), request.uri(), request.headers()),
    }
}

/// That an [`HttpServer`](super::HttpServer) has inspected the head of a request, in the extensions of
/// each that it hands on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inspected {
    /// For how long the connection is kept behind the answer.
    pub(super) kept_seconds: Option<u32>,
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2), its host not empty.
#[derive(Clone, Copy, Debug)]
struct Host<'a> {
    name: &'a [u8],
    port: u16,
}

impl<'a> Host<'a> {
    fn parse(text: &'a [u8], default_port: u16) -> Result<Self, TargetError> {
        Self::parse_parts(text, default_port).ok_or(TargetError::InvalidHost)
    }

    fn parse_parts(text: &'a [u8], default_port: u16) -> Option<Self> {
        let end = match text {
            [b'[', rest @ ..] => {
                let length = rest.iter().position(|&byte| byte == b']')?;
                let address = std::str::from_utf8(&rest[..length]).ok()?;
                address.parse::<Ipv6Addr>().ok()?;
                length + 2
            }
            _ => name_length(text)?,
        };
        let (name, port) = text.split_at(end);
        let port = match port {
            [] | [b':'] => default_port,
            [b':', digits @ ..] => digits.iter().try_fold(0_u16, |port, digit| {
                let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
                port.checked_mul(10)?.checked_add(digit)
            })?,
            _ => return None,
        };
        Some(Host { name, port })
    }

    fn is(&self, other: &Self) -> bool {
        self.port == other.port && self.name.eq_ignore_ascii_case(other.name)
    }
}

/// Where the `reg-name` (RFC 3986 §3.2.2) of at least one character ends that a text begins with: at
/// its colon, or with it. `None`: it has something else in it.
fn name_length(text: &[u8]) -> Option<usize> {
    let mut end = 0;
    loop {
        let other = |byte: &u8| !IS_IN_NAME[usize::from(*byte)];
        end += text[end..].iter().position(other).unwrap_or(text.len() - end);
        match text[end..] {
            [] | [b':', ..] => break,
            [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                end += 3
            }
            _ => return None,
        }
    }
    (end > 0).then_some(end)
}

/// Letters, digits and what else a name may have unescaped.
const IS_IN_NAME: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-._~!$&'()*+,;=";
    let mut at = 0;
    while at < marks.len() {
        table[marks[at] as usize] = true;
        at += 1;
    }
    table
};

/// Whether a list (RFC 9110 §5.6.1) has this in it.
pub(super) fn lists(value: &HeaderValue, wanted: &[u8]) -> bool {
    let mut parts = value.as_bytes().split(|&byte| byte == b',');
    parts.any(|part| part.trim_ascii().eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, uri: &str, headers: &[(&str, &str)]) -> Result<(), TargetError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        check_target(version, &uri.parse().unwrap(), &map)
    }

    #[test]
    fn a_host_is_there_once() {
        let http1 = |headers: &[(&str, &str)]| check(Version::HTTP_11, "/", headers);
        assert_eq!(http1(&[("host", "a")]), Ok(()));
        assert_eq!(http1(&[]), Err(TargetError::NoHost));
        let twice = Err(TargetError::SeveralHosts);
        assert_eq!(http1(&[("host", "a"), ("host", "a")]), twice);
        assert_eq!(http1(&[("host", "a"), ("host", "b")]), twice);
        assert_eq!(check(Version::HTTP_10, "/", &[]), Ok(()));
        assert_eq!(check(Version::HTTP_10, "/", &[("host", "a"), ("host", "b")]), twice);
        assert_eq!(check(Version::HTTP_2, "https://a/", &[]), Ok(()));
        assert_eq!(check(Version::HTTP_2, "/", &[("host", "a")]), Ok(()));
        assert_eq!(check(Version::HTTP_2, "/", &[]), Err(TargetError::NoHost));
        assert_eq!(check(Version::HTTP_11, "http://a/", &[]), Err(TargetError::NoHost));
    }

    #[test]
    fn a_host_is_one() {
        for host in [
            "a",
            "a:80",
            "a:",
            "A.example",
            "127.0.0.1:3000",
            "[::1]",
            "[::1]:3000",
            "a_b",
            "%41",
            "xn--bcher-kva.example",
            "a.",
            "a:65535",
        ] {
            assert_eq!(check(Version::HTTP_11, "/", &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "", " ", ":80", "a b", "a/b", "a:b", "a:80:80", "a:65536", "a:-1", "a:+1", "user@a",
            "http://a", "[::1", "::1", "[::g]", "[::1]x", "[::1]:x", "a,b", "%4", "%zz", "bücher",
            "a?b", "a#b", "a\\b", "[]", "a\"",
        ] {
            let result = check(Version::HTTP_11, "/", &[("host", host)]);
            // A comma may stand in a name.
            let expected = if host == "a,b" { Ok(()) } else { Err(TargetError::InvalidHost) };
            assert_eq!(result, expected, "{host:?}");
        }
    }

    #[test]
    fn a_target_agrees_with_the_host() {
        for (target, host) in [
            ("http://a/x", "a"),
            ("http://A/x", "a"),
            ("http://a:80/x", "a"),
            ("http://a/x", "a:80"),
            ("https://a/", "a:443"),
            ("http://[::1]:3000/", "[::1]:3000"),
        ] {
            for version in [Version::HTTP_11, Version::HTTP_2] {
                assert_eq!(check(version, target, &[("host", host)]), Ok(()), "{target} {host}");
            }
        }
        for (target, host) in [
            ("http://a/", "b"),
            ("http://a/", "a.b"),
            ("http://a:81/", "a"),
            ("https://a/", "a:80"),
            ("http://a/", "a:8080"),
        ] {
            for version in [Version::HTTP_10, Version::HTTP_11, Version::HTTP_2] {
                let result = check(version, target, &[("host", host)]);
                assert_eq!(result, Err(TargetError::OtherHost), "{target} {host}");
            }
        }
        let user = check(Version::HTTP_11, "http://u@a/", &[("host", "a")]);
        assert_eq!(user, Err(TargetError::InvalidHost));
    }

    #[test]
    fn a_handshake_has_no_body() {
        let handshake = |more: &[(&str, &str)]| {
            let mut headers = vec![("host", "a"), ("upgrade", "h2c, WebSocket")];
            headers.extend_from_slice(more);
            check(Version::HTTP_11, "/", &headers)
        };
        assert_eq!(handshake(&[]), Ok(()));
        assert_eq!(handshake(&[("content-length", "0")]), Ok(()));
        let refused = Err(TargetError::HandshakeWithBody);
        assert_eq!(handshake(&[("content-length", "1")]), refused);
        assert_eq!(handshake(&[("content-length", "0"), ("content-length", "5")]), refused);
        assert_eq!(handshake(&[("transfer-encoding", "chunked")]), refused);
        // Other upgrades are ignored, and their bodies are bodies.
        let other = [("host", "a"), ("upgrade", "h2c"), ("content-length", "5")];
        assert_eq!(check(Version::HTTP_11, "/", &other), Ok(()));
    }
}
