//! What time it is for messages.
//!
//! Time never runs backwards in a conversation, not after a restart either: a message is no older
//! than the one before it. With that rule alone a clock that is set a year ahead for a moment would
//! leave every later message a year ahead. So time runs on as the machine's uptime does, and
//! follows the clock that people set only once that has kept its new course for a while.

use std::time::{SystemTime, UNIX_EPOCH};

/// A clock that was set is believed when it has been so for this long, milliseconds.
const SETTLED_AFTER: i64 = 60_000;
/// Within this much the clock is followed at once: time servers correct so little all the time.
/// Milliseconds.
const CORRECTION_MAX: i64 = 2_000;

/// See the module's description. Times are milliseconds.
#[derive(Debug)]
pub(super) struct Clock {
    /// What is added to the uptime.
    course: i64,
    /// Where the clock has gone instead, and since which uptime.
    other: Option<(i64, i64)>,
    /// The newest time handed out or stored.
    newest: i64,
}

impl Clock {
    /// Goes on from the newest stored message.
    pub(super) fn new(newest: i64) -> Self {
        Clock::starting_at(wall(), uptime(), newest)
    }

    /// The time of a message that is stored now.
    pub(super) fn now(&mut self) -> i64 {
        self.read(wall(), uptime())
    }

    /// Notices that the clock was set while nobody says anything.
    pub(super) fn look(&mut self) {
        self.follow(wall(), uptime());
    }

    fn starting_at(wall: i64, uptime: i64, newest: i64) -> Self {
        Clock { course: wall - uptime, other: None, newest }
    }

    fn read(&mut self, wall: i64, uptime: i64) -> i64 {
        self.follow(wall, uptime);
        self.newest = self.newest.max(uptime + self.course);
        self.newest
    }

    fn follow(&mut self, wall: i64, uptime: i64) {
        let course = wall - uptime;
        let is_near = |other: i64| (course - other).abs() <= CORRECTION_MAX;
        if is_near(self.course) {
            self.course = course;
            self.other = None;
            return;
        }
        match self.other {
            Some((other, since)) if is_near(other) => {
                if uptime - since >= SETTLED_AFTER {
                    self.course = course;
                    self.other = None;
                }
            }
            Some(_) | None => self.other = Some((course, uptime)),
        }
    }
}

/// The clock that people set, since 1970-01-01 UTC.
fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A clock that nobody sets, from an arbitrary beginning. It runs while the machine sleeps:
/// otherwise the morning's first messages would bear last night's time.
#[cfg(target_os = "linux")]
fn uptime() -> i64 {
    use nix::time::{ClockId, clock_gettime};

    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(|time| time.tv_sec() * 1_000 + time.tv_nsec() / 1_000_000)
        .unwrap_or_else(|_| wall())
}

#[cfg(not(target_os = "linux"))]
fn uptime() -> i64 {
    use std::sync::LazyLock;
    use std::time::Instant;

    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    i64::try_from(START.elapsed().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR: i64 = 365 * 24 * 3_600_000;
    const NOON: i64 = 1_700_000_000_000;

    #[test]
    fn a_clock_set_ahead_for_a_moment_leaves_no_trace() {
        let mut clock = Clock::starting_at(NOON, 5, 0);
        assert_eq!(clock.read(NOON, 5), NOON);
        assert_eq!(clock.read(NOON + YEAR + 10, 15), NOON + 10);
        assert_eq!(
            clock.read(NOON + YEAR + SETTLED_AFTER, SETTLED_AFTER + 5),
            NOON + SETTLED_AFTER
        );
        assert_eq!(clock.read(NOON + 70_000, 70_005), NOON + 70_000);
    }

    #[test]
    fn a_clock_that_was_set_for_good_is_followed() {
        let mut clock = Clock::starting_at(NOON, 0, 0);
        clock.follow(NOON + YEAR, 0);
        assert_eq!(clock.read(NOON + YEAR + SETTLED_AFTER - 1, SETTLED_AFTER - 1), NOON + 59_999);
        assert_eq!(
            clock.read(NOON + YEAR + SETTLED_AFTER, SETTLED_AFTER),
            NOON + YEAR + SETTLED_AFTER
        );
        // Back again: time stands still rather than run backwards.
        let newest = NOON + YEAR + SETTLED_AFTER;
        for uptime in [61_000, 62_000] {
            assert!(clock.read(NOON + uptime, uptime) > newest, "not settled yet");
        }
        assert_eq!(clock.read(NOON + 130_000, 130_000), clock.newest);
    }

    #[test]
    fn a_clock_that_is_set_again_and_again_is_not_followed() {
        let mut clock = Clock::starting_at(NOON, 0, 0);
        for n in 1..=100 {
            let uptime = n * 30_000;
            assert_eq!(clock.read(NOON + n * YEAR, uptime), NOON + uptime);
        }
    }

    #[test]
    fn small_corrections_are_followed_at_once() {
        let mut clock = Clock::starting_at(NOON, 0, 0);
        assert_eq!(clock.read(NOON + CORRECTION_MAX, 0), NOON + CORRECTION_MAX);
        assert_eq!(clock.read(NOON + 2 * CORRECTION_MAX, 0), NOON + 2 * CORRECTION_MAX);
        assert_eq!(clock.read(NOON, 1), NOON + 2 * CORRECTION_MAX + 1, "backwards it waits");
    }

    #[test]
    fn time_goes_on_from_the_newest_stored_message() {
        let mut clock = Clock::starting_at(NOON, 0, NOON + YEAR);
        assert_eq!(clock.read(NOON, 0), NOON + YEAR);
        assert_eq!(clock.read(NOON + 5, 5), NOON + YEAR);
    }

    #[test]
    fn the_clocks_of_this_machine_run() {
        let mut clock = Clock::new(0);
        let first = clock.now();
        assert!((first - wall()).abs() < 60_000, "{first}");
        assert!(clock.now() >= first);
    }
}
