//! What `sockeye export` writes and `sockeye import` reads: a line of JSON each, told apart by `type`.
//!
//! The first line is [`Header`], then come people, rooms, and of each room its messages, the oldest first, and its
//! members; the files of pictures stand before the message that has them. The last line is [`End`]: without it the file
//! was cut. Times are milliseconds since 1970-01-01 UTC. `docs/guide/chat-keeping.md` has every field, and a test
//! compares.

use serde::{Deserialize, Serialize};

/// The version of the format.
pub const FORMAT: u32 = 1;

/// A line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// What it is.
    Sockeye(Header),
    /// Somebody.
    Person(PersonLine),
    /// A room.
    Room(RoomLine),
    /// The file of a picture.
    File(FileLine),
    /// Something that was said.
    Message(MessageLine),
    /// Somebody's place in a room.
    Member(MemberLine),
    /// That was all.
    End(End),
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: u32,
    /// Names the server for ever, so that its messages are imported once: any text of 1 to 40 letters, digits, `-`, `_`.
    pub source: String,
    /// The version of the program that wrote it.
    pub program: String,
    /// When.
    pub made_at: i64,
}

/// Somebody, without anything by which they log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonLine {
    /// The person's id.
    pub id: String,
    /// The name.
    pub name: String,
    /// `owner`, `moderator`, `member` or `guest`.
    pub role: String,
    /// Hue of the colour, 0 to 359.
    pub colour: u16,
    /// An emoji.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    /// When they came.
    pub created_at: i64,
    /// When the account was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<i64>,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomLine {
    /// The room's id.
    pub id: String,
    /// What it is called; empty for direct messages.
    pub title: String,
    /// What it is for.
    pub description: String,
    /// `open`, `password`, `invited` or `direct`; the password is not exported.
    pub kind: String,
    /// The id of the person to whom it belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The most people in it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<u32>,
    /// For how many days its messages are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// Whether it vanishes when everybody has left.
    #[serde(default)]
    pub is_passing: bool,
    /// The ids of the people of direct messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
    /// When it was made.
    pub created_at: i64,
}

/// The file of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLine {
    /// Its name: the SHA-256 of what is in it in hexadecimal digits, and `.jpg`, `.png`, `.gif` or `.webp`.
    pub name: String,
    /// What is in it, in base64.
    pub data: String,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageLine {
    /// The message's id: a number that grows with each message of the server.
    pub id: i64,
    /// The room's id.
    pub room: String,
    /// The id of whoever wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// Their name then.
    pub name: String,
    /// When.
    pub at: i64,
    /// The text; empty when it was deleted.
    pub text: String,
    /// The id of the message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<i64>,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<i64>,
    /// When it was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<i64>,
    /// What it said before, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<EditPart>,
    /// Who has reacted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reactions: Vec<ReactionPart>,
    /// Whom it mentions; everybody is `*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<MentionPart>,
    /// The pictures, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<PicturePart>,
}

/// What a message said before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditPart {
    /// The text.
    pub text: String,
    /// Until when.
    pub until: i64,
}

/// That somebody has reacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReactionPart {
    /// The emoji.
    pub emoji: String,
    /// The person's id.
    pub person: String,
    /// When.
    pub at: i64,
}

/// That somebody is mentioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MentionPart {
    /// The person's id, or `*`.
    pub person: String,
    /// Their name then.
    pub name: String,
}

/// A picture of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PicturePart {
    /// The picture's id.
    pub id: String,
    /// The name of its file.
    pub file: String,
    /// The name of the file of the smaller one.
    pub thumbnail: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Of the file.
    pub bytes: u64,
    /// Whether it moves.
    pub is_animated: bool,
    /// When it was sent.
    pub created_at: i64,
}

/// Somebody's place in a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberLine {
    /// The room's id.
    pub room: String,
    /// The person's id.
    pub person: String,
    /// `owner`, `moderator`, `member`, or `banned`.
    pub role: String,
    /// Since when.
    pub joined_at: i64,
    /// The id of the newest message that they have read; 0 before the first.
    pub read: i64,
    /// Whether the room is pinned in their list.
    #[serde(default)]
    pub is_pinned: bool,
    /// Whether they hear of its messages by numbers alone.
    #[serde(default)]
    pub is_silenced: bool,
}

/// That was all: how many lines of each kind came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// People.
    pub people: u64,
    /// Rooms.
    pub rooms: u64,
    /// Messages.
    pub messages: u64,
    /// Members.
    pub members: u64,
    /// Files of pictures.
    pub files: u64,
}

impl End {
    /// One line more.
    pub fn count(&mut self, line: &Line) {
        match line {
            Line::Person(_) => self.people += 1,
            Line::Room(_) => self.rooms += 1,
            Line::File(_) => self.files += 1,
            Line::Message(_) => self.messages += 1,
            Line::Member(_) => self.members += 1,
            Line::Sockeye(_) | Line::End(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const GUIDE: &str = include_str!("../../../../docs/guide/chat-keeping.md");

    /// A line of each kind with everything in it.
    const LINES: [&str; 7] = [
        r#"{"type":"sockeye","format":1,"source":"s","program":"p","made_at":1}"#,
        r#"{"type":"person","id":"p","name":"A","role":"member","colour":1,"picture":"x","created_at":1,"closed_at":2}"#,
        r#"{"type":"room","id":"r","title":"t","description":"","kind":"open","owner":"p","capacity":2,"keep_days":3,
            "is_passing":true,"with":["p"],"created_at":1}"#,
        r#"{"type":"file","name":"n","data":"eA=="}"#,
        r#"{"type":"message","id":2,"room":"r","person":"p","name":"A","at":1,"text":"x","reply_to":1,"edited_at":2,
            "deleted_at":3,"edits":[{"text":"y","until":2}],"reactions":[{"emoji":"x","person":"p","at":3}],
            "mentions":[{"person":"p","name":"A"}],"pictures":[{"id":"i","file":"f","thumbnail":"t","width":1,
            "height":1,"bytes":1,"is_animated":false,"created_at":1}]}"#,
        r#"{"type":"member","room":"r","person":"p","role":"member","joined_at":1,"read":2,"is_pinned":true,
            "is_silenced":true}"#,
        r#"{"type":"end","people":1,"rooms":1,"messages":1,"members":1,"files":1}"#,
    ];

    fn assert_told(value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    assert!(
                        GUIDE.contains(&format!("`{name}`")),
                        "the guide does not tell of {name}"
                    );
                    assert_told(value);
                }
            }
            Value::Array(values) => values.iter().for_each(assert_told),
            _ => {}
        }
    }

    #[test]
    fn the_guide_has_every_field() {
        for line in LINES {
            let parsed: Line = serde_json::from_str(line).unwrap();
            let written = serde_json::to_value(&parsed).unwrap();
            assert_eq!(
                written,
                serde_json::from_str::<Value>(line).unwrap(),
                "nothing is left out"
            );
            assert_told(&written);
            let kind = written["type"].as_str().unwrap();
            assert!(GUIDE.contains(&format!("| `{kind}` | |\n|---|---|\n")), "{kind}");
        }
    }
}
