//! Which pages may connect: the rule about the `Origin` header, and `Sec-Fetch-Site` beside it.
//!
//! Browsers send `Origin` with WebSocket handshakes and with requests that scripts make to other
//! origins, and CORS does not cover the former, so the check is made here, alike on every transport.
//! Programs that are no browsers send none and are let in.
//!
//! What a page only loads, such as `<script src>`, comes without `Origin`. Newer browsers then say in
//! `Sec-Fetch-Site` (W3C Fetch Metadata) how its site relates to this one, to servers with TLS or on
//! this machine; that the header is missing proves nothing.

use std::str::FromStr;

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN};
use thiserror::Error;

/// Which origins may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origins {
    /// Host and port of the origin are those of the request. The scheme is not compared, since a
    /// proxy in front may end TLS.
    #[default]
    SameOrigin,
    /// The same origin, and those that match a pattern.
    SameOriginOr(Vec<OriginPattern>),
    /// Every origin. Whoever uses cookies to know their users should not choose this.
    Any,
}

/// An origin, `https://app.example.com`, or all sub-domains of one, `https://*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern {
    scheme: String,
    /// Lower case; with `subdomains` it begins with the dot.
    host: String,
    port: u16,
    subdomains: bool,
}

/// Why a text is no [`OriginPattern`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not an origin such as https://example.com:8080")]
pub struct OriginPatternError {
    text: String,
}

impl FromStr for OriginPattern {
    type Err = OriginPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || OriginPatternError { text: text.to_owned() };
        let (subdomains, plain) = match text.split_once("://*.") {
            Some((scheme, rest)) => (true, format!("{scheme}://{rest}")),
            None => (false, text.to_owned()),
        };
        let origin = Origin::parse(&plain).ok_or_else(error)?;
        if origin.host.contains('*') {
            return Err(error());
        }
        let host = origin.host.to_ascii_lowercase();
        Ok(OriginPattern {
            scheme: origin.scheme.to_ascii_lowercase(),
            host: if subdomains { format!(".{host}") } else { host },
            port: origin.port,
            subdomains,
        })
    }
}

impl OriginPattern {
    fn matches(&self, origin: &Origin<'_>) -> bool {
        let host_matches = if self.subdomains {
            let start = origin.host.len().checked_sub(self.host.len());
            start.is_some_and(|start| {
                start > 0
                    && origin.host.as_bytes()[start..].eq_ignore_ascii_case(self.host.as_bytes())
            })
        } else {
            origin.host.eq_ignore_ascii_case(&self.host)
        };
        host_matches && self.port == origin.port && self.scheme.eq_ignore_ascii_case(origin.scheme)
    }
}

impl Origins {
    /// Whether a request for `host` with these headers may connect. Without an `Origin` it may,
    /// unless its browser says that a page of another origin asks
    /// ([`is_from_elsewhere`](Self::is_from_elsewhere)): which one it is nobody says then, so that
    /// it cannot be one of a list.
    #[must_use]
    pub fn allow(&self, headers: &HeaderMap, host: Option<&str>) -> bool {
        if *self == Origins::Any {
            return true;
        }
        let mut origins = headers.get_all(ORIGIN).into_iter();
        let Some(origin) = origins.next() else {
            return !Self::is_from_elsewhere(headers);
        };
        if origins.next().is_some() {
            return false;
        }
        let Some(origin) = origin.to_str().ok().and_then(Origin::parse) else {
            return false;
        };
        let same = host.is_some_and(|host| origin.is_at(host));
        match self {
            Origins::SameOriginOr(patterns) if !same => {
                patterns.iter().any(|pattern| pattern.matches(&origin))
            }
            _ => same,
        }
    }
}

impl Origins {
    /// Whether the browser says that a page of another origin had it ask: `Sec-Fetch-Site` is
    /// `cross-site`, or `same-site`, which another port or sub-domain is. `none` is a person who
    /// typed the address.
    #[must_use]
    pub fn is_from_elsewhere(headers: &HeaderMap) -> bool {
        let mut sites = headers.get_all(SEC_FETCH_SITE).into_iter();
        sites.any(|site| site == "cross-site" || site == "same-site")
    }
}

/// A parsed `Origin` header. `null` and other opaque origins have no host and do not parse.
struct Origin<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
}

impl<'a> Origin<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let known = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
        let (host, port) = split_port(authority)?;
        if scheme.is_empty()
            || !known
            || host.is_empty()
            || host.contains(['/', '@', '?', '#', ' '])
        {
            return None;
        }
        Some(Origin { scheme, host, port: port.unwrap_or(default_port(scheme)) })
    }

    /// Whether `host`, a `Host` header, names the same host and port. A missing port stands for the
    /// default of the origin's scheme.
    fn is_at(&self, host: &str) -> bool {
        split_port(host).is_some_and(|(host, port)| {
            host.eq_ignore_ascii_case(self.host)
                && port.unwrap_or(default_port(self.scheme)) == self.port
        })
    }
}

/// Splits `host[:port]`, with the brackets of an IPv6 address as part of the host.
pub(crate) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_len = match authority.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, rest) = authority.split_at(host_len);
    match rest.strip_prefix(':') {
        Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
            Some((host, Some(port.parse().ok()?)))
        }
        None if rest.is_empty() => Some((host, None)),
        _ => None,
    }
}

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

fn default_port(scheme: &str) -> u16 {
    match scheme {
        "https" | "wss" => 443,
        _ => 80,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(origins: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for origin in origins {
            headers.append(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        headers
    }

    #[test]
    fn the_same_host_and_port_are_let_in() {
        let cases = [
            ("example.com", "http://example.com", true),
            ("example.com", "https://example.com", true),
            ("EXAMPLE.com", "https://example.COM", true),
            ("example.com:443", "https://example.com", true),
            ("example.com:3000", "http://example.com:3000", true),
            ("[::1]:3000", "http://[::1]:3000", true),
            ("example.com:3000", "http://example.com", false),
            ("example.com", "http://example.com:3000", false),
            ("example.com", "http://example.com.evil.org", false),
            ("example.com", "http://evil.org", false),
            ("example.com", "http://evil.org/example.com", false),
            ("example.com", "http://user@example.com", false),
            ("example.com", "http://", false),
            ("example.com", "null", false),
            ("example.com", "http://example.com:99999", false),
            ("example.com", "http://example.com:+80", false),
        ];
        for (host, origin, allowed) in cases {
            assert_eq!(
                Origins::SameOrigin.allow(&headers(&[origin]), Some(host)),
                allowed,
                "{origin} at {host}"
            );
        }
    }

    #[test]
    fn no_origin_is_let_in_and_two_are_not() {
        let allow = |origins: Origins, headers| origins.allow(&headers, Some("a"));
        assert!(allow(Origins::SameOrigin, headers(&[])));
        assert!(!allow(Origins::SameOrigin, headers(&["http://a", "http://a"])));
        assert!(allow(Origins::Any, headers(&["http://b", "null"])));
        assert!(!Origins::SameOrigin.allow(&headers(&["http://a"]), None));
    }

    #[test]
    fn what_a_page_of_another_origin_loads_comes_without_origin() {
        let list = Origins::SameOriginOr(vec!["https://app.example.com".parse().unwrap()]);
        let fetch = |sites: &[&'static str], origin: Option<&str>| {
            let mut headers = headers(origin.as_slice());
            for site in sites {
                headers.append("sec-fetch-site", HeaderValue::from_static(site));
            }
            headers
        };
        for (sites, allowed) in [
            (&[][..], true),
            (&["none"], true),
            (&["same-origin"], true),
            (&["of a later browser"], true),
            (&["same-site"], false),
            (&["cross-site"], false),
            (&["none", "cross-site"], false),
        ] {
            for rule in [Origins::SameOrigin, list.clone()] {
                assert_eq!(rule.allow(&fetch(sites, None), Some("host")), allowed, "{sites:?}");
            }
            assert!(Origins::Any.allow(&fetch(sites, None), Some("host")), "{sites:?}");
            // With an origin that alone counts.
            let listed = fetch(sites, Some("https://app.example.com"));
            assert!(list.allow(&listed, Some("host")), "{sites:?}");
            assert!(!Origins::SameOrigin.allow(&listed, Some("host")), "{sites:?}");
        }
    }

    #[test]
    fn a_list_adds_to_the_same_origin() {
        let list = Origins::SameOriginOr(vec![
            "https://app.example.com".parse().unwrap(),
            "https://*.example.org:8443".parse().unwrap(),
        ]);
        let cases = [
            ("http://host", true),
            ("https://app.example.com", true),
            ("https://app.example.com:443", true),
            ("http://app.example.com", false),
            ("https://x.app.example.com", false),
            ("https://a.example.org:8443", true),
            ("https://a.b.EXAMPLE.org:8443", true),
            ("https://example.org:8443", false),
            ("https://.example.org:8443", false),
            ("https://evilexample.org:8443", false),
            ("https://a.example.org", false),
        ];
        for (origin, allowed) in cases {
            assert_eq!(list.allow(&headers(&[origin]), Some("host")), allowed, "{origin}");
        }
    }

    #[test]
    fn what_is_no_origin_is_no_pattern() {
        for text in
            ["", "*", "example.com", "https://", "https://*", "https://a.*.b", "https://a/b"]
        {
            assert!(text.parse::<OriginPattern>().is_err(), "{text}");
        }
    }
}
