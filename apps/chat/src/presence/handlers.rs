//! Who is online and who is typing, in `/chat`.

use sockeye::{Ack, Event, Io, Local, Namespace, Present, Socket};

use super::contract::{self, Here, ONLINE_ROOM, TYPING, Typing};
use crate::accounts::contract::{Person, Role};
use crate::accounts::{Caller, now};
use crate::app::App;
use crate::conversation::{self, Asking, Open, person_key, room_key};
use crate::refusal::{Refused, Reply, settle};

const ONLINE: Event<(), Reply<Vec<Present>>> = Event::new(contract::ONLINE.name());

/// Adds the events of presence.
pub(crate) fn on(chat: Namespace<App>) -> Namespace<App> {
    chat.on(ONLINE, online).on(TYPING, typing)
}

/// Everybody on the server is present in one room, which guests do not hear.
pub(crate) async fn arrived(socket: Socket, Local(caller): Local<Caller>) {
    let person = caller.person();
    tracing::info!(socket = %socket.id(), person = caller.id, "connected");
    if person.role > Role::Guest {
        socket.join(ONLINE_ROOM);
    }
    settle(socket.io().presence(ONLINE_ROOM).join(&socket, &*caller.id, &here(&person)));
}

async fn online(asking: Asking) -> Ack<Reply<Vec<Present>>> {
    let listed = async {
        if asking.caller.person().role == Role::Guest {
            return Err(Refused::Forbidden);
        }
        asking.app.usage.enter(&asking.caller.id, asking.open.origin)?;
        Ok(asking.io().presence(ONLINE_ROOM).list().await)
    };
    Ack(listed.await.into())
}

/// Whoever is not in the room is present nowhere there, and nothing happens.
async fn typing(asking: Asking, request: Typing) {
    let Asking { socket, caller, open, .. } = asking;
    if open.has(&request.room) {
        let typing_at = request.is_typing.then(now);
        let here = Here { typing_at, ..here(&caller.person()) };
        settle(socket.io().presence(room_key(&request.room)).update(&socket, &here));
    }
}

/// Somebody who is doing nothing in particular.
pub(crate) fn here(person: &Person) -> Here {
    Here { person: person.clone(), typing_at: None }
}

/// Somebody is otherwise than before: whoever sees them somewhere sees that.
pub(crate) fn follow(io: &Io, person: &Person) {
    let Some(chat) = io.of(conversation::PATH) else { return };
    let here = here(person);
    for socket in chat.to(person_key(&person.id)).sockets() {
        let Some(open) = socket.get::<Open>() else { continue };
        settle(chat.presence(ONLINE_ROOM).update(&socket, &here));
        match person.role {
            Role::Guest => socket.leave(ONLINE_ROOM),
            Role::Member | Role::Moderator | Role::Owner => socket.join(ONLINE_ROOM),
        }
        for room in open.all() {
            settle(chat.presence(room_key(&room)).update(&socket, &here));
        }
    }
}
