//! What administration needs of a store.

use async_trait::async_trait;

use super::Actor;
use super::contract::{AuditEntry, PeoplePage, PersonRow, RoomRow};
use crate::accounts::contract::{Person, Role};
use crate::id::Digest;
use crate::rooms::store::StoredRoom;
use crate::store::StoreError;

/// The most people, rooms or entries of the audit log in one page.
pub const PAGE_MAX: usize = 100;
/// The newest entries of the audit log that are kept.
pub const AUDIT_ENTRIES_MAX: i64 = 100_000;

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Accounts that are not closed.
    pub accounts: u32,
    /// Guests, without those of the notes' chat: they have no session.
    pub guests: u32,
    /// Sessions that are valid.
    pub sessions: u32,
    /// Rooms.
    pub rooms: u32,
    /// Messages.
    pub messages: u64,
    /// Bytes of the database with its log.
    pub database_bytes: u64,
    /// Bytes of the pictures, without their thumbnails.
    pub picture_bytes: u64,
    /// Bytes that are free where it lies; `None` where the system does not tell.
    pub free_bytes: Option<u64>,
    /// Bytes that have to be free for a message to be stored.
    pub free_bytes_min: u64,
    /// How often something was not stored since the start because less was free.
    pub refused_for_space: u64,
}

/// Something that takes rights which others have not.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Gives an account another role.
    ChangeRole {
        /// Whose.
        person: String,
        /// Which.
        role: Role,
    },
    /// Makes a link by which somebody sets a new password; what links they had are of no more use.
    Reset {
        /// Who.
        person: String,
        /// The digest of the link's code.
        secret: Digest,
        /// How long it is valid, milliseconds.
        lifetime: i64,
    },
    /// Ends all sessions of somebody.
    EndSessions {
        /// Whose.
        person: String,
    },
    /// Closes an account, or sends a guest away for good.
    Close {
        /// Whose.
        person: String,
    },
    /// Removes a room with all that was said there.
    DeleteRoom {
        /// Its id.
        room: String,
    },
    /// Lets guests in, or not any more: then their sessions end.
    Guests {
        /// Whether they may come in.
        are_let_in: bool,
    },
}

/// Why it was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is no such person or room.
    Gone,
    /// Whoever asks may not do it, or nobody can: guests stay guests, and the first room stays.
    Forbidden,
    /// It would leave the server without an owner.
    LastOwner,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// Somebody was concerned.
    Person {
        /// As they are now.
        person: Person,
        /// The ids of their sessions that are over by it.
        ended: Vec<String>,
    },
    /// A link was made for them.
    Link {
        /// When it ends, in milliseconds since 1970.
        expires_at: i64,
    },
    /// A room is gone; what was said in it is deleted by [`RoomStore::sweep`](crate::rooms::store::RoomStore::sweep).
    Room {
        /// The room as it was.
        room: Box<StoredRoom>,
        /// The ids of those who belonged to it.
        members: Vec<String>,
    },
    /// Guests are let in, or not.
    Guests {
        /// The ids of their sessions that are over by it.
        ended: Vec<String>,
    },
}

/// A room for an administrator, without how many people are in it.
#[derive(Clone, Debug)]
pub struct ListedRoom {
    /// The room; `people` is 0.
    pub row: RoomRow,
    /// The name under which the notes' chat enters, if it may.
    pub open_name: Option<String>,
}

/// An entry for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAuditEntry {
    /// Who, see [`Actor::name`].
    pub by: String,
    /// What: a word such as `person.role`.
    pub what: &'static str,
    /// About whom or what: a name.
    pub about: String,
    /// Further words.
    pub detail: String,
}

/// Administration.
#[async_trait]
pub trait AdminStore {
    /// Does something if whoever does it may: both are looked at in the write, so that no role of a moment ago counts
    /// and there is always one owner. The audit log has it then, in the same write.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn administer(&self, by: Actor, deed: Deed) -> Result<Result<Done, Denied>, StoreError>;

    /// Writes an entry of the audit log. The oldest ones beyond [`AUDIT_ENTRIES_MAX`] go.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn audit(&self, entry: NewAuditEntry) -> Result<(), StoreError>;

    /// The newest entries of the audit log, or those before one; at most [`PAGE_MAX`], the newest first.
    ///
    /// # Errors
    /// The database failed.
    async fn audit_page(&self, before: Option<i64>) -> Result<Vec<AuditEntry>, StoreError>;

    /// How much there is of everything; sessions that are valid at `now` are counted.
    ///
    /// # Errors
    /// The database failed.
    async fn census(&self, now: i64) -> Result<Census, StoreError>;

    /// People whose accounts are not closed, in the order of their names, guests behind the others and without those
    /// of the notes' chat, who have no session: the first
    /// [`PAGE_MAX`] behind somebody's id, only those with `search` in their names in any case. `is_online` is false
    /// in all of them. `None`: there is nobody with the id.
    ///
    /// # Errors
    /// The database failed.
    async fn people_page(
        &self,
        after: Option<&str>,
        search: &str,
        now: i64,
    ) -> Result<Option<PeoplePage>, StoreError>;

    /// One of them.
    ///
    /// # Errors
    /// The database failed.
    async fn person_row(&self, id: &str, now: i64) -> Result<Option<PersonRow>, StoreError>;

    /// Those who have this id, or an account of this name; closed accounts are left out. More than one only
    /// where somebody's name is another one's id.
    ///
    /// # Errors
    /// The database failed.
    async fn people_called(&self, id_or_name: &str) -> Result<Vec<Person>, StoreError>;

    /// Rooms, the newest message first: the first [`PAGE_MAX`] behind one by its id. Titles of direct messages and
    /// of rooms by invitation are empty unless `viewer` is in them. `None`: there is no room with the id.
    ///
    /// # Errors
    /// The database failed.
    async fn room_rows(
        &self,
        after: Option<&str>,
        viewer: Option<&str>,
    ) -> Result<Option<Vec<ListedRoom>>, StoreError>;
}
