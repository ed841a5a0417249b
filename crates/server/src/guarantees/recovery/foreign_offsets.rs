//! The offsets that the cluster assigned, and the numbers of their events here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// The offset texts of the events that are kept and of the last one before them, which a client
/// sends that has missed all of them.
#[derive(Default)]
pub(super) struct ForeignOffsets {
    numbers: HashMap<Arc<str>, u64>,
    /// The same by number.
    texts: VecDeque<(u64, Arc<str>)>,
    /// The last of all, or a later one up to which a client has everything that is for it.
    latest: Option<Arc<str>>,
}

/// The bytes of a text without its characters: its entries in both tables.
const TEXT_BYTES: usize = 128;

impl ForeignOffsets {
    /// The bytes that one takes while it is kept.
    pub(super) fn bytes(text: &str) -> usize {
        TEXT_BYTES + text.len()
    }

    /// Adds the text of the newest event.
    pub(super) fn push(&mut self, number: u64, text: &str) {
        let text: Arc<str> = text.into();
        self.numbers.insert(Arc::clone(&text), number);
        self.latest = Some(Arc::clone(&text));
        self.texts.push_back((number, text));
    }

    pub(super) fn number_of(&self, text: &str) -> Option<u64> {
        self.numbers.get(text).copied()
    }

    /// The text of the event with this number, if that is the newest which has one.
    pub(super) fn newest(&self, number: u64) -> Option<&str> {
        let (newest, text) = self.texts.back()?;
        (*newest == number).then_some(&**text)
    }

    /// The last text that is known.
    pub(super) fn latest(&self) -> Option<&Arc<str>> {
        self.latest.as_ref()
    }

    /// Notes that clients may have everything up to this text.
    pub(super) fn note(&mut self, text: &Arc<str>) {
        if order(text) > self.latest.as_deref().and_then(order) {
            self.latest = Some(Arc::clone(text));
        }
    }

    /// The first text that is known, and the number of its event.
    pub(super) fn first(&self) -> Option<(u64, &str)> {
        self.texts.front().map(|(number, text)| (*number, &**text))
    }

    /// The number of the first event whose text is after this one. `None`: there is none.
    pub(super) fn first_after(&self, text: &str) -> Option<u64> {
        let at = self.texts.partition_point(|(_, other)| order(other) <= order(text));
        self.texts.get(at).map(|(number, _)| *number)
    }

    /// Forgets those of the events before this one.
    pub(super) fn forget_before(&mut self, number: u64) {
        while self.texts.front().is_some_and(|(first, _)| *first < number)
            && let Some((_, text)) = self.texts.pop_front()
        {
            self.numbers.remove(&text);
        }
    }

    /// Frees memory that is not needed now.
    pub(super) fn shrink_to_fit(&mut self) {
        self.numbers.shrink_to_fit();
        self.texts.shrink_to_fit();
    }

    /// Checks the invariants of the texts of the numbers `from..to`.
    pub(super) fn check(&self, from: u64, to: u64) {
        debug_assert_eq!(self.numbers.len(), self.texts.len(), "a text has one number");
        debug_assert!(self.texts.iter().is_sorted_by(|(a, _), (b, _)| a < b), "numbers rise");
        for (number, text) in &self.texts {
            debug_assert!((from..to).contains(number), "the text of an event that is kept");
            debug_assert_eq!(self.numbers.get(text), Some(number), "it is found by its text");
        }
    }
}

/// The place of a text `12-3` among others; `None`, before all, if it has another form.
pub(super) fn order(text: &str) -> Option<(u64, u64)> {
    let (first, second) = text.split_once('-')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}
