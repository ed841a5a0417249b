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
