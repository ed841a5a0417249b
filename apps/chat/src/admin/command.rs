//! `sockeye admin`: administration from a shell, beside a running server or without one.
//!
//! A server that runs on the data folder is asked through its control socket, so that what is done counts at once, on
//! live connections too. Without a server the store is opened as the server would open it.

mod args;
mod offline;
mod password;
mod print;

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::contract::{AuditEntry, Overview, PeoplePage, PersonRow, RoomRow, Settings};
use super::store::PAGE_MAX;
use crate::accounts::contract::{Person, Role};
use crate::cli::credentials::ExitStatus;
use crate::contract::Refusal;
#[cfg(unix)]
use crate::control;
use crate::invitations::contract::{Invitation, Invite, Invited};
use crate::keys;
pub use args::{AdminAction, AdminCommand, OnOff, RoleName};
use offline::Offline;
pub use password::Password;
use print::Printer;

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
        /// What it is to be.
        invite: Invite,
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
    /// A link for a new password.
    Link(ResetLink),
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
    Refused(Refusal),
}

/// A link by which somebody sets a new password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetLink {
    /// The whole of it, or what follows the address of the server where that is not known.
    pub link: String,
    /// When it ends, in milliseconds since 1970-01-01 UTC.
    pub expires_at: i64,
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

/// Does it, and prints what comes of it.
///
/// # Errors
/// It was refused, the store cannot be opened, or the server does not answer.
pub fn run(command: &AdminCommand) -> anyhow::Result<ExitStatus> {
    let mut printer = Printer::new(io::stdout().lock(), command.json);
    let mut road = Road::to(&command.data);
    match &command.action {
        AdminAction::Create { name, role } => {
            let asked = Asked::Create {
                name: name.clone(),
                password: Password::ask()?,
                role: (*role).into(),
            };
            let answer = road.ask(asked)?;
            let Answer::Person(person) = answer else { return other(&answer) };
            printer.one(&person, print::person)?;
        }
        AdminAction::Role { person, role } => {
            let answer = road.ask(Asked::Role { person: person.clone(), role: (*role).into() })?;
            let Answer::Row(row) = answer else { return other(&answer) };
            printer.one(&row, print::person_row)?;
        }
        AdminAction::Reset { person } => {
            let answer = road.ask(Asked::Reset { person: person.clone() })?;
            let Answer::Link(link) = answer else { return other(&answer) };
            printer.one(&link, |link| link.link.clone())?;
            printer.aside(&format!(
                "it works once, until {}; give it to them yourself, behind the address of the chat",
                print::time(link.expires_at)
            ));
        }
        AdminAction::Close { person } => road.does(Asked::Close { person: person.clone() })?,
        AdminAction::EndSessions { person } => {
            road.does(Asked::EndSessions { person: person.clone() })?;
        }
        AdminAction::Invite { role, uses, expires, room } => {
            let seconds = expires.map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
            let (role, room) = ((*role).into(), room.clone());
            let invite = Invite { role, uses: *uses, seconds, room };
            let answer = road.ask(Asked::Invite { invite })?;
            let Answer::Invited(invited) = answer else { return other(&answer) };
            printer.one(&invited, print::invited)?;
            printer.aside(&print::invitation(&invited.invitation));
            if invited.addresses.is_empty() {
                printer.aside("no server runs here: put the address of the chat in front of it");
            }
            printer.aside("keep the link now: it is not shown again");
        }
        AdminAction::Revoke { id } => road.does(Asked::Revoke { id: id.clone() })?,
        AdminAction::CloseRoom { id } => road.does(Asked::CloseRoom { room: id.clone() })?,
        AdminAction::Guests { state } => {
            let answer = road.ask(Asked::Guests { are_let_in: *state == OnOff::On })?;
            let Answer::Settings(settings) = answer else { return other(&answer) };
            printer.one(&settings, |settings| {
                format!("guests {}", if settings.has_guests { "on" } else { "off" })
            })?;
        }
        AdminAction::Overview => {
            let answer = road.ask(Asked::Overview {})?;
            let Answer::Overview(overview) = answer else { return other(&answer) };
            printer.one(&overview, print::overview)?;
        }
        AdminAction::People { .. }
        | AdminAction::Rooms
        | AdminAction::Invitations
        | AdminAction::Audit { .. } => list(&command.action, &mut road, &mut printer)?,
    }
    Ok(ExitStatus::Done)
}

/// Prints what may be long, page by page.
fn list(
    action: &AdminAction,
    road: &mut Road,
    printer: &mut Printer<impl io::Write>,
) -> anyhow::Result<()> {
    match action {
        AdminAction::People { search } => {
            let mut after = None;
            loop {
                let search = search.clone().unwrap_or_default();
                let answer = road.ask(Asked::People { search, after })?;
                let Answer::People(page) = answer else { return other(&answer) };
                printer.all(&page.people, print::person_row)?;
                after = page.next;
                if after.is_none() {
                    return Ok(());
                }
            }
        }
        AdminAction::Rooms => {
            let mut after = None;
            loop {
                let answer = road.ask(Asked::Rooms { after })?;
                let Answer::Rooms(rooms) = answer else { return other(&answer) };
                printer.all(&rooms, print::room_row)?;
                match rooms.last() {
                    Some(last) if rooms.len() == PAGE_MAX => after = Some(last.id.clone()),
                    Some(_) | None => return Ok(()),
                }
            }
        }
        AdminAction::Audit { limit } => {
            let (mut before, mut left) = (None, *limit as usize);
            loop {
                let answer = road.ask(Asked::Audit { before })?;
                let Answer::Audit(entries) = answer else { return other(&answer) };
                let shown = &entries[..entries.len().min(left)];
                printer.all(shown, print::entry)?;
                left -= shown.len();
                match entries.last() {
                    Some(last) if left > 0 && entries.len() == PAGE_MAX => before = Some(last.id),
                    Some(_) | None => return Ok(()),
                }
            }
        }
        _ => {
            let answer = road.ask(Asked::Invitations {})?;
            let Answer::Invitations(invitations) = answer else { return other(&answer) };
            printer.all(&invitations, print::invitation)?;
            Ok(())
        }
    }
}

/// The server answers in a way that this program does not know for what it asked.
fn other<T>(answer: &Answer) -> anyhow::Result<T> {
    tracing::debug!(?answer, "not what was asked for");
    anyhow::bail!("the server answers something else than was asked: is it of another version?")
}

/// Where the store is: behind a running server, or in its folder.
struct Road<'a> {
    data: &'a Path,
    offline: Option<Offline>,
}

impl<'a> Road<'a> {
    fn to(data: &'a Path) -> Self {
        Road { data, offline: None }
    }

    /// Asks for what is answered by that it was done.
    fn does(&mut self, asked: Asked) -> anyhow::Result<()> {
        match self.ask(asked)? {
            Answer::Done {} => Ok(()),
            answer => other(&answer),
        }
    }

    fn ask(&mut self, asked: Asked) -> anyhow::Result<Answer> {
        let answer = match &self.offline {
            Some(offline) => offline.ask(asked),
            None => match ask_server(self.data, &asked)? {
                Some(answer) => answer,
                None => {
                    let makes_folder = matches!(asked, Asked::Create { .. });
                    let offline = Offline::open(self.data, makes_folder)?;
                    self.offline.insert(offline).ask(asked)
                }
            },
        };
        match answer {
            Answer::Refused(refusal) => anyhow::bail!(refusal.message),
            answer => Ok(answer),
        }
    }
}

#[cfg(unix)]
fn ask_server(data: &Path, asked: &Asked) -> anyhow::Result<Option<Answer>> {
    match control::ask(data, &control::Asked::Admin { admin: asked.clone() })? {
        None => Ok(None),
        Some(control::Answer::Admin { admin }) => Ok(Some(admin)),
        Some(control::Answer::Keys(keys::Answer::Failed(reason))) => anyhow::bail!(reason),
        Some(control::Answer::Keys(_)) => anyhow::bail!("the server answers something else"),
    }
}

/// There is no control socket here.
#[cfg(not(unix))]
fn ask_server(_: &Path, _: &Asked) -> anyhow::Result<Option<Answer>> {
    Ok(None)
}
