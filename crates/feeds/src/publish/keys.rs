//! API keys: who may publish, and what.
//!
//! A key is `sk_<id>_<secret>`. The id is no secret: it is logged and listed. The secret has 192 random bits.
//! At rest there is only the SHA-256 of the whole key. A slow hash, as for passwords, would win nothing: those
//! make guessing dear where there are few guesses to make, but of 2^192 keys nobody tries a noticeable part,
//! however fast the hash is; and it would cost every request that much time, those of strangers too.

/// Keys in a file.
pub(super) mod file;
/// Keys in memory.
pub(super) mod memory;

use std::error::Error;
use std::fmt::{self, Write as _};
use std::hint::black_box;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error as ThisError;

/// Random bytes of a new id and of a new secret; each is written as two hex digits.
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 24;
/// The most characters of an id, of a secret, of a name.
const ID_MAX: usize = 32;
const SECRET_MAX: usize = 128;
const NAME_MAX: usize = 100;
/// The most namespaces that a key names.
const NAMESPACES_MAX: usize = 100;

/// What a key may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verb {
    /// To send events: `publish`.
    Publish,
    /// To make sockets join rooms: `join`.
    Join,
    /// To make sockets leave rooms: `leave`.
    Leave,
    /// To disconnect sockets and end their sessions: `disconnect`.
    Disconnect,
    /// To list sockets and rooms: `sockets`, `rooms`.
    Read,
}

impl Verb {
    /// All there are.
    pub const ALL: [Verb; 5] =
        [Verb::Publish, Verb::Join, Verb::Leave, Verb::Disconnect, Verb::Read];

    /// As it is written: `publish`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verb::Publish => "publish",
            Verb::Join => "join",
            Verb::Leave => "leave",
            Verb::Disconnect => "disconnect",
            Verb::Read => "read",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Verb {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        Verb::ALL.into_iter().find(|verb| verb.as_str() == text).ok_or(KeyError::Verb)
    }
}

/// Why there cannot be such a key.
#[derive(Clone, Debug, PartialEq, Eq, ThisError)]
#[non_exhaustive]
pub enum KeyError {
    /// Its name is empty, too long, or has control characters.
    #[error("the name of a key has 1 to {NAME_MAX} characters, none of them a control character")]
    Name,
    /// A namespace it is for is none.
    #[error(
        "`{0}` is no namespace for a key: write its name with the slash, `/a/*` for what begins with `/a/`, \
         or `*` for all"
    )]
    Namespace(String),
    /// It is for no namespace, or for too many.
    #[error("a key is for 1 to {NAMESPACES_MAX} namespaces")]
    Namespaces,
    /// It may do nothing.
    #[error("a key needs a verb: publish, join, leave, disconnect or read")]
    Verbs,
    /// No such verb.
    #[error("the verbs of keys are publish, join, leave, disconnect and read")]
    Verb,
    /// The text is no key.
    #[error(
        "a key is sk_<id>_<secret>: an id of 1 to {ID_MAX} letters, digits and dashes, a secret of 1 to {SECRET_MAX} \
         letters, digits, dashes and underscores"
    )]
    Secret,
    /// There is one with this id.
    #[error("there is a key with this id already")]
    Taken,
}

/// What a key is to be, before it is made.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use sockeye_feeds::publish::{MemoryKeys, NewKey, Verb};
///
/// let key = NewKey::named("shop")
///     .namespace("/orders")
///     .namespace("/stock/*")
///     .verb(Verb::Publish)
///     .expires(SystemTime::now() + Duration::from_secs(86_400));
/// let issued = MemoryKeys::new().create(key)?;
/// assert!(issued.key().may(Verb::Publish, "/stock/shoes"));
/// assert!(!issued.key().may(Verb::Read, "/orders"));
/// # Ok::<(), sockeye_feeds::publish::KeyError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is made by a store's `create`"]
pub struct NewKey {
    name: String,
    namespaces: Vec<String>,
    verbs: Vec<Verb>,
    expires: Option<SystemTime>,
}

impl NewKey {
    /// A key with a name, by which people tell it from others. Without more it is for nothing.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), namespaces: Vec::new(), verbs: Vec::new(), expires: None }
    }

    /// A key that may do everything everywhere.
    ///
    /// ```
    /// use sockeye_feeds::publish::{MemoryKeys, NewKey, Verb};
    ///
    /// let issued = MemoryKeys::new().create(NewKey::for_everything("operator"))?;
    /// assert!(issued.key().may(Verb::Disconnect, "/any"));
    /// # Ok::<(), sockeye_feeds::publish::KeyError>(())
    /// ```
    pub fn for_everything(name: impl Into<String>) -> Self {
        Self::named(name).namespace("*").verbs(Verb::ALL)
    }

    /// Adds a namespace: its name with the slash, `/a/*` for each whose name begins with `/a/`, `*` for all.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespaces.push(namespace.into());
        self
    }

    /// Adds something it may do.
    pub fn verb(self, verb: Verb) -> Self {
        self.verbs([verb])
    }

    /// Adds all of these.
    pub fn verbs(mut self, verbs: impl IntoIterator<Item = Verb>) -> Self {
        self.verbs.extend(verbs);
        self.verbs.sort_unstable();
        self.verbs.dedup();
        self
    }

    /// Until when it is valid. Default: until it is revoked.
    pub fn expires(mut self, at: SystemTime) -> Self {
        self.expires = Some(at);
        self
    }

    /// A key with an id and a secret from the system's random source.
    pub(super) fn issue(self) -> Result<IssuedKey, KeyError> {
        let secret = format!("sk_{}_{}", random_hex::<ID_BYTES>(), random_hex::<SECRET_BYTES>());
        self.with_secret(secret)
    }

    /// A key that is this text.
    pub(super) fn with_secret(self, secret: String) -> Result<IssuedKey, KeyError> {
        let Self { name, namespaces, verbs, expires } = self;
        let (id, _) = split(&secret).ok_or(KeyError::Secret)?;
        let stored = StoredKey {
            id: id.to_owned(),
            name,
            sha256: hex(&hash(&secret)),
            namespaces,
            verbs,
            created_at: unix_seconds(SystemTime::now()),
            expires_at: expires.map(unix_seconds),
        };
        Ok(IssuedKey { key: Arc::new(ApiKey::new(stored)?), secret })
    }
}

/// A key that was just made: the only moment at which its secret is there.
#[derive(Clone)]
pub struct IssuedKey {
    key: Arc<ApiKey>,
    secret: String,
}

impl IssuedKey {
    /// What the store has of it.
    pub fn key(&self) -> &ApiKey {
        &self.key
    }

    /// The whole key, `sk_<id>_<secret>`: to be handed to whoever shall use it, and to be kept nowhere else.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn shared(&self) -> Arc<ApiKey> {
        Arc::clone(&self.key)
    }
}

impl fmt::Debug for IssuedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedKey").field("key", &self.key).finish_non_exhaustive()
    }
}

/// A key as it is stored: plain data, without the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredKey {
    /// Its id, the part between the underscores.
    pub id: String,
    /// Its name, by which people tell it from others.
    pub name: String,
    /// The SHA-256 of the whole key, as 64 hex digits.
    pub sha256: String,
    /// The namespaces it is for, see [`NewKey::namespace`].
    pub namespaces: Vec<String>,
    /// What it may do there.
    pub verbs: Vec<Verb>,
    /// When it was made, in seconds since 1970.
    pub created_at: u64,
    /// Until when it is valid, in seconds since 1970; `None`: until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// A key that requests are compared with.
///
/// ```
/// use sockeye_feeds::publish::{ApiKey, StoredKey, Verb};
///
/// // A row of a database of your own.
/// let stored = StoredKey {
///     id: "shop".to_owned(),
///     name: "the shop".to_owned(),
///     sha256: "00".repeat(32),
///     namespaces: vec!["/orders".to_owned()],
///     verbs: vec![Verb::Publish],
///     created_at: 1_796_000_000,
///     expires_at: None,
/// };
/// let key = ApiKey::new(stored)?;
/// assert!(key.may(Verb::Publish, "/orders") && !key.is_expired());
/// # Ok::<(), sockeye_feeds::publish::KeyError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    stored: StoredKey,
    hash: [u8; 32],
}

impl ApiKey {
    /// One that was stored.
    ///
    /// # Errors
    /// When a part of it is not what it has to be.
    pub fn new(stored: StoredKey) -> Result<Self, KeyError> {
        let characters = stored.name.chars().count();
        if !(1..=NAME_MAX).contains(&characters) || stored.name.chars().any(char::is_control) {
            return Err(KeyError::Name);
        }
        if !(1..=NAMESPACES_MAX).contains(&stored.namespaces.len()) {
            return Err(KeyError::Namespaces);
        }
        if let Some(wrong) = stored.namespaces.iter().find(|namespace| !is_rule(namespace)) {
            return Err(KeyError::Namespace(wrong.clone()));
        }
        if stored.verbs.is_empty() {
            return Err(KeyError::Verbs);
        }
        let hash = unhex(&stored.sha256).filter(|_| is_id(&stored.id)).ok_or(KeyError::Secret)?;
        Ok(Self { stored, hash })
    }

    /// What is stored of it.
    pub fn stored(&self) -> &StoredKey {
        &self.stored
    }

    /// Its id: no secret.
    pub fn id(&self) -> &str {
        &self.stored.id
    }

    /// Whether it is for this verb in this namespace.
    pub fn may(&self, verb: Verb, namespace: &str) -> bool {
        let matches = |rule: &String| match rule.strip_suffix('*') {
            Some(start) => namespace.starts_with(start),
            None => rule == namespace,
        };
        self.stored.verbs.contains(&verb) && self.stored.namespaces.iter().any(matches)
    }

    /// Whether it was valid until a while ago.
    pub fn is_expired(&self) -> bool {
        let now = unix_seconds(SystemTime::now());
        self.stored.expires_at.is_some_and(|expires| now >= expires)
    }

    /// Whether this text is the key, in a time that does not depend on how much of it is right.
    fn is(&self, secret: &str) -> bool {
        is_equal(&self.hash, &hash(secret))
    }
}

/// What a [`KeyStore`] answers with.
pub type Found<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Arc<ApiKey>>, StoreError>> + Send + 'a>>;

/// Why a store cannot look keys up now: logged, and answered with 503.
pub type StoreError = Box<dyn Error + Send + Sync>;

/// A store of API keys: [`MemoryKeys`](memory::MemoryKeys), [`FileKeys`](file::FileKeys), or a database of your own.
///
/// ```
/// use std::sync::Arc;
/// use sockeye_feeds::publish::{ApiKey, KeyStore, StoreError, StoredKey};
///
/// struct Database; // a pool of connections
///
/// impl Database {
///     async fn row(&self, _id: &str) -> Result<Option<StoredKey>, std::io::Error> {
///         Ok(None)
///     }
/// }
///
/// impl KeyStore for Database {
///     fn find<'a>(&'a self, id: &'a str) -> sockeye_feeds::publish::Found<'a> {
///         Box::pin(async move {
///             let Some(row) = self.row(id).await? else { return Ok(None) };
///             Ok(Some(Arc::new(ApiKey::new(row)?)))
///         })
///     }
/// }
/// ```
pub trait KeyStore: Send + Sync + 'static {
    /// The key with this id, as it is now: it is asked for at every request. Whether the secret is right and
    /// whether it has expired is looked at by whoever asks.
    fn find<'a>(&'a self, id: &'a str) -> Found<'a>;
}

impl<S: KeyStore + ?Sized> KeyStore for Arc<S> {
    fn find<'a>(&'a self, id: &'a str) -> Found<'a> {
        (**self).find(id)
    }
}

/// Why a text is not taken for a key.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum KeyRefused {
    /// It is none, or not any more.
    #[error("this key is not known here")]
    Unknown,
    /// It was one.
    #[error("this key has expired")]
    Expired,
    /// The store cannot be asked now.
    #[error("the keys cannot be looked up now")]
    Unavailable(#[source] StoreError),
}

/// The valid key that a text is, for rules of your own such as
/// [`on_read`](sockeye::Namespace::on_read). What it is for, [`ApiKey::may`] says.
///
/// # Errors
/// [`KeyRefused`]. It takes as long for an unknown key as for a known one.
///
/// ```
/// use sockeye::{Refuse, Visitor};
/// use sockeye_feeds::publish::{MemoryKeys, Verb, verify};
///
/// async fn with_key(keys: &MemoryKeys, visitor: &Visitor, token: &str) -> Result<(), Refuse> {
///     let key = verify(keys, token).await.map_err(|refused| Refuse::new(refused.to_string()))?;
///     match key.may(Verb::Read, visitor.namespace()) {
///         true => Ok(()),
///         false => Err(Refuse::new("this key does not read here")),
///     }
/// }
/// # let _ = with_key;
/// ```
pub async fn verify(
    keys: &(impl KeyStore + ?Sized),
    text: &str,
) -> Result<Arc<ApiKey>, KeyRefused> {
    let (id, _) = split(text).ok_or(KeyRefused::Unknown)?;
    let found = keys.find(id).await.map_err(KeyRefused::Unavailable)?;
    let Some(key) = found else {
        compare_with_nothing(text);
        return Err(KeyRefused::Unknown);
    };
    match (key.is(text), key.is_expired()) {
        (false, _) => Err(KeyRefused::Unknown),
        (true, true) => Err(KeyRefused::Expired),
        (true, false) => Ok(key),
    }
}

/// The id and the secret of `sk_<id>_<secret>`.
fn split(key: &str) -> Option<(&str, &str)> {
    let (id, secret) = key.strip_prefix("sk_")?.split_once('_')?;
    let is_secret = (1..=SECRET_MAX).contains(&secret.len())
        && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    (is_id(id) && is_secret).then_some((id, secret))
}

/// Compares with nothing, in the time that a comparison takes: an unknown id shall not be told by time.
fn compare_with_nothing(secret: &str) {
    black_box(is_equal(&[0; 32], &hash(secret)));
}

fn is_id(id: &str) -> bool {
    (1..=ID_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a text names namespaces of a key.
fn is_rule(rule: &str) -> bool {
    if rule == "*" {
        return true;
    }
    let name =
        rule.strip_suffix("/*").map_or(rule, |start| if start.is_empty() { "/" } else { start });
    name.starts_with('/')
        && name.len() <= 256
        && !name.contains(['*', ','])
        && !name.chars().any(char::is_control)
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn is_equal(a: &[u8; 32], b: &[u8; 32]) -> bool {
    let differing = a.iter().zip(b).fold(0, |differing, (a, b)| black_box(differing | (a ^ b)));
    black_box(differing) == 0
}

fn random_hex<const BYTES: usize>() -> String {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random).expect("the system's random source works");
    hex(&random)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_192_random_bits_and_is_not_shown() {
        let issued = NewKey::for_everything("a").issue().unwrap();
        let (id, secret) = split(issued.secret()).unwrap();
        assert_eq!((id.len(), secret.len()), (2 * ID_BYTES, 2 * SECRET_BYTES));
        const { assert!(SECRET_BYTES * 8 >= 128) };
        assert!(!format!("{issued:?}").contains(secret));
        let other = NewKey::for_everything("a").issue().unwrap();
        assert_ne!(issued.secret(), other.secret());
        assert!(issued.key().is(issued.secret()));
        assert!(!issued.key().is(other.secret()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for (text, is_key) in [
            ("sk_test_stand_in", true),
            ("sk_a_b", true),
            ("sk_a-1_b-_", true),
            ("sk__b", false),
            ("sk_a_", false),
            ("sk_a", false),
            ("pk_a_b", false),
            ("sk_a_b c", false),
            ("sk_a_b\u{e9}", false),
            ("sk_a_b\n", false),
            ("", false),
        ] {
            assert_eq!(split(text).is_some(), is_key, "{text:?}");
        }
        let longest = format!("sk_{}_{}", "i".repeat(ID_MAX), "s".repeat(SECRET_MAX));
        assert!(split(&longest).is_some() && split(&format!("{longest}s")).is_none());
    }

    #[test]
    fn namespaces_are_matched_as_a_whole_or_by_their_beginning() {
        let of = |rule: &str| {
            let key = NewKey::named("a").namespace(rule).verb(Verb::Join);
            key.issue().map(|issued| issued.shared())
        };
        let may = |rule: &str, namespace: &str| of(rule).unwrap().may(Verb::Join, namespace);
        assert!(may("/", "/") && !may("/", "/a"));
        assert!(may("/a", "/a") && !may("/a", "/a/b") && !may("/a", "/ab"));
        assert!(
            may("/a/*", "/a/b")
                && may("/a/*", "/a/b/c")
                && !may("/a/*", "/a")
                && !may("/a/*", "/ab")
        );
        assert!(may("*", "/") && may("*", "/a") && may("/*", "/a"));
        assert!(!of("*").unwrap().may(Verb::Publish, "/"));
        for rule in ["", "a", "/a*", "**", "/a/*/b", "/a,b", "/a\n"] {
            assert_eq!(of(rule).unwrap_err(), KeyError::Namespace(rule.to_owned()), "{rule:?}");
        }
    }

    #[test]
    fn parts_that_are_missing_are_refused() {
        let all = || NewKey::for_everything("a");
        assert_eq!(NewKey::named("a").verb(Verb::Join).issue().unwrap_err(), KeyError::Namespaces);
        assert_eq!(NewKey::named("a").namespace("/").issue().unwrap_err(), KeyError::Verbs);
        let many = (0..NAMESPACES_MAX).fold(all(), |key, _| key.namespace("/"));
        assert_eq!(many.issue().unwrap_err(), KeyError::Namespaces);
        for name in ["", "a\nb", &"n".repeat(NAME_MAX + 1)] {
            assert_eq!(NewKey::for_everything(name).issue().unwrap_err(), KeyError::Name);
        }
        assert!(NewKey::for_everything("\u{e9}".repeat(NAME_MAX)).issue().is_ok());
        assert_eq!(all().with_secret("x".to_owned()).unwrap_err(), KeyError::Secret);
        let stored = all().issue().unwrap().key().stored().clone();
        for sha256 in ["", "zz", &"z".repeat(64), &"+1".repeat(32), &"0".repeat(63)] {
            let stored = StoredKey { sha256: (*sha256).to_owned(), ..stored.clone() };
            assert_eq!(ApiKey::new(stored).unwrap_err(), KeyError::Secret, "{sha256}");
        }
    }

    #[test]
    fn a_key_expires_at_its_second() {
        let now = SystemTime::now();
        let at = |expires| NewKey::for_everything("a").expires(expires).issue().unwrap().shared();
        assert!(at(now).is_expired() && at(SystemTime::UNIX_EPOCH).is_expired());
        assert!(!at(now + Duration::from_secs(60)).is_expired());
        assert!(!NewKey::for_everything("a").issue().unwrap().key().is_expired());
    }

    #[test]
    fn verbs_are_written_and_read() {
        for verb in Verb::ALL {
            assert_eq!(verb.to_string().parse(), Ok(verb));
            assert_eq!(serde_json::to_string(&verb).unwrap(), format!("\"{verb}\""));
        }
        assert_eq!("Publish".parse::<Verb>(), Err(KeyError::Verb));
    }
}
