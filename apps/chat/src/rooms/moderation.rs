//! What owners and moderators do with the people of a room in `/chat`.

use std::time::Duration;

use futures_util::FutureExt as _;
use sockeye::{Ack, Event, Io, Namespace};

use super::access::Access;
use super::contract::{
    self, FindPeople, MuteMember, OneInRoom, Promote, RemoveMember, Room, RoomId, RoomMember,
    RoomRole,
};
use super::live::membership_of;
use super::store::Deed;
use crate::accounts::contract::{Person, Role};
use crate::app::App;
use crate::conversation::Asking;
use crate::input::NICKNAME_CHARS_MAX;
use crate::presence::contract::ONLINE_ROOM;
use crate::refusal::{Refused, Reply};

const HAND_OVER: Event<OneInRoom, Reply<Room>> = Event::new(contract::HAND_OVER.name());
const PROMOTE: Event<Promote, Reply<RoomMember>> = Event::new(contract::PROMOTE.name());
const REMOVE: Event<RemoveMember, Reply<()>> = Event::new(contract::REMOVE.name());
const UNBAN: Event<OneInRoom, Reply<()>> = Event::new(contract::UNBAN.name());
const MUTE: Event<MuteMember, Reply<RoomMember>> = Event::new(contract::MUTE.name());
const MEMBERS: Event<RoomId, Reply<Vec<RoomMember>>> = Event::new(contract::MEMBERS.name());
const PEOPLE: Event<FindPeople, Reply<Vec<Person>>> = Event::new(contract::PEOPLE.name());

/// The longest time that somebody is muted for.
const MUTED_FOR_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Adds these events.
pub(super) fn on(chat: Namespace<App>) -> Namespace<App> {
    chat.on(HAND_OVER, hand_over)
        .on(PROMOTE, promote)
        .on(REMOVE, remove)
        .on(UNBAN, unban)
        .on(MUTE, mute)
        .on(MEMBERS, members)
        .on(PEOPLE, people)
}

async fn hand_over(asking: Asking, asked: OneInRoom) -> Ack<Reply<Room>> {
    let handed = async {
        let acted = asking.act(asked.room, Deed::HandOver { to: asked.person }).await?;
        let room = &acted.after.room;
        // Whoever owned it keeps order in it from now on.
        if let Some(own) = asking.app.store.room(&room.id, &asking.caller.id).await? {
            let membership = membership_of(&room.id, own.place.as_ref());
            asking.app.rooms.tell_membership(
                &asking.app,
                &asking.io(),
                &asking.caller.id,
                &membership,
            );
        }
        Ok(asking.shown(room))
    };
    Ack(handed.await.into())
}

async fn promote(asking: Asking, asked: Promote) -> Ack<Reply<RoomMember>> {
    let Promote { room, person, role } = asked;
    // A room has one owner, who hands it over.
    if role == RoomRole::Owner {
        return Ack(Err(Refused::Forbidden).into());
    }
    Ack(asking.act_on(room, person.clone(), Deed::Promote { person, role }).await.into())
}

async fn remove(asking: Asking, asked: RemoveMember) -> Ack<Reply<()>> {
    let RemoveMember { room, person, is_ban } = asked;
    Ack(asking.act(room, Deed::Remove { person, is_ban }).await.map(drop).into())
}

async fn unban(asking: Asking, asked: OneInRoom) -> Ack<Reply<()>> {
    Ack(asking.act(asked.room, Deed::Unban { person: asked.person }).await.map(drop).into())
}

async fn mute(asking: Asking, asked: MuteMember) -> Ack<Reply<RoomMember>> {
    let MuteMember { room, person, seconds } = asked;
    let duration = Duration::from_secs(seconds.into()).min(MUTED_FOR_MAX);
    let duration = i64::try_from(duration.as_millis()).unwrap_or_default();
    Ack(asking.act_on(room, person.clone(), Deed::Mute { person, duration }).await.into())
}

async fn members(asking: Asking, asked: RoomId) -> Ack<Reply<Vec<RoomMember>>> {
    Ack(asking.members(&asked.room).await.into())
}

async fn people(asking: Asking, asked: FindPeople) -> Ack<Reply<Vec<Person>>> {
    Ack(asking.people(asked).await.into())
}

impl Asking {
    /// Does something to somebody; how they are in the room then.
    async fn act_on(
        &self,
        room: String,
        person: String,
        deed: Deed,
    ) -> Result<RoomMember, Refused> {
        let acted = self.act(room, deed).await?;
        let whole = self.app.store.person(&person).await?.ok_or(Refused::NotMember)?;
        let place = acted.after.place.ok_or(Refused::NotMember)?;
        Ok(RoomMember {
            is_online: is_online(&self.io(), &person),
            person: whole,
            role: place.role.unwrap_or(RoomRole::Member),
            muted_until: place.muted_until,
            is_banned: place.role.is_none(),
            seen_at: None,
        })
    }

    /// Members see each other; who is banned, only those see who may let them in again.
    async fn members(&self, room: &str) -> Result<Vec<RoomMember>, Refused> {
        self.app.usage.enter(&self.caller.id, self.open.origin)?;
        let of = self.app.store.room(room, &self.caller.id).await?.ok_or(Refused::RoomGone)?;
        let role = match of.access() {
            Access::Member(role) => role,
            Access::Nothing => return Err(Refused::RoomGone),
            Access::Banned => return Err(Refused::Banned),
            Access::MayEnter | Access::NeedsPassword => return Err(Refused::NotOpened),
        };
        let keeps_order = role >= RoomRole::Moderator
            || self.caller.person().role >= Role::Moderator && of.room.is_public();
        let io = self.io();
        let mut members = self.app.store.members(room).await?;
        members.retain(|member| keeps_order || !member.is_banned);
        for member in &mut members {
            member.is_online = is_online(&io, &member.person.id);
            if member.is_online {
                member.seen_at = None;
            }
        }
        Ok(members)
    }

    async fn people(&self, asked: FindPeople) -> Result<Vec<Person>, Refused> {
        self.check_account()?;
        self.app.usage.enter(&self.caller.id, self.open.origin)?;
        if asked.search.chars().nth(NICKNAME_CHARS_MAX).is_some() {
            // No name is so long.
            return Ok(Vec::new());
        }
        Ok(self.app.store.find_people(&self.caller.id, &asked.search).await?)
    }
}

/// Whether somebody is on the server now.
fn is_online(io: &Io, person: &str) -> bool {
    io.presence(ONLINE_ROOM).get(person).now_or_never().flatten().is_some()
}
