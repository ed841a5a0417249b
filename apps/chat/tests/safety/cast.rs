//! Everybody of the matrix, connected, and rooms in which each of them has their place.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::table::{Kind, Who};
use crate::wire::Socket;
use crate::world::{Chat, Person, ROOM_PASSWORD, code, done};

/// What stands in everything that only those may read who are in a room: titles, descriptions, messages.
pub(crate) const HUSH: &str = "hush";

/// Everybody.
pub(crate) struct Cast {
    pub(crate) chat: Chat,
    pub(crate) people: BTreeMap<Who, (Person, Socket)>,
    /// A plain member of every room, to whom things are done.
    pub(crate) bystander: (Person, Socket),
    rooms: AtomicU32,
}

/// A room with everybody in their place.
pub(crate) struct Place {
    pub(crate) id: String,
    /// A message of the member's.
    pub(crate) message: i64,
}

impl Cast {
    pub(crate) async fn assemble() -> Self {
        let chat = Chat::start().await;
        let owner = chat.set_up().await;
        let mut people = BTreeMap::new();
        for who in Who::ALL {
            let person = match who {
                Who::ServerOwner => owner.clone(),
                Who::Guest => chat.guest("Gwen").await,
                Who::ServerModerator => chat.sign_up(&owner, "Serena", "moderator").await,
                who => chat.sign_up(&owner, &format!("{who:?}"), "member").await,
            };
            let socket = chat.connect(&person).await;
            people.insert(who, (person, socket));
        }
        let bystander = chat.sign_up(&owner, "Bystander", "member").await;
        let socket = chat.connect(&bystander).await;
        let cast = Cast { chat, people, bystander: (bystander, socket), rooms: AtomicU32::new(0) };
        let elsewhere = json!({ "title": "elsewhere", "kind": "invited" });
        done(cast.socket(Who::Outsider), "create", &elsewhere).await;
        cast
    }

    pub(crate) fn person(&self, who: Who) -> &Person {
        &self.people[&who].0
    }

    pub(crate) fn socket(&self, who: Who) -> &Socket {
        &self.people[&who].1
    }

    /// A number that no room had before.
    pub(crate) fn number(&self) -> u32 {
        self.rooms.fetch_add(1, Ordering::Relaxed)
    }

    /// A new room of this kind, in which everybody has their place; what is kept in it has [`HUSH`] in it, as far
    /// as not everybody may read it.
    pub(crate) async fn room(&self, kind: Kind) -> Place {
        if kind == Kind::Direct {
            return self.direct().await;
        }
        let owner = self.socket(Who::Owner);
        let title = format!("room {}", self.number());
        let made = done(owner, "create", &json!({ "title": title, "kind": "open" })).await;
        let id = made["id"].as_str().unwrap().to_owned();
        let room = json!({ "room": id });
        done(owner, "open", &room).await;
        let inside = [Who::Member, Who::Removed, Who::Banned, Who::Muted, Who::Moderator]
            .map(|who| self.socket(who));
        for socket in inside.into_iter().chain([&self.bystander.1]) {
            done(socket, "open", &room).await;
        }
        let about = |who: Who| json!({ "room": id, "person": self.person(who).id });
        let with = |mut payload: Value, key: &str, value: Value| {
            payload[key] = value;
            payload
        };
        done(owner, "promote", &with(about(Who::Moderator), "role", "moderator".into())).await;
        done(owner, "remove", &about(Who::Removed)).await;
        done(owner, "remove", &with(about(Who::Banned), "is_ban", true.into())).await;
        done(owner, "mute", &with(about(Who::Muted), "seconds", 3_600.into())).await;
        match kind {
            Kind::Open | Kind::Direct => {}
            Kind::Password => {
                let change = json!({ "room": id, "kind": "password", "password": ROOM_PASSWORD });
                done(owner, "change", &change).await;
            }
            Kind::Invited => {
                done(owner, "change", &json!({ "room": id, "kind": "invited" })).await;
                let title = format!("{HUSH} title {}", self.number());
                let change =
                    json!({ "room": id, "title": title, "description": format!("{HUSH} what") });
                done(owner, "change", &change).await;
            }
        }
        let message = self.fill(&id, kind).await;
        Place { id, message }
    }

    /// The direct messages of those who are inside; always the same ones.
    async fn direct(&self) -> Place {
        let inside = Who::ALL.into_iter().filter(|who| who.is_inside());
        let inside: Vec<_> =
            inside.map(|who| &self.people[&who]).chain([&self.bystander]).collect();
        let ids: Vec<_> = inside.iter().map(|(person, _)| person.id.as_str()).collect();
        let mut id = String::new();
        for (_, socket) in inside {
            // Whoever has left is in it again by asking for it.
            let found = done(socket, "direct", &json!({ "people": ids })).await;
            id = found["id"].as_str().unwrap().to_owned();
            done(socket, "open", &json!({ "room": id })).await;
        }
        let message = self.fill(&id, Kind::Direct).await;
        Place { id, message }
    }

    /// Somebody says what nobody else may hear. The id of the message.
    async fn fill(&self, room: &str, kind: Kind) -> i64 {
        let word = if kind == Kind::Open { "hello" } else { HUSH };
        let say = json!({ "room": room, "text": word, "key": format!("fill-{}", self.number()) });
        done(self.socket(Who::Member), "say", &say).await["id"].as_i64().unwrap()
    }

    /// Takes a room away again: its owner may have only so many.
    pub(crate) async fn remove(&self, place: &Place) {
        let room = json!({ "room": place.id });
        if code(self.socket(Who::Owner), "delete", &room).await != "ok" {
            code(&self.bystander.1, "delete", &room).await;
        }
    }
}
