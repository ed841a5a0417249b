//! The log of a stream: what was appended last, within bounds.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::message::Message;

/// How much a stream keeps for those who come back. What does not fit any more is dropped, oldest first;
/// whoever asks for it is told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// The most events. Default 1,000.
    pub events_max: usize,
    /// The most bytes of all of them. The newest event is kept, however large. Default 1 MiB.
    pub bytes_max: usize,
    /// How long. `None`: as long as there is room. Default 5 minutes.
    pub age_max: Option<Duration>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            events_max: 1_000,
            bytes_max: 1024 * 1024,
            age_max: Some(Duration::from_secs(5 * 60)),
        }
    }
}

/// What was appended, each with a position: how many were appended before it.
#[derive(Debug)]
pub(crate) struct Log {
    history: History,
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The position of the oldest that is kept.
    start: u64,
}

#[derive(Debug)]
struct Entry {
    message: Message,
    at: Instant,
}

/// What an entry costs beside its data.
const ENTRY_BYTES: usize = size_of::<Entry>();

impl Log {
    pub(crate) fn new(history: History) -> Self {
        Self { history, entries: VecDeque::new(), bytes: 0, start: 0 }
    }

    /// The position of the oldest that is kept.
    pub(crate) const fn start(&self) -> u64 {
        self.start
    }

    /// The position behind the newest.
    pub(crate) fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }

    /// Bytes that are held.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn push(&mut self, message: Message, now: Instant) {
        self.bytes += message.bytes() + ENTRY_BYTES;
        self.entries.push_back(Entry { message, at: now });
        self.trim(now);
    }

    /// Drops what is too old, and what there is no room for.
    pub(crate) fn trim(&mut self, now: Instant) {
        let History { events_max, bytes_max, age_max } = self.history;
        while let Some(oldest) = self.entries.front() {
            let is_newest = self.entries.len() == 1;
            let is_old = age_max.is_some_and(|max| now.saturating_duration_since(oldest.at) > max);
            let is_too_much = self.entries.len() > events_max || self.bytes > bytes_max;
            if !is_old && (!is_too_much || is_newest) {
                break;
            }
            self.drop_oldest();
        }
        self.check();
    }

    /// Drops the oldest until no more than so many bytes are held.
    pub(crate) fn shrink(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max && self.drop_oldest() {}
        self.entries.shrink_to(2 * self.entries.len());
        self.check();
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.entries.pop_front() else { return false };
        self.bytes -= oldest.message.bytes() + ENTRY_BYTES;
        self.start += 1;
        true
    }

    /// What is kept from a position on, which is not before the start.
    pub(crate) fn from(&self, position: u64) -> impl ExactSizeIterator<Item = &Message> + Clone {
        debug_assert!(position >= self.start, "the caller has looked");
        let skipped = usize::try_from(position - self.start).unwrap_or(usize::MAX);
        self.entries.range(skipped.min(self.entries.len())..).map(|entry| &entry.message)
    }

    /// Forgets everything; positions go on.
    pub(crate) fn clear(&mut self) {
        self.start = self.end();
        self.entries = VecDeque::new();
        self.bytes = 0;
    }

    fn check(&self) {
        if cfg!(debug_assertions) {
            let bytes: usize = self.entries.iter().map(|it| it.message.bytes() + ENTRY_BYTES).sum();
            assert_eq!(bytes, self.bytes, "the sum is what is held");
            let is_within = self.bytes <= self.history.bytes_max || self.entries.len() <= 1;
            assert!(is_within, "no more is kept than may be");
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn log(history: History) -> (Log, Instant) {
        (Log::new(history), Instant::now())
    }

    fn message(data: impl Into<Bytes>) -> Message {
        Message::raw(data.into())
    }

    fn kept(log: &Log) -> Vec<Bytes> {
        log.from(log.start()).map(|message| message.data.clone()).collect()
    }

    #[test]
    fn bounded_in_events() {
        let (mut log, now) = log(History { events_max: 2, ..History::default() });
        for data in ["a", "b", "c"] {
            log.push(message(data), now);
        }
        assert_eq!((log.start(), log.end(), kept(&log)), (1, 3, vec!["b".into(), "c".into()]));
        assert_eq!(log.from(3).len(), 0);
    }

    #[test]
    fn bounded_in_bytes_but_for_the_newest() {
        let bytes_max = 2 * (ENTRY_BYTES + 10);
        let (mut log, now) = log(History { bytes_max, ..History::default() });
        log.push(message(vec![0; 10]), now);
        log.push(message(vec![0; 10]), now);
        assert_eq!((log.start(), log.bytes()), (0, bytes_max));
        log.push(message(vec![0; 1]), now);
        assert_eq!(log.start(), 1);
        log.push(message(vec![0; 1000]), now);
        assert_eq!((log.start(), log.end(), kept(&log).len()), (3, 4, 1));
    }

    #[test]
    fn bounded_in_age_even_the_newest() {
        let age_max = Some(Duration::from_secs(10));
        let (mut log, now) = log(History { age_max, ..History::default() });
        log.push(message("a"), now);
        log.push(message("b"), now + Duration::from_secs(5));
        log.trim(now + Duration::from_secs(10));
        assert_eq!(log.start(), 0);
        log.trim(now + Duration::from_secs(11));
        assert_eq!(log.start(), 1);
        log.trim(now + Duration::from_secs(16));
        assert_eq!((log.start(), log.end(), log.bytes()), (2, 2, 0));
    }
}
