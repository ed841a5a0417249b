//! Messages whose time is over.

use std::collections::BTreeMap;

use super::*;
use crate::keeping::store::{Gone, KeepingStore as _};
use crate::reading::store::ReadingStore as _;

const DAY: i64 = 24 * 3_600 * 1_000;

/// Two rooms with messages of so many days ago, in the order in which they were stored.
async fn fixture(folder: &TempDir) -> (Sqlite, SqliteConnection, i64) {
    let store = open(folder.path()).await.unwrap();
    let now = post(&store, message("now", "now")).await.unwrap().message().at;
    let options = SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME));
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO people (id, role, name, colour, created_at) VALUES
            ('ada', 'owner', 'Ada', 1, 0), ('ben', 'member', 'Ben', 2, 0);
         INSERT INTO rooms (id, name, title, public_id, created_at) VALUES
            (10, 'a', 'a', 'a', 0), (11, 'b', 'b', 'b', 0);
         INSERT INTO members (room, person, role, joined_at) VALUES
            (10, 'ada', 'owner', 0), (10, 'ben', 'member', 0), (11, 'ben', 'owner', 0);",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    for (room, days) in
        [(10, 40), (11, 35), (10, 30), (10, 20), (10, 20), (11, 20), (10, 1), (10, 0)]
    {
        sqlx::query("INSERT INTO messages (room_id, person, name, msg, at) VALUES (?1, 'ada', 'Ada', ?2, ?3)")
            .bind(room)
            .bind(days.to_string())
            .bind(now - days * DAY)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    sqlx::raw_sql(
        "UPDATE rooms SET last_message_id = (SELECT max(id) FROM messages WHERE room_id = rooms.id);
         INSERT INTO edits (message, msg, until) SELECT id, 'before', 0 FROM messages WHERE room_id >= 10;
         INSERT INTO reactions (message, emoji, person, at) SELECT id, '👍', 'ben', 0 FROM messages WHERE room_id >= 10;
         INSERT INTO mentions (message, person, room, name) SELECT id, 'ben', room_id, 'Ben' FROM messages WHERE room_id >= 10;",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    (store, connection, now)
}

async fn prune(store: &Sqlite, room: &str, days: Option<u32>, max: u32) -> Option<Gone> {
    let (report, outcome) = oneshot::channel();
    store.prune(room, days, max, Box::new(|gone| drop(report.send(gone)))).await.unwrap();
    outcome.await.unwrap().unwrap()
}

async fn count(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

/// What would be deleted, by the names of rooms.
async fn expired(store: &Sqlite, now: i64, days: Option<u32>) -> BTreeMap<String, (u32, u64)> {
    let expired = store.expired(now, days).await.unwrap();
    expired.into_iter().map(|room| (room.room, (room.days, room.messages))).collect()
}

#[tokio::test]
async fn the_shorter_time_counts() {
    let folder = TempDir::new().unwrap();
    let (store, mut connection, now) = fixture(&folder).await;
    let of = |rooms: &[(&str, u32, u64)]| -> BTreeMap<String, (u32, u64)> {
        rooms.iter().map(|(room, days, count)| ((*room).to_owned(), (*days, *count))).collect()
    };
    assert_eq!(expired(&store, now, None).await, of(&[]));
    assert_eq!(expired(&store, now, Some(25)).await, of(&[("a", 25, 2), ("b", 25, 1)]));
    // A message that is as old as they are kept stays.
    assert_eq!(expired(&store, now, Some(30)).await, of(&[("a", 30, 1), ("b", 30, 1)]));
    sqlx::query("UPDATE rooms SET keep_days = 10 WHERE id = 10")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(expired(&store, now, None).await, of(&[("a", 10, 4)]));
    assert_eq!(expired(&store, now, Some(36)).await, of(&[("a", 10, 4)]));
    assert_eq!(expired(&store, now, Some(5)).await, of(&[("a", 5, 4), ("b", 5, 2)]));
    assert_eq!(Sqlite::expired_beside(folder.path(), now, Some(5)).await.unwrap().len(), 2);
    assert_eq!(prune(&store, "b", None, 9).await, None);
    assert_eq!(prune(&store, "nobody's", Some(1), 9).await, None);
    store.close().await;
}

#[tokio::test]
async fn what_is_over_goes_in_steps_with_all_that_belongs_to_it_and_counts_stay_exact() {
    let folder = TempDir::new().unwrap();
    let (store, mut connection, now) = fixture(&folder).await;
    let unread = async |room: &str| {
        let counts = store.counts(room, &["ben".to_owned()]).await.unwrap();
        (counts[0].1.unread, counts[0].1.mentions)
    };
    sqlx::query("UPDATE members SET read = 0").execute(&mut connection).await.unwrap();
    assert_eq!((unread("a").await, unread("b").await), ((6, 6), (2, 2)));
    let mut left = 6;
    let mut last = 0;
    for expected in [2, 2] {
        let gone = prune(&store, "a", Some(15), 2).await.unwrap();
        left -= expected;
        assert_eq!((gone.messages, gone.room.as_str()), (2, "a"));
        assert!(gone.to > last);
        last = gone.to;
        assert_eq!(unread("a").await, (left, left));
    }
    assert_eq!(prune(&store, "a", Some(15), 2).await, None);
    let sql = "SELECT pruned FROM rooms WHERE id = 10";
    assert_eq!(count(&mut connection, sql).await, last);
    let sql = "SELECT max(id) - (SELECT last_message_id FROM rooms WHERE id = 10) FROM messages WHERE room_id = 10";
    assert_eq!(count(&mut connection, sql).await, 0);
    for sql in [
        "SELECT count(*) FROM edits",
        "SELECT count(*) FROM reactions",
        "SELECT count(*) FROM mentions",
    ] {
        assert_eq!(count(&mut connection, sql).await, 4, "{sql}");
    }
    assert_eq!(unread("b").await, (2, 2), "the other room has its own");
    // All of a room.
    assert_eq!(prune(&store, "b", Some(1), 100).await.unwrap().messages, 2);
    assert_eq!(unread("b").await, (0, 0));
    let sql = "SELECT count(*) FROM rooms WHERE id = 11 AND last_message_id IS NULL AND pruned > 0";
    assert_eq!(count(&mut connection, sql).await, 1);
    assert!(expired(&store, now, Some(15)).await.is_empty());
    store.close().await;
    open(folder.path()).await.unwrap().close().await;
}

/// Imported messages are behind newer ones; they stay until those are over, so that nothing is missing in between.
#[tokio::test]
async fn nothing_goes_from_the_middle() {
    let folder = TempDir::new().unwrap();
    let (store, mut connection, now) = fixture(&folder).await;
    sqlx::query("INSERT INTO messages (room_id, name, msg, at) VALUES (10, 'x', 'imported', 5)")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(expired(&store, now, Some(15)).await["a"], (15, 4));
    assert_eq!(prune(&store, "a", Some(15), 100).await.unwrap().messages, 4);
    assert!(!expired(&store, now, Some(15)).await.contains_key("a"));
    store.close().await;
}
