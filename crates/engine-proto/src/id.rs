//! Session ids.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The id of one session, the `sid` of its URLs.
///
/// Ours are 20 base64url characters: 3 bytes of node id, so that a cluster can forward a request
/// to the node that owns the session, and 12 bytes of randomness. Sticky load balancers recognise
/// a session by that length. A client takes whatever its server gave it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// Makes an id from the node it belongs to and 12 bytes from a cryptographic generator.
    pub fn new(node: [u8; 3], random: [u8; 12]) -> Self {
        let mut bytes = [0; 15];
        bytes[..3].copy_from_slice(&node);
        bytes[3..].copy_from_slice(&random);
        SessionId(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// The id as it stands in URLs. It is a credential: for logs there is
    /// [`shortened`](SessionId::shortened).
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as it stands in logs.
    pub fn shortened(&self) -> ShortId<'_> {
        ShortId(&self.0)
    }
}

/// The beginning of an id, for logs: enough to find what belongs together, too little to take part.
/// Whoever knows the whole id of a session can act for its client.
#[derive(Clone, Copy)]
pub struct ShortId<'a>(&'a str);

impl<'a> ShortId<'a> {
    /// Of any id that is a credential.
    pub const fn new(id: &'a str) -> Self {
        ShortId(id)
    }
}

impl fmt::Display for ShortId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ids that are not ours may be short, and of any characters.
        let shown = (self.0.len() / 2).min(SHOWN_BYTES_MAX);
        write!(f, "{}…", &self.0[..self.0.floor_char_boundary(shown)])
    }
}

impl fmt::Debug for ShortId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Of our ids that is the node and three of the twelve random bytes.
const SHOWN_BYTES_MAX: usize = 8;

impl From<&str> for SessionId {
    fn from(text: &str) -> Self {
        SessionId(text.into())
    }
}

impl Borrow<str> for SessionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SessionId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SessionId {
    /// Shortened, since this is for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.shortened(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_twenty_url_safe_characters_and_the_node_first() {
        let id = SessionId::new([0xff; 3], [0xfb; 12]);
        assert_eq!(id.as_str(), "____-_v7-_v7-_v7-_v7");
        assert_eq!(id.as_str().len(), 20);
    }

    #[test]
    fn logs_show_half_of_it_at_most() {
        let id = SessionId::new([0xff; 3], [0xfb; 12]);
        assert_eq!(id.shortened().to_string(), "____-_v7…");
        assert_eq!(format!("{id:?}"), "____-_v7…");
        for (id, shown) in [("", "…"), ("a", "…"), ("abcd", "ab…"), ("üüü", "ü…")] {
            assert_eq!(SessionId::from(id).shortened().to_string(), shown);
        }
    }
}
