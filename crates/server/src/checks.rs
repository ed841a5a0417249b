//! How often debug builds look whether everything agrees.

use std::cell::Cell;

/// So many things are looked at for each call of [`is_due`], on average.
const LOOKS: usize = 64;

/// Whether a check that looks at `size` things is to be made now; never in release builds. What is
/// small is checked each time, what is large the more rarely: so tests with thousands of sockets stay
/// fast, and find all the same what breaks.
pub(crate) fn is_due(size: usize) -> bool {
    thread_local! {
        static ALLOWED: Cell<usize> = const { Cell::new(0) };
    }
    if !cfg!(debug_assertions) {
        return false;
    }
    let allowed = ALLOWED.get() + LOOKS;
    let is_due = size <= LOOKS || size <= allowed;
    ALLOWED.set(if size <= LOOKS {
        allowed - LOOKS
    } else if is_due {
        0
    } else {
        allowed
    });
    is_due
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_small_is_checked_each_time_and_what_is_large_in_proportion() {
        let due = |size: usize| (0..1_000).filter(|_| is_due(size)).count();
        assert_eq!(due(LOOKS), if cfg!(debug_assertions) { 1_000 } else { 0 });
        assert_eq!(due(10 * LOOKS), if cfg!(debug_assertions) { 100 } else { 0 });
    }
}
