//! Masking keys for clients.

use std::cell::RefCell;

/// Keys drawn from the system at once: one system call for many frames.
const KEYS_PER_DRAW: usize = 256;

struct Keys {
    bytes: [u8; KEYS_PER_DRAW * 4],
    used: usize,
}

thread_local! {
    static KEYS: RefCell<Keys> =
        const { RefCell::new(Keys { bytes: [0; KEYS_PER_DRAW * 4], used: KEYS_PER_DRAW * 4 }) };
}

/// A key nobody can predict, from the system's random source (RFC 6455 §5.3, §10.3).
pub fn masking_key() -> [u8; 4] {
    KEYS.with_borrow_mut(|keys| {
        if keys.used == keys.bytes.len() {
            fill_random(&mut keys.bytes);
            keys.used = 0;
        }
        let mut key = [0; 4];
        key.copy_from_slice(&keys.bytes[keys.used..keys.used + 4]);
        keys.used += 4;
        key
    })
}

/// Fills `bytes` from the system's random source.
pub fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("an operating system that runs a network has random numbers");
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_differ_over_several_draws() {
        let keys: HashSet<_> = (0..KEYS_PER_DRAW * 4).map(|_| masking_key()).collect();
        // A few may be equal by chance; repeating a draw would leave a quarter of them.
        assert!(keys.len() > KEYS_PER_DRAW * 4 - 10, "{}", keys.len());
    }
}
