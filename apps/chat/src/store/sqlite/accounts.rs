//! People and their sessions.

pub(super) mod changes;
mod made;
pub(super) mod sessions;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::{Sqlite, StoreError};
use crate::accounts::contract::{Blocked, Person, Role, SessionView};
use crate::accounts::store::{
    Account, AccountStore, Begun, Changed, GuestMade, Made, NewLooks, NewPerson, NewSession, Right,
    StoredSession,
};
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
                made::insert(within.connection, &person, within.at).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn create_guest(
        &self,
        person: NewPerson,
        session: NewSession,
    ) -> Result<GuestMade, StoreError> {
        self.write(move |within| Box::pin(made::guest(within, person, session))).await
    }

    async fn create_account(
        &self,
        person: NewPerson,
        right: Right,
        session: Option<NewSession>,
    ) -> Result<Made, StoreError> {
        self.write(move |within| Box::pin(made::account(within, person, right, session))).await
    }

    async fn person(&self, id: &str) -> Result<Option<Person>, StoreError> {
        let row = sqlx::query("SELECT id, role, name, colour, picture FROM people WHERE id = ?1")
            .bind(id)
            .fetch_optional(&self.database.reads())
            .await?;
        Ok(row.as_ref().map(person).transpose()?)
    }

    async fn account(&self, look: &Skeleton) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "SELECT id, role, name, colour, picture, password FROM people
             WHERE skeleton = ?1 AND role <> 'guest' AND closed_at IS NULL",
        )
        .bind(look.as_str())
        .fetch_optional(&self.database.reads())
        .await?;
        Ok(row.as_ref().map(account).transpose()?)
    }

    async fn account_by_id(&self, id: &str) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "SELECT id, role, name, colour, picture, password FROM people
             WHERE id = ?1 AND role <> 'guest' AND closed_at IS NULL",
        )
        .bind(id)
        .fetch_optional(&self.database.reads())
        .await?;
        Ok(row.as_ref().map(account).transpose()?)
    }

    async fn is_name_taken(&self, look: &Skeleton) -> Result<bool, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(is_name_taken(&mut connection, look).await?)
    }

    async fn has_owner(&self) -> Result<bool, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(has_owner(&mut connection, "").await?)
    }

    async fn begin_session(&self, session: NewSession) -> Result<Begun, StoreError> {
        self.write(move |within| {
            Box::pin(sessions::begin(within.connection, session, within.at, Vec::new()))
        })
        .await
    }

    async fn log_in(
        &self,
        session: NewSession,
        password: String,
    ) -> Result<Option<Begun>, StoreError> {
        self.write(move |within| Box::pin(sessions::log_in(within, session, password))).await
    }

    async fn session(
        &self,
        secret: &Digest,
        now: i64,
    ) -> Result<Option<StoredSession>, StoreError> {
        Ok(sessions::by_secret(&self.database.reads(), secret, now).await?)
    }

    async fn touch_session(
        &self,
        id: &str,
        address: String,
        lifetime: Option<i64>,
    ) -> Result<Option<i64>, StoreError> {
        let id = id.to_owned();
        self.write(move |within| Box::pin(sessions::touch(within, id, address, lifetime))).await
    }

    async fn sessions(
        &self,
        person: &str,
        now: i64,
    ) -> Result<Vec<(SessionView, i64)>, StoreError> {
        Ok(sessions::of_person(&self.database.reads(), person, now).await?)
    }

    async fn end_session(&self, person: &str, id: &str) -> Result<bool, StoreError> {
        let (person, id) = (person.to_owned(), id.to_owned());
        self.write(move |within| {
            Box::pin(async move {
                let ended = sqlx::query("DELETE FROM sessions WHERE id = ?1 AND person = ?2")
                    .bind(id)
                    .bind(person)
                    .execute(within.connection)
                    .await?;
                Ok(ended.rows_affected() > 0)
            })
        })
        .await
    }

    async fn end_sessions(&self, person: &str) -> Result<Vec<String>, StoreError> {
        let person = person.to_owned();
        self.write(move |within| {
            Box::pin(async move { sessions::end_all(within.connection, &person).await })
        })
        .await
    }

    async fn set_password(
        &self,
        password: String,
        old: String,
        session: NewSession,
    ) -> Result<Option<Begun>, StoreError> {
        self.write(move |within| Box::pin(changes::password(within, password, old, session))).await
    }

    async fn use_reset(
        &self,
        code: Digest,
        password: String,
        session: NewSession,
    ) -> Result<Option<Begun>, StoreError> {
        self.write(move |within| Box::pin(changes::use_reset(within, code, password, session)))
            .await
    }

    async fn reset(&self, code: &Digest, now: i64) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query(
            "SELECT p.id, role, name, colour, picture, password
             FROM resets r JOIN people p ON p.id = r.person
             WHERE r.secret = ?1 AND r.expires_at > ?2 AND role <> 'guest' AND closed_at IS NULL",
        )
        .bind(code.as_bytes().as_slice())
        .bind(now)
        .fetch_optional(&self.database.reads())
        .await?;
        Ok(row.as_ref().map(account).transpose()?)
    }

    async fn change_looks(&self, person: &str, looks: NewLooks) -> Result<Changed, StoreError> {
        let person = person.to_owned();
        self.write(move |within| Box::pin(changes::looks(within, person, looks))).await
    }

    async fn close_person(&self, person: &str) -> Result<Changed, StoreError> {
        let person = person.to_owned();
        self.write(move |within| Box::pin(changes::close(within, person))).await
    }

    async fn block(
        &self,
        by: &str,
        person: &str,
        is_blocked: bool,
    ) -> Result<Option<bool>, StoreError> {
        let (by, person) = (by.to_owned(), person.to_owned());
        self.write(move |within| {
            Box::pin(changes::block(within.connection, by, person, is_blocked))
        })
        .await
    }

    async fn blocked(&self, by: &str) -> Result<Vec<Blocked>, StoreError> {
        let people: Vec<(String, String)> = sqlx::query_as(
            "SELECT p.id, p.name FROM blocks b JOIN people p ON p.id = b.blocked
             WHERE b.person = ?1 ORDER BY p.name, p.id",
        )
        .bind(by)
        .fetch_all(&self.database.reads())
        .await?;
        Ok(people.into_iter().map(|(id, name)| Blocked { id, name }).collect())
    }

    async fn is_blocked(&self, by: &str, person: &str) -> Result<bool, StoreError> {
        let is_blocked = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM blocks WHERE person = ?1 AND blocked = ?2)",
        )
        .bind(by)
        .bind(person)
        .fetch_one(&self.database.reads())
        .await?;
        Ok(is_blocked)
    }

    async fn has_guests(&self) -> Result<bool, StoreError> {
        let mut connection = self.database.reads().acquire().await?;
        Ok(has_guests(&mut connection).await?)
    }

    async fn forget_what_is_over(&self) -> Result<bool, StoreError> {
        self.write(move |within| Box::pin(sessions::forget(within.connection, within.at))).await
    }
}

/// Steps of what [`administer`](crate::admin::store::AdminStore::administer) does, each by itself.
#[cfg(test)]
impl Sqlite {
    pub(super) async fn make_reset(
        &self,
        person: &str,
        code: Digest,
        lifetime: i64,
    ) -> Result<Option<i64>, StoreError> {
        let person = person.to_owned();
        self.write(move |within| Box::pin(changes::make_reset(within, person, code, lifetime)))
            .await
    }

    pub(super) async fn set_role(&self, person: &str, role: Role) -> Result<Changed, StoreError> {
        let person = person.to_owned();
        self.write(move |within| Box::pin(changes::role(within, person, role))).await
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

/// Whether there is an owner but this one.
async fn has_owner(connection: &mut SqliteConnection, but: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM people
         WHERE role = 'owner' AND closed_at IS NULL AND id <> ?1)",
    )
    .bind(but)
    .fetch_one(connection)
    .await
}

/// Whether people without an account are let in.
async fn has_guests(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let set: Option<String> =
        sqlx::query_scalar("SELECT value FROM settings WHERE name = 'has_guests'")
            .fetch_optional(connection)
            .await?;
    Ok(set.is_none_or(|value| value != "false"))
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

/// The same with `password`.
fn account(row: &SqliteRow) -> Result<Account, sqlx::Error> {
    Ok(Account { person: person(row)?, password: row.try_get("password")? })
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
