//! How many pings a peer sends: each costs an answer.

use std::time::Duration;

use tokio::time::Instant;

/// The time in which they are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// Pings of the window that began with the first of them.
#[derive(Debug)]
pub(crate) struct Pings {
    since: Instant,
    count: u32,
}

impl Pings {
    /// Counts one; false when there were more than `count_max` within a second. Holds nothing until a
    /// peer pings.
    pub(crate) fn note(pings: &mut Option<Box<Self>>, count_max: u32) -> bool {
        let now = Instant::now();
        let pings = pings.get_or_insert_with(|| Box::new(Self { since: now, count: 0 }));
        if now.saturating_duration_since(pings.since) >= WINDOW {
            *pings.as_mut() = Self { since: now, count: 0 };
        }
        pings.count = pings.count.saturating_add(1);
        pings.count <= count_max
    }
}
