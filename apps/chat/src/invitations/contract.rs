//! Invitations: how others get in.
//!
//! | request | body | answer | who may |
//! |---|---|---|---|
//! | `POST /api/invitations/look` | [`Look`] | [`InvitationView`] | whoever has the code |
//! | `POST /api/invitations` | [`Invite`] | [`Invited`] | moderators; into a room, its moderators, for those who are here already |
//! | `GET /api/invitations` | | [`Invitation`] list | moderators |
//! | `DELETE /api/invitations/{id}` | | nothing; the code is of no more use | moderators |
//! | `POST /api/invitations/accept` | [`Look`] | `{ "room": id }` | logged in; an invitation to a room |
//!
//! The code follows the `#` of the link, so that no server on the way and no preview gets to see it.

use serde::{Deserialize, Serialize};

use crate::accounts::contract::{Person, Role};

/// An invitation by its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Look {
    /// What follows the `#` of the link.
    pub code: String,
}

/// What whoever has the code is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InvitationView {
    /// What a new account may do.
    pub role: Role,
    /// Who invites.
    pub by: Option<String>,
    /// The title of the room it leads to.
    pub room: Option<String>,
    /// Whether one makes an account by it. Otherwise it is for those who are here already: people with an account,
    /// and guests.
    pub makes_account: bool,
}

/// A new invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Invite {
    /// What the new account may do: at most what the inviting one may, and never owner or guest.
    pub role: Role,
    /// How often it can be used; without it as often as one likes.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub uses: Option<u32>,
    /// How many seconds it is valid, at most a year. Default a week.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub seconds: Option<u32>,
    /// The id of a room it leads into, whoever may enter that otherwise.
    #[serde(default)]
    #[cfg_attr(test, ts(optional))]
    pub room: Option<String>,
}

/// A new invitation with its code, which is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// Its code: the page makes `<address>/invite#<code>` of it.
    pub code: String,
    /// Addresses at which the server is reached, for the link and its QR code; the best one first.
    pub addresses: Vec<String>,
    /// The link at the first of the addresses as a QR code, an SVG image.
    pub qr: String,
}

/// An invitation, without its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Invitation {
    /// Its id.
    pub id: String,
    /// What a new account may do.
    pub role: Role,
    /// How often it can still be used; `null` is as often as one likes.
    pub uses_left: Option<u32>,
    /// How often it was used.
    pub used: u32,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// Who made it.
    pub by: Option<Person>,
    /// The room it leads into: its id and title.
    pub room: Option<(String, String)>,
}
