//! Consistency checks of debug builds, run only so often that tests stay fast.

use std::cell::Cell;

/// The average number of things that are looked at per call of [`now_and_then`].
const LOOKS: isize = 64;

/// Runs a check in debug builds, which returns how many things it looked at. After a large check,
/// calls are skipped in proportion: so small state is checked after each change, and tests with
/// thousands of sockets stay fast and still find what breaks.
pub(crate) fn now_and_then(check: impl FnOnce() -> usize) {
    thread_local! {
        static ALLOWED: Cell<isize> = const { Cell::new(0) };
    }
    if cfg!(debug_assertions) {
        let allowed = (ALLOWED.get() + LOOKS).min(LOOKS);
        let looks = if allowed > 0 { check() } else { 0 };
        ALLOWED.set(allowed.saturating_sub_unsigned(looks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_is_checked_each_time_and_what_is_large_in_proportion() {
        for (looks, checks) in [(LOOKS, 1_000), (10 * LOOKS, 100)] {
            let mut count = 0;
            for _ in 0..1_000 {
                now_and_then(|| {
                    count += 1;
                    looks.unsigned_abs()
                });
            }
            assert_eq!(count, if cfg!(debug_assertions) { checks } else { 0 });
        }
    }
}
