//! What passkeys need of a store.

use async_trait::async_trait;

use crate::accounts::contract::{PasskeyView, Person};
use crate::accounts::store::{Begun, NewSession};
use crate::store::StoreError;

/// The most passkeys of an account.
pub const PASSKEYS_MAX: u32 = 20;

/// A new passkey.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// The id of its credential.
    pub id: String,
    /// Whose it is.
    pub person: String,
    /// What its owner calls it.
    pub name: String,
    /// Its public key and the rest, as JSON of the library.
    pub credential: String,
}

/// A passkey with whose it is.
#[derive(Clone, Debug)]
pub struct StoredPasskey {
    /// Whose it is.
    pub person: Person,
    /// As [`NewPasskey::credential`].
    pub credential: String,
}

/// Why a passkey was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotKept {
    /// Somebody has it already.
    Taken,
    /// There are [`PASSKEYS_MAX`].
    Full,
}

/// The passkeys of accounts.
#[async_trait]
pub trait PasskeyStore {
    /// Keeps a passkey.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn keep_passkey(
        &self,
        passkey: NewPasskey,
    ) -> Result<Result<PasskeyView, NotKept>, StoreError>;

    /// Those of an account, the oldest first.
    ///
    /// # Errors
    /// The database failed.
    async fn passkeys(&self, person: &str) -> Result<Vec<PasskeyView>, StoreError>;

    /// One by the id of its credential, unless its account is closed.
    ///
    /// # Errors
    /// The database failed.
    async fn passkey(&self, id: &str) -> Result<Option<StoredPasskey>, StoreError>;

    /// Begins a session of whoever logged in with one, of which this is kept from now on, if that has changed. `None`:
    /// it is not theirs any more.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn log_in_by_passkey(
        &self,
        id: &str,
        credential: Option<String>,
        session: NewSession,
    ) -> Result<Option<Begun>, StoreError>;

    /// Removes one of an account: whether it had it.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn remove_passkey(&self, person: &str, id: &str) -> Result<bool, StoreError>;
}
