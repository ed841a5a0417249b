//! `sockeye admin`: administration from a shell, beside a running server or without one.
//!
//! A server that runs on the data folder is asked through its control socket, so that what is done counts at once, on
//! live connections too. Without a server the store is opened as the server would open it.

mod args;
mod offline;
mod password;
mod print;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::contract::{AuditEntry, Overview, PeoplePage, PersonRow, RoomRow, Settings};
use crate::accounts::contract::{Person, Role};
use crate::cli::credentials::ExitStatus;
#[cfg(unix)]
use crate::control;
use crate::invitations::contract::{Invitation, Invited};
pub use args::{AdminAction, AdminCommand};
pub use password::Password;

/// What is asked of whoever has the store. People are named by their id or, if they have an account, by their name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Asked {
    /// To make an account.
    Create {
        /// Its name.
        name: String,
        /// Its password.
        password: Password,
        /// What it may do.
        role: Role,
    },
    /// For a page of the people.
    People {
        /// Only those with this in their names; empty for all.
        search: String,
        /// `next` of the page before.
        after: Option<String>,
    },
    /// To give somebody another role.
    Role {
        /// Whom.
        person: String,
        /// Which.
        role: Role,
    },
    /// For a link by which somebody sets a new password.
    Reset {
        /// Who.
        person: String,
    },
    /// To close an account, or to send a guest away.
    Close {
        /// Whose.
        person: String,
    },
    /// To end all sessions of somebody.
    EndSessions {
        /// Whose.
        person: String,
    },
    /// For an invitation.
    Invite {
        /// What the new account may do.
        role: Role,
        /// How often it can be used.
        uses: Option<u32>,
        /// How many seconds it is valid.
        seconds: Option<u32>,
        /// The id of the room it leads into.
        room: Option<String>,
    },
    /// For all invitations.
    Invitations {},
    /// To revoke an invitation.
    Revoke {
        /// Its id.
        id: String,
    },
    /// For a page of the rooms.
    Rooms {
        /// The id of the last room of the page before.
        after: Option<String>,
    },
    /// To remove a room with all that was said there.
    CloseRoom {
        /// Its id.
        room: String,
    },
    /// To let guests in, or not any more.
    Guests {
        /// Whether they may come in.
        are_let_in: bool,
    },
    /// For the server at a glance.
    Overview {},
    /// For a page of the audit log, the newest entry first.
    Audit {
        /// The id of the last entry of the page before.
        before: Option<i64>,
    },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done {},
    /// Somebody as they are now.
    Person(Person),
    /// The same with more.
    Row(PersonRow),
    /// People.
    People(PeoplePage),
    /// A link.
    Link {
        /// The whole of it, or what follows the address of the server where that is not known.
        link: String,
        /// When it ends, in milliseconds since 1970-01-01 UTC.
        expires_at: i64,
    },
    /// A new invitation.
    Invited(Invited),
    /// The invitations.
    Invitations(Vec<Invitation>),
    /// Rooms.
    Rooms(Vec<RoomRow>),
    /// What is set.
    Settings(Settings),
    /// The server at a glance.
    Overview(Overview),
    /// Entries of the audit log.
    Audit(Vec<AuditEntry>),
    /// It was refused, and why.
    Refused(crate::contract::Refusal),
}

impl Asked {
    /// A few words for the log.
    pub fn name(&self) -> &'static str {
        match self {
            Asked::Create { .. } => "make an account",
            Asked::People { .. } => "list people",
            Asked::Role { .. } => "change a role",
            Asked::Reset { .. } => "make a link for a new password",
            Asked::Close { .. } => "close an account",
            Asked::EndSessions { .. } => "end sessions",
            Asked::Invite { .. } => "invite",
            Asked::Invitations {} => "list invitations",
            Asked::Revoke { .. } => "revoke an invitation",
            Asked::Rooms { .. } => "list rooms",
            Asked::CloseRoom { .. } => "remove a room",
            Asked::Guests { .. } => "let guests in or not",
            Asked::Overview {} => "the overview",
            Asked::Audit { .. } => "the audit log",
        }
    }
}
