//! What accounts and sessions need of a store.

use async_trait::async_trait;

use super::contract::{Person, Role};
use crate::id::Digest;
use crate::names::Skeleton;
use crate::store::StoreError;

/// Somebody new.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Their id.
    pub id: String,
    /// What they may do.
    pub role: Role,
    /// What they are called.
    pub name: String,
    /// What the name looks like.
    pub skeleton: Skeleton,
    /// Hue of their colour.
    pub colour: u16,
    /// The PHC string of their password.
    pub password: Option<String>,
}

/// A new session.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id, which may be shown.
    pub id: String,
    /// The digest of the secret in its cookie.
    pub secret: Digest,
    /// Whose it is.
    pub person: String,
    /// How long it is valid from now, in milliseconds.
    pub lifetime: i64,
    /// The browser, as it calls itself.
    pub agent: String,
    /// Where it comes from.
    pub address: String,
}

/// A session that is valid, with whose it is.
#[derive(Clone, Debug)]
pub struct StoredSession {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub person: Person,
    /// When it was used last, within some minutes.
    pub used_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

/// People and their sessions.
#[async_trait]
pub trait AccountStore {
    /// Makes somebody. `false`: an account has a name that looks alike, and nothing was made.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn create_person(&self, person: NewPerson) -> Result<bool, StoreError>;

    /// Somebody by their id, closed accounts among them.
    ///
    /// # Errors
    /// The database failed.
    async fn person(&self, id: &str) -> Result<Option<Person>, StoreError>;

    /// Whether an account has a name that looks like this.
    ///
    /// # Errors
    /// The database failed.
    async fn is_name_taken(&self, look: &Skeleton) -> Result<bool, StoreError>;

    /// Begins a session; when it ends, in milliseconds since 1970.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn begin_session(&self, session: NewSession) -> Result<i64, StoreError>;

    /// The session whose cookie has the secret with this digest, unless it is over at `now`.
    ///
    /// # Errors
    /// The database failed.
    async fn session(&self, secret: &Digest, now: i64)
    -> Result<Option<StoredSession>, StoreError>;
}
