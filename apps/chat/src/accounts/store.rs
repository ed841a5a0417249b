//! What accounts and sessions need of a store.

use async_trait::async_trait;

use super::contract::{Blocked, Person, Role, SessionView};
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

/// A session that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    pub expires_at: i64,
    /// The ids of sessions that ended for it: the person had too many, or somebody else is called so now.
    pub ended: Vec<String>,
}

/// Somebody with what is kept of their password.
#[derive(Clone, Debug)]
pub struct Account {
    /// Who.
    pub person: Person,
    /// The PHC string.
    pub password: Option<String>,
}

/// By what right an account is made.
#[derive(Clone, Debug)]
pub enum Right {
    /// There is no owner yet.
    First,
    /// The code of an invitation. A guest who has it becomes the account.
    Invited {
        /// The code's digest.
        code: Digest,
        /// The id of the guest.
        guest: Option<String>,
    },
    /// An administrator's.
    Power,
}

/// What making an account came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// It is there.
    Done {
        /// Whose it is: the guest's id stays.
        person: Person,
        /// Its first session, if one was asked for. The guest's sessions and those of guests who are called alike
        /// are over.
        begun: Begun,
    },
    /// Another account has a name that looks alike.
    NameTaken,
    /// There is an owner already, or the invitation is over.
    NoRight,
    /// The invitation is for those who are here already.
    NoAccount,
}

/// What making a guest came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestMade {
    /// They are there.
    Done(Begun),
    /// An account has a name that looks alike.
    NameTaken,
    /// No guests are let in.
    Off,
}

/// What changing somebody came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// As they are now, with the ids of sessions that ended: of guests who were called alike.
    Done(Person, Vec<String>),
    /// Another account has a name that looks alike.
    NameTaken,
    /// There would be no owner any more.
    LastOwner,
    /// There is no such person, or none to whom it can be done.
    Gone,
}

/// How somebody is to be seen; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct NewLooks {
    /// Another name and what it looks like.
    pub name: Option<(String, Skeleton)>,
    /// Another hue.
    pub colour: Option<u16>,
    /// Another emoji, or none.
    pub picture: Option<Option<String>>,
}

/// People and their sessions.
#[async_trait]
pub trait AccountStore {
    /// Makes somebody. `false`: an account has a name that looks alike, and nothing was made.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn create_person(&self, person: NewPerson) -> Result<bool, StoreError>;

    /// Makes a guest with a session, while guests are let in.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn create_guest(
        &self,
        person: NewPerson,
        session: NewSession,
    ) -> Result<GuestMade, StoreError>;

    /// Makes an account, by a right that is checked and used up in the same write. An invitation decides the role,
    /// and its room has a member more. The session's person is the account.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn create_account(
        &self,
        person: NewPerson,
        right: Right,
        session: Option<NewSession>,
    ) -> Result<Made, StoreError>;

    /// Somebody by their id, closed accounts among them.
    ///
    /// # Errors
    /// The database failed.
    async fn person(&self, id: &str) -> Result<Option<Person>, StoreError>;

    /// The account whose name looks like this.
    ///
    /// # Errors
    /// The database failed.
    async fn account(&self, look: &Skeleton) -> Result<Option<Account>, StoreError>;

    /// The account with this id; not a closed one, and not a guest.
    ///
    /// # Errors
    /// The database failed.
    async fn account_by_id(&self, id: &str) -> Result<Option<Account>, StoreError>;

    /// Whether an account has a name that looks like this.
    ///
    /// # Errors
    /// The database failed.
    async fn is_name_taken(&self, look: &Skeleton) -> Result<bool, StoreError>;

    /// Whether somebody is an owner.
    ///
    /// # Errors
    /// The database failed.
    async fn has_owner(&self) -> Result<bool, StoreError>;

    /// Begins a session. Of more than [`SESSIONS_MAX`](super::SESSIONS_MAX) the one ends that was used the longest ago.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn begin_session(&self, session: NewSession) -> Result<Begun, StoreError>;

    /// Begins a session for whoever gave the password of which this is kept. `None`: it is not any more.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn log_in(
        &self,
        session: NewSession,
        password: String,
    ) -> Result<Option<Begun>, StoreError>;

    /// The session whose cookie has the secret with this digest, unless it is over at `now`.
    ///
    /// # Errors
    /// The database failed.
    async fn session(&self, secret: &Digest, now: i64)
    -> Result<Option<StoredSession>, StoreError>;

    /// A session is used, from this address. With a `lifetime` in milliseconds it lasts so long from now; when it
    /// ends then. `None`: it is over.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn touch_session(
        &self,
        id: &str,
        address: String,
        lifetime: Option<i64>,
    ) -> Result<Option<i64>, StoreError>;

    /// The sessions of somebody that are valid at `now`, the one used last first, and when each ends.
    ///
    /// # Errors
    /// The database failed.
    async fn sessions(&self, person: &str, now: i64)
    -> Result<Vec<(SessionView, i64)>, StoreError>;

    /// Ends one session of somebody. `false`: there is none.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn end_session(&self, person: &str, id: &str) -> Result<bool, StoreError>;

    /// Ends all sessions of somebody; their ids.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn end_sessions(&self, person: &str) -> Result<Vec<String>, StoreError>;

    /// Sets the password of an account, ends all its sessions and resets, and begins this one, if `old` is still what is
    /// kept of the password so far. `None`: it is not, or there is no such account any more.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn set_password(
        &self,
        password: String,
        old: String,
        session: NewSession,
    ) -> Result<Option<Begun>, StoreError>;

    /// The same by the code with this digest, which is used up. `None`: it is over.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn use_reset(
        &self,
        code: Digest,
        password: String,
        session: NewSession,
    ) -> Result<Option<Begun>, StoreError>;

    /// Whose password the code with this digest resets, unless it is over at `now`.
    ///
    /// # Errors
    /// The database failed.
    async fn reset(&self, code: &Digest, now: i64) -> Result<Option<Account>, StoreError>;

    /// Changes how somebody is seen.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn change_looks(&self, person: &str, looks: NewLooks) -> Result<Changed, StoreError>;

    /// Closes an account, or a guest's: the name is free, nobody gets in by it, its rooms have no owner, and what was
    /// said stays. The ids are those of its sessions.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn close_person(&self, person: &str) -> Result<Changed, StoreError>;

    /// Blocks somebody, or no longer. `false`: there is no such person; `None`: these are too many.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn block(
        &self,
        by: &str,
        person: &str,
        is_blocked: bool,
    ) -> Result<Option<bool>, StoreError>;

    /// Those whom somebody has blocked, by their names.
    ///
    /// # Errors
    /// The database failed.
    async fn blocked(&self, by: &str) -> Result<Vec<Blocked>, StoreError>;

    /// Whether somebody has blocked a person.
    ///
    /// # Errors
    /// The database failed.
    async fn is_blocked(&self, by: &str, person: &str) -> Result<bool, StoreError>;

    /// Whether people without an account are let in. They are, unless somebody said otherwise.
    ///
    /// # Errors
    /// The database failed.
    async fn has_guests(&self) -> Result<bool, StoreError>;

    /// Forgets a bounded number of what is over: sessions, resets, and guests who have neither a session nor said
    /// anything. Whether there was anything.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn forget_what_is_over(&self) -> Result<bool, StoreError>;
}
