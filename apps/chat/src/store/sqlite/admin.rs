//! Administration: deeds with their entries in the audit log, and what there is.

mod deeds;
mod lists;

use async_trait::async_trait;
use sqlx::{Row as _, SqliteConnection};

use super::{Sqlite, StoreError};
use crate::accounts::contract::Person;
use crate::admin::Actor;
use crate::admin::contract::{AuditEntry, PeoplePage, PersonRow};
use crate::admin::store::{
    AUDIT_ENTRIES_MAX, AdminStore, Census, Deed, Denied, Done, ListedRoom, NewAuditEntry, PAGE_MAX,
};

#[async_trait]
impl AdminStore for Sqlite {
    async fn administer(&self, by: Actor, deed: Deed) -> Result<Result<Done, Denied>, StoreError> {
        self.write(move |within| Box::pin(deeds::administer(within, by, deed))).await
    }

    async fn audit(&self, entry: NewAuditEntry) -> Result<(), StoreError> {
        self.write(move |within| {
            Box::pin(async move { write_entry(within.connection, within.at, &entry).await })
        })
        .await
    }

    async fn audit_page(&self, before: Option<i64>) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, at, actor, what, about, detail FROM audit
             WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        )
        .bind(before.unwrap_or(i64::MAX))
        .bind(PAGE_MAX as i64)
        .fetch_all(&self.database.reads())
        .await?;
        let entry = |row: &sqlx::sqlite::SqliteRow| {
            Ok(AuditEntry {
                id: row.try_get("id")?,
                at: row.try_get("at")?,
                by: row.try_get("actor")?,
                what: row.try_get("what")?,
                about: row.try_get("about")?,
                detail: row.try_get("detail")?,
            })
        };
        Ok(rows.iter().map(entry).collect::<Result<_, sqlx::Error>>()?)
    }

    async fn census(&self, now: i64) -> Result<Census, StoreError> {
        let row = sqlx::query(
            "SELECT (SELECT count(*) FROM people WHERE role <> 'guest' AND closed_at IS NULL) AS accounts,
                    (SELECT count(*) FROM people WHERE role = 'guest' AND visitor IS NULL AND closed_at IS NULL) AS guests,
                    (SELECT count(*) FROM sessions WHERE expires_at > ?1) AS sessions,
                    (SELECT count(*) FROM rooms WHERE public_id <> '') AS rooms,
                    (SELECT count(*) FROM messages) AS messages,
                    (SELECT coalesce(sum(bytes), 0) FROM (SELECT bytes FROM pictures GROUP BY file)) AS pictures",
        )
        .bind(now)
        .fetch_one(&self.database.reads())
        .await?;
        let space = self.database.space();
        Ok(Census {
            accounts: row.try_get("accounts")?,
            guests: row.try_get("guests")?,
            sessions: row.try_get("sessions")?,
            rooms: row.try_get("rooms")?,
            messages: row.try_get("messages")?,
            database_bytes: self.database.bytes(),
            picture_bytes: row.try_get("pictures")?,
            free_bytes: space.map(|space| space.free_bytes),
            free_bytes_min: self.health.free_bytes_min(space),
            refused_for_space: self.health.refused_for_space(),
        })
    }

    async fn people_page(
        &self,
        after: Option<&str>,
        search: &str,
        now: i64,
    ) -> Result<Option<PeoplePage>, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(lists::people(&mut connection, after, search, now).await?)
    }

    async fn person_row(&self, id: &str, now: i64) -> Result<Option<PersonRow>, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(lists::person_row(&mut connection, id, now).await?)
    }

    async fn people_called(&self, id_or_name: &str) -> Result<Vec<Person>, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(lists::find_people(&mut connection, id_or_name).await?)
    }

    async fn room_rows(
        &self,
        after: Option<&str>,
        viewer: Option<&str>,
    ) -> Result<Option<Vec<ListedRoom>>, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(lists::rooms(&mut connection, after, viewer).await?)
    }
}

/// Writes an entry of the audit log, and lets the oldest one go.
pub(super) async fn write_entry(
    connection: &mut SqliteConnection,
    at: i64,
    entry: &NewAuditEntry,
) -> Result<(), sqlx::Error> {
    let written = sqlx::query(
        "INSERT INTO audit (at, actor, what, about, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
    )
    .bind(at)
    .bind(&entry.by)
    .bind(entry.what)
    .bind(&entry.about)
    .bind(&entry.detail)
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM audit WHERE id <= ?1")
        .bind(written.last_insert_rowid() - AUDIT_ENTRIES_MAX)
        .execute(connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests;
