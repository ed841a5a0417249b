//! Questions about JSON text: is it valid, where does a value end, which attachments does it refer
//! to. Nothing recurses (peers choose the depth) and no tree is built.

pub(crate) mod scan;

use std::borrow::Cow;
use std::str;

use self::scan::{Invalid, Scanner, plain};

pub(crate) const PLACEHOLDER_KEY: &str = "_placeholder";

/// Cuts off the white space that JSON allows around values.
pub(crate) fn trim(text: &str) -> &str {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return text;
    };
    if !is_space(first) && !is_space(last) {
        return text;
    }
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// Checks one value. The error is the offset in bytes where reading stopped.
pub(crate) fn validate(text: &str) -> Result<(), usize> {
    let mut scanner = Scanner::new(text);
    scanner.value().map_err(|invalid| invalid.at)?;
    if scanner.is_at_end() { Ok(()) } else { Err(scanner.at()) }
}

/// Checks the array of an event and splits it: the first element (empty where there is none) and
/// the text of the other elements.
pub(crate) fn split_event(array: &str) -> Result<(&str, &str), usize> {
    let mut scanner = Scanner::new(array);
    let split = split(array, &mut scanner).map_err(|invalid| invalid.at)?;
    if scanner.is_at_end() { Ok(split) } else { Err(scanner.at()) }
}

/// The text of an array's elements, without the bracket behind them. `text` begins with the first
/// element, and the array's bracket has to be its last byte. `None`: it is not so, or invalid.
pub(crate) fn elements(text: &str) -> Option<&str> {
    let mut scanner = Scanner::new(text);
    loop {
        scanner.value().ok()?;
        let end = scanner.at();
        if scanner.skip(b']') {
            return (scanner.at() == text.len()).then(|| &text[..end]);
        }
        if !scanner.skip(b',') {
            return None;
        }
        scanner.peek();
    }
}

fn split<'a>(array: &'a str, scanner: &mut Scanner<'a>) -> Result<(&'a str, &'a str), Invalid> {
    let stopped = |scanner: &Scanner<'_>| Err(Invalid { at: scanner.at() });
    if !scanner.skip(b'[') {
        return stopped(scanner);
    }
    if scanner.skip(b']') {
        return Ok(("", ""));
    }
    scanner.peek();
    let start = scanner.at();
    scanner.value()?;
    let name = &array[start..scanner.at()];
    if scanner.skip(b']') {
        return Ok((name, ""));
    }
    if !scanner.skip(b',') {
        return stopped(scanner);
    }
    scanner.peek();
    let start = scanner.at();
    loop {
        scanner.value()?;
        let end = scanner.at();
        if scanner.skip(b']') {
            return Ok((name, &array[start..end]));
        }
        if !scanner.skip(b',') {
            return stopped(scanner);
        }
    }
}

/// The text of a JSON string, quotes included on input. `None`: not a string. Half a surrogate pair
/// becomes U+FFFD, see [`replace_lone_surrogates`].
pub(crate) fn unquote(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.bytes().any(|byte| byte == b'\\') {
        return Some(Cow::Borrowed(inner));
    }
    let text = serde_json::from_str(raw).ok();
    text.or_else(|| serde_json::from_str(&replace_lone_surrogates(raw)?).ok()).map(Cow::Owned)
}

/// A copy of checked JSON with U+FFFD for each escape of half a surrogate pair, which a JavaScript
/// string may have in it and a Rust one may not; `None` when there is none. (The web's encoders
/// write them so: Encoding Standard, "UTF-8 encoder" of a scalar value string.)
pub(crate) fn replace_lone_surrogates(json: &str) -> Option<String> {
    let bytes = json.as_bytes();
    let mut replaced: Option<Vec<u8>> = None;
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|&byte| byte == b'\\') {
        at += length;
        at += match (surrogate(bytes, at), surrogate(bytes, at + 6)) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                let replaced = replaced.get_or_insert_with(|| bytes.to_vec());
                replaced[at..at + 6].copy_from_slice(b"\\ufffd");
                6
            }
            (None, _) => 2,
        };
        if at >= bytes.len() {
            break;
        }
    }
    replaced.and_then(|replaced| String::from_utf8(replaced).ok())
}

/// Half of a surrogate pair.
enum Half {
    High,
    Low,
}

/// The half of a surrogate pair that is escaped at `at`, if one is.
fn surrogate(bytes: &[u8], at: usize) -> Option<Half> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    match u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()? {
        0xd800..0xdc00 => Some(Half::High),
        0xdc00..0xe000 => Some(Half::Low),
        _ => None,
    }
}

/// Appends `text` as a JSON string, escaped as `JSON.stringify` does.
///
/// ```
/// let mut json = String::new();
/// sockeye_socket_proto::push_quoted(&mut json, "a \"b\"");
/// assert_eq!(json, r#""a \"b\"""#);
/// ```
pub fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    loop {
        let at = plain(rest.as_bytes());
        if at == rest.len() {
            break;
        }
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            control => {
                out.push_str("\\u00");
                out.push(if control < 0x10 { '0' } else { '1' });
                out.push(char::from(b"0123456789abcdef"[usize::from(control & 0xf)]));
            }
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Checks the placeholders in `args` (checked JSON) against the number of attachments. Returns the
/// highest number among them plus one, which is how many attachments are used; `None` when one is
/// illegal.
///
/// An object is a placeholder when its member `_placeholder` is `true`; then it must have exactly
/// one other, `num`, a whole number in range. The same attachment may be used twice.
pub(crate) fn check_placeholders(args: &str, attachments: u32) -> Option<u32> {
    let mut used = 0;
    let is_in_range = |num: u32| {
        used = used.max(num.saturating_add(1));
        num < attachments
    };
    each_placeholder(args, is_in_range).then_some(used)
}

/// Whether the placeholders in `args` (checked JSON) are those of the attachments that were just
/// written into it, and no others: an object that merely looks like one has a number out of range,
/// or makes them more than the attachments.
pub(crate) fn has_own_placeholders_only(args: &str, attachments: u32) -> bool {
    let mut count = 0;
    each_placeholder(args, |num| {
        count += 1;
        num < attachments && count <= attachments
    })
}

/// Gives the number of each placeholder in `args` (checked JSON) to `accept`. False: one was not
/// accepted, or an object is misshapen that JavaScript would take for a placeholder.
fn each_placeholder(args: &str, mut accept: impl FnMut(u32) -> bool) -> bool {
    // The key can also be written with escapes, which mean the same to a JSON parser.
    if !args.contains(PLACEHOLDER_KEY) && !args.contains("\\u") {
        return true;
    }
    let bytes = args.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => {
                if let Some((num, end)) = read_placeholder(bytes, at) {
                    if !accept(num) {
                        return false;
                    }
                    at = end;
                } else {
                    at += 1;
                }
            }
            b'"' => {
                let end = end_of_string(bytes, at);
                if is_true_placeholder_member(&args[at..end], bytes, end) {
                    return false;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    true
}

/// Reads a placeholder of exact shape at `at`, which is a `{`. Returns its number and where it ends.
pub(crate) fn read_placeholder(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let (flag_first, mut at) = match expect(bytes, at + 1, b"\"_placeholder\"") {
        Some(at) => (true, at),
        None => (false, expect(bytes, at + 1, b"\"num\"")?),
    };
    let num;
    if flag_first {
        at = expect(bytes, expect(bytes, at, b":")?, b"true")?;
        at = expect(bytes, expect(bytes, at, b",")?, b"\"num\"")?;
        (num, at) = read_number(bytes, expect(bytes, at, b":")?)?;
    } else {
        (num, at) = read_number(bytes, expect(bytes, at, b":")?)?;
        at = expect(bytes, expect(bytes, at, b",")?, b"\"_placeholder\"")?;
        at = expect(bytes, expect(bytes, at, b":")?, b"true")?;
    }
    Some((num, expect(bytes, at, b"}")?))
}

/// Where `token` ends when it comes next, white space skipped.
fn expect(bytes: &[u8], at: usize, token: &[u8]) -> Option<usize> {
    let at = skip_white_space(bytes, at);
    bytes[at..].starts_with(token).then_some(at + token.len())
}

fn read_number(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let at = skip_white_space(bytes, at);
    let length = bytes[at..].iter().position(|byte| !byte.is_ascii_digit())?;
    let digits = str::from_utf8(&bytes[at..at + length]).ok()?;
    Some((digits.parse().ok()?, at + length))
}

pub(crate) fn skip_white_space(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let length = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    at + length.unwrap_or(rest.len())
}

/// Whether the string `raw`, which ends at `end`, is a key `_placeholder` whose value is `true`.
fn is_true_placeholder_member(raw: &str, bytes: &[u8], end: usize) -> bool {
    // In valid JSON only a key is followed by a colon.
    let Some(value) = expect(bytes, end, b":") else {
        return false;
    };
    expect(bytes, value, b"true").is_some()
        && unquote(raw).is_some_and(|key| key == PLACEHOLDER_KEY)
}

/// The byte after the closing quote of the string at `start`, in checked JSON.
pub(crate) fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
