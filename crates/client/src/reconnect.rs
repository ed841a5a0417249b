//! Reconnection: whether, and after which pause.

use std::time::Duration;

/// The rule for a lost connection, given to [`Builder::reconnect`](crate::Builder::reconnect).
///
/// ```
/// use sockeye_client::{Backoff, Client, Reconnect};
///
/// # fn main() -> Result<(), sockeye_client::UrlError> {
/// let once = Client::builder("http://localhost:3000")?.reconnect(Reconnect::Never);
/// let tenacious = Client::builder("http://localhost:3000")?.reconnect(Backoff::default());
/// # let _ = (once, tenacious);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reconnect {
    /// No reconnection: the first loss closes the client.
    Never,
    /// Reconnection after a pause that grows with each attempt that fails.
    After(Backoff),
}

impl Default for Reconnect {
    fn default() -> Self {
        Reconnect::After(Backoff::default())
    }
}

impl From<Backoff> for Reconnect {
    fn from(backoff: Backoff) -> Self {
        Reconnect::After(backoff)
    }
}

/// The pauses between attempts: `delay_min`, doubled with each attempt, moved at random so that a
/// server's clients do not all return at once, and at most `delay_max`. After a successful
/// connection they begin at `delay_min` again. The defaults are those of the official client.
///
/// ```
/// use std::time::Duration;
///
/// use sockeye_client::Backoff;
///
/// let backoff = Backoff {
///     delay_max: Duration::from_secs(30),
///     attempts_max: Some(10),
///     ..Backoff::default()
/// };
/// assert_eq!(backoff.delay_min, Duration::from_secs(1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The first pause. Default 1 s.
    pub delay_min: Duration,
    /// No pause is longer. Default 5 s.
    pub delay_max: Duration,
    /// How far a pause is moved at most, up or down, as a fraction of it: 0 to 1. Default 0.5.
    pub jitter: f64,
    /// After this many failed attempts the client closes. Default `None`: no limit.
    pub attempts_max: Option<u32>,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            delay_min: Duration::from_secs(1),
            delay_max: Duration::from_secs(5),
            jitter: 0.5,
            attempts_max: None,
        }
    }
}

impl Backoff {
    /// The pause before `attempt` (from 1); `random` chooses the jitter. `None`: no further attempt.
    pub(crate) fn delay(&self, attempt: u32, random: u32) -> Option<Duration> {
        if self.attempts_max.is_some_and(|max| attempt > max) {
            return None;
        }
        let doubled =
            self.delay_min.as_secs_f64() * 2_f64.powi(attempt.saturating_sub(1).min(64) as i32);
        let unit = f64::from(random) / f64::from(u32::MAX) * 2.0 - 1.0;
        let moved = doubled * (1.0 + unit * self.jitter.clamp(0.0, 1.0));
        let seconds = moved.min(self.delay_max.as_secs_f64()).max(0.0);
        Some(Duration::try_from_secs_f64(seconds).unwrap_or(self.delay_max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let backoff = Backoff { jitter: 0.0, ..Backoff::default() };
        let seconds = |attempt| backoff.delay(attempt, 0).map(|delay| delay.as_secs());
        assert_eq!([1, 2, 3, 4, 5].map(seconds), [1, 2, 4, 5, 5].map(Some));
        assert_eq!(seconds(u32::MAX), Some(5));
    }

    #[test]
    fn jitter_moves_both_ways_within_its_part_and_the_cap() {
        let backoff = Backoff::default();
        let delay = |attempt, random| backoff.delay(attempt, random).unwrap();
        assert_eq!(delay(1, 0), Duration::from_millis(500));
        assert_eq!(delay(1, u32::MAX), Duration::from_millis(1500));
        assert_eq!(delay(9, u32::MAX), Duration::from_secs(5));
        let wild = Backoff { jitter: 9.0, delay_max: Duration::MAX, ..backoff };
        assert_eq!(wild.delay(1, 0), Some(Duration::ZERO));
        assert!(wild.delay(u32::MAX, 7).is_some());
    }

    #[test]
    fn gives_up_after_the_last_attempt() {
        let backoff = Backoff { attempts_max: Some(2), ..Backoff::default() };
        assert!(backoff.delay(2, 0).is_some());
        assert_eq!(backoff.delay(3, 0), None);
    }
}
