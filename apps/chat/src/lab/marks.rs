//! The marks of events in what passes: `#` digits `#`, however it is cut.

/// Looks for marks in bytes that come in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    /// What the digits behind the last `#` make so far, and whether there are any.
    open: Option<(u64, bool)>,
}

impl Marks {
    pub(crate) fn read(&mut self, bytes: &[u8], mut found: impl FnMut(u64)) {
        for &byte in bytes {
            self.open = match (self.open, byte) {
                (Some((n, true)), b'#') => {
                    found(n);
                    None
                }
                (_, b'#') => Some((0, false)),
                (Some((n, _)), b'0'..=b'9') => n
                    .checked_mul(10)
                    .and_then(|n| n.checked_add(u64::from(byte - b'0')))
                    .map(|n| (n, true)),
                _ => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_wherever_the_bytes_are_cut() {
        let text = b"x#12#y##3##a#4#99999999999999999999999#5#";
        for cut in 0..=text.len() {
            let (mut marks, mut found) = (Marks::default(), Vec::new());
            marks.read(&text[..cut], |n| found.push(n));
            marks.read(&text[cut..], |n| found.push(n));
            assert_eq!(found, [12, 3, 4, 5], "{cut}");
        }
    }
}
