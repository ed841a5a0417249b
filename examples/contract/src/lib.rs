//! A contract: everything that travels between a board's server and its clients, declared once for
//! both and for the tests. It depends on `sockeye-socket-proto`, so that a client does not build the
//! server; both of them build that crate anyway.
//!
//! | event | from | answered with |
//! |---|---|---|
//! | [`ADD`] | a client | the [`Card`]; refused with [`FULL`] |
//! | [`REMOVE`] | a client | whether the card is gone |
//! | [`CONFIRM`] | the server, before it removes a card | yes or no |
//! | [`ADDED`], [`REMOVED`] | the server, to all the others and to all | |
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};
use sockeye_socket_proto::Event;

/// The namespace of the board.
pub const BOARD: &str = "/board";

/// Put a card on the board.
pub const ADD: Event<NewCard, Card> = Event::new("add");
/// Take the card with this id off the board, if whoever says so means it.
pub const REMOVE: Event<u32, bool> = Event::new("remove");

/// Asked of whoever wants to remove a card.
pub const CONFIRM: Event<Card, bool> = Event::new("confirm");
/// Somebody else has put a card on the board.
pub const ADDED: Event<Card> = Event::new("added");
/// The card with this id is gone.
pub const REMOVED: Event<u32> = Event::new("removed");

/// The code of the error when [`CARDS_MAX`] cards are there.
pub const FULL: &str = "full";
/// How many cards the board has place for.
pub const CARDS_MAX: usize = 100;

/// A card on its way to the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCard {
    /// What it says.
    pub text: String,
}

/// A card on the board.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// Its number, from 1 on.
    pub id: u32,
    /// What it says.
    pub text: String,
}
