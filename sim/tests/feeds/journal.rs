//! What was sent, as the test knows it, and what a reader may get of it.

use std::collections::HashMap;

use crate::answer::{Gap, Message};

/// Everything that was sent to one feed.
#[derive(Debug)]
pub(crate) struct Journal {
    /// Its address.
    pub(crate) path: &'static str,
    /// Its messages are events.
    pub(crate) is_feed: bool,
    /// What is kept, in order: a cursor counts it.
    pub(crate) kept: Vec<Message>,
    /// The others by their number, with how many were kept before.
    volatile: HashMap<u64, (usize, Message)>,
}

/// What makes a server forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forgets {
    Nothing,
    /// All but so many events.
    Events(usize),
    /// By bytes, by age, by what all feeds hold.
    Otherwise,
}

/// Where a reader is in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind so many.
    Exactly(usize),
    /// It asked for what comes, when there were so many.
    NotBefore(usize),
}

/// How many come before a cursor: its first digits say it. Nobody but this test looks at them.
pub(crate) fn position(cursor: &str) -> usize {
    assert_eq!(cursor.len(), 38, "{cursor}");
    usize::from_str_radix(&cursor[..16], 16).expect("a cursor begins with a number")
}

impl Journal {
    pub(crate) fn new(path: &'static str, is_feed: bool) -> Self {
        Self { path, is_feed, kept: Vec::new(), volatile: HashMap::new() }
    }

    pub(crate) fn forget(&mut self) {
        self.kept.clear();
        self.volatile.clear();
    }

    pub(crate) fn note_volatile(&mut self, number: u64, message: Message) {
        self.volatile.insert(number, (self.kept.len(), message));
    }

    /// Judges messages that are kept and come next, and the cursor behind them. Where the reader is then.
    pub(crate) fn judge_kept(&self, place: Place, messages: &[Message], cursor: &str) -> Place {
        let end = position(cursor);
        assert!(end <= self.kept.len(), "{cursor} is of the future");
        let begin = end.checked_sub(messages.len()).expect("no more than there are");
        match place {
            Place::Exactly(at) => assert_eq!(begin, at, "{}: not what comes next", self.path),
            Place::NotBefore(at) => assert!(begin >= at, "{}: {begin} is before {at}", self.path),
        }
        for (got, sent) in messages.iter().zip(&self.kept[begin..end]) {
            assert_eq!(got, sent, "{}", self.path);
        }
        Place::Exactly(end)
    }

    /// Judges a volatile message, for a reader that had `last` of them last. Its number.
    pub(crate) fn judge_volatile(&self, place: Place, last: Option<u64>, message: &Message) -> u64 {
        let number = message.data[0].as_u64().expect("the first argument is a number");
        let sent = self.volatile.get(&number);
        let (behind, sent) = sent.unwrap_or_else(|| panic!("{message:?} was not sent"));
        assert_eq!(message, sent);
        assert!(last.is_none_or(|last| last < number), "{number} behind {last:?}");
        match place {
            Place::Exactly(at) => assert_eq!(at, *behind, "{}: out of order", self.path),
            Place::NotBefore(at) => assert!(at <= *behind, "{}: from before", self.path),
        }
        number
    }

    /// Judges a gap that nobody asked for, at a reader that is honest.
    pub(crate) fn judge_loss(&self, place: Place, gap: &Gap, forgets: Forgets) {
        let (oldest, newest) = self.judge_bounds(gap);
        assert_ne!(forgets, Forgets::Nothing, "{}: {gap:?} at {place:?}", self.path);
        if let Place::Exactly(at) = place {
            assert!(at < oldest, "{}: {gap:?} at {at} is no loss", self.path);
        }
        if let Forgets::Events(max) = forgets {
            assert_eq!(newest - oldest, max, "{}: {gap:?}", self.path);
        }
    }

    /// Where a gap says that it goes on, and ends.
    pub(crate) fn judge_bounds(&self, gap: &Gap) -> (usize, usize) {
        let [oldest, newest] = [&gap.oldest, &gap.newest]
            .map(|cursor| position(cursor.as_deref().expect("there is one")));
        assert!(oldest <= newest && newest <= self.kept.len(), "{gap:?}");
        (oldest, newest)
    }
}
