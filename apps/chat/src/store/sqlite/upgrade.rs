//! Brings a database of an earlier version up to date: all of it or nothing, and not without a copy from before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection as _, SqliteConnection};

use super::database::Database;
use super::{OpenError, copy, create_folder, migrator, room_names, rooms};
use crate::id::new_id;
use crate::keys::date;

/// The folder of the copies, beside the database.
const FOLDER: &str = "backups";
const PREFIX: &str = "chat-before-";
/// So many of the copies are kept, the newest ones.
const KEPT: usize = 3;
/// What a copy needs beside the size of the database.
const SPARE_BYTES: u64 = 1024 * 1024;

/// The version of the schema that this program writes.
pub(super) fn schema() -> i64 {
    newest(&migrator())
}

/// Brings the database up to date.
pub(super) async fn run(
    database: &Database,
    connection: &mut SqliteConnection,
) -> Result<(), OpenError> {
    run_with(&migrator(), database, connection).await
}

async fn run_with(
    migrator: &Migrator,
    database: &Database,
    connection: &mut SqliteConnection,
) -> Result<(), OpenError> {
    let (found, known) = (found(connection).await?, newest(migrator));
    if let Some(found) = found
        && found > known
    {
        return Err(OpenError::Newer { found, known, by: written_by(connection).await });
    }
    let backup = match found {
        Some(found) if found < known => {
            let backup = back_up(database, connection, known).await.map_err(OpenError::Backup)?;
            tracing::info!(
                from = found,
                to = known,
                backup = %backup.display(),
                "the database is brought up to date; a copy from before was made"
            );
            Some(backup)
        }
        Some(_) | None => None,
    };
    let upgraded = upgrade(migrator, connection).await;
    upgraded.map_err(|error| match backup {
        Some(backup) => OpenError::Upgrade { backup, source: error },
        None => OpenError::Migrate(error),
    })
}

/// In one transaction, each part of which is a step of it.
async fn upgrade(
    migrator: &Migrator,
    connection: &mut SqliteConnection,
) -> Result<(), MigrateError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    migrator.run(&mut *transaction).await?;
    room_names::bring_into_one_form(&mut transaction).await?;
    rooms::make_first_room(&mut transaction).await?;
    rooms::fold_titles(&mut transaction).await?;
    // For the error of an earlier version that finds it.
    sqlx::query(
        "INSERT INTO settings (name, value) VALUES ('written_by', ?1)
         ON CONFLICT (name) DO UPDATE SET value = ?1 WHERE value <> ?1",
    )
    .bind(env!("CARGO_PKG_VERSION"))
    .execute(&mut *transaction)
    .await?;
    // By which exports are told apart.
    sqlx::query("INSERT OR IGNORE INTO settings (name, value) VALUES ('server_id', ?1)")
        .bind(new_id())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// The version of its schema; none of an empty database.
pub(super) async fn found(connection: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let is_there: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !is_there {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(connection).await
}

/// The version of the program that wrote it last, where that is known.
pub(super) async fn written_by(connection: &mut SqliteConnection) -> Option<String> {
    let written_by = sqlx::query_scalar("SELECT value FROM settings WHERE name = 'written_by'");
    written_by.fetch_optional(connection).await.ok().flatten()
}

fn newest(migrator: &Migrator) -> i64 {
    migrator.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Copies the database into the folder of copies.
async fn back_up(
    database: &Database,
    connection: &mut SqliteConnection,
    version: i64,
) -> Result<PathBuf, sqlx::Error> {
    let wanted = database.bytes() + SPARE_BYTES;
    if let Some(space) = database.space()
        && space.free_bytes < wanted
    {
        let error = format!("{wanted} bytes are needed, {} are free: make room", space.free_bytes);
        return Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::StorageFull, error)));
    }
    let folder = database.folder().join(FOLDER);
    create_folder(&folder).map_err(sqlx::Error::Io)?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = date(seconds).replace([':', '-'], "");
    let backup = folder.join(format!("{PREFIX}{version:04}-{date}.db"));
    copy::make(connection, &backup).await?;
    forget_old(&folder);
    Ok(backup)
}

/// Removes all but the newest copies.
fn forget_old(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut copies: Vec<_> = entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(PREFIX) && name.ends_with(".db")
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    copies.sort();
    for (_, path) in copies.iter().rev().skip(KEPT) {
        match fs::remove_file(path) {
            Ok(()) => tracing::info!(backup = %path.display(), "an old copy was removed"),
            Err(error) => tracing::warn!(%error, backup = %path.display(), "it cannot be removed"),
        }
    }
}

#[cfg(test)]
mod tests;
