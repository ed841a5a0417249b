//! What is known of the presence that the other servers tell of: by server and namespace, how many of its changes.
//!
//! | comes | nothing is known | so many changes are known | all were asked for | pieces of all come |
//! |---|---|---|---|---|
//! | changes that follow | if they are the first: applied; else all are asked for | applied | skipped | skipped |
//! | changes that are known | – | skipped, as far as they are | skipped | skipped |
//! | changes with a gap before them | all are asked for | all are asked for | skipped | skipped |
//! | the first piece of all | in place of what was | if it has more: in place of what was | same | same |
//! | the next piece | all are asked for | skipped | all are asked for | added; the last: so many changes are known |
//! | another piece | same | skipped | same | all are asked for |
//! | a heartbeat that counts more | all are asked for | all are asked for | all are asked for | all are asked for |

use std::collections::BTreeMap;
use std::sync::Arc;

/// By server and namespace.
#[derive(Debug, Default)]
pub(super) struct Parts(BTreeMap<(Arc<str>, Arc<str>), Known>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Changes(u64),
    Asked,
    Pieces { version: u64, next: u32 },
}

/// What is to be done with what a server tells of presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceVerdict {
    /// These changes are to be applied, but for the first ones, which are known.
    Apply {
        /// How many are known.
        known: usize,
    },
    /// This piece is to be applied; after the last, connections that were in none of the pieces are gone.
    Replace {
        /// It is the first.
        is_first: bool,
        /// It is the last.
        is_last: bool,
    },
    /// Nothing.
    Skip,
}

/// A verdict, and whether all are to be asked for.
pub(super) type Judged = (PresenceVerdict, bool);

const ASK: Judged = (PresenceVerdict::Skip, true);
const SKIP: Judged = (PresenceVerdict::Skip, false);

impl Parts {
    pub(super) fn changes(
        &mut self,
        server: &str,
        namespace: &str,
        from: u64,
        count: u64,
    ) -> Judged {
        let key = (server.into(), namespace.into());
        let known = match self.0.get(&key) {
            Some(Known::Asked | Known::Pieces { .. }) => return SKIP,
            Some(Known::Changes(known)) => *known,
            None => 0,
        };
        let to = from.saturating_add(count);
        if from > known {
            self.0.insert(key, Known::Asked);
            return ASK;
        }
        if to <= known {
            return SKIP;
        }
        self.0.insert(key, Known::Changes(to));
        (
            PresenceVerdict::Apply { known: usize::try_from(known - from).unwrap_or(usize::MAX) },
            false,
        )
    }

    pub(super) fn piece(
        &mut self,
        server: &str,
        namespace: &str,
        version: u64,
        piece: u32,
        is_last: bool,
    ) -> Judged {
        let key = (server.into(), namespace.into());
        let is_first = piece == 0;
        let is_next = match self.0.get(&key) {
            Some(Known::Changes(known)) if *known >= version => return SKIP,
            Some(Known::Changes(_)) if !is_first => return SKIP,
            Some(Known::Pieces { version: before, next }) => (version, piece) == (*before, *next),
            _ => false,
        };
        if !is_first && !is_next {
            self.0.insert(key, Known::Asked);
            return ASK;
        }
        let known = match is_last {
            true => Known::Changes(version),
            false => Known::Pieces { version, next: piece.saturating_add(1) },
        };
        self.0.insert(key, known);
        (PresenceVerdict::Replace { is_first, is_last }, false)
    }

    /// A server says how many changes there are. True: all are to be asked for.
    pub(super) fn counted(&mut self, server: &str, namespace: &str, count: u64) -> bool {
        let key = (server.into(), namespace.into());
        let is_behind = match self.0.get(&key) {
            Some(Known::Changes(known)) => *known < count,
            Some(Known::Asked | Known::Pieces { .. }) => true,
            None => count > 0,
        };
        if is_behind {
            self.0.insert(key, Known::Asked);
        }
        is_behind
    }

    pub(super) fn forget_server(&mut self, server: &str) {
        self.0.retain(|(other, _), _| **other != *server);
    }

    pub(super) fn forget_namespace(&mut self, namespace: &str) {
        self.0.retain(|(_, other), _| **other != *namespace);
    }
}

#[cfg(test)]
mod tests {
    use super::PresenceVerdict::{Apply, Replace, Skip};
    use super::*;

    #[test]
    fn changes_follow_each_other_or_all_are_asked_for() {
        let mut parts = Parts::default();
        assert_eq!(parts.changes("a", "/", 0, 2), (Apply { known: 0 }, false));
        assert_eq!(parts.changes("a", "/", 0, 2), SKIP, "it came twice");
        assert_eq!(parts.changes("a", "/", 1, 3), (Apply { known: 1 }, false));
        assert_eq!(parts.changes("b", "/", 4, 1), ASK, "the first ones were missed");
        assert_eq!(parts.changes("a", "/", 6, 1), ASK, "two are missing");
        assert_eq!(parts.changes("a", "/", 7, 1), SKIP, "all are asked for");
        assert_eq!(
            parts.piece("a", "/", 8, 0, false),
            (Replace { is_first: true, is_last: false }, false)
        );
        assert_eq!(parts.changes("a", "/", 8, 1), SKIP);
        assert_eq!(
            parts.piece("a", "/", 8, 1, true),
            (Replace { is_first: false, is_last: true }, false)
        );
        assert_eq!(parts.piece("a", "/", 8, 1, true), SKIP, "it came twice");
        assert_eq!(parts.changes("a", "/", 8, 1), (Apply { known: 0 }, false));
    }

    #[test]
    fn pieces_come_in_their_order_or_all_are_asked_for_again() {
        let mut parts = Parts::default();
        assert_eq!(parts.piece("a", "/", 5, 1, true), ASK);
        assert_eq!(
            parts.piece("a", "/", 5, 0, false),
            (Replace { is_first: true, is_last: false }, false)
        );
        assert_eq!(parts.piece("a", "/", 5, 2, true), ASK, "one is missing");
        assert_eq!(
            parts.piece("a", "/", 6, 0, true),
            (Replace { is_first: true, is_last: true }, false)
        );
        assert_eq!(parts.piece("a", "/", 5, 0, true).0, Skip, "it is older");
    }

    #[test]
    fn heartbeats_tell_what_was_missed() {
        let mut parts = Parts::default();
        assert!(!parts.counted("a", "/", 0));
        assert!(parts.counted("a", "/", 3));
        assert!(parts.counted("a", "/", 3), "nothing came since");
        parts.piece("a", "/", 3, 0, true);
        assert!(!parts.counted("a", "/", 3) && !parts.counted("a", "/", 2));
        parts.forget_namespace("/");
        assert!(parts.counted("a", "/", 3));
        parts.piece("a", "/", 3, 0, true);
        parts.forget_server("a");
        assert!(parts.counted("a", "/", 1));
    }
}
