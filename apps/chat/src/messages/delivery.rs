//! How a stored message reaches everybody in its room, whichever way it came in.

use sockeye::Io;

use super::contract::{EDITED, MESSAGE, REACTED};
use super::store::{EditedMessage, ReactedMessage, Said};
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

/// Tells everybody who has opened the room how a message is now, and the list if it stands there. Runs in the store's
/// writer, in stored order.
pub(crate) fn deliver_edited(app: &App, io: &Io, message: &EditedMessage) {
    let Some(chat) = io.of(conversation::PATH) else { return };
    let EditedMessage { edited, is_newest } = message;
    settle(chat.to(room_key(&edited.room)).emit(EDITED, edited));
    // Of one that is deleted, the one before it stands in the list.
    if *is_newest || edited.edited_at.is_none() {
        app.rooms.changed(app, io, &edited.room);
    }
    app.reading.recount(app, io, &edited.room);
}

/// Tells everybody who has opened the room of a reaction. Runs in the store's writer, in stored order.
pub(crate) fn deliver_reaction(_: &App, io: &Io, reaction: &ReactedMessage) {
    let ReactedMessage { reacted, is_changed } = reaction;
    if *is_changed && let Some(chat) = io.of(conversation::PATH) {
        settle(chat.to(room_key(&reacted.room)).emit(REACTED, reacted));
    }
}
