//! Lines of another server, or of this one, as they become people, rooms and messages here.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use super::database::BUSY_TIMEOUT;
use super::rooms::folded;
use super::{FILE_NAME, OpenError, Sqlite, Store as _, StoreOptions, snapshot};
use crate::input::RoomName;
use crate::keeping::lines::{MemberLine, MessageLine, PersonLine, RoomLine};
use crate::names::Skeleton;

/// What a line came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// It is new here.
    New,
    /// It was here, or what stands for it.
    Known,
}

/// A data folder that lines are written into, all of them or none. No server runs there meanwhile.
#[derive(Debug)]
pub(crate) struct Importer {
    connection: SqliteConnection,
    /// Whose messages have their keys.
    sender: String,
    /// Whether the lines are from this server itself.
    is_own: bool,
    people: HashMap<String, String>,
    /// By ids of the source: the row, and whether the room was there before.
    rooms: HashMap<String, ImportedRoom>,
    _claim: Option<File>,
}

#[derive(Clone, Debug)]
struct ImportedRoom {
    row: i64,
    /// The newest message of before.
    newest: i64,
    is_new: bool,
}

impl Importer {
    /// Brings the database up to date, claims it, and begins.
    pub(crate) async fn open(data: &Path, source: &str) -> Result<Self, OpenError> {
        let options = StoreOptions { free_bytes_min: Some(0) };
        let store = Sqlite::open(data, options).await?;
        store.close().await;
        drop(store);
        let claim = snapshot::claim(data)?;
        let options = SqliteConnectOptions::new().filename(data.join(FILE_NAME)).foreign_keys(true);
        let options = options.busy_timeout(BUSY_TIMEOUT).disable_statement_logging();
        let mut connection = options.connect().await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
        let own: Option<String> =
            sqlx::query_scalar("SELECT value FROM settings WHERE name = 'server_id'")
                .fetch_optional(&mut connection)
                .await?;
        Ok(Importer {
            sender: format!("import {source}"),
            is_own: own.as_deref() == Some(source),
            connection,
            people: HashMap::new(),
            rooms: HashMap::new(),
            _claim: claim,
        })
    }

    /// Somebody: by the id, or an account that looks the same.
    pub(crate) async fn person(&mut self, line: &PersonLine) -> Result<Came, sqlx::Error> {
        let look = Skeleton::of(&line.name);
        let is_open_account = line.role != "guest" && line.closed_at.is_none();
        let known: Option<String> = sqlx::query_scalar(
            "SELECT id FROM people WHERE id = ?1
             UNION ALL SELECT id FROM people
             WHERE ?2 AND skeleton = ?3 AND role <> 'guest' AND closed_at IS NULL LIMIT 1",
        )
        .bind(&line.id)
        .bind(is_open_account)
        .bind(look.as_str())
        .fetch_optional(&mut self.connection)
        .await?;
        if let Some(known) = known {
            self.people.insert(line.id.clone(), known);
            return Ok(Came::Known);
        }
        sqlx::query(
            "INSERT INTO people (id, role, name, skeleton, colour, picture, created_at, closed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )
        .bind(&line.id)
        .bind(&line.role)
        .bind(&line.name)
        .bind(look.as_str())
        .bind(line.colour)
        .bind(line.picture.as_deref())
        .bind(line.created_at)
        .bind(line.closed_at)
        .execute(&mut self.connection)
        .await?;
        self.people.insert(line.id.clone(), line.id.clone());
        Ok(Came::New)
    }

    /// A room: by the id, an open one of the same title, or the direct messages of the same people.
    pub(crate) async fn room(&mut self, line: &RoomLine) -> Result<Came, sqlx::Error> {
        let mut with: Vec<_> = line.with.iter().map(|person| self.person_here(person)).collect();
        with.sort_unstable();
        with.dedup();
        let key = (line.kind == "direct").then(|| serde_json::to_string(&with).unwrap_or_default());
        let look = Skeleton::of(&line.title);
        let known: Option<(i64, i64)> = sqlx::query_as(
            "SELECT id, coalesce((SELECT max(id) FROM messages WHERE room_id = r.id), 0) FROM rooms r
             WHERE public_id = ?1 OR (?2 IS NOT NULL AND direct_key = ?2)
                OR (?3 AND kind = 'open' AND public_id <> '' AND skeleton = ?4)
             ORDER BY public_id = ?1 DESC LIMIT 1",
        )
        .bind(&line.id)
        .bind(&key)
        .bind(line.kind == "open")
        .bind(look.as_str())
        .fetch_optional(&mut self.connection)
        .await?;
        if let Some((row, newest)) = known {
            self.rooms.insert(line.id.clone(), ImportedRoom { row, newest, is_new: false });
            return Ok(Came::Known);
        }
        // Whose name a closed room has, or which has lost its password, is for its members alone.
        let taken: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM rooms WHERE skeleton = ?1 OR name = ?2)",
        )
        .bind(look.as_str())
        .bind(&line.title)
        .fetch_one(&mut self.connection)
        .await?;
        let is_nameable =
            RoomName::parse(&line.title).is_ok_and(|name| name.as_str() == line.title);
        let kind = match &*line.kind {
            "open" if !taken && is_nameable => "open",
            "direct" => "direct",
            _ => "invited",
        };
        let is_named = kind == "open";
        let hidden = super::rooms::hidden_name(&line.id);
        let row = sqlx::query_scalar(
            "INSERT INTO rooms (public_id, name, skeleton, title, description, kind, owner, capacity, keep_days,
                                is_passing, direct_key, created_at, active_at, folded)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12, ?13) RETURNING id",
        )
        .bind(&line.id)
        .bind(if is_named { &line.title } else { &hidden })
        .bind(is_named.then(|| look.as_str()))
        .bind(&line.title)
        .bind(&line.description)
        .bind(kind)
        .bind(line.owner.as_ref().map(|owner| self.person_here(owner)))
        .bind(line.capacity)
        .bind(line.keep_days)
        .bind(line.is_passing)
        .bind(&key)
        .bind(line.created_at)
        .bind(folded(&line.title))
        .fetch_one(&mut self.connection)
        .await?;
        self.rooms.insert(line.id.clone(), ImportedRoom { row, newest: 0, is_new: true });
        Ok(Came::New)
    }

    /// A message, with what was done to it. `None`: its room did not come before.
    pub(crate) async fn message(
        &mut self,
        line: &MessageLine,
    ) -> Result<Option<Came>, sqlx::Error> {
        let Some(ImportedRoom { row, .. }) = self.rooms.get(&line.room).cloned() else {
            return Ok(None);
        };
        if self.message_here(row, line.id).await?.is_some() {
            return Ok(Some(Came::Known));
        }
        let reply_to = match line.reply_to {
            Some(reply_to) => self.message_here(row, reply_to).await?,
            None => None,
        };
        let is_for_all = line.mentions.iter().any(|mention| mention.person == "*");
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO messages (room_id, person, name, msg, at, key, sender, reply_to, is_for_all, edited_at,
                                   deleted_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) RETURNING id",
        )
        .bind(row)
        .bind(line.person.as_ref().and_then(|person| self.people.get(person)))
        .bind(&line.name)
        .bind(&line.text)
        .bind(line.at)
        .bind(line.id.to_string())
        .bind(&self.sender)
        .bind(reply_to)
        .bind(is_for_all)
        .bind(line.edited_at)
        .bind(line.deleted_at)
        .fetch_one(&mut self.connection)
        .await?;
        for edit in &line.edits {
            sqlx::query("INSERT INTO edits (message, msg, until) VALUES (?1, ?2, ?3)")
                .bind(id)
                .bind(&edit.text)
                .bind(edit.until)
                .execute(&mut self.connection)
                .await?;
        }
        for reaction in &line.reactions {
            let Some(person) = self.people.get(&reaction.person) else { continue };
            sqlx::query("INSERT OR IGNORE INTO reactions (message, emoji, person, at) VALUES (?1, ?2, ?3, ?4)")
                .bind(id)
                .bind(&reaction.emoji)
                .bind(person)
                .bind(reaction.at)
                .execute(&mut self.connection)
                .await?;
        }
        for mention in &line.mentions {
            let person = match &*mention.person {
                "*" => Some("*"),
                person => self.people.get(person).map(String::as_str),
            };
            let Some(person) = person else { continue };
            sqlx::query("INSERT OR IGNORE INTO mentions (message, person, room, name) VALUES (?1, ?2, ?3, ?4)")
                .bind(id)
                .bind(person)
                .bind(row)
                .bind(&mention.name)
                .execute(&mut self.connection)
                .await?;
        }
        self.pictures(line, row, id).await?;
        Ok(Some(Came::New))
    }

    async fn pictures(
        &mut self,
        line: &MessageLine,
        room: i64,
        message: i64,
    ) -> Result<(), sqlx::Error> {
        let by = line.person.as_ref().and_then(|person| self.people.get(person));
        let Some(by) = by else { return Ok(()) };
        for (place, picture) in (0_i64..).zip(&line.pictures) {
            sqlx::query(
                "INSERT INTO pictures (id, room, person, message, place, file, thumbnail, width, height, bytes,
                                       is_animated, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
            )
            .bind(&picture.id)
            .bind(room)
            .bind(by)
            .bind(message)
            .bind(place)
            .bind(&picture.file)
            .bind(&picture.thumbnail)
            .bind(picture.width)
            .bind(picture.height)
            .bind(i64::try_from(picture.bytes).unwrap_or(i64::MAX))
            .bind(picture.is_animated)
            .bind(picture.created_at)
            .execute(&mut self.connection)
            .await?;
        }
        Ok(())
    }

    /// Somebody's place, if they have none. `None`: the room or the person did not come before.
    pub(crate) async fn member(&mut self, line: &MemberLine) -> Result<Option<Came>, sqlx::Error> {
        let (Some(room), Some(person)) =
            (self.rooms.get(&line.room).cloned(), self.people.get(&line.person).cloned())
        else {
            return Ok(None);
        };
        let inserted = sqlx::query(
            "INSERT INTO members (room, person, role, joined_at, is_pinned, is_silenced)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
        )
        .bind(room.row)
        .bind(&person)
        .bind(&line.role)
        .bind(line.joined_at)
        .bind(line.is_pinned)
        .bind(line.is_silenced)
        .execute(&mut self.connection)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(Some(Came::Known));
        }
        // A new room has what they have read of it; in one that was there they have read everything.
        if room.is_new {
            let read: i64 = sqlx::query_scalar(
                "SELECT coalesce(max(id), 0) FROM messages
                 WHERE room_id = ?1 AND sender = ?2 AND CAST(key AS INTEGER) <= ?3",
            )
            .bind(room.row)
            .bind(&self.sender)
            .bind(line.read)
            .fetch_one(&mut self.connection)
            .await?;
            sqlx::query(
                "UPDATE members SET read = ?3, own =
                    coalesce((SELECT max(id) FROM messages WHERE room_id = ?1 AND person = ?2), 0)
                 WHERE room = ?1 AND person = ?2",
            )
            .bind(room.row)
            .bind(&person)
            .bind(read)
            .execute(&mut self.connection)
            .await?;
        }
        Ok(Some(Came::New))
    }

    /// Writes all of it, or takes it back.
    pub(crate) async fn finish(mut self, is_kept: bool) -> Result<(), sqlx::Error> {
        let rooms: HashSet<(i64, i64, bool)> =
            self.rooms.values().map(|room| (room.row, room.newest, room.is_new)).collect();
        for (row, newest, is_new) in rooms {
            sqlx::query(
                "UPDATE rooms SET
                    last_message_id = (SELECT max(id) FROM messages WHERE room_id = ?1 AND deleted_at IS NULL),
                    active_at = max(active_at, coalesce((SELECT max(at) FROM messages WHERE room_id = ?1), 0))
                 WHERE id = ?1",
            )
            .bind(row)
            .execute(&mut self.connection)
            .await?;
            if !is_new {
                // Whoever had read everything has nothing to read now.
                sqlx::query(
                    "UPDATE members SET read = coalesce((SELECT max(id) FROM messages WHERE room_id = ?1), 0)
                     WHERE room = ?1 AND read >= ?2",
                )
                .bind(row)
                .bind(newest)
                .execute(&mut self.connection)
                .await?;
            }
        }
        let end = if is_kept { "COMMIT" } else { "ROLLBACK" };
        sqlx::query(end).execute(&mut self.connection).await?;
        self.connection.close().await
    }

    fn person_here(&self, id: &str) -> String {
        self.people.get(id).map_or_else(|| id.to_owned(), Clone::clone)
    }

    /// The id under which a message of the source is here.
    async fn message_here(&mut self, room: i64, id: i64) -> Result<Option<i64>, sqlx::Error> {
        sqlx::query_scalar(
            "SELECT id FROM messages WHERE room_id = ?1 AND sender = ?2 AND key = ?3
             UNION ALL SELECT id FROM messages WHERE ?4 AND room_id = ?1 AND id = ?5 LIMIT 1",
        )
        .bind(room)
        .bind(&self.sender)
        .bind(id.to_string())
        .bind(self.is_own)
        .bind(id)
        .fetch_optional(&mut self.connection)
        .await
    }
}
