//! Ids that may be shown, and secrets that may not: of secrets only the digest is kept.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Bytes of a secret. Nobody guesses it.
const SECRET_BYTES: usize = 32;
/// Bytes of an id, which makes 16 characters.
const ID_BYTES: usize = 12;
/// The most characters of a secret that is looked at.
const SECRET_CHARS_MAX: usize = 64;

/// A new id: 16 characters of `A-Z a-z 0-9 - _`. The first one is not `-`: ids are given to commands, which would take
/// it for an option.
pub fn new_id() -> String {
    loop {
        let id = BASE64_URL_SAFE_NO_PAD.encode(random::<ID_BYTES>());
        if !id.starts_with('-') {
            return id;
        }
    }
}

/// What whoever holds it may do something by: in a cookie, or behind the `#` of a link.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// What is kept of a [`Secret`]: its SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Secret {
    /// A new one: 43 characters.
    pub fn new() -> Self {
        Secret(BASE64_URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()))
    }

    /// The secret, to be given to whoever is to hold it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl Default for Secret {
    fn default() -> Self {
        Secret::new()
    }
}

/// It is not shown.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Digest {
    /// The digest of what somebody gives as a secret; `None`: no secret looks like this.
    pub fn of(given: &str) -> Option<Self> {
        let is_possible = (1..=SECRET_CHARS_MAX).contains(&given.len());
        is_possible.then(|| Digest(Sha256::digest(given.as_bytes()).into()))
    }

    /// As it is stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_secrets_are_their_own() {
        let (one, other) = (Secret::new(), Secret::new());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 43);
        assert_eq!(Digest::of(one.as_str()), Some(one.digest()));
        assert_ne!(one.digest(), other.digest());
        assert_eq!(new_id().len(), 16);
        assert_ne!(new_id(), new_id());
        // One in 64 would.
        assert!((0..2_000).all(|_| !new_id().starts_with('-')));
        assert!(!format!("{one:?}").contains(one.as_str()));
    }

    #[test]
    fn what_cannot_be_a_secret_is_none() {
        assert_eq!(Digest::of(""), None);
        assert_eq!(Digest::of(&"x".repeat(65)), None);
    }
}
