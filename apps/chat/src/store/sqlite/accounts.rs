//! People and their sessions.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Sqlite, StoreError};
use crate::accounts::contract::{Person, Role};
use crate::accounts::store::{AccountStore, NewPerson, NewSession, StoredSession};
use crate::id::Digest;
use crate::names::Skeleton;

/// Somebody who is to be written.
pub(super) struct NewPersonRow<'a> {
    pub(super) id: &'a str,
    pub(super) role: Role,
    pub(super) name: &'a str,
    pub(super) skeleton: Option<Skeleton>,
    pub(super) colour: u16,
    pub(super) password: Option<&'a str>,
    pub(super) visitor: Option<&'a str>,
}

impl Default for NewPersonRow<'_> {
    fn default() -> Self {
        NewPersonRow {
            id: "",
            role: Role::Guest,
            name: "",
            skeleton: None,
            colour: 0,
            password: None,
            visitor: None,
        }
    }
}

#[async_trait]
impl AccountStore for Sqlite {
    async fn create_person(&self, person: NewPerson) -> Result<bool, StoreError> {
        self.write(move |within| {
            Box::pin(async move {
                if is_name_taken(&mut *within.connection, &person.skeleton).await? {
                    return Ok(false);
                }
                let row = NewPersonRow {
                    id: &person.id,
                    role: person.role,
                    name: &person.name,
                    skeleton: Some(person.skeleton),
                    colour: person.colour,
                    password: person.password.as_deref(),
                    visitor: None,
                };
                insert_person(within.connection, &row, within.at).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn person(&self, id: &str) -> Result<Option<Person>, StoreError> {
        let row = sqlx::query("SELECT id, role, name, colour, picture FROM people WHERE id = ?1")
            .bind(id)
            .fetch_optional(&self.database.reads())
            .await?;
        Ok(row.as_ref().map(person).transpose()?)
    }

    async fn is_name_taken(&self, look: &Skeleton) -> Result<bool, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(is_name_taken(&mut connection, look).await?)
    }

    async fn begin_session(&self, session: NewSession) -> Result<i64, StoreError> {
        self.write(move |within| {
            Box::pin(async move {
                let expires_at = within.at + session.lifetime;
                sqlx::query(
                    "INSERT INTO sessions
                     (id, secret, person, created_at, used_at, expires_at, agent, address)
                     VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7)",
                )
                .bind(session.id)
                .bind(session.secret.as_bytes().as_slice())
                .bind(session.person)
                .bind(within.at)
                .bind(expires_at)
                .bind(session.agent)
                .bind(session.address)
                .execute(within.connection)
                .await?;
                Ok(expires_at)
            })
        })
        .await
    }

    async fn session(
        &self,
        secret: &Digest,
        now: i64,
    ) -> Result<Option<StoredSession>, StoreError> {
        let row = sqlx::query(
            "SELECT s.id AS session, s.used_at, s.expires_at,
                    p.id, p.role, p.name, p.colour, p.picture
             FROM sessions s JOIN people p ON p.id = s.person
             WHERE s.secret = ?1 AND s.expires_at > ?2 AND p.closed_at IS NULL",
        )
        .bind(secret.as_bytes().as_slice())
        .bind(now)
        .fetch_optional(&self.database.reads())
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(StoredSession {
            id: row.try_get("session")?,
            person: person(&row)?,
            used_at: row.try_get("used_at")?,
            expires_at: row.try_get("expires_at")?,
        }))
    }
}

/// Writes somebody; whoever is there already under the same name and visitor stays.
pub(super) async fn insert_person(
    connection: &mut SqliteConnection,
    new: &NewPersonRow<'_>,
    at: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO people (id, role, name, skeleton, colour, password, visitor, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (visitor, name) WHERE visitor IS NOT NULL DO NOTHING",
    )
    .bind(new.id)
    .bind(role_name(new.role))
    .bind(new.name)
    .bind(new.skeleton.as_ref().map(Skeleton::as_str))
    .bind(new.colour)
    .bind(new.password)
    .bind(new.visitor)
    .bind(at)
    .execute(connection)
    .await
    .map(drop)
}

/// Whether an account has a name that looks like this.
pub(super) async fn is_name_taken(
    connection: &mut SqliteConnection,
    look: &Skeleton,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM people
         WHERE skeleton = ?1 AND role <> 'guest' AND closed_at IS NULL)",
    )
    .bind(look.as_str())
    .fetch_one(connection)
    .await
}

/// A row of `id, role, name, colour, picture`.
pub(super) fn person(row: &SqliteRow) -> Result<Person, sqlx::Error> {
    Ok(Person {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: role(row.try_get("role")?),
        colour: row.try_get("colour")?,
        picture: row.try_get("picture")?,
    })
}

/// A role as it is stored.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Guest => "guest",
        Role::Member => "member",
        Role::Moderator => "moderator",
        Role::Owner => "owner",
    }
}

/// The database checks that it is one of them.
pub(super) fn role(name: &str) -> Role {
    match name {
        "owner" => Role::Owner,
        "moderator" => Role::Moderator,
        "member" => Role::Member,
        _ => Role::Guest,
    }
}
