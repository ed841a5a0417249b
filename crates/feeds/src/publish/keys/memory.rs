//! Keys in memory.

use std::collections::BTreeMap;
use std::fmt;
use std::future::ready;
use std::sync::Arc;

use parking_lot::RwLock;

use super::{ApiKey, Found, IssuedKey, KeyError, KeyStore, NewKey};

/// Keys in memory, for tests and for programs that have them elsewhere: a handle, cheap to clone.
///
/// ```
/// use sockeye_feeds::publish::{MemoryKeys, NewKey};
///
/// let keys = MemoryKeys::new();
/// let issued = keys.create(NewKey::for_everything("operator"))?;
/// assert_eq!(keys.list().len(), 1);
/// assert!(keys.revoke(issued.key().id()));
/// assert!(keys.list().is_empty());
/// # Ok::<(), sockeye_feeds::publish::KeyError>(())
/// ```
#[derive(Clone, Default)]
pub struct MemoryKeys {
    keys: Arc<RwLock<BTreeMap<String, Arc<ApiKey>>>>,
}

impl MemoryKeys {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a key.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn create(&self, key: NewKey) -> Result<IssuedKey, KeyError> {
        self.insert(key.issue()?)
    }

    /// Adds a key whose text is known beforehand: `sk_<id>_<secret>`. For tests, and for a key that the
    /// environment brings. A secret that somebody made up is easily guessed: let
    /// [`create`](Self::create) make those that are used.
    ///
    /// ```
    /// use sockeye_feeds::publish::{MemoryKeys, NewKey};
    ///
    /// let keys = MemoryKeys::new();
    /// keys.add(NewKey::for_everything("test"), "sk_test_stand_in")?;
    /// # Ok::<(), sockeye_feeds::publish::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// When it is no key, or one with its id is there.
    pub fn add(&self, key: NewKey, secret: &str) -> Result<(), KeyError> {
        self.insert(key.with_secret(secret.to_owned())?).map(drop)
    }

    fn insert(&self, issued: IssuedKey) -> Result<IssuedKey, KeyError> {
        let mut keys = self.keys.write();
        if keys.contains_key(issued.key().id()) {
            return Err(KeyError::Taken);
        }
        keys.insert(issued.key().id().to_owned(), issued.shared());
        Ok(issued)
    }

    /// Takes a key away: the next request with it is refused. False: there is none with this id.
    pub fn revoke(&self, id: &str) -> bool {
        self.keys.write().remove(id).is_some()
    }

    /// All keys, by their ids.
    pub fn list(&self) -> Vec<Arc<ApiKey>> {
        self.keys.read().values().map(Arc::clone).collect()
    }
}

impl KeyStore for MemoryKeys {
    fn find<'a>(&'a self, id: &'a str) -> Found<'a> {
        Box::pin(ready(Ok(self.keys.read().get(id).map(Arc::clone))))
    }
}

impl fmt::Debug for MemoryKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryKeys").field("keys", &self.keys.read().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_id_is_of_one_key() {
        let keys = MemoryKeys::new();
        keys.add(NewKey::for_everything("a"), "sk_a_1").unwrap();
        let again = keys.add(NewKey::for_everything("b"), "sk_a_2");
        assert_eq!(again.unwrap_err(), KeyError::Taken);
        assert_eq!(keys.find("a").await.unwrap().unwrap().stored().name, "a");
        assert!(keys.find("b").await.unwrap().is_none());
        assert!(keys.revoke("a") && !keys.revoke("a"));
        assert!(keys.find("a").await.unwrap().is_none());
    }
}
