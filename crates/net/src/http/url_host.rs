//! Hosts as browsers write them (URL standard §3.5), for what a server is configured with.
//!
//! The standard lets a host be written in many ways, and browsers send one of them. Names beyond ASCII
//! are taken in the letters for which that is lower case and punycode and nothing else: Latin, Greek,
//! Cyrillic, Chinese, Japanese and Korean ones. All others need tables that weigh more than a server;
//! such a name is written as browsers send it, `xn--…`.

use std::net::{Ipv4Addr, Ipv6Addr};

/// What to write in place of a name that is not known here.
pub(super) const IN_ASCII: &str = "the host in ASCII, xn--…, as browsers send it";

/// A host as browsers write it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UrlHost {
    /// A name in ASCII, in lower case. Not necessarily one that the DNS can have.
    Name(String),
    /// An address, one of IPv6 in brackets.
    Address(String),
}

impl UrlHost {
    /// `None`: no browser opens that.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let address = rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?;
            return Some(Self::Address(write_v6(&address)));
        }
        let name = to_ascii(text)?;
        match ends_in_number(&name) {
            true => Some(Self::Address(parse_v4(&name)?.to_string())),
            false => Some(Self::Name(name)),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        let (Self::Name(text) | Self::Address(text)) = self;
        text
    }
}

/// Browsers write no IPv4 address within one of IPv6.
fn write_v6(address: &Ipv6Addr) -> String {
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("[::ffff:{high:x}:{low:x}]"),
        _ => format!("[{address}]"),
    }
}

/// Whether it can only be an address of IPv4 (URL standard §3.5, "ends in a number").
fn ends_in_number(name: &str) -> bool {
    let last = name.strip_suffix('.').unwrap_or(name).rsplit('.').next().unwrap_or_default();
    let is_decimal = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal || parse_number(last).is_some()
}

/// `127.0.0.1`, and what else stands for it: `127.1`, `0x7f000001`, `017700000001`.
fn parse_v4(name: &str) -> Option<Ipv4Addr> {
    let parts = name.strip_suffix('.').unwrap_or(name).split('.').map(parse_number);
    let parts = parts.collect::<Option<Vec<u64>>>()?;
    let (last, front) = parts.split_last()?;
    let free_bits = 32_u32.checked_sub(8 * u32::try_from(front.len()).ok()?)?;
    if free_bits == 0 || *last >> free_bits != 0 || front.iter().any(|part| *part > 255) {
        return None;
    }
    let front = front.iter().zip([24, 16, 8]).map(|(part, shift)| part << shift);
    u32::try_from(front.sum::<u64>() + last).ok().map(Ipv4Addr::from)
}

/// A part of such an address: decimal, octal behind a 0, hexadecimal behind 0x.
fn parse_number(part: &str) -> Option<u64> {
    let (digits, radix) = match part.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&part[2..], 16),
        [b'0', _, ..] => (&part[1..], 8),
        _ => (part, 10),
    };
    if digits.is_empty() {
        // `0x` is zero.
        return (radix == 16).then_some(0);
    }
    let is_number = digits.chars().all(|digit| digit.is_digit(radix));
    is_number.then(|| u64::from_str_radix(digits, radix).ok())?
}

/// A name in ASCII and in lower case (IDNA), or `None` where that takes more than is known here.
fn to_ascii(name: &str) -> Option<String> {
    let labels = name.split('.').map(|label| {
        if label.is_ascii() {
            return Some(label.to_ascii_lowercase());
        }
        let label: Vec<char> = label.chars().map(to_lower).collect::<Option<_>>()?;
        Some(format!("xn--{}", punycode(&label)?))
    });
    Some(labels.collect::<Option<Vec<_>>>()?.join("."))
}

/// Letters that IDNA leaves alone once they are in lower case.
const LETTERS: [(char, char); 18] = [
    ('\u{df}', '\u{f6}'),
    ('\u{f8}', '\u{131}'),
    ('\u{134}', '\u{13e}'),
    ('\u{141}', '\u{148}'),
    ('\u{14a}', '\u{17e}'),
    ('\u{386}', '\u{386}'),
    ('\u{388}', '\u{38a}'),
    ('\u{38c}', '\u{38c}'),
    ('\u{38e}', '\u{3a1}'),
    ('\u{3a3}', '\u{3ce}'),
    ('\u{c0}', '\u{d6}'),
    ('\u{d8}', '\u{de}'),
    ('\u{400}', '\u{45f}'),
    ('\u{3041}', '\u{3096}'),
    ('\u{30a1}', '\u{30fa}'),
    ('\u{30fc}', '\u{30fc}'),
    ('\u{4e00}', '\u{9fff}'),
    ('\u{ac00}', '\u{d7a3}'),
];

fn to_lower(letter: char) -> Option<char> {
    if letter.is_ascii() {
        return Some(letter.to_ascii_lowercase());
    }
    let is_known = LETTERS.iter().any(|(first, last)| (first..=last).contains(&&letter));
    let mut lower = letter.to_lowercase();
    // What becomes two letters in lower case is more than lower case.
    is_known.then_some(lower.next()?).filter(|_| lower.next().is_none())
}

/// RFC 3492 §6.3, with the parameters of §5. `None`: the label is longer than a name can be.
fn punycode(label: &[char]) -> Option<String> {
    const LABEL_LEN_MAX: usize = 63;
    let mut out: String = label.iter().filter(|letter| letter.is_ascii()).collect();
    let basic = out.len();
    if label.len() > LABEL_LEN_MAX {
        return None;
    }
    if basic > 0 {
        out.push('-');
    }
    // No more than 63 letters below 0x110000: none of it overflows.
    let (mut next, mut delta, mut bias, mut handled) = (0x80_u32, 0_u32, 72_u32, basic as u32);
    while (handled as usize) < label.len() {
        let least = label.iter().map(|&letter| letter as u32).filter(|&code| code >= next).min()?;
        delta += (least - next) * (handled + 1);
        next = least;
        for &letter in label {
            if (letter as u32) < next {
                delta += 1;
            }
            if letter as u32 == next {
                push_variable(&mut out, delta, bias);
                bias = adapt(delta, handled + 1, handled as usize == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta += 1;
        next += 1;
    }
    Some(out)
}

/// A number of as many digits as it takes.
fn push_variable(out: &mut String, delta: u32, bias: u32) {
    let mut rest = delta;
    for k in (36..).step_by(36) {
        let threshold = if k <= bias { 1 } else { (k - bias).min(26) };
        if rest < threshold {
            break;
        }
        out.push(digit(threshold + (rest - threshold) % (36 - threshold)));
        rest = (rest - threshold) / (36 - threshold);
    }
    out.push(digit(rest));
}

/// `a` to `z`, then `0` to `9`.
fn digit(value: u32) -> char {
    let value = value as u8;
    char::from(if value < 26 { b'a' + value } else { b'0' + value - 26 })
}

fn adapt(delta: u32, points: u32, is_first: bool) -> u32 {
    let mut delta = delta / if is_first { 700 } else { 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (36 - 1) * 26 / 2 {
        delta /= 36 - 1;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Host;

    use super::*;

    /// What the crate `url`, which has the whole standard, makes of it.
    fn by_the_standard(text: &str) -> Option<UrlHost> {
        Some(match Host::parse(text).ok()? {
            Host::Domain(name) => UrlHost::Name(name),
            address => UrlHost::Address(address.to_string()),
        })
    }

    #[test]
    fn each_letter_is_what_the_standard_makes_of_it() {
        let mut known = 0;
        for (first, last) in LETTERS {
            for letter in first..=last {
                known += usize::from(to_lower(letter).is_some());
                for name in [format!("{letter}"), format!("a{letter}B-{letter}.x{letter}")] {
                    let host = UrlHost::parse(&name);
                    // A few of each block are left out.
                    if host.is_some() || to_lower(letter).is_some() {
                        assert_eq!(host, by_the_standard(&name), "{letter:?} {:x}", letter as u32);
                    }
                }
            }
        }
        assert!(known > 30_000, "{known}");
    }

    #[test]
    fn letters_that_take_more_than_lower_case_are_not_guessed() {
        for name in [
            "ſ.example",
            "ŉ",
            "ĳ",
            "ŀ",
            "İ",
            "ﬁ",
            "ａ",
            "e\u{301}",
            "שלום",
            "नमस्ते",
            "a。b",
            "‍",
            "ẞ",
        ] {
            assert_eq!(UrlHost::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn addresses_are_written_in_one_way() {
        for text in [
            "127.1",
            "127.0.0.1",
            "127.0.0.1.",
            "0x7f000001",
            "0x7F.1",
            "017700000001",
            "2130706433",
            "0",
            "0x",
            "0x.0x.0",
            "1.2.3.256",
            "256.1",
            "1.2.3.4.5",
            "1.2.3.08",
            "4294967295",
            "4294967296",
            "99999999999999999999",
            "a.1",
            "1.a",
            "a.0x1",
            "1..2",
            "[::1]",
            "[::0:1]",
            "[::ffff:1.2.3.4]",
            "[::1.2.3.4]",
            "[2001:DB8:0:0:1::]",
            "[::1",
            "[zz]",
            "[]",
            "[::1%25eth0]",
            "[1:0:0:2:0:0:0:3]",
            "[1:0:2:3:4:5:6:7]",
        ] {
            assert_eq!(UrlHost::parse(text), by_the_standard(text), "{text}");
        }
    }

    proptest! {
        /// Of names that the DNS can have there is no other way to write them.
        #[test]
        fn names_are_what_the_standard_makes_of_them(
            name in "[a-zA-Z0-9äÖøñčžłßΣσας日本語кДё가-힣ー]{1,9}(-[a-z0-9éÜ中]{1,9})?(\\.[a-zA-Zü]{1,6}){0,2}\\.?"
        ) {
            prop_assert_eq!(UrlHost::parse(&name), by_the_standard(&name));
        }
    }
}
