//! Buffers that a thread keeps for all its connections: what is full for a moment only need not be
//! allocated each time.

use std::cell::RefCell;

/// A buffer that grew beyond this goes back to the allocator.
const POOLED_CAPACITY_MAX: usize = 64 * 1024;
/// What one thread keeps for all its connections together.
const POOL_BYTES_MAX: usize = 1024 * 1024;
/// What a buffer starts with when the pool has none.
const START_CAPACITY: usize = 512;

#[derive(Default)]
struct Pool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// An empty buffer with some capacity.
pub fn take_pooled() -> Vec<u8> {
    // The pool is gone while its thread ends.
    let pooled = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        let buffer = pool.buffers.pop()?;
        pool.bytes -= buffer.capacity();
        Some(buffer)
    });
    pooled.ok().flatten().unwrap_or_else(|| Vec::with_capacity(START_CAPACITY))
}

/// Puts a buffer into this thread's pool if there is room.
pub fn give_back(mut buffer: Vec<u8>) {
    let capacity = buffer.capacity();
    if capacity == 0 || capacity > POOLED_CAPACITY_MAX {
        return;
    }
    buffer.clear();
    let _ = POOL.try_with(|pool| {
        let mut pool = pool.borrow_mut();
        if pool.bytes + capacity <= POOL_BYTES_MAX {
            pool.bytes += capacity;
            pool.buffers.push(buffer);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_bounded() {
        let capacity = || POOL.with_borrow(|pool| pool.bytes);
        let before = capacity();
        give_back(Vec::with_capacity(POOLED_CAPACITY_MAX + 1));
        assert_eq!(capacity(), before);
        for _ in 0..100 {
            give_back(Vec::with_capacity(POOLED_CAPACITY_MAX));
        }
        assert!(capacity() > POOL_BYTES_MAX - POOLED_CAPACITY_MAX);
        assert!(capacity() <= POOL_BYTES_MAX);
        let kept = POOL.with_borrow(|pool| pool.buffers.iter().map(Vec::capacity).sum::<usize>());
        assert_eq!(kept, capacity());
    }
}
