//! One read buffer per thread. A connection holds none while it is idle, and a turn reads, handles
//! and replies without giving up the thread, so one is enough for all of them.

use std::cell::Cell;

/// Big enough that a busy connection is read in few calls, small enough to stay in the second-level
/// cache.
const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// Runs `f` with this thread's read buffer of 64 KiB. It was zeroed once; what it holds at the start
/// is left over from earlier uses. A call within `f` gets a buffer of its own.
pub fn with_scratch<R>(f: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = SCRATCH.take().unwrap_or_else(|| vec![0; SCRATCH_BYTES].into_boxed_slice());
    let result = f(&mut buffer);
    SCRATCH.set(Some(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_buffer_every_time() {
        let first = with_scratch(|buffer| {
            assert_eq!(buffer.len(), SCRATCH_BYTES);
            buffer[0] = 7;
            buffer.as_ptr()
        });
        let second = with_scratch(|buffer| (buffer.as_ptr(), buffer[0]));
        assert_eq!(second, (first, 7));
    }

    #[test]
    fn a_call_within_gets_its_own() {
        with_scratch(|outer| {
            with_scratch(|inner| {
                assert_eq!(inner.len(), SCRATCH_BYTES);
                assert_ne!(inner.as_ptr(), outer.as_ptr());
            });
        });
    }
}
