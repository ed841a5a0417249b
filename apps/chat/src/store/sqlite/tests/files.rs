//! What becomes of messages when the disk or somebody else touches the files.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::admin::store::AdminStore as _;

/// Everything that was acknowledged, and refusals counted.
#[derive(Default)]
struct Said {
    acknowledged: Vec<String>,
    refused: usize,
}

impl Said {
    async fn say(&mut self, store: &Sqlite, text: &str) -> bool {
        match post(store, message("방", text)).await {
            Ok(_) => self.acknowledged.push(text.to_owned()),
            Err(_) => self.refused += 1,
        }
        self.acknowledged.last().is_some_and(|last| last == text)
    }
}

/// Waits until the health is what is expected; nobody says anything meanwhile.
async fn healthy(store: &Sqlite, expected: bool) {
    let change = async {
        while store.health().await.is_ok() != expected {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let changed = tokio::time::timeout(Duration::from_secs(60), change).await;
    assert!(changed.is_ok(), "it never became {expected}: {:?}", store.health().await);
}

/// Another program at the same database.
async fn other(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join(FILE_NAME));
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn assert_stored(folder: &Path, acknowledged: &[String]) {
    let store = open(folder).await.unwrap();
    let history = store.history(&room("방")).await.unwrap();
    assert_eq!(texts(&history), acknowledged);
    store.close().await;
}

/// A full disk makes SQLite roll back by itself, as this trigger does. The connection that it
/// happened to was of no use any more.
#[tokio::test]
async fn after_a_rollback_by_the_database_it_goes_on_by_itself() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut said = Said::default();
    let mut other = other(folder.path()).await;
    for round in 0..10 {
        assert!(said.say(&store, &format!("before {round}")).await);
        for way in ["ROLLBACK", "ABORT", "FAIL"] {
            let trigger = format!(
                "CREATE TRIGGER broken BEFORE INSERT ON messages
                 BEGIN SELECT RAISE({way}, 'disk full'); END"
            );
            sqlx::query(sqlx::AssertSqlSafe(trigger)).execute(&mut other).await.unwrap();
            assert!(!said.say(&store, "lost").await);
            let fault = store.health().await.unwrap_err();
            assert!(
                matches!(&fault, Fault::Write(error) if error.to_string().contains("disk full"))
            );
            sqlx::query("DROP TRIGGER broken").execute(&mut other).await.unwrap();
            if round == 0 {
                healthy(&store, true).await;
            }
            assert!(said.say(&store, &format!("after {way} {round}")).await);
            assert!(store.health().await.is_ok(), "what the last write said");
        }
    }
    assert_eq!((said.acknowledged.len(), said.refused), (40, 30));
    other.close().await.unwrap();
    store.close().await;
    assert_stored(folder.path(), &said.acknowledged).await;
}

#[tokio::test]
async fn a_file_that_was_moved_away_takes_no_messages_until_it_is_back() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let store = open(&data).await.unwrap();
    let mut said = Said::default();
    assert!(said.say(&store, "first").await);
    let (file, elsewhere) = (data.join(FILE_NAME), folder.path().join("elsewhere"));
    let moves: [(PathBuf, PathBuf); 2] = [(file, elsewhere.clone()), (data.clone(), elsewhere)];
    for (n, (from, to)) in moves.iter().enumerate() {
        fs::rename(from, to).unwrap();
        assert!(matches!(store.health().await, Err(Fault::Moved)));
        assert!(!said.say(&store, "into nowhere").await);
        assert!(!from.exists(), "nothing is made in its place");
        fs::rename(to, from).unwrap();
        healthy(&store, true).await;
        assert!(said.say(&store, &format!("back {n}")).await);
    }
    store.close().await;
    assert_stored(&data, &said.acknowledged).await;
}

#[tokio::test]
async fn a_file_that_was_deleted_or_replaced_takes_no_messages() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut said = Said::default();
    assert!(said.say(&store, "first").await);
    let file = folder.path().join(FILE_NAME);
    fs::remove_file(&file).unwrap();
    assert!(!said.say(&store, "into nowhere").await);
    assert!(matches!(store.health().await, Err(Fault::Moved)));
    fs::write(&file, "somebody else's").unwrap();
    assert!(!said.say(&store, "into the wrong file").await);
    store.health.suspect();
    assert!(matches!(store.health().await, Err(Fault::Moved)));
    assert_eq!(fs::read(&file).unwrap(), b"somebody else's");
    assert_eq!(said.acknowledged, ["first"]);
}

/// Also while nobody says anything.
#[tokio::test]
async fn a_file_that_was_overwritten_takes_no_messages_until_it_is_whole() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut said = Said::default();
    assert!(said.say(&store, "first").await);
    let file = folder.path().join(FILE_NAME);
    let whole = fs::read(&file).unwrap();
    for broken in [vec![0xA5; whole.len()], Vec::new(), b"SQLite".to_vec()] {
        fs::write(&file, &broken).unwrap();
        assert!(matches!(store.health().await, Err(Fault::Overwritten)));
        assert!(!said.say(&store, "into a broken file").await);
        fs::write(&file, &whole).unwrap();
        healthy(&store, true).await;
        assert!(said.say(&store, &format!("whole {}", broken.len())).await);
    }
    store.close().await;
    assert_stored(folder.path(), &said.acknowledged).await;
}

/// What is behind the first page is found out by reading.
#[tokio::test]
async fn pages_that_were_overwritten_cannot_be_read() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    for n in 0..50 {
        post(&store, message("방", &n.to_string())).await.unwrap();
    }
    let mut other = other(folder.path()).await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut other).await.unwrap();
    assert!(store.health().await.is_ok());
    let file = folder.path().join(FILE_NAME);
    let mut broken = fs::read(&file).unwrap();
    broken[4_096..].fill(0xA5);
    fs::write(&file, &broken).unwrap();
    healthy(&store, false).await;
    assert!(matches!(store.health().await, Err(Fault::Read(_))));
}

/// The newest messages are in the log, not in the database itself.
#[tokio::test]
async fn a_log_that_was_deleted_is_made_anew_and_nothing_is_lost() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut said = Said::default();
    for (n, suffix) in ["-wal", "-shm", "-wal"].into_iter().enumerate() {
        assert!(said.say(&store, &format!("before {n}")).await);
        let companion = folder.path().join(format!("{FILE_NAME}{suffix}"));
        fs::remove_file(&companion).unwrap();
        assert!(said.say(&store, &format!("after {n}")).await);
        assert!(companion.is_file());
        assert_eq!(texts(&store.history(&room("방")).await.unwrap()), said.acknowledged);
        assert!(store.health().await.is_ok());
    }
    store.close().await;
    assert_stored(folder.path(), &said.acknowledged).await;
}

/// What was in the log is gone with it. Writing on where it ended would leave a hole, which is read
/// as empty pages, and nothing that comes later would be found after a crash.
#[tokio::test]
async fn after_a_log_that_was_cut_it_goes_on_in_a_new_one() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut said = Said::default();
    assert!(said.say(&store, "first").await);
    let mut other = other(folder.path()).await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    for n in 0..20 {
        post(&store, message("방", &format!("in the log {n}"))).await.unwrap();
    }
    fs::write(folder.path().join(format!("{FILE_NAME}-wal")), b"").unwrap();
    for n in 0..20 {
        assert!(said.say(&store, &format!("after {n}")).await);
    }
    assert!(store.health().await.is_ok());
    // As after a crash at this moment.
    let crashed = TempDir::new().unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("{FILE_NAME}{suffix}");
        fs::copy(folder.path().join(&name), crashed.path().join(&name)).unwrap();
    }
    assert_stored(crashed.path(), &said.acknowledged).await;
    store.close().await;
    assert_stored(folder.path(), &said.acknowledged).await;
}

/// A backup under way keeps the log from being saved: messages wait for their turn and are refused,
/// and what is in the log is kept.
#[tokio::test]
async fn a_deleted_log_that_cannot_be_saved_yet_is_kept() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut said = Said::default();
    assert!(said.say(&store, "first").await);
    let mut other = other(folder.path()).await;
    let mut backup = other.begin().await.unwrap();
    sqlx::query("SELECT * FROM messages").fetch_all(&mut *backup).await.unwrap();
    assert!(said.say(&store, "second").await);
    fs::remove_file(folder.path().join(format!("{FILE_NAME}-wal"))).unwrap();
    assert!(!said.say(&store, "refused").await);
    assert!(store.health().await.is_err());
    assert_eq!(texts(&store.history(&room("방")).await.unwrap()), ["first", "second"]);
    backup.rollback().await.unwrap();
    other.close().await.unwrap();
    healthy(&store, true).await;
    assert!(said.say(&store, "third").await);
    store.close().await;
    assert_stored(folder.path(), &said.acknowledged).await;
}

#[tokio::test]
async fn so_much_of_the_disk_stays_free() {
    let folder = TempDir::new().unwrap();
    let options = StoreOptions { free_bytes_min: Some(u64::MAX) };
    let store = Sqlite::open(folder.path(), options).await.unwrap();
    let refused = post(&store, message("방", "no room")).await;
    assert!(matches!(refused, Err(StoreError::Full)));
    assert_eq!(store.census(0).await.unwrap().refused_for_space, 1);
    assert!(matches!(store.health().await, Err(Fault::Space { min_bytes: u64::MAX, .. })));
    assert!(store.history(&room("방")).await.unwrap().is_empty(), "reading goes on");
}

#[tokio::test]
async fn time_goes_on_from_the_newest_message_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let first = post(&store, message("방", "1")).await.unwrap().message().at;
    let ahead = first + 1_000_000_000;
    let mut other = other(folder.path()).await;
    sqlx::query("UPDATE messages SET at = ?1").bind(ahead).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    store.close().await;
    let store = open(folder.path()).await.unwrap();
    assert_eq!(post(&store, message("방", "2")).await.unwrap().message().at, ahead);
}

/// The lock is the folder's: no file of it can be deleted to get in, or be a link to elsewhere.
#[cfg(unix)]
#[tokio::test]
async fn nothing_in_the_folder_is_needed_to_keep_a_second_one_out() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    let victim = folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, data.join("sockeye.lock")).unwrap();
    let store = open(&data).await.unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&data, &link).unwrap();
    for entry in ["sockeye.lock", "chat.db-shm", "chat.db-wal", FILE_NAME] {
        fs::remove_file(data.join(entry)).unwrap();
        for folder in [&data, &link] {
            assert!(matches!(open(folder).await, Err(OpenError::InUse)), "without {entry}");
        }
    }
    drop(store);
}

/// The database may be elsewhere; then that is what counts.
#[cfg(unix)]
#[tokio::test]
async fn a_database_has_one_store_whatever_leads_to_it() {
    let folder = TempDir::new().unwrap();
    let [real, linked] = ["real", "linked"].map(|name| folder.path().join(name));
    open(&real).await.unwrap().close().await;
    fs::create_dir(&linked).unwrap();
    std::os::unix::fs::symlink(real.join(FILE_NAME), linked.join(FILE_NAME)).unwrap();
    let store = open(&linked).await.unwrap();
    post(&store, message("방", "through a link")).await.unwrap();
    assert!(store.health().await.is_ok());
    assert!(matches!(open(&real).await, Err(OpenError::InUse)));
    store.close().await;
    drop(store);
    assert_stored(&real, &["through a link".to_owned()]).await;
}

/// What is read next start is what the name leads to then, whose log has another name.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_became_a_link_to_itself_is_not_in_its_place() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut said = Said::default();
    assert!(said.say(&store, "first").await);
    let (file, real) = (folder.path().join(FILE_NAME), folder.path().join("real.db"));
    fs::rename(&file, &real).unwrap();
    std::os::unix::fs::symlink("real.db", &file).unwrap();
    assert!(matches!(store.health().await, Err(Fault::Moved)));
    assert!(!said.say(&store, "into a log that nobody will find").await);
    fs::rename(&real, &file).unwrap();
    healthy(&store, true).await;
    // The same with the log.
    let (log, real) = (folder.path().join("chat.db-wal"), folder.path().join("real-wal"));
    assert!(said.say(&store, "second").await);
    fs::rename(&log, &real).unwrap();
    std::os::unix::fs::symlink("real-wal", &log).unwrap();
    assert!(!said.say(&store, "refused").await);
    assert_eq!(texts(&store.history(&room("방")).await.unwrap()), said.acknowledged);
    fs::remove_file(&log).unwrap();
    healthy(&store, true).await;
    assert!(said.say(&store, "third").await);
    store.close().await;
    assert_stored(folder.path(), &said.acknowledged).await;
}

/// A link to a file that is still to be made leads to where SQLite makes it.
#[cfg(unix)]
#[tokio::test]
async fn a_database_is_made_where_a_link_leads() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    std::os::unix::fs::symlink("../real.db", data.join(FILE_NAME)).unwrap();
    let store = open(&data).await.unwrap();
    post(&store, message("방", "first")).await.unwrap();
    assert!(store.health().await.is_ok());
    store.close().await;
    assert!(folder.path().join("real.db").is_file());
}

/// Those that were still to be opened failed when the file could not be opened any more, while the
/// health was asked through the one that was open.
#[tokio::test]
async fn all_that_read_are_open_from_the_start() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    post(&store, message("방", "first")).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let name = format!("{FILE_NAME}{suffix}");
        fs::rename(folder.path().join(&name), folder.path().join(format!("away{suffix}"))).unwrap();
    }
    let mut reading = Vec::new();
    while reading.len() < 4 {
        let mut connection = store.database.reads().acquire().await.unwrap();
        let rows = sqlx::query("SELECT * FROM messages").fetch_all(&mut *connection).await;
        assert_eq!(rows.unwrap().len(), 1);
        reading.push(connection);
    }
}

/// What is open is not given up before it is known that it can be opened anew.
#[tokio::test]
async fn reading_goes_on_while_no_new_log_can_be_made() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let mut said = Said::default();
    for suffix in ["-wal", "-shm"] {
        assert!(said.say(&store, &format!("before {suffix}")).await);
        let companion = folder.path().join(format!("{FILE_NAME}{suffix}"));
        fs::remove_file(&companion).unwrap();
        fs::create_dir(&companion).unwrap();
        for _ in 0..2 {
            assert!(!said.say(&store, "refused").await);
            assert_eq!(texts(&store.history(&room("방")).await.unwrap()), said.acknowledged);
        }
        assert!(store.health().await.is_err());
        fs::remove_dir(&companion).unwrap();
        healthy(&store, true).await;
    }
    assert!(said.say(&store, "after").await);
    store.close().await;
    assert_stored(folder.path(), &said.acknowledged).await;
}

/// Without its log a new database was an empty file.
#[tokio::test]
async fn the_tables_are_in_the_database_from_the_start() {
    let folder = TempDir::new().unwrap();
    let store = open(folder.path()).await.unwrap();
    let copied = TempDir::new().unwrap();
    fs::copy(folder.path().join(FILE_NAME), copied.path().join(FILE_NAME)).unwrap();
    let mut copy = other(copied.path()).await;
    assert!(sqlx::query("SELECT * FROM messages").fetch_all(&mut copy).await.unwrap().is_empty());
    let log = folder.path().join(format!("{FILE_NAME}-wal"));
    assert_eq!(fs::metadata(log).unwrap().len(), 0);
    assert!(!store.database.is_log_cut(), "it was this program");
}
