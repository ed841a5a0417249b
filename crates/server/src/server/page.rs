//! Lists in parts, so that nobody has to hold all of a long one.

use serde::{Deserialize, Serialize};

/// A place in a list, from which the next page is read: plain data, good for a link. The default is the
/// beginning. It is of use with the list that it came from only; elsewhere it leads to some page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub(crate) u64);

impl Cursor {
    /// The place of a slot.
    pub(crate) fn at(slot: usize) -> Self {
        Self(slot as u64)
    }

    pub(crate) fn slot(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A part of a list: what is on it, and where the next part begins.
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
    /// What is on it, at most as many as were asked for. The last page may be empty.
    pub items: Vec<T>,
    /// Where the next page begins; `None`: there is none.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    pub(crate) fn new(items: Vec<T>, next: Option<Cursor>) -> Self {
        Self { items, next }
    }
}
