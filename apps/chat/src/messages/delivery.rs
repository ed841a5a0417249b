//! How a stored message reaches everybody in its room, whichever way it came in.

use sockeye::Io;

use super::contract::{EDITED, MESSAGE, REACTED};
use super::store::{Said, Touched};
use crate::app::App;
use crate::conversation::{self, room_key};
use crate::notes;
use crate::notes::contract::{POSTED, StoredMessage};
use crate::notes::store::Posted;
use crate::refusal::settle;
use crate::rooms::contract::RoomRole;
use crate::rooms::live::membership_of;
use crate::rooms::store::Place;

/// Tells everybody who has opened the room, in the notes' chat too if it is open, and the list. Runs in the
/// store's writer, in stored order. Sent again after a lost connection, they have it already.
pub(crate) fn deliver(app: &App, io: &Io, said: &Said) {
    let Posted::New(message) = &said.posted else { return };
    if let Some(chat) = io.of(conversation::PATH) {
        settle(chat.to(room_key(&message.room)).emit(MESSAGE, message));
    }
    if let Some(name) = &said.open_name
        && let Some(notes) = io.of(notes::PATH)
    {
        settle(notes.to(name.as_str()).emit(POSTED, &StoredMessage::from(message)));
    }
    for person in &said.returned {
        let place = Place::member(RoomRole::Member);
        app.rooms.tell_membership(app, io, person, &membership_of(&message.room, Some(&place)));
    }
    app.rooms.changed(app, io, &message.room);
    let moved = said.read_before.map(|before| (before, message.id));
    app.reading.said(app, io, &message.by.id, &message.room, moved);
}

/// Tells everybody who has opened the room what was done to a message, and the list if it stands there. Runs in the
/// store's writer, in stored order.
pub(crate) fn deliver_touch(app: &App, io: &Io, touched: &Touched) {
    let Some(chat) = io.of(conversation::PATH) else { return };
    match touched {
        Touched::Edited(edited, is_newest) => {
            settle(chat.to(room_key(&edited.room)).emit(EDITED, edited));
            // Of one that is deleted, the one before it stands in the list.
            if *is_newest || edited.edited_at.is_none() {
                app.rooms.changed(app, io, &edited.room);
            }
            app.reading.recount(app, io, &edited.room);
        }
        Touched::Reacted(reacted) => {
            settle(chat.to(room_key(&reacted.room)).emit(REACTED, reacted));
        }
        Touched::Nothing(_) => {}
    }
}
