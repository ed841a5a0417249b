//! Tells people what they have not read.

use std::collections::HashMap;

use sockeye::Io;

use super::contract::{COUNTS, Counts};
use crate::app::App;
use crate::conversation::person_key;
use crate::refusal::settle;

/// Tells the members of a room who are there what they have not read. Whoever has read everything knows it, unless
/// messages are gone that they had not read.
pub(super) async fn tell_room(app: &App, rooms: &Io, room: &str, is_whole: bool) {
    let Ok(members) = app.store.member_ids(room).await else { return };
    let here: Vec<_> = members.into_iter().filter(|person| is_here(rooms, person)).collect();
    if here.is_empty() {
        return;
    }
    match app.store.counts(room, &here).await {
        Ok(counts) => {
            for (person, counts) in counts.iter().filter(|(_, it)| is_whole || it.unread > 0) {
                tell_counts(rooms, person, counts);
            }
        }
        Err(error) => tracing::warn!(%error, "members are not told what they have not read"),
    }
}

/// Tells people what they have not read in rooms: pairs of a room and a person.
pub(super) async fn tell_members(app: &App, rooms: &Io, members: Vec<(String, String)>) {
    let mut by_person: HashMap<String, Vec<String>> = HashMap::new();
    for (room, person) in members {
        if is_here(rooms, &person) {
            by_person.entry(person).or_default().push(room);
        }
    }
    for (person, of) in by_person {
        tell_person(app, rooms, &person, Some(&of)).await;
    }
}

/// Tells somebody what they have not read in these rooms, or in all of theirs.
pub(super) async fn tell_person(app: &App, rooms: &Io, person: &str, of: Option<&[String]>) {
    match app.store.counts_of(person, of).await {
        Ok(counts) => counts.iter().for_each(|counts| tell_counts(rooms, person, counts)),
        Err(error) => tracing::warn!(%error, "somebody is not told what they have not read"),
    }
}

fn tell_counts(rooms: &Io, person: &str, counts: &Counts) {
    settle(rooms.to(person_key(person)).emit(COUNTS, counts));
}

/// Whether somebody has a page open that sees the list.
fn is_here(rooms: &Io, person: &str) -> bool {
    !rooms.to(person_key(person)).sockets().is_empty()
}
