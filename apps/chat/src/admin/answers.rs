//! What is answered to `sockeye admin`, by a server or without one.

use super::command::{Answer, Asked, ResetLink};
use super::contract::Settings;
use super::{Actor, Admin};
use crate::refusal::Refused;

impl Admin {
    /// Does what the command line asks for, which may do what an owner may.
    pub(crate) async fn answer(&self, asked: Asked) -> Answer {
        self.does(asked).await.unwrap_or_else(|refused| Answer::Refused(refused.told()))
    }

    async fn does(&self, asked: Asked) -> Result<Answer, Refused> {
        let by = Actor::CommandLine;
        match asked {
            Asked::Create { name, password, role } => {
                self.create(by, &name, password.as_str(), role).await.map(Answer::Person)
            }
            Asked::People { search, after } => {
                self.people(&by, after.as_deref(), &search).await.map(Answer::People)
            }
            Asked::Role { person, role } => {
                let person = self.find(&person).await?;
                self.change_role(by, person, role).await.map(Answer::Row)
            }
            Asked::Reset { person } => {
                let person = self.find(&person).await?;
                let link = self.reset(by, person).await?;
                let addresses = self.app.reach.own_addresses();
                let address = addresses.first().map(String::as_str).unwrap_or_default();
                let link = ResetLink {
                    link: format!("{address}/reset#{}", link.code),
                    expires_at: link.expires_at,
                };
                Ok(Answer::Link(link))
            }
            Asked::Close { person } => {
                let person = self.find(&person).await?;
                self.close(by, person).await.map(|()| Answer::Done {})
            }
            Asked::EndSessions { person } => {
                let person = self.find(&person).await?;
                self.end_sessions(by, person).await.map(|()| Answer::Done {})
            }
            Asked::Invite { invite } => {
                let addresses = self.app.reach.own_addresses();
                self.invite(&by, &invite, addresses).await.map(Answer::Invited)
            }
            Asked::Invitations {} => self.invitations(&by).await.map(Answer::Invitations),
            Asked::Revoke { id } => self.revoke(&by, &id).await.map(|()| Answer::Done {}),
            Asked::Rooms { after } => self.rooms(&by, after.as_deref()).await.map(Answer::Rooms),
            Asked::CloseRoom { room } => self.delete_room(by, room).await.map(|()| Answer::Done {}),
            Asked::Guests { are_let_in } => {
                let settings = Settings { has_guests: are_let_in };
                self.set(by, settings).await.map(Answer::Settings)
            }
            Asked::Overview {} => self.overview(&by).await.map(Answer::Overview),
            Asked::Audit { before } => self.audit(&by, before).await.map(Answer::Audit),
        }
    }

    /// The id of somebody who is named by it, or by the name of an account.
    async fn find(&self, id_or_name: &str) -> Result<String, Refused> {
        let found = self.app.store.people_called(id_or_name).await?;
        match found.as_slice() {
            [] => Err(Refused::BadRequest(format!(
                "nobody has the id or the name {id_or_name:?}: `sockeye admin people` lists everybody"
            ))),
            [person] => Ok(person.id.clone()),
            _ => Err(Refused::BadRequest(format!(
                "{id_or_name:?} is the id of one person and the name of another one: give the other one's id"
            ))),
        }
    }
}
