//! Reading the headers of the handshake, in time linear in their length.

use http::header::{HeaderMap, HeaderName, SEC_WEBSOCKET_PROTOCOL};

/// The sub-protocols named in `Sec-WebSocket-Protocol`, in order. What is not a token (RFC 9110
/// §5.6.2) is left out.
pub fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    elements(headers, SEC_WEBSOCKET_PROTOCOL).filter(|name| is_token(name))
}

/// Whether a list header has an element that equals `token` without regard to case.
pub(crate) fn contains(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    elements(headers, name).any(|element| element.eq_ignore_ascii_case(token))
}

/// The elements of a comma-separated header over all its lines, trimmed, without the empty ones.
/// Lines that are not visible ASCII are left out.
fn elements(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|element| element.trim_matches([' ', '\t']))
        .filter(|element| !element.is_empty())
}

/// Whether `text` is a token of HTTP (RFC 9110 §5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// Granian: bytes beyond ASCII in `Sec-WebSocket-Protocol` were a panic.
    #[test]
    fn lists_over_several_lines() {
        let mut headers = HeaderMap::new();
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("chat,, superchat\t,"));
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_bytes(b"caf\xe9").unwrap());
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("no token, v1.2"));
        assert!(protocols(&headers).eq(["chat", "superchat", "v1.2"]));
        assert!(contains(&headers, SEC_WEBSOCKET_PROTOCOL, "CHAT"));
        assert!(!contains(&headers, SEC_WEBSOCKET_PROTOCOL, "chat,"));
    }

    /// CVE-2021-32640: `Sec-WebSocket-Protocol` of spaces. Linear here; the size is what would take
    /// minutes otherwise.
    #[test]
    fn a_megabyte_of_spaces() {
        let mut headers = HeaderMap::new();
        let value = format!("a{}b", " ".repeat(1 << 20));
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(&value).unwrap());
        assert_eq!(protocols(&headers).count(), 0);
        let value = format!("a{}b", " ,".repeat(1 << 20));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_str(&value).unwrap());
        assert!(protocols(&headers).eq(["a", "b"]));
    }
}
