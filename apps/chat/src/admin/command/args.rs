//! The arguments of `sockeye admin`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use crate::accounts::contract::Role;
use crate::keys;

/// What follows the help.
const EXAMPLES: &str = "\
Examples:
  sockeye admin create ada                      the first account: asks for a password
  echo \"$PASSWORD\" | sockeye admin create ada   the same from a script
  sockeye admin invite --uses 1 --expires 2d    a link for one more person
  sockeye admin reset ben                       a link by which ben sets a new password
  sockeye admin role ben moderator              ben may invite, and close rooms
  sockeye admin guests off                      only accounts from now on
  sockeye admin audit --limit 20                who did what of late

PERSON is the name of an account, or an id as `sockeye admin people` shows it.

Exit status:
  0  done
  1  failed: nothing was changed, and standard error says why
  2  used wrongly: an argument is not as it has to be";

/// What to do with people, rooms and settings, and where.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AdminCommand {
    /// Folder of the data, the same as for `sockeye serve`
    #[arg(
        long,
        global = true,
        default_value = "./data",
        value_name = "FOLDER",
        env = "SOCKEYE_DATA"
    )]
    pub data: PathBuf,

    /// Print JSON: one object, or for lists one on each line
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub action: AdminAction,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum AdminAction {
    /// Make an account, an owner unless told otherwise
    ///
    /// On a terminal it asks for the password twice and does not show it; otherwise the password is the first line
    /// of standard input. It has 8 characters at least. There is no argument for it: other users of this machine
    /// could read it there.
    Create {
        /// The name to log in with, and by which others know them
        name: String,
        /// What they may do
        #[arg(long, default_value = "owner")]
        role: RoleName,
    },
    /// List people: their ids, roles, names, sessions, and when they were seen last
    ///
    /// Accounts in the order of their names, then guests.
    People {
        /// Only those with this in their names, in any case
        search: Option<String>,
    },
    /// Give an account another role
    ///
    /// A member talks. A moderator also invites, closes rooms, and ends sessions of members and guests. An
    /// owner may do everything; there is always one, and the last one keeps the role.
    Role {
        /// The name of the account, or its id
        person: String,
        /// The role
        role: RoleName,
    },
    /// Make a link by which somebody sets a new password
    ///
    /// It works once, for a day, and replaces those made before. What they are logged in with ends when they use
    /// it. Give it to them yourself: no mail is sent.
    Reset {
        /// The name of the account, or its id
        person: String,
    },
    /// Close an account, or send a guest away
    ///
    /// Its sessions end at once and its name is free; what was said stays. There is no way back.
    Close {
        /// The name of the account, or an id
        person: String,
    },
    /// Log somebody out everywhere, at once
    EndSessions {
        /// The name of the account, or an id
        person: String,
    },
    /// Make an invitation, and print its link: it is shown this once
    Invite {
        /// What the new account may do: member or moderator
        #[arg(long, default_value = "member")]
        role: RoleName,
        /// How many people can use it; without it any number
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        uses: Option<u32>,
        /// How long it is valid, such as 30m, 12h or 7d, at most a year [default: 7d]
        #[arg(long, value_name = "TIME", value_parser = keys::lifetime)]
        expires: Option<Duration>,
        /// The id of a room that it leads into
        #[arg(long, value_name = "ID")]
        room: Option<String>,
    },
    /// List invitations, without their links
    Invitations,
    /// Revoke an invitation: its link is of no more use
    Revoke {
        /// Its id, as `sockeye admin invitations` shows it
        id: String,
    },
    /// List rooms: their ids, who may enter, how many people and messages, and what they are called
    ///
    /// Direct messages and rooms by invitation have no title here: that is for those who are in them.
    Rooms,
    /// Remove a room with all that was said there
    ///
    /// There is no way back. The first room, `lobby`, stays.
    CloseRoom {
        /// Its id, as `sockeye admin rooms` shows it
        id: String,
    },
    /// Let people without an account in, or not any more
    ///
    /// When they are not let in any more, those who are there are logged out at once.
    Guests {
        /// Whether they may come in
        state: OnOff,
    },
    /// Show the server at a glance: people, rooms, disk, memory, settings and limits
    Overview,
    /// Show who did what with rights that others have not, the newest first
    Audit {
        /// How many entries
        #[arg(long, value_name = "N", default_value_t = 100)]
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
}

/// The roles of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Talks
    Member,
    /// Also invites, closes rooms, and ends sessions of members and guests
    Moderator,
    /// May do everything
    Owner,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Member => Role::Member,
            RoleName::Moderator => Role::Moderator,
            RoleName::Owner => Role::Owner,
        }
    }
}

/// Whether something is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// They are let in
    On,
    /// They are not
    Off,
}
