//! Which hosts requests may be for, against DNS rebinding.
//!
//! A page of `evil.example` can have its own name lead to an address of its visitor, such as
//! 127.0.0.1, and is of the same origin as what answers there: `Host` and `Origin` agree, and CORS
//! has nothing to say. Only the name gives it away. An address in place of a name cannot be made to
//! lead elsewhere, and neither can `localhost` (RFC 6761 §6.3).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Request, Response, StatusCode};

use super::forwarded::{TrustedProxies, write_instead};
use super::origin::{HostPattern, is_below, is_dns_name, split_port, split_subdomains};
use super::peer::address_of;
use super::url_host::{IN_ASCII, UrlHost};

/// Which hosts requests may be for. Always addresses (`127.0.0.1`, `[::1]`, any other), `localhost`
/// and what is below it; besides those the names that are added. Ports, letter case and a dot at the
/// end do not matter.
///
/// ```
/// use sockeye_net::http::AllowedHosts;
///
/// let hosts: AllowedHosts = "chat.example, *.chat.example".parse()?;
/// assert!(hosts.allow("Chat.Example:8443"));
/// assert!(hosts.allow("192.0.2.1:3000"));
/// assert!(!hosts.allow("evil.example"));
/// # Ok::<(), sockeye_net::http::AllowedHostsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    any: bool,
    /// In ASCII, without a dot at the end.
    names: Vec<HostPattern>,
}

/// A text is no list of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a host such as chat.example or *.chat.example{}", write_instead(.advice))]
pub struct AllowedHostsError {
    text: String,
    advice: Option<String>,
}

/// A request for a host that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("requests for {host:?} are not answered")]
pub struct HostDenied {
    host: String,
}

impl AllowedHosts {
    /// Addresses, `localhost` and what is below it.
    pub const fn local() -> Self {
        Self { any: false, names: Vec::new() }
    }

    /// Whatever host. For servers behind a proxy that knows its hosts, and where nothing is secret.
    pub const fn any() -> Self {
        Self { any: true, names: Vec::new() }
    }

    /// These hosts and those of `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.any |= other.any;
        self.names.extend(other.names);
        self
    }

    /// Whether requests for this host may be answered. `host` is a `Host` header.
    pub fn allow(&self, host: &str) -> bool {
        if self.any {
            return true;
        }
        let host = host.strip_suffix(':').unwrap_or(host);
        let Some((host, _)) = split_port(host) else { return false };
        if let Some(address) = host.strip_prefix('[') {
            let address = address.strip_suffix(']').map(str::parse::<Ipv6Addr>);
            return address.is_some_and(|address| address.is_ok());
        }
        if host.parse::<Ipv4Addr>().is_ok() {
            return true;
        }
        let host = host.strip_suffix('.').unwrap_or(host);
        host.eq_ignore_ascii_case("localhost")
            || is_below(host, "localhost")
            || self.names.iter().any(|name| name.matches(host))
    }

    /// Whether a request may be answered: the host that a trusted proxy says its client asked for is
    /// allowed, and where none says so, every host that the request itself names (`Host`,
    /// `:authority`, an absolute target). A request of HTTP/1.0 names none, and comes from no
    /// browser.
    ///
    /// # Errors
    /// When it may not.
    pub fn check<B>(
        &self,
        request: &Request<B>,
        proxies: &TrustedProxies,
    ) -> Result<(), HostDenied> {
        if self.any {
            return Ok(());
        }
        let peer = address_of(request.extensions()).map(|peer| peer.ip());
        let forwarded = proxies.forwarded(request.headers(), peer).and_then(|it| it.host);
        let denied = match forwarded {
            Some(host) => (!self.allow(host)).then_some(host),
            None => {
                let named = request.headers().get_all(HOST).iter();
                // One that is not ASCII is nobody's.
                let named = named.map(|host| host.to_str().unwrap_or_default());
                let target = request.uri().authority().map(|authority| authority.as_str());
                named.chain(target).find(|host| !self.allow(host))
            }
        };
        match denied {
            Some(host) => Err(HostDenied { host: host.to_owned() }),
            None => Ok(()),
        }
    }
}

impl HostDenied {
    /// The host as the request names it, at most 255 bytes of it. Somebody else wrote it.
    pub fn host(&self) -> &str {
        self.host.get(..255).unwrap_or(&self.host)
    }

    /// The host as it can be allowed: the name without a port. `None` where it is none.
    pub fn name(&self) -> Option<&str> {
        let (name, _) = split_port(&self.host)?;
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        // What the setting would not take is no help.
        let is_name = name.len() <= 255 && name.bytes().all(is_name) && parse(name).is_ok();
        is_name.then_some(name)
    }

    /// The response to answer with: 421 (RFC 9110 §15.5.20) and a line of text that says what to do,
    /// `setting` before the name and `end` behind it, such as `--allowed-host ` and nothing.
    pub fn into_response<R: From<String>>(self, setting: &str, end: &str) -> Response<R> {
        let text = match self.name() {
            Some(name) => format!(
                "requests for the host {name} are not answered here; to allow it: \
                 {setting}{name}{end}\n"
            ),
            None => "requests for this host are not answered here\n".to_owned(),
        };
        let mut response = Response::new(R::from(text));
        *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        let policy = HeaderName::from_static("cross-origin-resource-policy");
        headers.insert(policy, HeaderValue::from_static("same-origin"));
        response
    }
}

impl FromStr for AllowedHosts {
    type Err = AllowedHostsError;

    /// Names separated by commas: `chat.example`, `*.chat.example` for all below it but not itself,
    /// or `*` for every host. Letters beyond ASCII are taken as browsers send them (IDNA)
    /// where they are Latin, Greek, Cyrillic, Chinese, Japanese or Korean; others are written as `xn--…`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut hosts = Self::local();
        for part in text.split(',').map(str::trim) {
            if part == "*" {
                hosts.any = true;
            } else if !is_address(part) {
                hosts.names.push(parse(part)?);
            }
        }
        Ok(hosts)
    }
}

/// A name, or with `*.` before it all below it.
fn parse(text: &str) -> Result<HostPattern, AllowedHostsError> {
    let error = || AllowedHostsError { text: text.to_owned(), advice: advice(text) };
    parse_plain(text).ok_or_else(error)
}

fn parse_plain(text: &str) -> Option<HostPattern> {
    let (subdomains, plain) = split_subdomains(text);
    let Some(UrlHost::Name(name)) = UrlHost::parse(plain) else { return None };
    let is_name = is_dns_name(&name);
    let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
    is_name.then_some(HostPattern { name, subdomains })
}

/// Whether it is an address, which is always allowed.
fn is_address(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    bare.unwrap_or(text).parse::<IpAddr>().is_ok()
}

/// The host in what somebody wrote in place of one: an address of a page, a host with a port.
fn advice(text: &str) -> Option<String> {
    if let Some(name) = text.strip_prefix('.') {
        return parse_plain(name).is_some().then(|| format!("*.{name}"));
    }
    let (subdomains, plain) = match text.split_once("*.") {
        Some((before, after)) if before.is_empty() || before.ends_with("://") => {
            ("*.", format!("{before}{after}"))
        }
        _ => ("", text.to_owned()),
    };
    let rest = plain.split_once("://").map_or(&*plain, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, _) = split_port(authority)?;
    if !host.is_ascii() && UrlHost::parse(host).is_none() {
        return Some(IN_ASCII.to_owned());
    }
    let host = format!("{subdomains}{}", UrlHost::parse(host)?.as_str());
    // It has to help.
    (is_address(&host) || parse_plain(&host).is_some()).then_some(host)
}

#[cfg(test)]
mod tests {
    use http::Version;

    use super::super::peer::PeerAddr;
    use super::*;

    fn hosts(text: &str) -> AllowedHosts {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_and_loopback_names_are_always_allowed() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:3000",
            "192.168.0.7:80",
            "203.0.113.9",
            "[::1]",
            "[::1]:3000",
            "[2001:db8::1]",
            "localhost",
            "localhost:",
            "LOCALHOST:3000",
            "localhost.",
            "localhost.:3000",
            "a.localhost",
            "a.b.LocalHost.:3000",
        ] {
            assert!(AllowedHosts::local().allow(host), "{host}");
            assert!(hosts("chat.example").allow(host), "{host}");
        }
        for host in [
            "",
            ":3000",
            ".",
            "evil.test",
            "evil.test:3000",
            "localhost.evil.test",
            "evillocalhost",
            ".localhost",
            "localhost..",
            "127.0.0.1.evil.test",
            "127.1",
            "0x7f000001",
            "2130706433",
            "::1",
            "[::1",
            "[::1]x",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "localhost@evil.test",
            "evil.test@localhost",
            "localhost:3000@evil.test",
            "localhost:99999",
            "localhost:+80",
            "localhost, evil.test",
            "localhost evil.test",
            "local%68ost",
        ] {
            assert!(!AllowedHosts::local().allow(host), "{host}");
            assert!(!hosts("chat.example, *.chat.example").allow(host), "{host}");
            assert!(AllowedHosts::any().allow(host) && hosts("*").allow(host), "{host}");
        }
    }

    #[test]
    fn names_that_are_added() {
        let hosts = hosts("Chat.Example, *.wild.example, bücher.example, last.example.");
        for (host, allowed) in [
            ("chat.example", true),
            ("CHAT.EXAMPLE.:8443", true),
            ("a.chat.example", false),
            ("evilchat.example", false),
            ("chat.example.evil.test", false),
            ("a.wild.example", true),
            ("a.b.WILD.example.", true),
            ("wild.example", false),
            (".wild.example", false),
            ("evilwild.example", false),
            ("xn--bcher-kva.example:80", true),
            ("last.example", true),
        ] {
            assert_eq!(hosts.allow(host), allowed, "{host}");
        }
        let both = AllowedHosts::local().and("a.example".parse().unwrap()).and(hosts);
        assert!(both.allow("a.example") && both.allow("chat.example") && !both.allow("b.example"));
        // Always allowed anyway.
        for address in ["127.0.0.1", "::1", "[::1]"] {
            assert_eq!(address.parse(), Ok(AllowedHosts::local()));
        }
    }

    #[test]
    fn what_can_never_match_says_what_to_write() {
        for (text, advice) in [
            ("", ""),
            ("chat.example,", ""),
            ("https://chat.example", "chat.example"),
            ("https://Chat.Example:8443/room?x", "chat.example"),
            ("chat.example:8443", "chat.example"),
            ("chat.example/", "chat.example"),
            ("chat.example/room", "chat.example"),
            ("user@chat.example", "chat.example"),
            (".chat.example", "*.chat.example"),
            ("https://*.chat.example", "*.chat.example"),
            ("*.chat.example:80", "*.chat.example"),
            ("*chat.example", ""),
            ("chat.*", ""),
            ("a.*.example", ""),
            ("*.*.example", ""),
            ("*.", ""),
            ("*.192.0.2.1", ""),
            ("192.0.2", "192.0.0.2"),
            ("192.0.2.1:80", "192.0.2.1"),
            ("[::1]:80", "[::1]"),
            ("a..b", ""),
            ("chat example", ""),
            ("a.example;b.example", ""),
            ("नमस्ते.example", "the host in ASCII, xn--…, as browsers send it"),
        ] {
            let error = text.parse::<AllowedHosts>().unwrap_err().to_string();
            let (_, message) = error.split_once(" is not a host such as ").unwrap();
            let expected = match advice {
                "" => String::new(),
                advice => format!("; write {advice}"),
            };
            assert_eq!(message, format!("chat.example or *.chat.example{expected}"), "{text}");
        }
    }

    #[test]
    fn every_host_that_a_request_names_counts() {
        let nobody = TrustedProxies::none();
        let check = |target: &str, hosts: &[&str]| {
            let mut request = Request::get(target);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            AllowedHosts::local().check(&request.body(()).unwrap(), &nobody)
        };
        assert_eq!(check("/", &["localhost:3000"]), Ok(()));
        assert_eq!(check("http://127.0.0.1/", &["127.0.0.1"]), Ok(()));
        assert_eq!(check("/", &[]), Ok(()), "HTTP/1.0");
        for (target, hosts) in [
            ("/", &["evil.test"][..]),
            ("/", &["localhost", "evil.test"]),
            ("/", &["evil.test", "localhost"]),
            ("http://evil.test/", &["localhost"]),
            ("http://evil.test/", &[]),
            ("http://localhost/", &["evil.test"]),
        ] {
            let denied = check(target, hosts).unwrap_err();
            assert_eq!(denied.name(), Some("evil.test"), "{target} {hosts:?}");
        }
        let mut request = Request::get("https://evil.test/").version(Version::HTTP_2);
        request = request.header("x", "y");
        let request = request.body(()).unwrap();
        assert!(AllowedHosts::local().check(&request, &nobody).is_err(), "`:authority`");
    }

    #[test]
    fn behind_a_trusted_proxy_the_host_its_client_asked_for_counts() {
        let hosts = hosts("chat.example");
        let check = |peer: &str, host: &str, told: Option<&str>| {
            let peer = PeerAddr(peer.parse().unwrap());
            let mut request = Request::get("/").header(HOST, host).extension(peer);
            if let Some(told) = told {
                request = request.header("x-forwarded-host", told);
            }
            let request = request.header("forwarded", "host=evil.test").body(()).unwrap();
            hosts.check(&request, &"10.0.0.0/8".parse().unwrap()).is_ok()
        };
        assert!(check("10.0.0.1:1", "inside:3000", Some("chat.example")));
        assert!(check("10.0.0.1:1", "evil.test", Some("chat.example")));
        assert!(check("10.0.0.1:1", "chat.example", None));
        assert!(!check("10.0.0.1:1", "chat.example", Some("evil.test")));
        assert!(!check("10.0.0.1:1", "inside:3000", None));
        // Of anybody else it says nothing.
        assert!(!check("11.0.0.1:1", "evil.test", Some("chat.example")));
        assert!(check("11.0.0.1:1", "chat.example", Some("evil.test")));
    }

    #[test]
    fn the_answer_names_the_setting() {
        let denied = |host: &str| HostDenied { host: host.to_owned() };
        let response: Response<String> =
            denied("evil.test:80").into_response("--allowed-host ", "");
        assert_eq!(response.status(), 421);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain; charset=utf-8");
        assert_eq!(
            response.body(),
            "requests for the host evil.test are not answered here; to allow it: \
             --allowed-host evil.test\n"
        );
        for odd in ["<script>", "a b", "", "a:b:c", "127.1", "0x7f.0.0.1", "a..b", &"x".repeat(300)]
        {
            let response: Response<String> = denied(odd).into_response("--allowed-host ", "");
            assert_eq!(response.body(), "requests for this host are not answered here\n", "{odd}");
        }
        assert_eq!(denied(&"x".repeat(300)).host().len(), 255);
    }
}
