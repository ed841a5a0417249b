//! Which pages may connect: the rule about the `Origin` header, and `Sec-Fetch-Site` beside it.
//!
//! Browsers send `Origin` with WebSocket handshakes and with requests that scripts make to other
//! origins, and CORS does not cover the former, so the check is made here, alike on every transport.
//! Programs that are no browsers send none and are let in.
//!
//! What a page only loads, such as `<script src>`, comes without `Origin`. Newer browsers then say in
//! `Sec-Fetch-Site` (W3C Fetch Metadata) how its site relates to this one, to servers with TLS or on
//! this machine; that the header is missing proves nothing.

use std::net::Ipv6Addr;
use std::str::FromStr;

use http::HeaderMap;
use http::header::{HeaderName, ORIGIN};
use thiserror::Error;

use super::forwarded::write_instead;
use super::url_host::{IN_ASCII, UrlHost};

/// Which origins may connect.
///
/// ```
/// use sockeye_net::http::Origins;
///
/// let origins = Origins::SameOriginOr(vec!["https://*.example.com".parse()?, "null".parse()?]);
/// # drop(origins);
/// # Ok::<(), sockeye_net::http::OriginPatternError>(())
/// ```
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

/// One origin or several, as browsers write them: `https://app.example.com`, all sub-domains of one,
/// `https://*.example.com`, those of shells, `file://`, `app://main`, or `null`, which stands for
/// pages without an origin. A frame of any page can be of the latter (`sandbox`), so it says little of
/// who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// `null`, or a scheme without a host: in lower case, as it comes.
    Bare(String),
    At {
        /// In lower case.
        scheme: String,
        host: HostPattern,
        port: u16,
    },
}

/// A host, or all that are below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern {
    /// In ASCII, in lower case.
    pub(crate) name: String,
    pub(crate) subdomains: bool,
}

impl HostPattern {
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self.subdomains {
            true => is_below(host, &self.name),
            false => host.eq_ignore_ascii_case(&self.name),
        }
    }
}

/// Whether a pattern is of all hosts below a name, and the name.
pub(crate) fn split_subdomains(text: &str) -> (bool, &str) {
    text.strip_prefix("*.").map_or((false, text), |name| (true, name))
}

/// Whether `host` is a sub-domain of `name`.
pub(crate) fn is_below(host: &str, name: &str) -> bool {
    let Some(dot) = host.len().checked_sub(name.len() + 1) else { return false };
    let (label, end) = host.as_bytes().split_at(dot);
    !label.is_empty()
        && label[0] != b'.'
        && end[0] == b'.'
        && end[1..].eq_ignore_ascii_case(name.as_bytes())
}

/// Why a text is no [`OriginPattern`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is not an origin such as https://example.com:8080{}", write_instead(.advice))]
pub struct OriginPatternError {
    text: String,
    advice: Option<String>,
}

impl FromStr for OriginPattern {
    type Err = OriginPatternError;

    /// Whatever no browser would ever send is an error, which says what to write.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || OriginPatternError { text: text.to_owned(), advice: advice(text) };
        Pattern::parse(text).map(OriginPattern).ok_or_else(error)
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        if text == NULL {
            return Some(Pattern::Bare(NULL.to_owned()));
        }
        let (scheme, authority) = text.split_once("://")?;
        let scheme = is_scheme(scheme).then(|| scheme.to_ascii_lowercase())?;
        if NO_PAGES.contains(&&*scheme) {
            return None;
        }
        let is_http = matches!(&*scheme, "http" | "https");
        if authority.is_empty() && !is_http {
            return Some(Pattern::Bare(format!("{scheme}://")));
        }
        let (subdomains, plain) = split_subdomains(authority);
        // A file has no host.
        if scheme == "file" || plain.contains(NOT_IN_AUTHORITIES) {
            return None;
        }
        let (host, port) = if is_http {
            // A colon without a port says nothing.
            let (host, port) = split_port(plain.strip_suffix(':').unwrap_or(plain))?;
            let host = match UrlHost::parse(host)? {
                UrlHost::Name(name) if is_dns_name(&name) => name,
                UrlHost::Address(address) if !subdomains => address,
                _ => return None,
            };
            (host, port.unwrap_or(default_port(&scheme)))
        } else {
            // Schemes that the URL standard does not know: their hosts come as they are.
            let (host, port) = split_port(plain)?;
            let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            let is_address = address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
            if !is_dns_name(host) && (subdomains || !is_address) {
                return None;
            }
            (host.to_ascii_lowercase(), port.unwrap_or(default_port(&scheme)))
        };
        Some(Pattern::At { scheme, host: HostPattern { name: host, subdomains }, port })
    }

    /// Whether it is this `Origin`; `parsed` is `None` for one without a host.
    fn matches(&self, text: &str, parsed: Option<&Origin<'_>>) -> bool {
        let (scheme, host, port) = match self {
            Pattern::Bare(bare) => return text == bare,
            Pattern::At { scheme, host, port } => (scheme, host, *port),
        };
        parsed.is_some_and(|origin| {
            host.matches(origin.host)
                && port == origin.port
                && scheme.eq_ignore_ascii_case(origin.scheme)
        })
    }
}

/// What to write in place of a text that no browser sends, as far as it can be guessed.
fn advice(text: &str) -> Option<String> {
    let text = text.trim();
    if text == "*" {
        return Some("Origins::Any".to_owned());
    }
    let lower = text.to_ascii_lowercase();
    if [NULL, "about:blank", "about:srcdoc"].contains(&&*lower) || lower.starts_with("data:") {
        return Some(NULL.to_owned());
    }
    if lower.starts_with("file:") {
        return Some("file://".to_owned());
    }
    let Some((scheme, rest)) = lower.split_once("://") else {
        if let Some((scheme @ ("http" | "https"), rest)) = lower.split_once(':')
            && !rest.starts_with(|first: char| first.is_ascii_digit())
        {
            return without_rest(scheme, rest.trim_start_matches(['/', '\\']));
        }
        let both = ["http", "https"].map(|scheme| without_rest(scheme, &lower));
        let [Some(http), Some(https)] = both else { return None };
        return Some(format!("{http} or {https}"));
    };
    match scheme {
        "ws" => without_rest("http", rest),
        "wss" => without_rest("https", rest),
        scheme => without_rest(scheme, rest),
    }
}

/// An origin of this scheme and what stands before a path.
fn without_rest(scheme: &str, rest: &str) -> Option<String> {
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let authority = authority.rsplit('@').next()?;
    let wild = match authority.strip_prefix('.') {
        Some(name) => format!("*.{name}"),
        None => authority.to_owned(),
    };
    let advice = format!("{scheme}://{wild}");
    if !authority.is_ascii()
        && matches!(scheme, "http" | "https")
        && Pattern::parse(&advice).is_none()
    {
        return Some(IN_ASCII.to_owned());
    }
    (!authority.is_empty() && Pattern::parse(&advice).is_some()).then_some(advice)
}

/// Whether a host, in ASCII, is one that the DNS can have, with or without the dot at its end. The
/// URL standard lets more through, commas among them.
pub(crate) fn is_dns_name(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    host.strip_suffix('.').unwrap_or(host).split('.').all(is_label)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

impl Origins {
    /// Whether a request for `host` with these headers may connect. Without an `Origin` it may,
    /// unless its browser says that a page of another origin asks
    /// ([`is_from_elsewhere`](Self::is_from_elsewhere)): which one it is nobody says then, so that
    /// it cannot be one of a list.
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
        let Ok(text) = origin.to_str() else { return false };
        let origin = Origin::parse(text);
        if origin.as_ref().zip(host).is_some_and(|(origin, host)| origin.is_at(host)) {
            return true;
        }
        self.names(text, origin.as_ref())
    }

    /// Whether a pattern is of this `Origin`.
    fn names(&self, text: &str, origin: Option<&Origin<'_>>) -> bool {
        let Origins::SameOriginOr(patterns) = self else { return false };
        patterns.iter().any(|OriginPattern(pattern)| pattern.matches(text, origin))
    }

    /// These, and those of a pattern.
    #[must_use]
    pub fn with(self, pattern: OriginPattern) -> Self {
        match self {
            Origins::SameOrigin => Origins::SameOriginOr(vec![pattern]),
            Origins::SameOriginOr(mut patterns) => {
                patterns.push(pattern);
                Origins::SameOriginOr(patterns)
            }
            Origins::Any => Origins::Any,
        }
    }

    /// Whether pages of any other origin than the server's are let in.
    pub fn include_others(&self) -> bool {
        match self {
            Origins::SameOrigin => false,
            Origins::SameOriginOr(patterns) => !patterns.is_empty(),
            Origins::Any => true,
        }
    }

    /// Whether pages without an origin are let in, which a frame of any page can be.
    pub fn include_null(&self) -> bool {
        *self == Origins::Any || self.names(NULL, None)
    }

    /// Whether the browser says that a page of another origin had it ask: `Sec-Fetch-Site` is
    /// `cross-site`, or `same-site`, which another port or sub-domain is. `none` is a person who
    /// typed the address.
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
        let (host, port) = split_port(authority)?;
        if !is_scheme(scheme) || host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) {
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

/// Of these no page is: a WebSocket's is of HTTP, and the others' origin is `null` or their maker's.
const NO_PAGES: [&str; 7] = ["about", "blob", "data", "javascript", "null", "ws", "wss"];
/// What a browser writes for a page without an origin.
const NULL: &str = "null";
/// Of `host:port` neither a host nor a port has any of these.
const NOT_IN_AUTHORITIES: [char; 10] = ['/', '\\', '?', '#', '@', '*', ' ', '\t', '\n', '\r'];
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

    /// Shells, browser extensions, sandboxed frames: they can be named like any other.
    #[test]
    fn origins_that_are_no_sites() {
        for named in [
            "file://",
            "null",
            "app://",
            "app://main",
            "capacitor://localhost",
            "app://com.example.chat",
            "app://[::1]",
            "app://localhost:8080",
            "chrome-extension://abcdefghijklmnop",
            "vscode-webview://1a2b",
        ] {
            let list = Origins::SameOriginOr(vec![named.parse().unwrap()]);
            assert!(list.allow(&headers(&[named]), Some("host")), "{named}");
            assert!(!Origins::SameOrigin.allow(&headers(&[named]), Some("host")), "{named}");
            assert_eq!(list.include_null(), named == "null");
            for other in ["file://", "null", "app://", "app://main", "http://null", "https://file"]
            {
                let allowed = list.allow(&headers(&[other]), Some("host"));
                assert_eq!(allowed, other == named, "{other} by {named}");
            }
        }
        assert!(Origins::Any.include_null() && !Origins::SameOrigin.include_null());
        // Nobody's host is called so.
        assert!(!Origins::SameOrigin.allow(&headers(&["null"]), Some("null")));
        assert!(!Origins::SameOrigin.allow(&headers(&["file://"]), Some("")));
    }

    /// What a browser writes is in lower case, in ASCII and without a port that goes without saying;
    /// patterns may say it otherwise.
    #[test]
    fn patterns_are_taken_as_browsers_write_origins() {
        for (pattern, origin) in [
            ("HTTPS://App.Example.COM", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://b\u{fc}cher.example", "http://xn--bcher-kva.example"),
            ("https://*.B\u{dc}CHER.example", "https://a.xn--bcher-kva.example"),
            ("http://[::0:1]:3000", "http://[::1]:3000"),
            ("http://127.1", "http://127.0.0.1"),
            ("FILE://", "file://"),
        ] {
            let list = Origins::SameOriginOr(vec![pattern.parse().unwrap()]);
            assert!(list.allow(&headers(&[origin]), Some("host")), "{pattern}");
        }
    }

    /// Each would be taken for a rule and never let anybody in.
    #[test]
    fn what_no_browser_sends_is_no_pattern_and_says_what_to_write() {
        for (text, advice) in [
            ("", ""),
            ("*", "Origins::Any"),
            ("example.com", "http://example.com or https://example.com"),
            ("localhost:3000", "http://localhost:3000 or https://localhost:3000"),
            ("*.example.com", "http://*.example.com or https://*.example.com"),
            ("//example.com", ""),
            ("https://example.com/", "https://example.com"),
            ("https://example.com:8443/app?x#y", "https://example.com:8443"),
            ("https://*.example.com/", "https://*.example.com"),
            ("https://me@example.com", "https://example.com"),
            (" https://example.com", "https://example.com"),
            ("https://example.com ", "https://example.com"),
            ("https://example.com?x", "https://example.com"),
            ("https://.example.com", "https://*.example.com"),
            ("ws://example.com", "http://example.com"),
            ("wss://example.com/socket", "https://example.com"),
            ("https://", ""),
            ("https:example.com", "https://example.com"),
            ("http:\\\\a", "http://a"),
            ("https:/a/b", "https://a"),
            ("http:8080", "http://http:8080 or https://http:8080"),
            ("ws://", ""),
            ("wss://", ""),
            ("null://", ""),
            ("about://", ""),
            ("about://x", ""),
            ("javascript://", ""),
            ("data://x", "null"),
            ("blob://x", ""),
            ("app://b\u{fc}cher", ""),
            ("https://नमस्ते.example", "the host in ASCII, xn--…, as browsers send it"),
            ("app://*.", ""),
            ("app://*..x", ""),
            ("app://.x", "app://*.x"),
            ("app://[zz]", ""),
            ("app://*.[::1]", ""),
            ("app://x\u{7f}", ""),
            ("app://\u{1}", ""),
            ("app://a:b", ""),
            ("https://*", ""),
            ("https://*.", ""),
            ("https://a.*.b", ""),
            ("https://a*", ""),
            ("https://*a.b", ""),
            ("https://*.*.b", ""),
            ("https://a.b:*", ""),
            ("https://*.192.0.2.1", ""),
            ("https://a..b", ""),
            ("https://a:99999", ""),
            ("https://a:80:80", ""),
            ("https://exam ple.com", ""),
            ("https://a.example,https://b.example", ""),
            ("https://a.example,b.example", ""),
            ("https://a.example;", ""),
            ("1http://a", ""),
            ("*://example.com", ""),
            ("chrome-extension://*", ""),
            ("app://main/", "app://main"),
            ("file:///", "file://"),
            ("file:///home/me/index.html", "file://"),
            ("file://host", "file://"),
            ("file", "http://file or https://file"),
            ("NULL", "null"),
            ("about:blank", "null"),
            ("data:text/html,x", "null"),
        ] {
            let error = text.parse::<OriginPattern>().unwrap_err().to_string();
            let (_, message) = error.split_once(" is not an origin such as ").unwrap();
            let expected = match advice {
                "" => String::new(),
                advice => format!("; write {advice}"),
            };
            assert_eq!(message, format!("https://example.com:8080{expected}"), "{text:?}");
        }
    }
}
