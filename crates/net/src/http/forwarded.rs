//! Where a request comes from, when proxies stand in between: its address, its scheme, its host.
//!
//! Each proxy adds what it saw, so lists are read from the right: the rightmost element was added by
//! the peer itself. What a trusted proxy added is believed, and the last trusted one is the one that
//! saw the client. What stands left of its word anybody may have written.
//!
//! There are two families of headers, and a proxy writes one: the other one comes from the client as
//! it is. So one family is looked at, and the other is not, whatever it says.

use std::iter;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::header::{FORWARDED, HOST, HeaderMap, HeaderName};
use http::request::Parts;
use http::{Extensions, Request, Uri};
use ipnet::{IpNet, Ipv4Net};

use super::peer::{Encrypted, address_of};
use super::target::Inspected;

/// The proxies whose word about a request counts, as networks, and the headers that they write. None
/// by default: then the address of a request is the one it came from, whatever its headers say.
///
/// Each proxy appends the address it was asked from, so the list is read from the right: what trusted
/// proxies say is believed until one names an address that is not trusted; that is the client's.
/// What stands left of it anybody may have written.
///
/// ```
/// use sockeye_net::http::TrustedProxies;
/// use http::HeaderMap;
///
/// let proxies: TrustedProxies = "127.0.0.0/8, ::1, 10.0.0.0/8".parse()?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-forwarded-for", "1.2.3.4, 203.0.113.9, 10.0.0.3".parse()?);
/// let client = proxies.client_addr(&headers, "127.0.0.1".parse()?);
/// assert_eq!(client.to_string(), "203.0.113.9");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    headers: ForwardedHeaders,
}

/// In which headers a proxy tells what it saw. One family is looked at, the other one is ignored: it
/// may be the client's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedHeaders {
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`, which nearly every proxy writes.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// A text is no list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address or a network such as 10.0.0.0/8{}", write_instead(.advice))]
pub struct TrustedProxiesError {
    text: String,
    advice: Option<String>,
}

/// A text is no family of headers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is neither \"x-forwarded\" nor \"forwarded\"")]
pub struct ForwardedHeadersError {
    text: String,
}

/// Where a request comes from, as its listener and trusted proxies tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The client's address, `None` where the listener tells none ([`PeerAddr`](super::PeerAddr)). Its port is 0 when
    /// a proxy told it.
    pub address: Option<SocketAddr>,
    /// The client used TLS.
    pub secure: bool,
    /// The host the client asked for, with its port if there is one.
    pub host: Option<&'a str>,
}

impl TrustedProxies {
    /// Nobody.
    pub const fn none() -> Self {
        Self { networks: Vec::new(), headers: ForwardedHeaders::XForwarded }
    }

    /// In which headers these proxies tell what they saw. Default
    /// [`ForwardedHeaders::XForwarded`].
    #[must_use]
    pub const fn headers(mut self, headers: ForwardedHeaders) -> Self {
        self.headers = headers;
        self
    }

    /// Whether it is nobody's word that counts.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    /// Whether an address is a trusted proxy's. An IPv4-mapped address of IPv6
    /// (`::ffff:10.0.0.1`) counts as the address of IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address of the client of a request that came from `peer`. When a trusted proxy names no
    /// usable address, such as `unknown` or an obfuscated one, the last that was known is returned.
    ///
    /// The time is linear in the length of the headers.
    pub fn client_addr(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let peer = peer.to_canonical();
        if self.contains(peer) { self.way(headers, peer).client } else { peer }
    }

    /// What trusted proxies tell of a request from `peer`. `None`: the peer is none of them.
    pub(crate) fn forwarded<'a>(
        &self,
        headers: &'a HeaderMap,
        peer: Option<IpAddr>,
    ) -> Option<Told<'a>> {
        let peer = peer?.to_canonical();
        if !self.contains(peer) {
            return None;
        }
        let Way { client, hops } = self.way(headers, peer);
        let (scheme, host) = match self.headers {
            ForwardedHeaders::XForwarded => (
                nth(list(headers, &X_FORWARDED_PROTO), hops),
                nth(list(headers, &X_FORWARDED_HOST), hops),
            ),
            ForwardedHeaders::Forwarded => {
                let element = nth(forwarded(headers), hops);
                let parameter = |name| element.and_then(|element| parameter(element, name));
                (parameter("proto"), parameter("host"))
            }
        };
        Some(Told { client, scheme, host })
    }

    /// Goes back from a trusted peer as far as trusted proxies lead.
    fn way(&self, headers: &HeaderMap, peer: IpAddr) -> Way {
        let mut way = Way { client: peer, hops: 0 };
        let mut step = |address: Option<IpAddr>| {
            let Some(address) = address.map(|address| address.to_canonical()) else { return false };
            way.client = address;
            let goes_on = self.contains(address);
            way.hops += usize::from(goes_on);
            goes_on
        };
        match self.headers {
            ForwardedHeaders::XForwarded => {
                let _ = list(headers, &X_FORWARDED_FOR).all(|element| step(node(element)));
            }
            ForwardedHeaders::Forwarded => {
                let _ = forwarded(headers).all(|element| {
                    let told = parameter(element, "for");
                    step(told.and_then(node))
                });
            }
        }
        way
    }
}

/// What trusted proxies tell of a request.
pub(crate) struct Told<'a> {
    client: IpAddr,
    scheme: Option<&'a str>,
    pub(crate) host: Option<&'a str>,
}

/// How far trusted proxies lead back.
struct Way {
    client: IpAddr,
    /// How many trusted proxies stand behind the one that is our peer.
    hops: usize,
}

impl<'a> Source<'a> {
    /// Of a request. Who is believed is for `proxies` to say.
    pub fn of<B>(request: &'a Request<B>, proxies: &TrustedProxies) -> Self {
        Self::new(request.uri(), request.headers(), request.extensions(), proxies)
    }

    /// The same of a request's head.
    pub fn of_head(head: &'a Parts, proxies: &TrustedProxies) -> Self {
        Self::new(&head.uri, &head.headers, &head.extensions, proxies)
    }

    fn new(
        uri: &'a Uri,
        headers: &'a HeaderMap,
        extensions: &Extensions,
        proxies: &TrustedProxies,
    ) -> Self {
        let address = address_of(extensions);
        let is_encrypted = extensions.get::<Encrypted>().is_some();
        let asks_for_https = uri.scheme_str() == Some("https");
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        // HTTP/2 has no `Host` but where somebody translated it.
        let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
        let Some(forwarded) = proxies.forwarded(headers, address.map(|peer| peer.ip())) else {
            // Our own listener knows how the request came; a target is only what the client says.
            let believed = asks_for_https && extensions.get::<Inspected>().is_none();
            return Source { address, secure: is_encrypted || believed, host };
        };
        let is_secure = |scheme: &str| {
            scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss")
        };
        Source {
            // The peer itself keeps its port.
            address: address.map(|peer| match peer.ip().to_canonical() == forwarded.client {
                true => peer,
                false => SocketAddr::new(forwarded.client, 0),
            }),
            secure: forwarded.scheme.map_or(is_encrypted || asks_for_https, is_secure),
            host: forwarded.host.or(host),
        }
    }
}

/// The word of the proxy that saw the client; the leftmost there is, if a proxy on the way added
/// none.
fn nth<'a>(elements: impl Iterator<Item = &'a str>, hops: usize) -> Option<&'a str> {
    elements.take(hops + 1).last().filter(|element| !element.is_empty())
}

/// The elements of a list, from the right. An empty one, and a line that is not ASCII, says nothing: no
/// standard has these lists, and whoever appended it knew no more.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')).map(str::trim)
}

/// The elements of `Forwarded` (RFC 7239 §4), from the right. Empty ones are none (RFC 9110 §5.6.1.2); a
/// line that is not ASCII says nothing.
fn forwarded(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(FORWARDED).iter().rev();
    let elements = lines.flat_map(|line| split_unquoted(line.to_str().unwrap_or(UNREADABLE), b','));
    elements.filter(|element| !element.is_empty())
}

/// The pieces between separators, from the right; what stands in quotes separates nothing. Quotes
/// are looked for from the right too: one that a client left open takes nothing away from what a
/// proxy wrote behind it, and a host full of commas stays what the proxy quoted.
fn split_unquoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let bytes = text.as_bytes();
        let mut is_quoted = false;
        for at in (0..bytes.len()).rev() {
            if bytes[at] == b'"' && !(is_quoted && is_escaped(&bytes[..at])) {
                is_quoted = !is_quoted;
            } else if bytes[at] == separator && !is_quoted {
                rest = Some(&text[..at]);
                return Some(text[at + 1..].trim());
            }
        }
        rest = None;
        Some(text.trim())
    })
}

/// Whether what follows these bytes of a quoted string is escaped (RFC 9110 §5.6.4).
fn is_escaped(before: &[u8]) -> bool {
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// A parameter of an element of `Forwarded`, without its quotes. One that is given twice says
/// nothing (RFC 7239 §4), and neither does one with escapes: there are none in what is asked for.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut values = split_unquoted(element, b';').filter_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    });
    let value = values.next().filter(|_| values.next().is_none())?;
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    (!value.is_empty() && !value.contains(['"', '\\'])).then_some(value)
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
/// In place of the port there may be a name (RFC 7239 §6.2).
fn node(text: &str) -> Option<IpAddr> {
    let is_port = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let ends_well = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return address.parse().ok().filter(IpAddr::is_ipv6).filter(|_| ends_well);
    }
    text.parse().ok().or_else(|| {
        let (address, port) = text.rsplit_once(':')?;
        address.parse().ok().filter(IpAddr::is_ipv4).filter(|_| is_port(port))
    })
}

impl FromStr for TrustedProxies {
    type Err = TrustedProxiesError;

    /// Addresses and networks, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks = parts.map(network).collect::<Result<_, _>>()?;
        Ok(Self { networks, ..Self::none() })
    }
}

/// The same from each kind of text.
macro_rules! try_from_text {
    ($($text:ty),*) => {$(
        impl TryFrom<$text> for TrustedProxies {
            type Error = TrustedProxiesError;

            fn try_from(text: $text) -> Result<Self, TrustedProxiesError> {
                text.parse()
            }
        }
    )*};
}

try_from_text!(&str, &String, String);

impl FromStr for ForwardedHeaders {
    type Err = ForwardedHeadersError;

    /// `x-forwarded` or `forwarded`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "x-forwarded" => Ok(Self::XForwarded),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err(ForwardedHeadersError { text: text.to_owned() }),
        }
    }
}

/// An address or a network. An IPv4-mapped one counts as one of IPv4, or it would contain nobody.
fn network(text: &str) -> Result<IpNet, TrustedProxiesError> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(address.to_canonical()));
    }
    if let Ok(network) = text.parse::<IpNet>() {
        let IpNet::V6(v6) = network else { return Ok(network) };
        let Some(address) = v6.addr().to_ipv4_mapped() else { return Ok(network) };
        let v4 = v6.prefix_len().checked_sub(96);
        let v4 = v4.and_then(|prefix| Ipv4Net::new(address, prefix).ok()).map(IpNet::V4);
        let advice = Some("0.0.0.0/0".to_owned());
        return v4.ok_or(TrustedProxiesError { text: text.to_owned(), advice });
    }
    let advice = match node(text) {
        _ if text.eq_ignore_ascii_case("localhost") => Some("127.0.0.0/8, ::1".to_owned()),
        address => address.map(|address| address.to_string()),
    };
    Err(TrustedProxiesError { text: text.to_owned(), advice })
}

/// The end of a message about a text that means nothing: what to write.
pub(crate) fn write_instead(advice: &Option<String>) -> String {
    advice.as_ref().map(|advice| format!("; write {advice}")).unwrap_or_default()
}

/// Stands for a line of `Forwarded` that is not ASCII: it has no parameter.
const UNREADABLE: &str = "?";
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

#[cfg(test)]
mod tests;
