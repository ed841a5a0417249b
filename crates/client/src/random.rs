//! Randomness from the system: keys, nonces, jitter.

/// `N` random bytes.
///
/// # Panics
/// When the system has no randomness to give, which current systems do not let happen.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system provides randomness");
    bytes
}
