//! Administration: what moderators and owners do with people, rooms and settings, over HTTP, and from the command
//! line by `sockeye admin`.
//!
//! Both come as an [`Actor`] to one [`Admin`]. The store looks once more whether they may, in the write itself, which
//! has the entry of the audit log too.

mod actor;
mod answers;
pub mod command;
pub mod contract;
pub(crate) mod http;
mod memory;
pub mod store;

use sockeye::Io;

use crate::accounts::contract::{Person, Role};
use crate::accounts::{RESET_LIFETIME, now};
use crate::app::App;
use crate::conversation;
use crate::id::Secret;
use crate::invitations::contract::{Invitation, Invite, Invited};
use crate::presence::contract::ONLINE_ROOM;
use crate::refusal::Refused;
pub use actor::Actor;
use contract::{AuditEntry, LimitRow, Link, Overview, PeoplePage, PersonRow, RoomRow, Settings};
use store::{Deed, Done, ListedRoom, NewAuditEntry};

/// Administration of a chat, with the server that runs it or without one.
#[derive(Clone, Debug)]
pub struct Admin {
    app: App,
}

impl Admin {
    /// That of a chat.
    pub fn new(app: App) -> Self {
        Admin { app }
    }

    /// The server at a glance.
    ///
    /// # Errors
    /// `forbidden`; or the database failed.
    pub(crate) async fn overview(&self, by: &Actor) -> Result<Overview, Refused> {
        reads(by)?;
        let census = self.app.store.census(now()).await?;
        let online = match self.chat() {
            Some(chat) => chat.presence(ONLINE_ROOM).count().await,
            None => 0,
        };
        let space = census.free_bytes_min.div_ceil(1024 * 1024);
        let space = ("free-space-min", space, census.refused_for_space);
        let limits = self.app.usage.limits().into_iter().chain([space]);
        let limits =
            limits.map(|(name, value, reached)| LimitRow { name: name.to_owned(), value, reached });
        Ok(Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.app.started_at,
            accounts: census.accounts,
            guests: census.guests,
            online: u32::try_from(online).unwrap_or(u32::MAX),
            sessions: census.sessions,
            rooms: census.rooms,
            messages: census.messages,
            database_bytes: census.database_bytes,
            picture_bytes: census.picture_bytes,
            free_bytes: census.free_bytes,
            free_bytes_min: census.free_bytes_min,
            memory_bytes: memory::resident_bytes(),
            settings: Settings { has_guests: self.app.accounts.has_guests() },
            // Without a server nothing is limited.
            limits: if self.app.accounts.io().is_some() { limits.collect() } else { Vec::new() },
        })
    }

    /// A page of the people.
    ///
    /// # Errors
    /// `forbidden`; `gone`: there is nobody with this id; or the database failed.
    pub(crate) async fn people(
        &self,
        by: &Actor,
        after: Option<&str>,
        search: &str,
    ) -> Result<PeoplePage, Refused> {
        reads(by)?;
        let page = self.app.store.people_page(after, search, now()).await?;
        let mut page = page.ok_or(Refused::NotThere)?;
        for row in &mut page.people {
            row.is_online = self.is_online(&row.person.id).await;
        }
        Ok(page)
    }

    /// Gives an account another role.
    ///
    /// # Errors
    /// `forbidden`, `gone`, `last_owner`; or nothing could be stored.
    pub(crate) async fn change_role(
        &self,
        by: Actor,
        person: String,
        role: Role,
    ) -> Result<PersonRow, Refused> {
        let person = self.concern(by, Deed::ChangeRole { person, role }).await?;
        self.app.accounts.role_changed(&person).await;
        let row = self.app.store.person_row(&person.id, now()).await?;
        let row = row.ok_or(Refused::NotThere)?;
        Ok(PersonRow { is_online: self.is_online(&person.id).await, ..row })
    }

    /// Makes a link by which somebody sets a new password.
    ///
    /// # Errors
    /// `forbidden`, `gone`; or nothing could be stored.
    pub(crate) async fn reset(&self, by: Actor, person: String) -> Result<Link, Refused> {
        let secret = Secret::new();
        let deed = Deed::Reset { person, secret: secret.digest(), lifetime: RESET_LIFETIME };
        match self.app.store.administer(by, deed).await?? {
            Done::Link { expires_at } => Ok(Link { code: secret.as_str().to_owned(), expires_at }),
            done => Err(unexpected(&done)),
        }
    }

    /// Ends all sessions of somebody, and their connections.
    ///
    /// # Errors
    /// `forbidden`, `gone`; or nothing could be stored.
    pub(crate) async fn end_sessions(&self, by: Actor, person: String) -> Result<(), Refused> {
        self.concern(by, Deed::EndSessions { person }).await.map(drop)
    }

    /// Closes an account, or sends a guest away.
    ///
    /// # Errors
    /// `forbidden`, `gone`, `last_owner`; or nothing could be stored.
    pub(crate) async fn close(&self, by: Actor, person: String) -> Result<(), Refused> {
        self.concern(by, Deed::Close { person }).await?;
        // Of what is said in rooms they are no unread people any more.
        if let Some(io) = self.app.accounts.io() {
            self.app.reading.people_gone(&self.app, io);
        }
        Ok(())
    }

    /// A page of the rooms.
    ///
    /// # Errors
    /// `forbidden`; `gone`: there is no room with this id; or the database failed.
    pub(crate) async fn rooms(
        &self,
        by: &Actor,
        after: Option<&str>,
    ) -> Result<Vec<RoomRow>, Refused> {
        reads(by)?;
        let rooms = self.app.store.room_rows(after, by.id()).await?;
        let rooms = rooms.ok_or(Refused::NotThere)?;
        let people = |room: &ListedRoom| {
            let io = self.app.accounts.io()?;
            let name = room.open_name.as_deref();
            Some(self.app.rooms.people_in(&self.app, io, &room.row.id, name))
        };
        let rows = rooms.into_iter().map(|room| {
            let people = people(&room).unwrap_or_default();
            RoomRow { people, ..room.row }
        });
        Ok(rows.collect())
    }

    /// Removes a room with all that was said there.
    ///
    /// # Errors
    /// `forbidden`, of the first room too; `gone`; or nothing could be stored.
    pub(crate) async fn delete_room(&self, by: Actor, room: String) -> Result<(), Refused> {
        match self.app.store.administer(by, Deed::DeleteRoom { room }).await?? {
            Done::Room { room, members } => {
                match self.app.accounts.io() {
                    Some(io) => self.app.rooms.deleted(&self.app, io, &room, &members),
                    // Nobody is here to be told, or to do the rest later.
                    None => while self.app.store.sweep().await? {},
                }
                Ok(())
            }
            done => Err(unexpected(&done)),
        }
    }

    /// The newest entries of the audit log, or those before one.
    ///
    /// # Errors
    /// `forbidden`; or the database failed.
    pub(crate) async fn audit(
        &self,
        by: &Actor,
        before: Option<i64>,
    ) -> Result<Vec<AuditEntry>, Refused> {
        reads(by)?;
        Ok(self.app.store.audit_page(before).await?)
    }

    /// Lets guests in, or not any more.
    ///
    /// # Errors
    /// `forbidden`; or nothing could be stored.
    pub(crate) async fn set(&self, by: Actor, settings: Settings) -> Result<Settings, Refused> {
        let Settings { has_guests } = settings;
        let deed = Deed::Guests { are_let_in: has_guests };
        // What cannot come to pass is to have no moment's effect.
        deed.check(by.role(), None)?;
        let written = async {
            match self.app.store.administer(by, deed).await?? {
                Done::Guests { ended } => Ok(ended),
                done => Err(unexpected(&done)),
            }
        };
        self.app.accounts.set_guests(has_guests, written).await?;
        Ok(settings)
    }

    /// Makes an invitation, whose links begin with these addresses.
    ///
    /// # Errors
    /// What is wanted makes no sense, or is not theirs to give; or nothing could be stored.
    pub(crate) async fn invite(
        &self,
        by: &Actor,
        wanted: &Invite,
        addresses: Vec<String>,
    ) -> Result<Invited, Refused> {
        let invited = self.app.invite(wanted, by.id(), addresses).await?;
        let role = word(invited.invitation.role);
        self.note(by, "invitation.create", &invited.invitation.id, &role).await?;
        Ok(invited)
    }

    /// All invitations, without titles of rooms that only their people may know of.
    ///
    /// # Errors
    /// `forbidden`; or the database failed.
    pub(crate) async fn invitations(&self, by: &Actor) -> Result<Vec<Invitation>, Refused> {
        reads(by)?;
        Ok(self.app.store.invitations(by.id()).await?)
    }

    /// Revokes an invitation.
    ///
    /// # Errors
    /// `forbidden`; `gone`: there is none; or nothing could be stored.
    pub(crate) async fn revoke(&self, by: &Actor, id: &str) -> Result<(), Refused> {
        reads(by)?;
        if !self.app.store.revoke_invitation(id).await? {
            return Err(Refused::NotThere);
        }
        self.note(by, "invitation.revoke", id, "").await
    }

    /// Makes an account.
    ///
    /// # Errors
    /// `forbidden`; the name or the password is none, or the name is taken; or nothing could be stored.
    pub(crate) async fn create(
        &self,
        by: Actor,
        name: &str,
        password: &str,
        role: Role,
    ) -> Result<Person, Refused> {
        if by.role() != Role::Owner {
            return Err(Refused::Forbidden);
        }
        let person = self.app.accounts.create(name, password, role).await?;
        self.note(&by, "person.create", &person.name, &word(role)).await?;
        Ok(person)
    }

    /// Writes into the audit log what was done by a right that others have not.
    async fn note(
        &self,
        by: &Actor,
        what: &'static str,
        about: &str,
        detail: &str,
    ) -> Result<(), Refused> {
        let (about, detail) = (about.to_owned(), detail.to_owned());
        let entry = NewAuditEntry { by: by.name(), what, about, detail };
        Ok(self.app.store.audit(entry).await?)
    }

    /// Does something to somebody, whose sessions may end by it.
    async fn concern(&self, by: Actor, deed: Deed) -> Result<Person, Refused> {
        match self.app.store.administer(by, deed).await?? {
            Done::Person { person, ended } => {
                self.app.accounts.cut(&ended);
                Ok(person)
            }
            done => Err(unexpected(&done)),
        }
    }

    fn chat(&self) -> Option<Io> {
        self.app.accounts.io()?.of(conversation::PATH)
    }

    async fn is_online(&self, person: &str) -> bool {
        match self.chat() {
            Some(chat) => chat.presence(ONLINE_ROOM).get(person).await.is_some(),
            None => false,
        }
    }
}

/// A role as a word.
fn word(role: Role) -> String {
    format!("{role:?}").to_lowercase()
}

/// Who may look at what there is.
fn reads(by: &Actor) -> Result<(), Refused> {
    if by.role() >= Role::Moderator { Ok(()) } else { Err(Refused::Forbidden) }
}

/// Each deed comes to one thing.
fn unexpected(done: &Done) -> Refused {
    tracing::error!(?done, "something else was done than what was asked for");
    Refused::Storage
}

#[cfg(test)]
mod tests;
