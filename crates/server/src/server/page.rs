//! Pages of lists, so that a long list need not be held as a whole.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A position in a list, from which the next page is read: plain data, fit for a link. The default
/// is the beginning. It is valid for the list it came from; with another it leads to some page.
///
/// ```
/// use sockeye::Cursor;
///
/// let link = format!("/rooms?from={}", Cursor::default());
/// let (_, from) = link.split_once('=').unwrap();
/// assert_eq!(from.parse(), Ok(Cursor::default()));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub(crate) u64);

impl Cursor {
    /// The cursor at a slot.
    pub(crate) fn at(slot: usize) -> Self {
        Self(slot as u64)
    }

    pub(crate) fn slot(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cursor {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// A page of a list: its items, and where the next page begins.
///
/// ```
/// use sockeye::{Cursor, Io};
///
/// fn print_rooms(io: &Io) {
///     let mut from = Some(Cursor::default());
///     while let Some(cursor) = from {
///         let page = io.rooms_page(cursor, 100);
///         for info in &page.items {
///             println!("{}: {} sockets", info.room, info.sockets);
///         }
///         from = page.next;
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Page<T> {
    /// Its items, at most as many as were asked for. The last page may be empty.
    pub items: Vec<T>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    pub(crate) fn new(items: Vec<T>, next: Option<Cursor>) -> Self {
        Self { items, next }
    }
}
