//! How long to wait before connecting again.

use std::time::Duration;

/// How long it is waited when a server said nothing. (Browsers take some seconds too.)
const RETRY: Duration = Duration::from_secs(2);
/// The least that a server's wish counts for: who ends each answer at once is not asked without pause.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// The most that a server's wish counts for.
const RETRY_MAX: Duration = Duration::from_secs(60 * 60);
/// Where doubling ends, unless the server wishes more.
const BACKOFF_MAX: Duration = Duration::from_secs(30);

/// The delays before connecting again: the time that the server wishes (`retry`), doubled with each
/// failure in a row up to 30 s, and up to half of it more by chance, so that those who lost a server
/// at once do not come back at once.
#[derive(Debug)]
pub struct Backoff {
    retry: Duration,
    failures: u32,
    random: u64,
}

impl Backoff {
    /// Delays with chance from a seed.
    pub fn new(seed: u64) -> Self {
        Backoff { retry: RETRY, failures: 0, random: seed }
    }

    /// What the server wishes, a tenth of a second at least and an hour at most.
    pub fn set_retry(&mut self, retry: Duration) {
        self.retry = retry.clamp(RETRY_MIN, RETRY_MAX);
    }

    /// Something came through: failures begin to count anew.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The delay after an answer that ended in good order.
    pub fn after_end(&mut self) -> Duration {
        self.with_chance(self.retry)
    }

    /// The delay after one more failure.
    pub fn after_failure(&mut self) -> Duration {
        let doubled = self.retry.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.with_chance(doubled.min(BACKOFF_MAX.max(self.retry)))
    }

    /// The delay that a server asked for by `Retry-After`, an hour at most; never less than after a failure.
    pub fn after_refusal(&mut self, retry_after: Option<Duration>) -> Duration {
        let own = self.after_failure();
        let wished = retry_after.map(|wish| {
            let chance = self.with_chance(self.retry) - self.retry;
            wish.min(RETRY_MAX) + chance
        });
        wished.map_or(own, |wished| wished.max(own))
    }

    /// Up to half of it more. (SplitMix64)
    fn with_chance(&mut self, delay: Duration) -> Duration {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // 16 bits are chance enough; the product stays in range.
        delay + delay / 2 * u32::from((mixed & 0xffff) as u16) / 0x1_0000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_about(delay: Duration, seconds: u64) -> bool {
        let base = Duration::from_secs(seconds);
        base <= delay && delay <= base + base / 2
    }

    #[test]
    fn it_doubles_up_to_a_bound_and_begins_anew() {
        let mut backoff = Backoff::new(1);
        for seconds in [2, 4, 8, 16, 30, 30, 30] {
            let delay = backoff.after_failure();
            assert!(is_about(delay, seconds), "{delay:?}, not {seconds}");
        }
        for _ in 0..100 {
            assert!(is_about(backoff.after_failure(), 30));
        }
        assert!(is_about(backoff.after_end(), 2));
        backoff.reset();
        assert!(is_about(backoff.after_failure(), 2));
    }

    #[test]
    fn the_server_has_its_wish() {
        let mut backoff = Backoff::new(2);
        backoff.set_retry(Duration::from_secs(60));
        assert!(is_about(backoff.after_failure(), 60) && is_about(backoff.after_failure(), 60));
        backoff.set_retry(Duration::MAX);
        assert!(is_about(backoff.after_failure(), 3600));
        backoff.set_retry(Duration::ZERO);
        let least = backoff.after_end();
        assert!(RETRY_MIN <= least && least <= RETRY_MIN * 3 / 2, "{least:?}");
        let mut backoff = Backoff::new(3);
        assert!(is_about(backoff.after_refusal(Some(Duration::from_secs(7))), 7));
        assert!(is_about(backoff.after_refusal(Some(Duration::MAX)), 3600));
        assert!(is_about(backoff.after_refusal(Some(Duration::ZERO)), 8));
        assert!(is_about(backoff.after_refusal(None), 16));
    }

    #[test]
    fn chance_differs_by_seed() {
        let delays: Vec<_> = (0..50).map(|seed| Backoff::new(seed).after_end()).collect();
        let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
        assert!(*least < Duration::from_millis(2200) && *most > Duration::from_millis(2800));
    }
}
