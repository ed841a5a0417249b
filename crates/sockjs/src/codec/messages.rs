//! What a client sends: messages as JSON strings, in an array or, on a WebSocket, one alone.
//!
//! ```text
//! xhr_send, jsonp_send:  ["first","second"]
//! websocket:             ["first","second"]   or   "first"
//! ```
//!
//! A text is looked through from its first to its last byte before the first message of it is given on:
//! of what is broken nothing is taken.

use std::fmt;
use std::str;

/// Why a text brings no messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessagesError {
    /// There is nothing, or JSON that is no array where there has to be one.
    Missing,
    /// It is no JSON, no UTF-8, or an array in which something is no string.
    Broken,
}

impl MessagesError {
    /// What a client is told, the official server's words first.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            MessagesError::Missing => "Payload expected.",
            MessagesError::Broken => "Broken JSON encoding.",
        }
    }
}

impl fmt::Display for MessagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for MessagesError {}

/// The messages of a text that was looked through.
#[derive(Debug)]
pub(crate) struct Messages {
    /// Where the next one begins, or the end of the text.
    at: usize,
    /// A message in which something was escaped.
    unescaped: String,
}

impl Messages {
    /// Looks through an array of messages, as POSTs bring them.
    ///
    /// # Errors
    /// [`MessagesError`] if it is none.
    pub(crate) fn of_array(text: &[u8]) -> Result<Self, MessagesError> {
        let begin = skip_spaces(text, 0);
        match text.get(begin) {
            Some(b'[') => Self::checked(text, begin),
            // What it is instead matters little, and need not be quick.
            _ if is_json(text) || begin == text.len() => Err(MessagesError::Missing),
            _ => Err(MessagesError::Broken),
        }
    }

    /// Looks through what came as one message of a WebSocket: an array, one message, or nothing.
    ///
    /// # Errors
    /// [`MessagesError::Broken`] if it is anything else.
    pub(crate) fn of_frame(text: &str) -> Result<Self, MessagesError> {
        let text = text.as_bytes();
        if text.is_empty() {
            return Ok(Messages { at: 0, unescaped: String::new() });
        }
        Self::checked(text, skip_spaces(text, 0))
    }

    fn checked(text: &[u8], begin: usize) -> Result<Self, MessagesError> {
        let end = check(text, begin).ok_or(MessagesError::Broken)?;
        if skip_spaces(text, end) != text.len() || str::from_utf8(text).is_err() {
            return Err(MessagesError::Broken);
        }
        let mut messages = Messages { at: begin, unescaped: String::new() };
        messages.seek(text);
        Ok(messages)
    }

    /// The next message of the text that was looked through.
    ///
    /// A half of a surrogate pair, which only an escape can bring, becomes U+FFFD: it is no character, and
    /// no text of Rust can hold it.
    pub(crate) fn next<'a>(&'a mut self, text: &'a [u8]) -> Option<&'a str> {
        if text.get(self.at) != Some(&b'"') {
            return None;
        }
        let begin = self.at + 1;
        let length = text[begin..].iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if text[begin + length] == b'"' {
            self.at = begin + length + 1;
            self.seek(text);
            return str::from_utf8(&text[begin..begin + length]).ok();
        }
        let end = string_end(text, self.at)?;
        self.unescaped.clear();
        unescape(str::from_utf8(&text[begin..end - 1]).ok()?, &mut self.unescaped);
        self.at = end;
        self.seek(text);
        Some(&self.unescaped)
    }

    /// Goes on to where the next message begins.
    fn seek(&mut self, text: &[u8]) {
        let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'[' | b',');
        let rest = text.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| is_between(byte)).count();
    }
}

/// The message that a WebSocket brings in the form nearly all have: `["text"]`, nothing escaped.
pub(crate) fn plain_message(text: &str) -> Option<&str> {
    let message = text.strip_prefix("[\"")?.strip_suffix("\"]")?;
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    message.bytes().all(is_plain).then_some(message)
}

/// Where a string, or an array of strings, ends that begins here.
fn check(text: &[u8], begin: usize) -> Option<usize> {
    if text.get(begin) == Some(&b'"') {
        return string_end(text, begin);
    }
    if text.get(begin) != Some(&b'[') {
        return None;
    }
    let mut at = skip_spaces(text, begin + 1);
    if text.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        at = skip_spaces(text, string_end(text, at)?);
        match text.get(at)? {
            b',' => at = skip_spaces(text, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

/// Behind the last quote of the string that begins here (RFC 8259 §7).
fn string_end(text: &[u8], begin: usize) -> Option<usize> {
    if text.get(begin) != Some(&b'"') {
        return None;
    }
    let mut at = begin + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => match text.get(at + 1)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 2,
                b'u' if text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit) => at += 6,
                _ => return None,
            },
            0..0x20 => return None,
            _ => at += 1,
        }
    }
}

/// Appends what the inside of a string says, which was looked through.
fn unescape(mut inside: &str, out: &mut String) {
    out.reserve(inside.len());
    while let Some((plain, escape)) = inside.split_once('\\') {
        out.push_str(plain);
        let mut rest = escape.chars();
        match rest.next() {
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('u') => {
                let (character, length) = escaped_character(rest.as_str());
                out.push(character);
                inside = &rest.as_str()[length..];
                continue;
            }
            Some(itself) => out.push(itself),
            None => {}
        }
        inside = rest.as_str();
    }
    out.push_str(inside);
}

/// The character behind `\u`, and how many bytes tell it: two escapes together are one above U+FFFF.
fn escaped_character(digits: &str) -> (char, usize) {
    let Some(first) = unit(digits) else { return (char::REPLACEMENT_CHARACTER, 0) };
    let second = digits.get(4..).and_then(|rest| rest.strip_prefix("\\u")).and_then(unit);
    let pair = [first, second.unwrap_or(0)];
    match char::decode_utf16(pair).next() {
        Some(Ok(character)) if character > '\u{ffff}' => (character, 10),
        Some(Ok(character)) => (character, 4),
        _ => (char::REPLACEMENT_CHARACTER, 4),
    }
}

fn unit(digits: &str) -> Option<u16> {
    u16::from_str_radix(digits.get(..4)?, 16).ok()
}

fn skip_spaces(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str, mut messages: Messages) -> Vec<String> {
        std::iter::from_fn(|| messages.next(text.as_bytes()).map(str::to_owned)).collect()
    }

    fn array(text: &str) -> Result<Vec<String>, MessagesError> {
        Messages::of_array(text.as_bytes()).map(|messages| all(text, messages))
    }

    fn frame(text: &str) -> Result<Vec<String>, MessagesError> {
        Messages::of_frame(text).map(|messages| all(text, messages))
    }

    #[test]
    fn takes_arrays_of_strings() {
        assert_eq!(array(r#"["a"]"#).unwrap(), ["a"]);
        assert_eq!(array(" [ \"a\" ,\n\"b\\u0041\\n\" , \"\" ]\t").unwrap(), ["a", "bA\n", ""]);
        assert_eq!(array("[]").unwrap(), [""; 0]);
        assert_eq!(array(r#"["\ud83d\ude00\/\"\\"]"#).unwrap(), ["😀/\"\\"]);
    }

    #[test]
    fn half_a_pair_is_no_character() {
        for (text, expected) in [
            (r#"["\ud800"]"#, "\u{fffd}"),
            (r#"["\udc00x"]"#, "\u{fffd}x"),
            (r#"["\ud800\ud800\udc00"]"#, "\u{fffd}\u{10000}"),
            (r#"["\ud800A"]"#, "\u{fffd}A"),
            (r#"["\ud800\n"]"#, "\u{fffd}\n"),
        ] {
            assert_eq!(array(text).unwrap(), [expected], "{text}");
        }
    }

    #[test]
    fn says_what_is_missing_and_what_is_broken() {
        for text in ["", " ", "{}", "1", "null", "\"a\"", "true"] {
            assert_eq!(array(text), Err(MessagesError::Missing), "{text}");
        }
        for text in [
            "[",
            "[\"",
            "[\"a",
            "[\"a\"",
            "[\"a\",",
            "[\"a\",]",
            "[,]",
            "[\"a\"]]",
            "[\"a\"]x",
            "[1]",
            "[null]",
            "[[\"a\"]]",
            "[\"a\" \"b\"]",
            "[\"\\x\"]",
            "[\"\\u12\"]",
            "[\"\\u12g4\"]",
            "[\"\n\"]",
            "x",
            "\"a",
            "{",
        ] {
            assert_eq!(array(text), Err(MessagesError::Broken), "{text}");
        }
        assert_eq!(Messages::of_array(b"[\"\xff\"]").unwrap_err(), MessagesError::Broken);
    }

    #[test]
    fn a_frame_may_be_one_message_or_none() {
        assert_eq!(frame(r#"["a","b"]"#).unwrap(), ["a", "b"]);
        assert_eq!(frame(r#""a\n""#).unwrap(), ["a\n"]);
        assert_eq!(frame("").unwrap(), [""; 0]);
        assert_eq!(frame("[]").unwrap(), [""; 0]);
        for text in [" ", "a", "[\"a", "{}", "1", "\"a\"b"] {
            assert_eq!(frame(text), Err(MessagesError::Broken), "{text}");
        }
    }

    #[test]
    fn the_common_form_is_seen_at_once() {
        assert_eq!(plain_message(r#"["hello, 세계"]"#), Some("hello, 세계"));
        assert_eq!(plain_message(r#"[""]"#), Some(""));
        for text in [r#"["a","b"]"#, r#"["a\n"]"#, r#"["a""#, "[\"\n\"]", "[\"]", r#"["\"]"#, ""] {
            assert_eq!(plain_message(text), None, "{text}");
        }
    }
}
