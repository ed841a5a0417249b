//! Masking (RFC 6455 §5.3): each payload byte is XORed with one of the key's four bytes in turn.

/// Masks or unmasks `payload`, which begins at a multiple of four bytes of its frame.
pub(crate) fn apply(key: [u8; 4], payload: &mut [u8]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    // Four words at a time is what LLVM turns into two or four vector operations without a prologue.
    let mut blocks = payload.chunks_exact_mut(32);
    for block in &mut blocks {
        for word in block.chunks_exact_mut(8) {
            xor_word(word, wide);
        }
    }
    let mut words = blocks.into_remainder().chunks_exact_mut(8);
    for word in &mut words {
        xor_word(word, wide);
    }
    for (byte, key) in words.into_remainder().iter_mut().zip([a, b, c, d, a, b, c]) {
        *byte ^= key;
    }
}

fn xor_word(word: &mut [u8], wide: u64) {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(word);
    word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
}

/// The key for what follows after `count` bytes were masked with `key`.
pub(crate) fn advance(mut key: [u8; 4], count: usize) -> [u8; 4] {
    key.rotate_left(count % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The algorithm as RFC 6455 §5.3 writes it.
    fn reference(key: [u8; 4], payload: &[u8]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect()
    }

    #[test]
    fn equals_the_reference_at_every_length_and_alignment() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        let bytes: Vec<u8> = (0..200).map(|i| (i * 7) as u8).collect();
        for start in 0..16 {
            for end in start..bytes.len() {
                let mut payload = bytes.clone();
                apply(key, &mut payload[start..end]);
                assert_eq!(payload[..start], bytes[..start]);
                assert_eq!(payload[start..end], reference(key, &bytes[start..end]));
                assert_eq!(payload[end..], bytes[end..]);
            }
        }
    }

    #[test]
    fn goes_on_where_it_stopped() {
        let key = [1, 2, 3, 4];
        let bytes: Vec<u8> = (0..100).collect();
        for cut in 0..bytes.len() {
            let mut payload = bytes.clone();
            let (first, second) = payload.split_at_mut(cut);
            apply(key, first);
            apply(advance(key, cut), second);
            assert_eq!(payload, reference(key, &bytes));
        }
    }
}
