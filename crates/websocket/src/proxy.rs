//! Whose address a request has, when proxies stand in between.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word about addresses counts, as networks. None by default: then the address of a
/// request is the one it came from, whatever its headers say.
///
/// Each proxy appends the address it was asked from, so the list is read from the right: what trusted
/// proxies say is believed until one names an address that is not trusted; that is the client's.
/// What stands left of it anybody may have written.
///
/// ```
/// use sockeye_websocket::TrustedProxies;
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
}

/// A text is no list of networks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address or a network such as 10.0.0.0/8")]
pub struct TrustedProxiesError {
    text: String,
}

impl TrustedProxies {
    /// Nobody.
    #[must_use]
    pub const fn none() -> Self {
        Self { networks: Vec::new() }
    }

    /// Whether an address is a trusted proxy's. An IPv4 address in the clothes of IPv6
    /// (`::ffff:10.0.0.1`) counts as what it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address of the client of a request that came from `peer`: by `Forwarded` (RFC 7239) where
    /// there is one, else by `X-Forwarded-For`. When a trusted proxy names no usable address, such as
    /// `unknown` or an obfuscated one, the last that was known is returned.
    ///
    /// The time is linear in the length of the headers.
    #[must_use]
    pub fn client_addr(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.contains(client) {
            return client;
        }
        let forwarded = headers.contains_key(FORWARDED);
        let name = if forwarded { FORWARDED } else { X_FORWARDED_FOR };
        let lines = headers.get_all(name);
        // A line that is not ASCII ends what is known: a hop is missing there.
        for line in lines.iter().rev() {
            let Ok(line) = line.to_str() else { return client };
            for element in line.rsplit(',') {
                let address = if forwarded { forwarded_for(element) } else { node(element.trim()) };
                let Some(address) = address else { return client };
                client = address.to_canonical();
                if !self.contains(client) {
                    return client;
                }
            }
        }
        client
    }
}

impl FromStr for TrustedProxies {
    type Err = TrustedProxiesError;

    /// Addresses and networks, separated by commas.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(|part| {
                let network = part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
                network.map_err(|_| TrustedProxiesError { text: part.to_owned() })
            })
            .collect::<Result<_, _>>()
            .map(|networks| Self { networks })
    }
}

/// The address in `for=` of one element of `Forwarded`. Commas within quotes do not occur in addresses;
/// an element that is cut at one has none.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        let value = value.trim();
        node(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    })
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address.ip());
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(proxies: &str, peer: &str, lines: &[(&'static str, &[u8])]) -> String {
        let proxies: TrustedProxies = proxies.parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        proxies.client_addr(&headers, peer.parse().unwrap()).to_string()
    }

    #[test]
    fn nobody_is_trusted_unasked() {
        assert_eq!(client("", "127.0.0.1", &[("x-forwarded-for", b"1.1.1.1")]), "127.0.0.1");
        let header = [("x-forwarded-for", &b"1.1.1.1"[..])];
        assert_eq!(client("10.0.0.0/8", "11.0.0.1", &header), "11.0.0.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_rightmost_that_is_not_trusted() {
        for (header, expected) in [
            (&b"1.1.1.1"[..], "1.1.1.1"),
            (b"6.6.6.6, 1.1.1.1", "1.1.1.1"),
            (b"6.6.6.6, 1.1.1.1,10.0.0.2", "1.1.1.1"),
            (b"10.0.0.3, 10.0.0.2", "10.0.0.3"),
            (b"1.1.1.1:4711", "1.1.1.1"),
            (b"2001:db8::1", "2001:db8::1"),
            (b"[2001:db8::1]", "2001:db8::1"),
            (b"[2001:db8::1]:80", "2001:db8::1"),
            (b"::ffff:10.0.0.9, ::ffff:10.0.0.2", "10.0.0.9"),
            (b"1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
            (b"1.1.1.1, ", "10.0.0.1"),
            (b"caf\xe9", "10.0.0.1"),
            (b"", "10.0.0.1"),
        ] {
            let seen = client("10.0.0.0/8", "::ffff:10.0.0.1", &[("x-forwarded-for", header)]);
            assert_eq!(seen, expected, "{}", String::from_utf8_lossy(header));
        }
        let lines = [("x-forwarded-for", &b"1.1.1.1"[..]), ("x-forwarded-for", b"10.0.0.2")];
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &lines), "1.1.1.1");
    }

    /// The elements of RFC 7239 §4 and §6.
    #[test]
    fn forwarded() {
        for (header, expected) in [
            (&b"for=192.0.2.60;proto=http;by=203.0.113.43"[..], "192.0.2.60"),
            (b"For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            (b"for=6.6.6.6, for=192.0.2.43", "192.0.2.43"),
            (b"for=192.0.2.43, for=10.0.0.2", "192.0.2.43"),
            (b"for=\"_gazonk\"", "10.0.0.1"),
            (b"proto=https", "10.0.0.1"),
            (b"for=\"1.1.1.1,2.2.2.2\"", "10.0.0.1"),
        ] {
            let lines = [("forwarded", header), ("x-forwarded-for", b"6.6.6.6")];
            let seen = client("10.0.0.0/8", "10.0.0.1", &lines);
            assert_eq!(seen, expected, "{}", String::from_utf8_lossy(header));
        }
    }

    #[test]
    fn what_is_no_network() {
        for text in ["10.0.0.0/33", "localhost", "10.0.0"] {
            assert_eq!(
                text.parse::<TrustedProxies>().unwrap_err().to_string(),
                format!("{text:?} is not an address or a network such as 10.0.0.0/8")
            );
        }
        assert_eq!("".parse(), Ok(TrustedProxies::none()));
    }
}
