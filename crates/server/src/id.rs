use std::{borrow::Borrow, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Serialize, Serializer};

const LEN: usize = 20;

/// Names one socket: 20 base64url characters from 120 random bits, another one in each namespace
/// and never the session's own id.
///
/// (The length matters to others: Node's adapters recognise a socket's own room by it.)
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId([u8; LEN]);

impl SocketId {
    pub(crate) fn random() -> Self {
        let mut random = [0; LEN / 4 * 3];
        getrandom::fill(&mut random).expect("the system's random source works");
        let mut text = [0; LEN];
        URL_SAFE_NO_PAD.encode_slice(random, &mut text).expect("15 bytes are 20 characters");
        Self(text)
    }

    /// An id as it came over the wire.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.is_ascii().then(|| text.as_bytes().try_into().ok().map(Self))?
    }

    /// The id as it is on the wire.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base64 is ASCII")
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for SocketId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Borrow<[u8]> for SocketId {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for SocketId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_twenty_url_safe_characters_and_differ() {
        let (a, b) = (SocketId::random(), SocketId::random());
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 20);
        assert!(a.as_str().bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'));
    }
}
