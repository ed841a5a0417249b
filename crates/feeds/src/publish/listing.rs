//! Lists of sockets and of rooms, in pages.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use sockeye::{Cursor, Io, Page, Room, Server, Socket};

use super::config::PublishingConfig;
use super::error::{ApiError, ErrorCode};
use super::keys::{ApiKey, Verb};
use super::operation;

/// Items on a page when the request names no number.
const LIMIT_DEFAULT: usize = 100;
/// Rooms of a socket that are listed; its `rooms_count` says how many there are.
const ROOMS_OF_SOCKET_MAX: usize = 100;

/// What a list is of, as the query says.
#[derive(Debug)]
pub(super) struct Listing {
    namespace: String,
    room: Option<String>,
    from: Cursor,
    limit: usize,
}

impl Listing {
    /// Reads a query; only lists of sockets take a `room`.
    pub(super) fn parse(
        query: &str,
        takes_room: bool,
        config: &PublishingConfig,
    ) -> Result<Self, ApiError> {
        let bad = |message| ErrorCode::BadRequest.because(message);
        let (mut namespace, mut room, mut from, mut limit) = (None, None, None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let slot = match &*decoded(name)? {
                "namespace" => &mut namespace,
                "room" if takes_room => &mut room,
                "from" => &mut from,
                "limit" => &mut limit,
                _ => {
                    return Err(bad(if takes_room {
                        UNKNOWN_OF_SOCKETS
                    } else {
                        UNKNOWN_OF_ROOMS
                    }));
                }
            };
            if slot.replace(decoded(value)?.into_owned()).is_some() {
                return Err(bad("A parameter is there twice: send each once."));
            }
        }
        let from = from.map(|from| from.parse()).transpose().map_err(|_| bad(NO_FROM))?;
        let limit = limit.map(|limit| limit.parse()).transpose().map_err(|_| bad(NO_LIMIT))?;
        let limit = limit.unwrap_or(LIMIT_DEFAULT.min(config.page_items_max.max(1)));
        if !(1..=config.page_items_max.max(1)).contains(&limit) {
            return Err(bad(NO_LIMIT));
        }
        let namespace = operation::namespace(namespace)?;
        Ok(Self { namespace, room, from: from.unwrap_or_default(), limit })
    }

    /// Whether the key is for it.
    pub(super) fn check_scope(&self, key: &ApiKey) -> Result<(), ApiError> {
        let may = key.may(Verb::Read, &self.namespace);
        if may { Ok(()) } else { Err(ErrorCode::OutOfScope.error()) }
    }

    /// A page of the sockets with their rooms.
    pub(super) fn sockets(&self, server: &Server) -> Result<Value, ApiError> {
        let io = self.io(server)?;
        let page = match &self.room {
            Some(room) => io.members_page(room, self.from, self.limit),
            None => io.sockets_page(self.from, self.limit),
        };
        let sockets: Vec<_> = page.items.iter().map(socket).collect();
        Ok(json!({"sockets": sockets, "next": next(&page)}))
    }

    /// A page of the rooms with the number of their sockets.
    pub(super) fn rooms(&self, server: &Server) -> Result<Value, ApiError> {
        let page = self.io(server)?.rooms_page(self.from, self.limit);
        Ok(json!({"rooms": page.items, "next": next(&page)}))
    }

    fn io(&self, server: &Server) -> Result<Io, ApiError> {
        server.of(&self.namespace).ok_or(ErrorCode::UnknownNamespace.error())
    }
}

/// A text, since a cursor is no number to reckon with.
fn next<T>(page: &Page<T>) -> Option<String> {
    page.next.map(|cursor| cursor.to_string())
}

fn socket(socket: &Socket) -> Value {
    let id = socket.id();
    let mut rooms: Vec<Room> = socket.rooms();
    rooms.retain(|room| *room != *id.as_str());
    rooms.sort_unstable();
    let count = rooms.len();
    rooms.truncate(ROOMS_OF_SOCKET_MAX);
    json!({"id": id, "rooms": rooms, "rooms_count": count})
}

/// A part of a query. Unlike in a form, a plus is a plus.
fn decoded(part: &str) -> Result<Cow<'_, str>, ApiError> {
    let decoded = percent_decode_str(part).decode_utf8();
    decoded.map_err(|_| ErrorCode::BadRequest.because("The query is not percent-encoded UTF-8."))
}

const UNKNOWN_OF_SOCKETS: &str =
    "An unknown parameter: sockets takes `namespace`, `room`, `from` and `limit`.";
const UNKNOWN_OF_ROOMS: &str = "An unknown parameter: rooms takes `namespace`, `from` and `limit`.";
const NO_FROM: &str = "`from` has to be the `next` of the page before.";
const NO_LIMIT: &str = "`limit` has to be a whole number from 1 to the most items of a page, which is 1000 unless the server says otherwise.";
