use std::borrow::{Borrow, Cow};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const LEN: usize = 20;

/// The id of a socket: 20 base64url characters from 120 random bits, different in each namespace
/// and never the session's own id. (Node's adapters recognise a socket's own room by this length.)
///
/// Clients of Socket.IO 2 make their ids themselves, so the server makes the same ones: the
/// session's id in the namespace `/`, and `/namespace#id` in the others.
///
/// It is written and read as text, and compares with it. A text that is parsed need not be the id of
/// any socket; what is sent to such an id reaches nobody.
///
/// ```
/// use sockeye::{EmptySocketId, Io, SocketId};
///
/// fn whisper(io: &Io, to: &str) -> Result<(), Box<dyn std::error::Error>> {
///     let id: SocketId = to.parse()?;
///     assert!(id == to);
///     Ok(io.to(&id).emit("whisper", "hello")?)
/// }
/// assert_eq!("".parse::<SocketId>(), Err(EmptySocketId));
/// # let _ = whisper;
/// ```
#[derive(Clone)]
pub struct SocketId(Form);

#[derive(Clone)]
enum Form {
    Short([u8; LEN]),
    Long(Arc<str>),
}

impl SocketId {
    pub(crate) fn random() -> Self {
        let mut random = [0; LEN / 4 * 3];
        getrandom::fill(&mut random).expect("the system's random source works");
        let mut text = [0; LEN];
        URL_SAFE_NO_PAD.encode_slice(random, &mut text).expect("15 bytes are 20 characters");
        Self(Form::Short(text))
    }

    /// The id of a client of Socket.IO 2.
    pub(crate) fn of_session(session: &str, namespace: &str) -> Self {
        if namespace != "/" {
            return Self(Form::Long(format!("{namespace}#{session}").into()));
        }
        Self::parse(session).unwrap_or_else(|| Self(Form::Long(session.into())))
    }

    /// Parses a random id that was received.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.is_ascii().then(|| text.as_bytes().try_into().ok().map(Form::Short).map(Self))?
    }

    /// Whether a text has the form of an id in this namespace: of a random one, or of one of Socket.IO 2.
    pub(crate) fn has_form_of_one(text: &str, namespace: &str) -> bool {
        let is_url_safe = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        (text.len() == LEN && text.bytes().all(is_url_safe))
            || text.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('#'))
    }

    /// The id as it is on the wire.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Short(bytes) => std::str::from_utf8(bytes).expect("it was checked to be ASCII"),
            Form::Long(text) => text,
        }
    }

    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short(bytes) => bytes,
            Form::Long(text) => text.as_bytes(),
        }
    }
}

impl PartialEq for SocketId {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for SocketId {}

impl Hash for SocketId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl PartialOrd for SocketId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SocketId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
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

/// As its text.
impl<'de> Deserialize<'de> for SocketId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The error that a text is no socket's id, because it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the id of a socket cannot be empty")]
pub struct EmptySocketId;

impl FromStr for SocketId {
    type Err = EmptySocketId;

    fn from_str(text: &str) -> Result<Self, EmptySocketId> {
        if text.is_empty() {
            return Err(EmptySocketId);
        }
        Ok(Self::parse(text).unwrap_or_else(|| Self(Form::Long(text.into()))))
    }
}

impl From<SocketId> for String {
    fn from(id: SocketId) -> Self {
        id.as_str().to_owned()
    }
}

impl AsRef<str> for SocketId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<[u8]> for SocketId {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq<str> for SocketId {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

/// Ids compare with text, from either side.
macro_rules! equals {
    ($($text:ty),*) => {$(
        impl PartialEq<$text> for SocketId {
            fn eq(&self, other: &$text) -> bool {
                self.as_str() == &**other
            }
        }

        impl PartialEq<SocketId> for $text {
            fn eq(&self, other: &SocketId) -> bool {
                &**self == other.as_str()
            }
        }
    )*};
}

equals!(&str, String);

impl PartialEq<SocketId> for str {
    fn eq(&self, other: &SocketId) -> bool {
        self == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against CVE-2017-16031, ids that could be guessed.
    #[test]
    fn ids_are_twenty_url_safe_characters_and_differ() {
        let (a, b) = (SocketId::random(), SocketId::random());
        assert_ne!(a, b);
        assert_eq!(a.as_str().len(), 20);
        assert!(a.as_str().bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'));
    }

    #[test]
    fn an_id_is_read_as_it_was_written() {
        for id in [SocketId::random(), SocketId::of_session("abc", "/chat")] {
            let json = serde_json::to_string(&id).unwrap();
            assert_eq!(serde_json::from_str::<SocketId>(&json).unwrap(), id);
            let text = id.to_string();
            assert_eq!(text.parse::<SocketId>().unwrap(), id);
            assert_eq!(id, text);
            assert_eq!(text, id);
            assert_eq!(id, text.as_str());
            assert_eq!(text.as_str(), id);
            assert_eq!(String::from(id), text);
        }
        assert_eq!("".parse::<SocketId>(), Err(EmptySocketId));
        let error = serde_json::from_str::<SocketId>("\"\"").unwrap_err();
        assert!(error.to_string().contains("cannot be empty"), "{error}");
        assert!(serde_json::from_str::<SocketId>("7").is_err());
        // Escapes, so that it cannot be borrowed.
        assert_eq!(serde_json::from_str::<SocketId>("\"a\\u0062\"").unwrap(), "ab");
    }

    #[test]
    fn the_form_of_an_id_is_recognized() {
        let is_one = |text: &str| SocketId::has_form_of_one(text, "/chat");
        assert!(is_one(SocketId::random().as_str()));
        assert!(is_one(SocketId::of_session("any.thing", "/chat").as_str()));
        for other in ["", "news", "abcdefghij0123456789x", "abcdefghij012345678", "/news#a"] {
            assert!(!is_one(other), "{other}");
        }
        assert!(!is_one("abcdefghij.123456789"), "20 characters, but a dot");
    }

    #[test]
    fn ids_of_old_clients_are_the_sessions_with_the_namespace_before_them() {
        let session = SocketId::random();
        let main = SocketId::of_session(session.as_str(), "/");
        assert_eq!(main, session);
        assert_eq!(SocketId::of_session("abc", "/").as_str(), "abc");
        let other = SocketId::of_session("abc", "/chat");
        assert_eq!(other.as_str(), "/chat#abc");
        assert!(size_of::<SocketId>() <= 24, "{}", size_of::<SocketId>());
        // The adapter looks ids up by their text.
        let ids = std::collections::HashMap::from([(other, 1), (session.clone(), 2)]);
        assert_eq!(ids.get("/chat#abc".as_bytes()), Some(&1));
        assert_eq!(ids.get(session.as_str().as_bytes()), Some(&2));
    }
}
