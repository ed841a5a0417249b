//! The passkeys of accounts.

use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::accounts::{person, sessions};
use super::writer::Within;
use super::{Sqlite, StoreError};
use crate::accounts::contract::PasskeyView;
use crate::accounts::passkeys::store::{
    NewPasskey, NotKept, PASSKEYS_MAX, PasskeyStore, StoredPasskey,
};
use crate::accounts::store::{Begun, NewSession};

#[async_trait]
impl PasskeyStore for Sqlite {
    async fn keep_passkey(
        &self,
        passkey: NewPasskey,
    ) -> Result<Result<PasskeyView, NotKept>, StoreError> {
        self.write(move |within| {
            Box::pin(async move {
                let count: u32 =
                    sqlx::query_scalar("SELECT count(*) FROM passkeys WHERE person = ?1")
                        .bind(&passkey.person)
                        .fetch_one(&mut *within.connection)
                        .await?;
                if count >= PASSKEYS_MAX {
                    return Ok(Err(NotKept::Full));
                }
                let kept = sqlx::query(
                    "INSERT INTO passkeys (id, person, name, credential, created_at)
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (id) DO NOTHING",
                )
                .bind(&passkey.id)
                .bind(&passkey.person)
                .bind(&passkey.name)
                .bind(&passkey.credential)
                .bind(within.at)
                .execute(within.connection)
                .await?;
                Ok(match kept.rows_affected() {
                    0 => Err(NotKept::Taken),
                    _ => Ok(PasskeyView {
                        id: passkey.id,
                        name: passkey.name,
                        created_at: within.at,
                        used_at: None,
                    }),
                })
            })
        })
        .await
    }

    async fn passkeys(&self, person: &str) -> Result<Vec<PasskeyView>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, name, created_at, used_at FROM passkeys
             WHERE person = ?1 ORDER BY created_at, id",
        )
        .bind(person)
        .fetch_all(&self.database.reads())
        .await?;
        Ok(rows.iter().map(view).collect::<Result<_, _>>()?)
    }

    async fn passkey(&self, id: &str) -> Result<Option<StoredPasskey>, StoreError> {
        let row = sqlx::query(
            "SELECT k.credential, p.id, p.role, p.name, p.colour, p.picture
             FROM passkeys k JOIN people p ON p.id = k.person
             WHERE k.id = ?1 AND p.closed_at IS NULL",
        )
        .bind(id)
        .fetch_optional(&self.database.reads())
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(StoredPasskey { person: person(&row)?, credential: row.try_get("credential")? }))
    }

    async fn log_in_by_passkey(
        &self,
        id: &str,
        credential: Option<String>,
        session: NewSession,
    ) -> Result<Option<Begun>, StoreError> {
        let id = id.to_owned();
        self.write(move |within| {
            Box::pin(async move {
                let Within { connection, at, .. } = within;
                let used = sqlx::query(
                    "UPDATE passkeys SET used_at = ?3, credential = coalesce(?4, credential)
                     WHERE id = ?1 AND person = ?2 AND EXISTS
                     (SELECT 1 FROM people WHERE id = ?2 AND closed_at IS NULL)",
                )
                .bind(id)
                .bind(&session.person)
                .bind(at)
                .bind(credential)
                .execute(&mut *connection)
                .await?;
                match used.rows_affected() {
                    0 => Ok(None),
                    _ => sessions::begin(connection, session, at, Vec::new()).await.map(Some),
                }
            })
        })
        .await
    }

    async fn remove_passkey(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let (person, id) = (person.to_owned(), id.to_owned());
        self.write(move |within| {
            Box::pin(async move {
                let removed = sqlx::query("DELETE FROM passkeys WHERE id = ?1 AND person = ?2")
                    .bind(id)
                    .bind(person)
                    .execute(within.connection)
                    .await?;
                Ok(removed.rows_affected() > 0)
            })
        })
        .await
    }
}

fn view(row: &SqliteRow) -> Result<PasskeyView, sqlx::Error> {
    Ok(PasskeyView {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
        used_at: row.try_get("used_at")?,
    })
}
