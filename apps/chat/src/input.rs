//! What people type, checked once on the way in: room names, nicknames and messages.
//!
//! Lengths count Unicode scalar values, which is what `[...text].length` counts in a browser, so
//! the page can show the same limit. Names are brought into one form, see [`names`];
//! messages are kept as they were typed.

use std::borrow::Borrow;
use std::fmt;

use thiserror::Error;

use crate::names::{self, Skeleton};

/// The longest room name, in characters.
pub const ROOM_CHARS_MAX: usize = 50;
/// The longest nickname, in characters.
pub const NICKNAME_CHARS_MAX: usize = 32;
/// The longest message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 4_000;
/// The longest emoji, in bytes: families and flags have several characters.
pub const EMOJI_BYTES_MAX: usize = 64;
/// The longest resend key, in bytes; see [`MessageKey`].
pub const KEY_BYTES_MAX: usize = 64;

/// The name of a room: 1 to [`ROOM_CHARS_MAX`] characters that can be seen, in one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(String);

/// The name somebody uses in a room: 1 to [`NICKNAME_CHARS_MAX`] characters that can be seen, in one
/// form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Nickname(String);

/// An emoji, of at most [`EMOJI_BYTES_MAX`] bytes: in place of the first letter of a name, or with which somebody
/// reacts to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emoji(String);

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
    /// An emoji in place of the first letter of a name.
    Picture,
    /// An emoji with which somebody reacts.
    Reaction,
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
    /// A character that cannot be seen, or that turns the direction of the text around it.
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
            (Field::Picture, Problem::Empty) => "picture_empty",
            (Field::Picture, Problem::TooLong { .. }) => "picture_too_long",
            (Field::Picture, Problem::Character) => "picture_character",
            (Field::Reaction, Problem::Empty) => "reaction_empty",
            (Field::Reaction, Problem::TooLong { .. }) => "reaction_too_long",
            (Field::Reaction, Problem::Character) => "reaction_character",
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
            Field::Picture => "picture",
            Field::Reaction => "reaction",
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

/// So that a room is found by its name as text.
impl Borrow<str> for RoomName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl RoomName {
    /// Brings a room's name into its one form and checks it.
    ///
    /// # Errors
    /// Empty, too long, or with a forbidden character. `.` and `..` count as empty: a browser
    /// takes them out of an address.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        let name = parse_name(text, Field::Room, ROOM_CHARS_MAX)?;
        if matches!(&*name, "." | "..") {
            return Err(InvalidText { field: Field::Room, problem: Problem::Empty });
        }
        Ok(RoomName(name))
    }

    /// What it looks like.
    pub fn skeleton(&self) -> Skeleton {
        Skeleton::of(&self.0)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Nickname {
    /// Brings a nickname into its one form and checks it.
    ///
    /// # Errors
    /// Empty, too long, or with a forbidden character.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        parse_name(text, Field::Name, NICKNAME_CHARS_MAX).map(Nickname)
    }

    /// What it looks like.
    pub fn skeleton(&self) -> Skeleton {
        Skeleton::of(&self.0)
    }

    /// The nickname as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Emoji {
    /// Checks an emoji that is meant for this.
    ///
    /// # Errors
    /// It is not one emoji, or too long.
    pub fn parse(text: &str, field: Field) -> Result<Self, InvalidText> {
        let invalid = |problem| InvalidText { field, problem };
        if text.len() > EMOJI_BYTES_MAX {
            return Err(invalid(Problem::TooLong { limit: EMOJI_BYTES_MAX }));
        }
        if !names::is_emoji(text) {
            return Err(invalid(Problem::Character));
        }
        Ok(Emoji(text.to_owned()))
    }

    /// The emoji as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same, to keep.
    pub fn into_string(self) -> String {
        self.0
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
        if names::is_blank(&text) {
            return Err(invalid(Problem::Empty));
        }
        Ok(MessageText(text))
    }

    /// The same for a message with pictures, whose text may be empty.
    ///
    /// # Errors
    /// Too long.
    pub fn parse_beside_pictures(text: String) -> Result<Self, InvalidText> {
        if names::is_blank(&text) { Ok(MessageText(String::new())) } else { Self::parse(text) }
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
fn parse_name(text: &str, field: Field, limit: usize) -> Result<String, InvalidText> {
    let invalid = |problem| InvalidText { field, problem };
    // Composing makes a text shorter, by much less than this.
    if text.len() > 64 * limit {
        return Err(invalid(Problem::TooLong { limit }));
    }
    let name = names::normalized(text);
    if is_longer(&name, limit) {
        return Err(invalid(Problem::TooLong { limit }));
    }
    if names::is_blank(&name) {
        return Err(invalid(Problem::Empty));
    }
    if !names::is_allowed(&name) {
        return Err(invalid(Problem::Character));
    }
    Ok(name)
}

fn is_longer(text: &str, chars_max: usize) -> bool {
    // A character is at least one byte, so most texts are known to fit without being counted.
    text.len() > chars_max && text.chars().nth(chars_max).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_brought_into_one_form() {
        assert_eq!(RoomName::parse("  우리 방 \n").unwrap().as_str(), "우리 방");
        assert_eq!(
            RoomName::parse("\u{1107}\u{1161}\u{11BC}").unwrap(),
            RoomName::parse("방").unwrap()
        );
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
