//! Lines out of one data folder and into another.

use std::collections::BTreeMap;

use super::*;
use crate::keeping::lines::{Line, MemberLine, MessageLine};
use crate::store::sqlite::exporter::Exporter;
use crate::store::sqlite::importer::{Came, Importer};

async fn run(folder: &Path, sql: &'static str) {
    crate::store::sqlite::by_hand::run(folder, sql).await;
}

/// A chat with something of everything.
async fn full() -> TempDir {
    let folder = TempDir::new().unwrap();
    open(folder.path()).await.unwrap().close().await;
    run(
        folder.path(),
        "INSERT INTO people (id, role, name, skeleton, colour, picture, password, created_at, closed_at) VALUES
            ('ada', 'owner', 'Ada', 'ada', 1, '🐟', '$argon2id$secret', 5, NULL),
            ('ben', 'member', 'Ben', 'ben', 2, NULL, '$argon2id$secret', 6, NULL),
            ('kim', 'guest', '김', '김', 3, NULL, NULL, 7, NULL),
            ('old', 'member', 'Old', 'old', 4, NULL, NULL, 8, 9);
         INSERT INTO rooms (id, name, title, folded, skeleton, public_id, kind, description, password, owner,
                            capacity, keep_days, created_at, direct_key) VALUES
            (10, 'tea', 'tea', 'tea', 'tea', 'tea-room', 'open', 'about tea', NULL, 'ada', 5, 30, 1, NULL),
            (11, 'vault', 'vault', 'vault', 'vault', 'vault-room', 'password', '', '$argon2id$secret', 'ben', NULL, NULL, 2, NULL),
            (12, x'01' || 'direct', '', '', NULL, 'direct-room', 'direct', '', NULL, NULL, NULL, NULL, 3, '[\"ada\",\"ben\"]');
         INSERT INTO members (room, person, role, joined_at, is_pinned) VALUES
            (10, 'ada', 'owner', 1, 1), (10, 'kim', 'member', 2, 0), (10, 'old', 'banned', 3, 0),
            (11, 'ben', 'owner', 1, 0), (12, 'ada', 'member', 1, 0), (12, 'ben', 'member', 1, 0);
         INSERT INTO messages (id, room_id, person, name, msg, at, reply_to, is_for_all, edited_at, deleted_at) VALUES
            (100, 10, 'ada', 'Ada', 'first\nline', 50, NULL, 0, NULL, NULL),
            (101, 10, 'kim', '김', '@everyone 안녕', 51, 100, 1, 60, NULL),
            (102, 12, 'ben', 'Ben', 'between us', 52, NULL, 0, NULL, NULL),
            (103, 10, 'ada', 'Ada', '', 53, NULL, 0, NULL, 70),
            (104, 10, 'ada', 'Ada', '', 54, 101, 0, NULL, NULL),
            (105, 10, NULL, 'nobody', 'gone', 55, NULL, 0, NULL, NULL);
         INSERT INTO edits (message, msg, until) VALUES (101, 'hi', 58), (101, 'hello', 60);
         INSERT INTO reactions (message, emoji, person, at) VALUES (100, '👍', 'kim', 56), (100, '👍', 'ada', 57);
         INSERT INTO mentions (message, person, room, name) VALUES (101, '*', 10, ''), (101, 'ada', 10, 'Ada');
         INSERT INTO pictures VALUES ('pic', 10, 'ada', 104, 0, 'ab.jpg', 'cd.jpg', 4, 3, 1000, 0, 54);
         UPDATE rooms SET last_message_id = (SELECT max(id) FROM messages WHERE room_id = rooms.id);
         UPDATE members SET read = 101 WHERE room = 10 AND person = 'kim';",
    )
    .await;
    folder
}

async fn lines(folder: &Path, room: Option<&str>) -> (Vec<Line>, String) {
    let exporter = Exporter::open(folder).await.unwrap();
    let source = exporter.source.clone();
    let mut lines = Vec::new();
    let mut each = |line| {
        lines.push(line);
        Ok(())
    };
    assert!(exporter.tell(room, &mut each).await.unwrap());
    (lines, source)
}

/// How many of the lines were new.
async fn import(folder: &Path, source: &str, lines: &[Line], is_kept: bool) -> usize {
    let mut importer = Importer::open(folder, source).await.unwrap();
    let mut new = 0;
    for line in lines {
        let came = match line {
            Line::Person(line) => importer.person(line).await.unwrap(),
            Line::Room(line) => importer.room(line).await.unwrap(),
            Line::Message(line) => importer.message(line).await.unwrap().unwrap(),
            Line::Member(line) => importer.member(line).await.unwrap().unwrap(),
            other => panic!("{other:?}"),
        };
        new += usize::from(came == Came::New);
    }
    importer.finish(is_kept).await.unwrap();
    new
}

/// The lines with ids of messages by their order, since those are made anew.
fn in_order(lines: &[Line]) -> Vec<Line> {
    let ids = lines
        .iter()
        .filter_map(|line| if let Line::Message(message) = line { Some(message.id) } else { None });
    let order: BTreeMap<i64, i64> = ids.zip(1..).collect();
    let place = |id: i64| order.get(&id).copied().unwrap_or_default();
    let mut lines: Vec<_> = lines
        .iter()
        .map(|line| match line.clone() {
            Line::Message(line) => Line::Message(MessageLine {
                id: place(line.id),
                reply_to: line.reply_to.map(place),
                ..line
            }),
            Line::Member(line) => Line::Member(MemberLine { read: place(line.read), ..line }),
            Line::Room(mut line) => {
                // Its password is a secret.
                if line.kind == "password" {
                    line.kind = "invited".to_owned();
                }
                Line::Room(line)
            }
            line => line,
        })
        // The first room is everywhere, with an id of its own.
        .filter(|line| !matches!(line, Line::Room(room) if room.title == "lobby"))
        .collect();
    lines.sort_by_key(|line| serde_json::to_string(line).unwrap());
    lines
}

#[tokio::test]
async fn everything_comes_back_once_and_without_secrets() {
    let from = full().await;
    let (told, source) = lines(from.path(), None).await;
    let text = serde_json::to_string(&told).unwrap();
    assert!(!text.contains("argon2id"), "{text}");
    for line in &told {
        let text = serde_json::to_string(line).unwrap();
        assert_eq!(&serde_json::from_str::<Line>(&text).unwrap(), line);
    }
    let to = TempDir::new().unwrap();
    open(to.path()).await.unwrap().close().await;
    assert_eq!(import(to.path(), &source, &told, false).await, told.len() - 1);
    let (nothing, own) = lines(to.path(), None).await;
    assert_eq!(nothing.len(), 1, "a dry run keeps nothing: {nothing:?}");
    assert_ne!(own, source);

    assert_eq!(
        import(to.path(), &source, &told, true).await,
        told.len() - 1,
        "all but the first room"
    );
    let (back, _) = lines(to.path(), None).await;
    assert_eq!(in_order(&back), in_order(&told));
    assert_eq!(import(to.path(), &source, &told, true).await, 0, "once is enough");
    assert_eq!(lines(to.path(), None).await.0, back);
    // Its own lines are known to the source, whatever their keys.
    assert_eq!(import(from.path(), &source, &told, true).await, 0);

    // It goes on as a chat, and nobody has more to read than before.
    let store = open(to.path()).await.unwrap();
    use crate::reading::store::ReadingStore as _;
    let counts = store.counts("tea-room", &["kim".to_owned()]).await.unwrap();
    assert_eq!(counts[0].1.unread, 2, "what came after the pointer and is not deleted");
    let posted = post(&store, message("tea", "and on")).await.unwrap();
    assert_eq!(posted.message().room, "tea-room");
    store.close().await;
}

#[tokio::test]
async fn one_room_is_told_with_those_who_have_to_do_with_it() {
    let from = full().await;
    let (told, source) = lines(from.path(), Some("direct-room")).await;
    let names: Vec<_> = told
        .iter()
        .map(|line| match line {
            Line::Person(line) => line.id.clone(),
            Line::Room(line) => line.id.clone(),
            Line::Message(line) => line.text.clone(),
            Line::Member(line) => format!("member {}", line.person),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(names, ["ada", "ben", "direct-room", "between us", "member ada", "member ben"]);
    // Where ada has an account under another id she is the same person, and the messages find their room.
    let to = TempDir::new().unwrap();
    open(to.path()).await.unwrap().close().await;
    run(
        to.path(),
        "INSERT INTO people (id, role, name, skeleton, colour, created_at) VALUES ('other', 'owner', 'Ada', 'ada', 1, 5)",
    )
    .await;
    assert_eq!(import(to.path(), &source, &told, true).await, told.len() - 1);
    let (back, _) = lines(to.path(), Some("direct-room")).await;
    assert!(
        back.iter().any(|line| matches!(line, Line::Room(room) if room.with == ["ben", "other"])),
        "{back:?}"
    );
}

/// What is imported into a room that is in use is no news to those who had read everything.
#[tokio::test]
async fn a_room_that_is_there_keeps_its_pointers_at_the_end() {
    let from = full().await;
    let (told, source) = lines(from.path(), Some("tea-room")).await;
    let to = TempDir::new().unwrap();
    let store = open(to.path()).await.unwrap();
    post(&store, message("tea", "here")).await.unwrap();
    store.close().await;
    run(
        to.path(),
        "INSERT INTO people (id, role, name, skeleton, colour, created_at) VALUES ('eve', 'owner', 'Eve', 'eve', 1, 5);
         INSERT INTO members (room, person, role, joined_at) SELECT id, 'eve', 'owner', 1 FROM rooms WHERE name = 'tea'",
    )
    .await;
    import(to.path(), &source, &told, true).await;
    let (back, _) = lines(to.path(), None).await;
    let rooms = back.iter().filter(|line| matches!(line, Line::Room(room) if room.title == "tea"));
    assert_eq!(rooms.count(), 1, "an open room of the same title is the same");
    let store = open(to.path()).await.unwrap();
    use crate::reading::store::ReadingStore as _;
    let room = back.iter().find_map(|line| match line {
        Line::Room(room) if room.title == "tea" => Some(room.id.clone()),
        _ => None,
    });
    for person in ["eve", "kim"] {
        let counts = store.counts(room.as_deref().unwrap(), &[person.to_owned()]).await.unwrap();
        assert_eq!(counts[0].1.unread, 0, "{person}");
    }
    store.close().await;
}
