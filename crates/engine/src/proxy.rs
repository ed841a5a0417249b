//! What trusted proxies say about a request: its address, its scheme, its host.
//!
//! Each proxy adds what it saw, so lists are read from the right: the rightmost element was added
//! by the peer itself. What a trusted proxy added is believed, and the last trusted one is the one
//! that saw the client. What stands left of its word anybody may have written.

use std::net::SocketAddr;

use http::header::{FORWARDED, HOST, HeaderMap, HeaderName};
use http::request::Parts;
use sockeye_websocket::{Encrypted, PeerAddr, TrustedProxies};

/// Where a request comes from, proxies taken into account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// The client's address. Its port is 0 when a proxy told it.
    pub(crate) address: Option<SocketAddr>,
    /// The client used TLS.
    pub(crate) secure: bool,
    /// The host the client asked for.
    pub(crate) host: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// Of a request. Who is believed is for `proxies` to say.
    pub(crate) fn new(head: &'a Parts, proxies: &TrustedProxies) -> Self {
        let headers = &head.headers;
        let address = head.extensions.get::<PeerAddr>().map(|peer| peer.0);
        let secure =
            head.uri.scheme_str() == Some("https") || head.extensions.get::<Encrypted>().is_some();
        let direct = Source { address, secure, host: text(headers, &HOST) };
        let Some(peer) = address.filter(|peer| proxies.contains(peer.ip())) else {
            return direct;
        };
        let client = proxies.client_addr(headers, peer.ip());
        let address =
            if client == peer.ip().to_canonical() { peer } else { SocketAddr::new(client, 0) };
        let hops = hops(headers, proxies);
        let said = |parameter: &str, header: &HeaderName| {
            if headers.contains_key(FORWARDED) {
                forwarded(headers, hops, parameter)
            } else {
                element(headers, header, hops)
            }
        };
        Source {
            address: Some(address),
            secure: match said("proto", &X_FORWARDED_PROTO) {
                Some(proto) => {
                    proto.eq_ignore_ascii_case("https") || proto.eq_ignore_ascii_case("wss")
                }
                None => secure,
            },
            host: said("host", &X_FORWARDED_HOST).or(direct.host),
        }
    }
}

/// How many trusted proxies stand behind the one that is our peer.
fn hops(headers: &HeaderMap, proxies: &TrustedProxies) -> usize {
    let is_trusted = |text: &str| {
        let text = text.trim().trim_matches('"');
        let address = text.parse().or_else(|_| text.parse::<SocketAddr>().map(|a| a.ip()));
        let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
        address.ok().or_else(bracketed).is_some_and(|address| proxies.contains(address))
    };
    if headers.contains_key(FORWARDED) {
        elements(headers, &FORWARDED)
            .take_while(|element| parameter(element, "for").is_some_and(is_trusted))
            .count()
    } else {
        elements(headers, &X_FORWARDED_FOR).take_while(|element| is_trusted(element)).count()
    }
}

/// The elements of a list, from the right.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .rev()
        .flat_map(|line| line.to_str().unwrap_or_default().rsplit(','))
        .map(str::trim)
}

/// The word of the proxy that saw the client; the leftmost there is, if a proxy on the way added
/// none.
fn element<'a>(headers: &'a HeaderMap, name: &HeaderName, hops: usize) -> Option<&'a str> {
    elements(headers, name).take(hops + 1).last().filter(|element| !element.is_empty())
}

/// The same in `Forwarded` (RFC 7239 §4).
fn forwarded<'a>(headers: &'a HeaderMap, hops: usize, name: &str) -> Option<&'a str> {
    element(headers, &FORWARDED, hops).and_then(|element| parameter(element, name))
}

fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    element.split(';').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        let value = value.trim();
        found.trim().eq_ignore_ascii_case(name).then(|| {
            value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
        })
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (String, bool, Option<String>);

    fn source(proxies: &str, peer: &str, headers: &[(&'static str, &'static str)]) -> Seen {
        let peer: SocketAddr = peer.parse().unwrap();
        let mut request = http::Request::get("/engine.io/").extension(PeerAddr(peer));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let source = Source::new(&head, &proxies.parse().unwrap());
        (source.address.unwrap().to_string(), source.secure, source.host.map(str::to_owned))
    }

    fn seen(address: &str, secure: bool, host: &str) -> Seen {
        (address.to_owned(), secure, Some(host.to_owned()))
    }

    #[test]
    fn nobody_is_believed_unasked() {
        let headers = [
            ("host", "inside:3000"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example"),
            ("forwarded", "for=1.1.1.1;proto=https;host=evil.example"),
        ];
        let direct = seen("10.0.0.1:99", false, "inside:3000");
        assert_eq!(source("", "10.0.0.1:99", &headers), direct);
        assert_eq!(source("10.0.0.2", "10.0.0.1:99", &headers), direct);
    }

    #[test]
    fn the_proxy_that_saw_the_client_counts() {
        let one = [
            ("host", "inside"),
            ("x-forwarded-for", "6.6.6.6, 1.1.1.1"),
            ("x-forwarded-proto", "http, https"),
            ("x-forwarded-host", "evil.example, chat.example"),
        ];
        assert_eq!(
            source("10.0.0.0/8", "10.0.0.1:99", &one),
            seen("1.1.1.1:0", true, "chat.example")
        );
        let two = [
            ("host", "inside"),
            ("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.0.0.9"),
            ("x-forwarded-proto", "ftp, https, http"),
            ("x-forwarded-host", "evil.example, chat.example, middle"),
        ];
        assert_eq!(
            source("10.0.0.0/8", "10.0.0.1:99", &two),
            seen("1.1.1.1:0", true, "chat.example")
        );
        // The inner proxy hands on what the outer one said once.
        let once = [
            ("host", "inside"),
            ("x-forwarded-for", "1.1.1.1, 10.0.0.9"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(source("10.0.0.0/8", "10.0.0.1:99", &once), seen("1.1.1.1:0", true, "inside"));
    }

    #[test]
    fn forwarded_comes_first() {
        let headers = [
            ("host", "inside"),
            (
                "forwarded",
                "for=6.6.6.6;host=evil.example, for=1.1.1.1;proto=https;host=\"chat.example:8443\"",
            ),
            ("forwarded", "For=10.0.0.9;Proto=http"),
            ("x-forwarded-host", "other.example"),
        ];
        assert_eq!(
            source("10.0.0.0/8", "10.0.0.1:99", &headers),
            seen("1.1.1.1:0", true, "chat.example:8443")
        );
        let nothing = [("host", "inside"), ("x-forwarded-for", "")];
        assert_eq!(
            source("10.0.0.0/8", "10.0.0.1:99", &nothing),
            seen("10.0.0.1:99", false, "inside")
        );
    }
}
