use std::env;

use sqlx::migrate::{Migration, MigrationType};
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr as _};
use tempfile::TempDir;

use super::*;
use crate::notes::store::NotesStore as _;
use crate::store::Store as _;
use crate::store::sqlite::tests::{message, open, post, room, texts};
use crate::store::sqlite::{FILE_NAME, Sqlite};

/// What is in the room `방` of each sample.
const SAID: [&str; 3] = ["안녕하세요", "line 1\nline 2", "it's \"quoted\" 🐟"];

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemas")
}

fn sample(version: i64) -> PathBuf {
    samples().join(format!("{version:04}.sql"))
}

async fn connect(file: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

fn versions() -> Vec<i64> {
    migrator().iter().map(|migration| migration.version).collect()
}

/// Puts the database of a sample into a folder.
async fn put(version: i64, folder: &Path) {
    let sql = fs::read_to_string(sample(version)).unwrap();
    let mut connection = connect(&folder.join(FILE_NAME)).await;
    for pragma in ["PRAGMA journal_mode = WAL", "PRAGMA foreign_keys = OFF"] {
        sqlx::query(pragma).execute(&mut connection).await.unwrap();
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The copies in a data folder.
fn copies(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join(FOLDER)).into_iter().flatten();
    let mut copies: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    copies.sort();
    copies
}

/// What a database holds: its tables, triggers and indexes, its migrations and settings, what was said. (The bytes of the
/// file change when the last connection writes the log to it, which a thread of its own does.)
async fn content(file: &Path) -> Vec<String> {
    let mut connection = connect(file).await;
    let mut content = Vec::new();
    for select in [
        "SELECT name || ': ' || COALESCE(sql, '') FROM sqlite_schema ORDER BY name",
        "SELECT version || ' ' || hex(checksum) FROM _sqlx_migrations ORDER BY version",
        "SELECT name || '=' || value FROM settings ORDER BY name",
        "SELECT id || ' ' || msg FROM messages ORDER BY id",
    ] {
        let rows = sqlx::query(select).fetch_all(&mut connection).await.unwrap();
        content.extend(rows.iter().map(|row| row.get::<String, _>(0)));
    }
    connection.close().await.unwrap();
    content
}

async fn assert_said(store: &Sqlite) {
    assert_eq!(texts(&store.history(&room("방")).await.unwrap()), SAID);
}

#[tokio::test]
async fn a_database_of_each_version_is_brought_up_to_date_and_a_copy_is_kept() {
    for version in versions() {
        let folder = TempDir::new().unwrap();
        put(version, folder.path()).await;
        let store = open(folder.path()).await.unwrap();
        assert_said(&store).await;
        post(&store, message("방", "and goes on")).await.unwrap();
        store.close().await;
        let copies = copies(folder.path());
        assert_eq!(copies.len(), usize::from(version < schema()), "{version}: {copies:?}");
        for copy in &copies {
            let name = copy.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with(&format!("{PREFIX}{:04}-20", schema())), "{name}");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                assert_eq!(fs::metadata(copy).unwrap().permissions().mode() & 0o777, 0o600);
            }
            let mut before = connect(copy).await;
            assert_eq!(found(&mut before).await.unwrap(), Some(version));
            let said: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
                .fetch_one(&mut before)
                .await
                .unwrap();
            assert_eq!(said, 4);
            before.close().await.unwrap();
        }
        // The next start has nothing to do.
        open(folder.path()).await.unwrap().close().await;
        assert_eq!(self::copies(folder.path()), copies);
    }
}

/// With `UPDATE_SCHEMAS=1` it makes the one that is missing, of what this program writes.
#[tokio::test]
async fn each_version_has_a_sample() {
    let newest = sample(schema());
    if env::var_os("UPDATE_SCHEMAS").is_some() && !newest.exists() {
        let folder = TempDir::new().unwrap();
        let store = open(folder.path()).await.unwrap();
        for text in SAID {
            post(&store, message("방", text)).await.unwrap();
        }
        post(&store, message("other", "elsewhere")).await.unwrap();
        store.close().await;
        fs::write(&newest, dump(&folder.path().join(FILE_NAME)).await).unwrap();
    }
    for version in versions() {
        assert!(
            sample(version).exists(),
            "a migration has landed without a sample of its schema: \
             UPDATE_SCHEMAS=1 cargo nextest run -p sockeye-chat each_version_has_a_sample"
        );
    }
    assert_eq!(fs::read_dir(samples()).unwrap().count(), versions().len(), "and no others");
}

/// The database as SQL.
async fn dump(file: &Path) -> String {
    let mut connection = connect(file).await;
    let mut sql = format!(
        "-- A database of schema {}, for the test that brings each up to date. Never changed.\n",
        schema()
    );
    let mut tables = Vec::new();
    let of_type =
        "SELECT name, sql FROM sqlite_schema WHERE (type = 'table') = ?1 AND sql IS NOT NULL
         AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
    for row in sqlx::query(of_type).bind(true).fetch_all(&mut connection).await.unwrap() {
        tables.push(row.get::<String, _>("name"));
        sql += &format!("{};\n", row.get::<String, _>("sql"));
    }
    tables.push("sqlite_sequence".to_owned());
    for table in tables {
        if table == "sqlite_sequence" {
            // What the rows have made of it.
            sql += "DELETE FROM sqlite_sequence;\n";
        }
        let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)")
            .bind(&table)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        let quoted: Vec<_> = columns.iter().map(|column| format!("quote({column})")).collect();
        let rows = format!("SELECT {} FROM {table}", quoted.join(" || ', ' || "));
        let rows = sqlx::query_scalar::<_, String>(AssertSqlSafe(rows));
        for row in rows.fetch_all(&mut connection).await.unwrap() {
            sql += &format!("INSERT INTO {table} VALUES ({row});\n");
        }
    }
    for row in sqlx::query(of_type).bind(false).fetch_all(&mut connection).await.unwrap() {
        sql += &format!("{};\n", row.get::<String, _>("sql"));
    }
    connection.close().await.unwrap();
    sql
}

/// One version more than there is, with these statements.
fn with_one_more(sql: &'static str) -> Migrator {
    let mut migrations: Vec<_> = migrator().iter().cloned().collect();
    let version = schema() + 1;
    let more = sql.into_sql_str();
    migrations.push(Migration::new(version, "more".into(), MigrationType::Simple, more, false));
    Migrator::with_migrations(migrations)
}

/// A database that this program has written.
async fn current() -> (TempDir, Database, SqliteConnection) {
    let folder = TempDir::new().unwrap();
    put(schema(), folder.path()).await;
    open(folder.path()).await.unwrap().close().await;
    let (database, connection) = Database::open(&folder.path().join(FILE_NAME)).await.unwrap();
    (folder, database, connection)
}

#[tokio::test]
async fn an_upgrade_that_fails_half_way_leaves_the_old_schema_and_names_the_copy() {
    let (folder, database, mut connection) = current().await;
    let broken =
        with_one_more("DELETE FROM messages; CREATE TABLE more (a); INSERT INTO none VALUES (1);");
    let error = run_with(&broken, &database, &mut connection).await.unwrap_err();
    let copies = copies(folder.path());
    let OpenError::Upgrade { backup, .. } = &error else { panic!("{error:?}") };
    assert_eq!([backup.clone()][..], copies);
    assert!(error.to_string().contains(backup.to_str().unwrap()), "{error}");
    connection.close().await.unwrap();
    database.reads().close().await;
    let store = open(folder.path()).await.unwrap();
    assert_said(&store).await;
    store.close().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_in_clear_words_and_left_as_it_is() {
    let (folder, database, mut connection) = current().await;
    let newer = with_one_more(
        "CREATE TABLE more (a);
         CREATE TRIGGER newer AFTER UPDATE ON settings BEGIN SELECT 1; END;
         UPDATE settings SET value = '9.8.7' WHERE name = 'written_by';",
    );
    // As the newer program leaves it.
    newer.run(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    database.reads().close().await;
    let file = folder.path().join(FILE_NAME);
    let before = content(&file).await;
    assert!(before.iter().any(|line| line == "written_by=9.8.7"), "{before:?}");
    let error = open(folder.path()).await.unwrap_err();
    let (found, known) = (schema() + 1, schema());
    assert!(
        matches!(&error, OpenError::Newer { found: f, known: k, .. } if (*f, *k) == (found, known))
    );
    for part in
        ["sockeye 9.8.7", &format!("schema is {found}"), &format!("up to {known}"), "restore"]
    {
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
    assert_eq!(content(&file).await, before);
    assert!(copies(folder.path()).is_empty());
}

#[tokio::test]
async fn the_newest_three_copies_are_kept() {
    let (folder, database, mut connection) = current().await;
    let backups = folder.path().join(FOLDER);
    fs::create_dir(&backups).unwrap();
    let old = |n: u64| backups.join(format!("{PREFIX}000{n}-20260101T00000{n}Z.db"));
    for n in 1..5 {
        let file = fs::File::create(old(n)).unwrap();
        file.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(n)).unwrap();
    }
    fs::write(backups.join("mine.db"), "not of its own").unwrap();
    let more = with_one_more("CREATE TABLE more (a);");
    run_with(&more, &database, &mut connection).await.unwrap();
    let copies = copies(folder.path());
    assert_eq!(copies.len(), 4, "{copies:?}");
    assert_eq!(copies[..2], [old(3), old(4)]);
    assert_eq!(copies[3], backups.join("mine.db"));
    connection.close().await.unwrap();
}

#[tokio::test]
async fn without_a_copy_nothing_is_changed() {
    let folder = TempDir::new().unwrap();
    put(1, folder.path()).await;
    // Something else is where the folder would be.
    fs::write(folder.path().join(FOLDER), "").unwrap();
    let error = open(folder.path()).await.unwrap_err();
    assert!(matches!(error, OpenError::Backup(_)), "{error:?}");
    let mut connection = connect(&folder.path().join(FILE_NAME)).await;
    assert_eq!(found(&mut connection).await.unwrap(), Some(1));
}
