//! For backups: the whole database of a data folder as it is at one moment, beside the server or without one.

use std::fs::File;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::database::{self, BUSY_TIMEOUT, Space};
use super::{FILE_NAME, OpenError, copy, lock, upgrade};

/// What a database has in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The version of its schema.
    pub(crate) schema: i64,
    /// The version of the program that wrote it last, where that is known.
    pub(crate) written_by: Option<String>,
    pub(crate) rooms: u64,
    pub(crate) messages: u64,
    /// None of a database from before there were people.
    pub(crate) people: u64,
}

/// Why a file is no database of a chat.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("it is no database of a chat")]
    Foreign,
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error(
        "it is of the schema {found}, and this program knows schemas up to {known}: take a newer version of it"
    )]
    Newer { found: i64, known: i64 },
    #[error("it cannot be read")]
    Database(#[from] sqlx::Error),
}

/// Copies the database of a data folder to a new file, and says what is in it.
pub(crate) async fn take(data: &Path, to: &Path) -> Result<Facts, sqlx::Error> {
    let mut connection = beside(data).await?;
    let copied = copy::make(&mut connection, to).await;
    connection.close().await?;
    copied?;
    let mut copy = connect(to).await?;
    let facts = facts(&mut copy).await;
    copy.close().await?;
    facts?.ok_or(sqlx::Error::RowNotFound)
}

/// A connection to the database of a data folder, beside the server that may run there. It could write, since only such a
/// one leaves no log behind.
pub(super) async fn beside(data: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(data.join(FILE_NAME));
    options.busy_timeout(BUSY_TIMEOUT).disable_statement_logging().connect().await
}

/// Looks through a file as a whole: whether it is a database that this program can serve.
pub(crate) async fn examine(file: &Path) -> Result<Facts, Unfit> {
    let mut connection = connect(file).await?;
    let examined = look_through(&mut connection).await;
    connection.close().await?;
    examined
}

async fn look_through(connection: &mut SqliteConnection) -> Result<Facts, Unfit> {
    let said: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut *connection).await?;
    if said != "ok" {
        return Err(Unfit::Damaged(said));
    }
    let facts = facts(connection).await?.ok_or(Unfit::Foreign)?;
    let (found, known) = (facts.schema, upgrade::schema());
    if found > known { Err(Unfit::Newer { found, known }) } else { Ok(facts) }
}

async fn facts(connection: &mut SqliteConnection) -> Result<Option<Facts>, sqlx::Error> {
    let Some(schema) = upgrade::found(connection).await? else { return Ok(None) };
    let mut count = async |sql: &'static str| -> Result<u64, sqlx::Error> {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut *connection).await?;
        Ok(count.unsigned_abs())
    };
    let rooms = count("SELECT count(*) FROM rooms").await?;
    let messages = count("SELECT count(*) FROM messages").await?;
    let people = if schema < 4 { 0 } else { count("SELECT count(*) FROM people").await? };
    let written_by = upgrade::written_by(connection).await;
    Ok(Some(Facts { schema, written_by, rooms, messages, people }))
}

/// Reads only.
async fn connect(file: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    // It may be somebody else's.
    let options = options.pragma("trusted_schema", "OFF");
    options.busy_timeout(BUSY_TIMEOUT).disable_statement_logging().connect().await
}

/// Keeps servers out of a data folder until it is dropped. `None`: that cannot be done on this file system.
pub(crate) fn claim(data: &Path) -> Result<Option<File>, OpenError> {
    let path = database::path(data);
    lock::take(path.parent().unwrap_or(data))
}

/// What the file system of a folder has left; `None` where it does not tell.
pub(crate) fn space(folder: &Path) -> Option<Space> {
    database::space(&File::open(folder).ok()?)
}
