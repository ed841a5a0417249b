//! The deadlines of a session: when its task has to run although no message arrives.

use std::time::Duration;

use tokio::time::Instant;

/// The moment plus the duration; a sum that the clock cannot represent becomes a hundred years.
pub(crate) fn after(moment: Instant, duration: Duration) -> Instant {
    moment.checked_add(duration).unwrap_or_else(|| moment + NEVER)
}

const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The deadlines of a session. Most sessions have none most of the time, which takes one word.
#[derive(Debug, Default)]
pub(crate) struct Deadlines(Option<Box<[Option<Instant>; 3]>>);

/// The kinds of deadline: what has to have happened by then.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Due {
    /// The client has joined a namespace.
    Joined,
    /// The attachments of a packet have arrived.
    Attachments,
    /// A socket's expiry was extended, or the socket is warned or ended.
    Expiry,
}

impl Deadlines {
    pub(crate) fn set(&mut self, due: Due, at: Option<Instant>) {
        match (&mut self.0, at) {
            (None, None) => {}
            (None, Some(_)) => self.0.insert(Box::default())[due as usize] = at,
            (Some(deadlines), _) => {
                deadlines[due as usize] = at;
                if deadlines.iter().all(Option::is_none) {
                    self.0 = None;
                }
            }
        }
    }

    pub(crate) fn at(&self, due: Due) -> Option<Instant> {
        self.0.as_ref()?[due as usize]
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.as_ref()?.iter().flatten().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_counts_and_nothing_is_held_for_none() {
        let mut deadlines = Deadlines::default();
        deadlines.set(Due::Expiry, None);
        assert!(deadlines.0.is_none());
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        deadlines.set(Due::Joined, Some(later));
        deadlines.set(Due::Expiry, Some(now));
        assert_eq!(deadlines.next(), Some(now));
        assert_eq!(deadlines.at(Due::Joined), Some(later));
        assert_eq!(deadlines.at(Due::Attachments), None);
        deadlines.set(Due::Expiry, None);
        assert_eq!(deadlines.next(), Some(later));
        deadlines.set(Due::Joined, None);
        assert!(deadlines.0.is_none());
    }
}
