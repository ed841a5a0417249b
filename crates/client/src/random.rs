//! Random bytes from the system, for nonces and jitter.

/// `N` random bytes.
///
/// # Panics
/// When the system provides no randomness, which does not happen on current systems.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system provides randomness");
    bytes
}
