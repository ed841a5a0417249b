//! What people type, checked once on the way in: room names, nicknames and messages.
//!
//! Lengths count Unicode scalar values, which is what `[...text].length` counts in a browser, so
//! the page can show the same limit. Names are trimmed; messages are kept as they were typed.

use std::fmt;

use thiserror::Error;

/// The longest room name, in characters.
pub const ROOM_CHARS_MAX: usize = 50;
/// The longest nickname, in characters.
pub const NICKNAME_CHARS_MAX: usize = 32;
/// The longest message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 4_000;
/// The longest resend key, in bytes; see [`MessageKey`].
pub const KEY_BYTES_MAX: usize = 64;

/// The name of a room: 1 to [`ROOM_CHARS_MAX`] characters without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(String);

/// The name somebody uses in a room: 1 to [`NICKNAME_CHARS_MAX`] characters without control
/// characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nickname(String);

/// A message with something to read in it, of at most [`MESSAGE_CHARS_MAX`] characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageText(String);

/// What a sender calls a message before it has an id, so that sending it again after a lost
/// connection stores it once: 1 to [`KEY_BYTES_MAX`] printable ASCII bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageKey(String);

/// Why a text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{field} {problem}")]
pub struct InvalidText {
    /// Which text.
    pub field: Field,
    /// What is wrong with it.
    pub problem: Problem,
}

/// The texts people send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// A room's name.
    Room,
    /// A nickname.
    Name,
    /// A message.
    Message,
    /// A resend key.
    Key,
}

/// What can be wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Nothing visible in it.
    Empty,
    /// Longer than `limit` characters.
    TooLong {
        /// The most characters accepted.
        limit: usize,
    },
    /// A control character, or one that turns the direction of the text around it.
    Character,
}

impl InvalidText {
    /// A word for programs, such as `name_empty` or `message_too_long`.
    pub fn code(self) -> &'static str {
        match (self.field, self.problem) {
            (Field::Room, Problem::Empty) => "room_empty",
            (Field::Room, Problem::TooLong { .. }) => "room_too_long",
            (Field::Room, Problem::Character) => "room_character",
            (Field::Name, Problem::Empty) => "name_empty",
            (Field::Name, Problem::TooLong { .. }) => "name_too_long",
            (Field::Name, Problem::Character) => "name_character",
            (Field::Message, Problem::Empty) => "message_empty",
            (Field::Message, Problem::TooLong { .. }) => "message_too_long",
            (Field::Message, Problem::Character) => "message_character",
            (Field::Key, Problem::Empty) => "key_empty",
            (Field::Key, Problem::TooLong { .. }) => "key_too_long",
            (Field::Key, Problem::Character) => "key_character",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Field::Room => "room name",
            Field::Name => "nickname",
            Field::Message => "message",
            Field::Key => "key",
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Empty => f.write_str("is empty"),
            Problem::TooLong { limit } => write!(f, "is longer than {limit} characters"),
            Problem::Character => f.write_str("has a character that is not allowed"),
        }
    }
}

impl RoomName {
    /// Trims and checks a room's name.
    ///
    /// # Errors
    /// Empty, too long, or with a forbidden character. `.` and `..` count as empty: a browser
    /// takes them out of an address.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let name = parse_name(text, Field::Room, ROOM_CHARS_MAX)?;
        if matches!(name, "." | "..") {
            return Err(InvalidText { field: Field::Room, problem: Problem::Empty });
        }
        Ok(RoomName(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Nickname {
    /// Trims and checks a nickname.
    ///
    /// # Errors
    /// Empty, too long, or with a forbidden character.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        parse_name(text, Field::Name, NICKNAME_CHARS_MAX).map(|name| Nickname(name.to_owned()))
    }

    /// The nickname as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MessageText {
    /// Checks a message and keeps it as it is, line breaks and spaces included.
    ///
    /// # Errors
    /// Empty or too long.
    pub fn parse(text: String) -> Result<Self, InvalidText> {
        let invalid = |problem| InvalidText { field: Field::Message, problem };
        if is_longer(&text, MESSAGE_CHARS_MAX) {
            return Err(invalid(Problem::TooLong { limit: MESSAGE_CHARS_MAX }));
        }
        if text.chars().all(is_blank) {
            return Err(invalid(Problem::Empty));
        }
        Ok(MessageText(text))
    }

    /// The message as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MessageKey {
    /// Checks a key.
    ///
    /// # Errors
    /// Empty, too long, or with a byte that is not printable ASCII.
    pub fn parse(text: String) -> Result<Self, InvalidText> {
        let invalid = |problem| InvalidText { field: Field::Key, problem };
        if text.is_empty() {
            return Err(invalid(Problem::Empty));
        }
        if text.len() > KEY_BYTES_MAX {
            return Err(invalid(Problem::TooLong { limit: KEY_BYTES_MAX }));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid(Problem::Character));
        }
        Ok(MessageKey(text))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rule that room names and nicknames share.
fn parse_name(text: &str, field: Field, limit: usize) -> Result<&str, InvalidText> {
    let name = text.trim();
    if is_longer(name, limit) {
        return Err(InvalidText { field, problem: Problem::TooLong { limit } });
    }
    if name.chars().any(is_forbidden_in_names) {
        return Err(InvalidText { field, problem: Problem::Character });
    }
    if name.chars().all(is_blank) {
        return Err(InvalidText { field, problem: Problem::Empty });
    }
    Ok(name)
}

fn is_longer(text: &str, chars_max: usize) -> bool {
    // A character is at least one byte, so most texts are known to fit without being counted.
    text.len() > chars_max && text.chars().nth(chars_max).is_some()
}

/// Controls and line breaks would break the list of rooms and the log; the bidirectional controls
/// would let a name rearrange the line it is shown in.
fn is_forbidden_in_names(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FFF9}'..='\u{FFFB}')
}

/// Characters that leave nothing to see, the Hangul fillers among them.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(
            c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{180E}'
                | '\u{200B}'..='\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{2800}' | '\u{3164}' | '\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_kept_as_typed() {
        assert_eq!(RoomName::parse("  우리 방 \n").unwrap().as_str(), "우리 방");
        assert_eq!(Nickname::parse("<b>정민</b>").unwrap().as_str(), "<b>정민</b>");
    }

    #[test]
    fn lengths_at_the_edge() {
        let korean = |n| "가".repeat(n);
        assert!(Nickname::parse(&korean(NICKNAME_CHARS_MAX)).is_ok());
        assert_eq!(
            Nickname::parse(&korean(NICKNAME_CHARS_MAX + 1)).unwrap_err().code(),
            "name_too_long"
        );
        assert!(RoomName::parse(&korean(ROOM_CHARS_MAX)).is_ok());
        assert_eq!(
            RoomName::parse(&korean(ROOM_CHARS_MAX + 1)).unwrap_err().code(),
            "room_too_long"
        );
        assert!(MessageText::parse(korean(MESSAGE_CHARS_MAX)).is_ok());
        assert_eq!(
            MessageText::parse(korean(MESSAGE_CHARS_MAX + 1)).unwrap_err().code(),
            "message_too_long"
        );
        assert!(MessageKey::parse("k".repeat(KEY_BYTES_MAX)).is_ok());
        assert_eq!(
            MessageKey::parse("k".repeat(KEY_BYTES_MAX + 1)).unwrap_err().code(),
            "key_too_long"
        );
    }

    #[test]
    fn what_cannot_be_seen_is_empty() {
        for blank in ["", " ", "\u{3164}", "\u{200B}\u{FEFF}", "\u{2800} \u{115F}"] {
            assert_eq!(Nickname::parse(blank).unwrap_err().code(), "name_empty", "{blank:?}");
            assert_eq!(RoomName::parse(blank).unwrap_err().code(), "room_empty", "{blank:?}");
            let refused = MessageText::parse(blank.to_owned()).unwrap_err();
            assert_eq!(refused.code(), "message_empty", "{blank:?}");
        }
        assert_eq!(MessageText::parse("\n\n".to_owned()).unwrap_err().code(), "message_empty");
        assert_eq!(RoomName::parse("..").unwrap_err().code(), "room_empty");
    }

    #[test]
    fn names_keep_to_one_line_and_one_direction() {
        for bad in ["a\nb", "a\u{0}b", "a\u{202E}b", "a\u{2067}b", "a\u{1b}[31m", "a\u{2028}b"] {
            assert_eq!(Nickname::parse(bad).unwrap_err().code(), "name_character", "{bad:?}");
            assert_eq!(RoomName::parse(bad).unwrap_err().code(), "room_character", "{bad:?}");
        }
        let message = MessageText::parse("line 1\n\tline 2\u{0}".to_owned()).unwrap();
        assert_eq!(message.as_str(), "line 1\n\tline 2\u{0}");
        assert!(Nickname::parse("👩‍👩‍👧").is_ok(), "joiners inside an emoji are fine");
    }

    #[test]
    fn the_refusal_says_which_text_and_why() {
        let refused = Nickname::parse(&"x".repeat(33)).unwrap_err();
        assert_eq!(refused.to_string(), "nickname is longer than 32 characters");
        assert_eq!(MessageKey::parse("a b".into()).unwrap_err().code(), "key_character");
    }
}
