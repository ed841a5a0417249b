//! What invitations need of a store.
//!
//! An invitation is of use as long as its time and its uses last, and as long as whoever made it may still invite so:
//! it ends with their account and with their powers. An account is made by it only while whoever made it is a moderator
//! or an owner of the server.

use async_trait::async_trait;

use super::contract::{Invitation, InvitationView};
use crate::accounts::contract::Role;
use crate::id::Digest;
use crate::store::StoreError;

/// A new invitation.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Its id, which may be shown.
    pub id: String,
    /// The digest of its code.
    pub code: Digest,
    /// What a new account may do.
    pub role: Role,
    /// The id of the room it leads into.
    pub room: Option<String>,
    /// How often it can be used; `None` is as often as one likes.
    pub uses: Option<u32>,
    /// Who makes it; `None` is the command line.
    pub by: Option<String>,
    /// How long it is valid from now, in milliseconds.
    pub lifetime: i64,
}

/// What making an invitation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvitationMade {
    /// It is there.
    Done(Invitation),
    /// Whoever makes it may not invite so.
    Forbidden,
    /// There is no such room, or it is not for whoever makes it.
    Gone,
    /// There are [`INVITATIONS_MAX`](super::INVITATIONS_MAX) already, or a member has
    /// [`INVITATIONS_OF_MEMBER_MAX`](super::INVITATIONS_OF_MEMBER_MAX).
    Full,
}

/// What accepting an invitation into a room came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The id of the room, and whether the person is new in it.
    Room(String, bool),
    /// The person may not come into that room.
    Banned,
    /// The invitation is over, does not exist, or leads into no room.
    Over,
}

/// Invitations.
#[async_trait]
pub trait InvitationStore {
    /// Makes an invitation, if whoever makes it may invite so.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn make_invitation(
        &self,
        invitation: NewInvitation,
    ) -> Result<InvitationMade, StoreError>;

    /// The invitation whose code has this digest, if it is of use at `now`.
    ///
    /// # Errors
    /// The database failed.
    async fn look_at_invitation(
        &self,
        code: &Digest,
        now: i64,
    ) -> Result<Option<InvitationView>, StoreError>;

    /// The newest invitations, those among them that are over since a while ago. The titles of rooms that `viewer`
    /// may not know of are empty; `None` is the command line.
    ///
    /// # Errors
    /// The database failed.
    async fn invitations(&self, viewer: Option<&str>) -> Result<Vec<Invitation>, StoreError>;

    /// Makes an invitation useless. `false`: there is none.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn revoke_invitation(&self, id: &str) -> Result<bool, StoreError>;

    /// Makes somebody a member of the room that an invitation leads into. It is used only by whoever is new there.
    ///
    /// # Errors
    /// Nothing could be stored.
    async fn accept_invitation(&self, code: Digest, person: &str) -> Result<Accepted, StoreError>;
}
