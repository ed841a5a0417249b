//! What rooms need of a store.

use async_trait::async_trait;
use thiserror::Error;

use super::contract::{ListRooms, RoomKind, RoomMember, RoomRole};
use crate::accounts::contract::{Person, Role};
use crate::input::RoomName;
use crate::messages::contract::Excerpt;
use crate::names::Skeleton;
use crate::store::StoreError;

/// The most rooms that one person owns.
pub const ROOMS_OWNED_MAX: u32 = 100;
/// The most rooms that one person has pinned: the first page of the list has all of them.
pub const ROOMS_PINNED_MAX: u32 = 50;
/// The most rooms with unread messages that come before the others in the list.
pub const ROOMS_UNREAD_MAX: u32 = 200;
/// The most people that are told of as members of a room.
pub const MEMBERS_MAX: u32 = 1_000;
/// The most people that a search tells of.
pub const PEOPLE_MAX: usize = 20;

/// Runs in the writer, in stored order, after what was done is on disk or was refused; it must not block.
pub type ActDone = Box<dyn FnOnce(Result<Acted, RoomError>) + Send>;
/// Whether a room is still empty, asked in the writer.
pub type StillEmpty = Box<dyn FnOnce() -> bool + Send>;

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRoom {
    /// Its id.
    pub id: String,
    /// Under which the notes' chat enters, and by which open rooms and those with a password are told apart.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// Who may enter.
    pub kind: RoomKind,
    /// The PHC string of its password.
    pub password: Option<String>,
    /// Who may change it.
    pub owner: Option<Person>,
    /// The most people in it at once.
    pub capacity: Option<u32>,
    /// For how many days its messages are kept; `None`: as long as those of all rooms.
    pub keep_days: Option<u32>,
    /// Whether it vanishes when everybody has left.
    pub is_passing: bool,
    /// The people of direct messages, those who have left among them.
    pub with: Vec<Person>,
    /// The newest message.
    pub last: Option<Excerpt>,
    /// When it was made.
    pub created_at: i64,
    /// When something was last said, or when it was made.
    pub active_at: i64,
}

/// Somebody's place in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// `None`: banned.
    pub role: Option<RoomRole>,
    /// Listed before the others.
    pub is_pinned: bool,
    /// Its messages are no news.
    pub is_silenced: bool,
    /// Until when nothing may be said.
    pub muted_until: Option<i64>,
}

/// A room, and the place of the person in question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomOf {
    /// The room.
    pub room: StoredRoom,
    /// The place; `None`: neither member nor banned.
    pub place: Option<Place>,
}

/// A room that is to be made.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Its title.
    pub title: RoomName,
    /// What it is for.
    pub description: String,
    /// Who may enter.
    pub kind: RoomKind,
    /// The PHC string of its password.
    pub password: Option<String>,
    /// Who makes and owns it.
    pub owner: String,
    /// The address it comes from.
    pub maker: String,
    /// The most people in it at once.
    pub capacity: Option<u32>,
    /// For how many days its messages are kept, where that is less than the server keeps them.
    pub keep_days: Option<u32>,
    /// Whether it vanishes when everybody has left.
    pub is_passing: bool,
}

/// Who does something with a room.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The person's id.
    pub id: String,
    /// What they may do on the server.
    pub role: Role,
}

/// Something that somebody does with a room. Whether they may is decided in the writer, by the state at that point
/// of the stored order.
#[derive(Clone, Debug)]
pub struct Act {
    /// The room's id.
    pub room: String,
    /// Who does it.
    pub by: Actor,
    /// What is done.
    pub deed: Deed,
}

/// What is done with a room.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Somebody comes in and is a member from then on.
    Enter {
        /// The PHC string of the password that was found right.
        verified: Option<String>,
    },
    /// Somebody is no member any more.
    Leave,
    /// Somebody pins or silences it; what is `None` stays.
    Keep {
        /// Whether it is listed before the others.
        is_pinned: Option<bool>,
        /// Whether its messages are no news.
        is_silenced: Option<bool>,
    },
    /// The room is otherwise from now on.
    Change(Changes),
    /// The room is gone.
    Delete,
    /// Somebody else owns it.
    HandOver {
        /// The person's id.
        to: String,
    },
    /// A member has another role.
    Promote {
        /// The person's id.
        person: String,
        /// Moderator or member.
        role: RoomRole,
    },
    /// Somebody is no member any more.
    Remove {
        /// The person's id.
        person: String,
        /// Whether they may not come back.
        is_ban: bool,
    },
    /// Somebody may come back.
    Unban {
        /// The person's id.
        person: String,
    },
    /// A member may say nothing for a while.
    Mute {
        /// The person's id.
        person: String,
        /// From now, in milliseconds; 0: they may speak again.
        duration: i64,
    },
}

/// How a room is to be otherwise. What is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Another title.
    pub title: Option<RoomName>,
    /// Another description.
    pub description: Option<String>,
    /// Who may enter.
    pub kind: Option<RoomKind>,
    /// The PHC string of another password.
    pub password: Option<String>,
    /// Another capacity; `Some(None)`: none.
    pub capacity: Option<Option<u32>>,
    /// For how many days its messages are kept; `Some(None)`: as long as those of all rooms.
    pub keep_days: Option<Option<u32>>,
    /// Whether it vanishes when everybody has left.
    pub is_passing: Option<bool>,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Acted {
    /// The room before.
    pub before: StoredRoom,
    /// The room after, and the place of whom it is about: the one who acts, or whom they act upon. Of a room
    /// that is gone: as before.
    pub after: RoomOf,
    /// What the person's place was before.
    pub place_before: Option<Place>,
    /// The members whose list of rooms changes by it: of a room that is gone, or seen by others than before.
    pub members: Vec<String>,
}

/// A part of the list.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The rooms.
    pub rooms: Vec<RoomOf>,
    /// What the next part begins after.
    pub next: Option<String>,
}

/// Why nothing was done with a room.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RoomError {
    /// There is none, or not for this person.
    #[error("there is no such room, or it is not for this person")]
    Gone,
    /// The person is banned from it.
    #[error("the person is banned from the room")]
    Banned,
    /// The person may not do that.
    #[error("the person may not do that in this room")]
    Forbidden,
    /// Its password has changed, or was not given.
    #[error("the password of the room is another one")]
    WrongPassword,
    /// A room by password has none.
    #[error("a room of this kind needs a password")]
    PasswordMissing,
    /// There is a room of this name.
    #[error("there is a room of this name")]
    NameTaken,
    /// There is a room whose name looks the same.
    #[error("there is a room whose name looks the same")]
    Lookalike,
    /// The person owns as many as one may.
    #[error("the person owns {ROOMS_OWNED_MAX} rooms")]
    TooMany,
    /// The person has pinned as many as one may.
    #[error("the person has pinned {ROOMS_PINNED_MAX} rooms")]
    TooManyPinned,
    /// Whom it is about is no member.
    #[error("the person is no member of the room")]
    NotMember,
    /// Guests own and moderate nothing.
    #[error("guests own and moderate nothing")]
    Guest,
    /// The room would be without an owner.
    #[error("the owner hands the room over before leaving")]
    LastOwner,
    /// Nothing could be read or stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Rooms, their members, and the list.
#[async_trait]
pub trait RoomStore {
    /// A room by its id, and the place of a person in it.
    ///
    /// # Errors
    /// The database failed.
    async fn room(&self, id: &str, person: &str) -> Result<Option<RoomOf>, StoreError>;

    /// An open room or one with a password by its name, and the place of a person in it.
    ///
    /// # Errors
    /// The database failed.
    async fn room_named(&self, name: &RoomName, person: &str)
    -> Result<Option<RoomOf>, StoreError>;

    /// Rooms as they are now, for those who are told of changes.
    ///
    /// # Errors
    /// The database failed.
    async fn rooms(&self, ids: Vec<String>) -> Result<Vec<StoredRoom>, StoreError>;

    /// The rooms that a person may see; in the first page those that are pinned, and then those with unread messages,
    /// before the others.
    ///
    /// # Errors
    /// The database failed.
    async fn list(&self, person: &str, asked: &ListRooms) -> Result<Listed, StoreError>;

    /// Makes a room.
    ///
    /// # Errors
    /// [`RoomError::NameTaken`], [`Lookalike`](RoomError::Lookalike), [`TooMany`](RoomError::TooMany), or nothing
    /// could be stored.
    async fn create_room(&self, room: NewRoom) -> Result<RoomOf, RoomError>;

    /// Finds the direct messages of these people, the first of whom asks, or makes them; with the ids of those who are
    /// members by it and were not before.
    ///
    /// # Errors
    /// [`RoomError::Gone`]: one of them has no account, or has blocked the one who asks. Or nothing could be stored.
    async fn direct(&self, people: Vec<String>) -> Result<(RoomOf, Vec<String>), RoomError>;

    /// Queues what somebody does with a room. Waits while the queue is full.
    ///
    /// # Errors
    /// [`StoreError::Closed`]; `done` is dropped without being run.
    ///
    /// # Cancel safety
    /// Cancelled before it returns, nothing was queued.
    async fn act(&self, act: Act, done: ActDone) -> Result<(), StoreError>;

    /// The ids of a room's members.
    ///
    /// # Errors
    /// The database failed.
    async fn member_ids(&self, room: &str) -> Result<Vec<String>, StoreError>;

    /// Who is banned from these rooms: ids of rooms and people.
    ///
    /// # Errors
    /// The database failed.
    async fn bans(&self, rooms: &[String]) -> Result<Vec<(String, String)>, StoreError>;

    /// Who belongs to a room, those who are banned after the others; at most [`MEMBERS_MAX`]. Whether they are online
    /// is not known here.
    ///
    /// # Errors
    /// The database failed.
    async fn members(&self, room: &str) -> Result<Vec<RoomMember>, StoreError>;

    /// Accounts whose names begin like this, at most [`PEOPLE_MAX`], without the one who asks.
    ///
    /// # Errors
    /// The database failed.
    async fn find_people(&self, by: &str, search: &str) -> Result<Vec<Person>, StoreError>;

    /// All passing rooms.
    ///
    /// # Errors
    /// The database failed.
    async fn passing_rooms(&self) -> Result<Vec<StoredRoom>, StoreError>;

    /// Removes a passing room that is still empty; the room as it was, with its members.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn vanish(
        &self,
        room: &str,
        is_empty: StillEmpty,
    ) -> Result<Option<(StoredRoom, Vec<String>)>, StoreError>;

    /// Deletes a part of what is left of rooms that are gone; whether there may be more.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn sweep(&self) -> Result<bool, StoreError>;

    /// These people were last seen now.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn seen(&self, people: Vec<String>) -> Result<(), StoreError>;
}

impl Deed {
    /// Whom it is about, other than the one who does it.
    pub fn about(&self) -> Option<&str> {
        match self {
            Deed::HandOver { to: person }
            | Deed::Promote { person, .. }
            | Deed::Remove { person, .. }
            | Deed::Unban { person }
            | Deed::Mute { person, .. } => Some(person),
            Deed::Enter { .. }
            | Deed::Leave
            | Deed::Keep { .. }
            | Deed::Change(_)
            | Deed::Delete => None,
        }
    }
}

impl Place {
    /// That of a plain member who has set nothing.
    pub fn member(role: RoomRole) -> Self {
        Place { role: Some(role), is_pinned: false, is_silenced: false, muted_until: None }
    }
}

impl StoredRoom {
    /// Whether everybody sees that there is this room.
    pub fn is_public(&self) -> bool {
        matches!(self.kind, RoomKind::Open | RoomKind::Password)
    }

    /// The name under which the notes' chat enters; `None`: it does not.
    pub fn open_name(&self) -> Option<&str> {
        (self.kind == RoomKind::Open).then_some(&*self.name)
    }
}

/// The name of a room as it is stored with what it looks like; rooms that are not public have none.
pub(crate) fn stored_name(kind: RoomKind, title: &RoomName) -> Option<(String, Skeleton)> {
    matches!(kind, RoomKind::Open | RoomKind::Password)
        .then(|| (title.as_str().to_owned(), title.skeleton()))
}
