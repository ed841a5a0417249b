//! How many of something a peer may send within a second.

use std::time::{Duration, Instant};

/// Counts in seconds that begin with the first that is counted.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    begins: Instant,
    count: u32,
}

impl Rate {
    /// A second that begins `now`.
    pub const fn new(now: Instant) -> Self {
        Rate { begins: now, count: 0 }
    }

    /// One more. `false`: that is one too many.
    pub fn admit(&mut self, limit: u32, now: Instant) -> bool {
        if now.saturating_duration_since(self.begins) >= SECOND {
            *self = Rate::new(now);
        }
        self.count = self.count.saturating_add(1);
        self.count <= limit
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_admitted_and_one_more_is_not() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        assert!(rate.admit(2, start));
        assert!(rate.admit(2, start + SECOND / 2));
        assert!(!rate.admit(2, start + SECOND - Duration::from_millis(1)));
        assert!(rate.admit(2, start + SECOND));
        assert!(rate.admit(2, start + SECOND));
        assert!(!rate.admit(2, start + SECOND));
    }
}
