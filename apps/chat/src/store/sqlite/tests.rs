use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::*;
use crate::input::{MessageKey, MessageText, Nickname, RoomName};
use crate::messages::store::Said;
use crate::notes::contract::{HISTORY_BYTES_MAX, HISTORY_MESSAGES_MAX, StoredMessage};
use crate::notes::store::{Found, NotesStore as _, Post, Posted, Sender};
use crate::quota::Origin;

pub(super) fn room(name: &str) -> RoomName {
    RoomName::parse(name).unwrap()
}

pub(super) fn message(room: &str, text: &str) -> Post {
    Post {
        room: self::room(room),
        name: Nickname::parse("정민").unwrap(),
        text: MessageText::parse(text.to_owned()).unwrap(),
        room_id: None,
        key: None,
        sender: Sender::from(origin(1)),
        origin: origin(1),
    }
}

/// One of several addresses.
fn origin(n: u8) -> Origin {
    Origin::of(Some([192, 0, 2, n].into()))
}

fn keyed(room: &str, text: &str, key: &str) -> Post {
    Post { key: Some(MessageKey::parse(key.to_owned()).unwrap()), ..message(room, text) }
}

pub(super) async fn post(store: &Sqlite, post: Post) -> Result<Posted, StoreError> {
    let (report, outcome) = oneshot::channel();
    let report = |said: Result<Said, _>| drop(report.send(said.map(|said| said.posted)));
    store.post(post, Box::new(report)).await?;
    outcome.await.map_err(|_| StoreError::Closed)?
}

pub(super) async fn open(folder: &Path) -> Result<Sqlite, OpenError> {
    Sqlite::open(folder, StoreOptions { free_bytes_min: Some(0) }).await
}

pub(super) fn texts(messages: &[StoredMessage]) -> Vec<&str> {
    messages.iter().map(|message| message.msg.as_str()).collect()
}

#[tokio::test]
async fn history_is_in_order_and_survives_a_restart() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("made/when/missing");
    let store = open(&data).await.unwrap();
    let said =
        ["안녕하세요", "line 1\nline 2", "<script>alert(1)</script>", "\u{0}nul", " \u{1F41F} "];
    for text in said {
        post(&store, message("방", text)).await.unwrap();
    }
    post(&store, message("other", "elsewhere")).await.unwrap();
    let before = store.history(&room("방")).await.unwrap();
    store.close().await;

    let store = open(&data).await.unwrap();
    let after = store.history(&room("방")).await.unwrap();
    assert_eq!(texts(&after), said);
    assert_eq!(after, before);
    assert!(after.is_sorted_by(|a, b| a.id < b.id && a.at <= b.at));
    assert!(store.history(&room("nobody wrote here")).await.unwrap().is_empty());
    let next = post(&store, message("방", "다시")).await.unwrap();
    assert!(next.message().id > before.last().unwrap().id);
    store.close().await;
}

#[tokio::test]
async fn reports_come_in_stored_order_and_after_the_commit() {
    let folder = TempDir::new().unwrap();
    let store = Arc::new(open(folder.path()).await.unwrap());
    let reported = Arc::new(Mutex::new(Vec::new()));
    let mut senders = Vec::new();
    for sender in 0..20 {
        let (store, reported) = (Arc::clone(&store), Arc::clone(&reported));
        senders.push(tokio::spawn(async move {
            for n in 0..50 {
                let reported = Arc::clone(&reported);
                let report = move |posted: Result<Said, StoreError>| {
                    reported.lock().push(posted.unwrap().posted.message().clone());
                };
                store
                    .post(message("room", &format!("{sender} {n}")), Box::new(report))
                    .await
                    .unwrap();
            }
        }));
    }
    for sender in senders {
        sender.await.unwrap();
    }
    store.settled().await;
    let reported = std::mem::take(&mut *reported.lock());
    assert_eq!(reported.len(), 1_000);
    assert!(reported.is_sorted_by(|a, b| a.id < b.id), "reported in the order of the ids");
    for sender in 0..20 {
        let own = format!("{sender} ");
        let said = reported.iter().filter(|message| message.text.starts_with(&own));
        let expected = (0..50).map(|n| format!("{sender} {n}"));
        assert!(said.map(|message| message.text.clone()).eq(expected), "each sender's own order");
    }
    let newest = store.history(&room("room")).await.unwrap();
    let expected =
        reported[1_000 - HISTORY_MESSAGES_MAX as usize..].iter().map(StoredMessage::from);
    assert_eq!(newest, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn history_is_bounded_by_number_and_by_bytes() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    for n in 0..=HISTORY_MESSAGES_MAX {
        post(&store, message("short", &n.to_string())).await.unwrap();
    }
    let history = store.history(&room("short")).await.unwrap();
    assert_eq!(history.len(), HISTORY_MESSAGES_MAX as usize);
    assert_eq!(history.first().unwrap().msg, "1", "the oldest is left out");

    let long = "가".repeat(crate::input::MESSAGE_CHARS_MAX);
    let each = long.len() + "정민".len();
    for _ in 0..HISTORY_BYTES_MAX / each + 2 {
        post(&store, message("long", &long)).await.unwrap();
    }
    let history = store.history(&room("long")).await.unwrap();
    assert_eq!(history.len(), HISTORY_BYTES_MAX / each);
    store.close().await;
}

#[tokio::test]
async fn a_message_sent_again_under_its_key_is_stored_once() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let first = post(&store, keyed("room", "hello", "k1")).await.unwrap();
    let again = post(&store, keyed("room", "hello", "k1")).await.unwrap();
    assert_eq!(again, Posted::Known(first.message().clone()));
    assert!(matches!(first, Posted::New(_)));
    let reused = post(&store, keyed("room", "something else", "k1")).await;
    assert!(matches!(reused, Err(StoreError::KeyReused)));
    post(&store, keyed("room", "hello", "k2")).await.unwrap();
    post(&store, keyed("other room", "hello", "k1")).await.unwrap();
    post(&store, message("room", "no key")).await.unwrap();
    post(&store, message("room", "no key")).await.unwrap();
    // Keys belong to their sender: nobody can take up what another one will use.
    let ids = ["b", "c"].map(|id| Sender::known_by(&MessageKey::parse(id.to_owned()).unwrap()));
    for sender in [Sender::from(origin(2)), ids[0].clone(), ids[1].clone()] {
        let other = Post { sender, ..keyed("room", "another's", "k1") };
        assert!(matches!(post(&store, other.clone()).await, Ok(Posted::New(_))));
        assert!(matches!(post(&store, other).await, Ok(Posted::Known(_))));
    }
    let history = store.history(&room("room")).await.unwrap();
    let others = ["another's"; 3];
    assert_eq!(texts(&history)[..4], ["hello", "hello", "no key", "no key"]);
    assert_eq!(texts(&history)[4..], others);
    store.close().await;
}

#[tokio::test]
async fn a_failed_transaction_stores_nothing_and_the_writer_goes_on() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    post(&store, message("room", "before")).await.unwrap();
    let file = folder.path().join(FILE_NAME);
    let mut other =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.unwrap();
    let break_it = "CREATE TRIGGER broken BEFORE INSERT ON messages
                    BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    sqlx::query(break_it).execute(&mut other).await.unwrap();
    let refused = post(&store, message("new room", "lost")).await;
    assert!(matches!(refused, Err(StoreError::Write)));
    sqlx::query("DROP TRIGGER broken").execute(&mut other).await.unwrap();
    post(&store, message("new room", "after")).await.unwrap();
    assert_eq!(texts(&store.history(&room("new room")).await.unwrap()), ["after"]);
    assert_eq!(texts(&store.history(&room("room")).await.unwrap()), ["before"]);
    assert!(store.health().await.is_ok());
    store.close().await;
}

#[tokio::test]
async fn messages_are_on_disk_when_reported() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut writer = SqliteConnection::connect_with(
        &SqliteConnectOptions::new().filename(folder.path().join(FILE_NAME)),
    )
    .await
    .unwrap();
    post(&store, message("room", "durable")).await.unwrap();
    // What another process sees is what was committed.
    let count = sqlx::query("SELECT count(*) AS n FROM messages").fetch_one(&mut writer).await;
    assert_eq!(count.unwrap().get::<i64, _>("n"), 1);
    let mode = sqlx::query("PRAGMA journal_mode").fetch_one(&mut writer).await.unwrap();
    assert_eq!(mode.get::<String, _>(0), "wal");
    store.close().await;
}

#[tokio::test]
async fn closing_stores_what_is_queued_and_refuses_what_comes_later() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    for n in 0..600 {
        store
            .post(message("room", &n.to_string()), Box::new(|posted| assert!(posted.is_ok())))
            .await
            .unwrap();
    }
    store.close().await;
    let late = post(&store, message("room", "late")).await;
    assert!(matches!(late, Err(StoreError::Closed)));
    store.settled().await;
    assert!(matches!(store.health().await, Err(Fault::Closed)));
    let store = open(folder.path()).await.unwrap();
    assert_eq!(store.history(&room("room")).await.unwrap().last().unwrap().msg, "599");
    store.close().await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_data_folder_belongs_to_its_owner() {
    use std::os::unix::fs::PermissionsExt;

    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let store = open(&data).await.unwrap();
    store.close().await;
    let mode = std::fs::metadata(&data).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_folder_has_one_store_at_a_time() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    assert!(matches!(open(folder.path()).await, Err(OpenError::InUse)));
    store.close().await;
    drop(store);
    open(folder.path()).await.unwrap().close().await;
}

mod accounts;
mod files;
mod keeping;
mod people;
mod porting;
mod rooms;
