//! Everything as lines that another program can read.

use std::path::Path;

use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::snapshot;
use crate::keeping::lines::{Line, MemberLine, MessageLine, PersonLine, PicturePart, RoomLine};

/// So many messages are read at once.
const PAGE: u32 = 500;

/// What is told of lines; its error ends the reading.
type Tell<'a> = dyn FnMut(Line) -> anyhow::Result<()> + 'a;

/// A data folder as it is at one moment, beside the server that may run there.
#[derive(Debug)]
pub(crate) struct Exporter {
    connection: SqliteConnection,
    /// Names the server.
    pub(crate) source: String,
}

impl Exporter {
    pub(crate) async fn open(data: &Path) -> Result<Self, sqlx::Error> {
        let mut connection = snapshot::beside(data).await?;
        sqlx::query("BEGIN").execute(&mut connection).await?;
        let source = sqlx::query_scalar("SELECT value FROM settings WHERE name = 'server_id'")
            .fetch_one(&mut connection)
            .await?;
        Ok(Exporter { connection, source })
    }

    /// Tells of everything, or of one room and those who have to do with it; whether there is such a room.
    pub(crate) async fn tell(
        mut self,
        room: Option<&str>,
        told: &mut Tell<'_>,
    ) -> anyhow::Result<bool> {
        let rooms: Vec<(i64, String)> = sqlx::query_as(
            "SELECT id, public_id FROM rooms WHERE public_id <> '' AND (?1 IS NULL OR public_id = ?1) ORDER BY id",
        )
        .bind(room)
        .fetch_all(&mut self.connection)
        .await?;
        if room.is_some() && rooms.is_empty() {
            return Ok(false);
        }
        let only = room.map(|_| rooms[0].0);
        self.people(only, told).await?;
        for (row, _) in &rooms {
            let line = sqlx::query("SELECT * FROM rooms WHERE id = ?1");
            let line = line.bind(row).fetch_one(&mut self.connection).await?;
            told(Line::Room(room_line(&line)?))?;
        }
        for (row, id) in &rooms {
            self.messages(*row, id, told).await?;
            self.members(*row, id, told).await?;
        }
        self.connection.close().await?;
        Ok(true)
    }

    async fn people(&mut self, only: Option<i64>, told: &mut Tell<'_>) -> anyhow::Result<()> {
        let people = sqlx::query(
            "SELECT id, name, role, colour, picture, created_at, closed_at FROM people p
             WHERE ?1 IS NULL
                OR id IN (SELECT person FROM members WHERE room = ?1)
                OR id IN (SELECT person FROM messages WHERE room_id = ?1)
                OR id IN (SELECT person FROM reactions WHERE message IN
                            (SELECT id FROM messages WHERE room_id = ?1))
                OR id IN (SELECT person FROM mentions WHERE room = ?1)
                OR id IN (SELECT owner FROM rooms WHERE id = ?1)
                OR id IN (SELECT value FROM rooms r, json_each(r.direct_key) WHERE r.id = ?1)
             ORDER BY created_at, id",
        )
        .bind(only)
        .fetch_all(&mut self.connection)
        .await?;
        for row in people {
            told(Line::Person(PersonLine {
                id: row.try_get("id")?,
                name: row.try_get("name")?,
                role: row.try_get("role")?,
                colour: row.try_get("colour")?,
                picture: row.try_get("picture")?,
                created_at: row.try_get("created_at")?,
                closed_at: row.try_get("closed_at")?,
            }))?;
        }
        Ok(())
    }

    async fn messages(&mut self, room: i64, id: &str, told: &mut Tell<'_>) -> anyhow::Result<()> {
        let mut last = 0;
        loop {
            let rows = sqlx::query(
                "SELECT m.id, m.person, m.name, m.at, m.msg, m.reply_to, m.edited_at, m.deleted_at,
                 (SELECT json_group_array(json_object('text', e.msg, 'until', e.until))
                  FROM (SELECT * FROM edits WHERE message = m.id ORDER BY id) e) AS edits,
                 (SELECT json_group_array(json_object('emoji', x.emoji, 'person', x.person, 'at', x.at))
                  FROM (SELECT * FROM reactions WHERE message = m.id ORDER BY at, emoji, person) x) AS reactions,
                 (SELECT json_group_array(json_object('person', n.person, 'name', n.name))
                  FROM (SELECT * FROM mentions WHERE message = m.id ORDER BY person) n) AS mentions
                 FROM messages m WHERE m.room_id = ?1 AND m.id > ?2 ORDER BY m.id LIMIT ?3",
            )
            .bind(room)
            .bind(last)
            .bind(PAGE)
            .fetch_all(&mut self.connection)
            .await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                last = row.try_get("id")?;
                told(Line::Message(MessageLine {
                    id: last,
                    room: id.to_owned(),
                    person: row.try_get("person")?,
                    name: row.try_get("name")?,
                    at: row.try_get("at")?,
                    text: row.try_get("msg")?,
                    reply_to: row.try_get("reply_to")?,
                    edited_at: row.try_get("edited_at")?,
                    deleted_at: row.try_get("deleted_at")?,
                    edits: json(&row, "edits")?,
                    reactions: json(&row, "reactions")?,
                    mentions: json(&row, "mentions")?,
                    pictures: self.pictures(last).await?,
                }))?;
            }
        }
    }

    async fn pictures(&mut self, message: i64) -> Result<Vec<PicturePart>, sqlx::Error> {
        let rows = sqlx::query("SELECT * FROM pictures WHERE message = ?1 ORDER BY place")
            .bind(message)
            .fetch_all(&mut self.connection)
            .await?;
        let part = |row: &SqliteRow| {
            Ok(PicturePart {
                id: row.try_get("id")?,
                file: row.try_get("file")?,
                thumbnail: row.try_get("thumbnail")?,
                width: row.try_get("width")?,
                height: row.try_get("height")?,
                bytes: row.try_get::<i64, _>("bytes")?.unsigned_abs(),
                is_animated: row.try_get("is_animated")?,
                created_at: row.try_get("created_at")?,
            })
        };
        rows.iter().map(part).collect()
    }

    async fn members(&mut self, room: i64, id: &str, told: &mut Tell<'_>) -> anyhow::Result<()> {
        let members =
            sqlx::query("SELECT * FROM members WHERE room = ?1 ORDER BY joined_at, person");
        for row in members.bind(room).fetch_all(&mut self.connection).await? {
            told(Line::Member(MemberLine {
                room: id.to_owned(),
                person: row.try_get("person")?,
                role: row.try_get("role")?,
                joined_at: row.try_get("joined_at")?,
                read: row.try_get("read")?,
                is_pinned: row.try_get("is_pinned")?,
                is_silenced: row.try_get("is_silenced")?,
            }))?;
        }
        Ok(())
    }
}

fn room_line(row: &SqliteRow) -> Result<RoomLine, sqlx::Error> {
    let with = row.try_get::<Option<String>, _>("direct_key")?;
    Ok(RoomLine {
        id: row.try_get("public_id")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        kind: row.try_get("kind")?,
        owner: row.try_get("owner")?,
        capacity: row.try_get("capacity")?,
        keep_days: row.try_get("keep_days")?,
        is_passing: row.try_get("is_passing")?,
        with: with.and_then(|with| serde_json::from_str(&with).ok()).unwrap_or_default(),
        created_at: row.try_get("created_at")?,
    })
}

fn json<T: DeserializeOwned>(row: &SqliteRow, column: &str) -> Result<Vec<T>, sqlx::Error> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))
}
