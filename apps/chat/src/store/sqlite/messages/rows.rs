//! How a message is read.

use serde::Deserialize;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use crate::messages::contract::{Author, Mention, Message, Picture, Quote, Reaction};
use crate::store::sqlite::rooms::json;

/// What is selected of a message `m`, its room `r` and its author `p`, for the person `?1`.
macro_rules! message_columns {
    () => {
        "m.id, r.public_id, m.person, m.name, p.colour, p.picture, m.msg, m.at, m.is_for_all, m.edited_at,
         m.deleted_at IS NOT NULL AS is_deleted, m.change, m.reply_to,
         CASE WHEN m.reply_to IS NOT NULL THEN
            (SELECT json_object('id', q.id, 'person', coalesce(q.person, ''), 'name', q.name,
                                'text', substr(q.msg, 1, 200),
                                'pictures', (SELECT count(*) FROM pictures WHERE message = q.id),
                                'is_deleted', json(CASE WHEN q.deleted_at IS NULL THEN 'false' ELSE 'true' END))
             FROM messages q WHERE q.id = m.reply_to AND q.room_id = m.room_id) END AS quote,
         (SELECT json_group_array(json_object('id', n.person, 'name', n.name))
          FROM mentions n WHERE n.message = m.id AND n.person <> '*') AS mentions,
         (SELECT json_group_array(json_object('id', i.id, 'width', i.width, 'height', i.height, 'bytes', i.bytes,
                                              'is_animated', json(CASE WHEN i.is_animated THEN 'true' ELSE 'false' END)))
          FROM (SELECT * FROM pictures WHERE message = m.id ORDER BY place) i) AS pictures,
         (SELECT json_group_array(json_object('emoji', x.emoji, 'count', x.count,
                                              'is_mine', json(CASE WHEN x.is_mine THEN 'true' ELSE 'false' END)))
          FROM (SELECT emoji, count(*) AS count, max(person = ?1) AS is_mine FROM reactions
                WHERE message = m.id GROUP BY emoji ORDER BY min(at), emoji) x) AS reactions"
    };
}
/// Where it is selected from.
macro_rules! message_tables {
    () => {
        "messages m JOIN rooms r ON r.id = m.room_id LEFT JOIN people p ON p.id = m.person"
    };
}
pub(super) use {message_columns, message_tables};

/// A message by its id, as a person sees it.
pub(super) async fn message_by_id(
    connection: &mut SqliteConnection,
    id: i64,
    person: &str,
) -> Result<Option<Message>, sqlx::Error> {
    let row = sqlx::query(concat!(
        "SELECT ",
        message_columns!(),
        " FROM ",
        message_tables!(),
        " WHERE m.id = ?2"
    ))
    .bind(person)
    .bind(id)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(message).transpose()
}

/// A row of [`message_columns`].
pub(super) fn message(row: &SqliteRow) -> Result<Message, sqlx::Error> {
    Ok(Message {
        id: row.try_get("id")?,
        room: row.try_get("public_id")?,
        by: Author {
            id: row.try_get::<Option<_>, _>("person")?.unwrap_or_default(),
            name: row.try_get("name")?,
            colour: row.try_get::<Option<_>, _>("colour")?.unwrap_or_default(),
            picture: row.try_get("picture")?,
        },
        text: row.try_get("msg")?,
        at: row.try_get("at")?,
        reply: quote(row)?,
        mentions: list::<Mention>(row, "mentions")?,
        is_for_all: row.try_get("is_for_all")?,
        pictures: list::<Picture>(row, "pictures")?,
        reactions: list::<Reaction>(row, "reactions")?,
        edited_at: row.try_get("edited_at")?,
        is_deleted: row.try_get("is_deleted")?,
        change: row.try_get("change")?,
    })
}

/// What it answers; of a message that is not there any more, its id alone.
fn quote(row: &SqliteRow) -> Result<Option<Quote>, sqlx::Error> {
    let Some(id) = row.try_get("reply_to")? else { return Ok(None) };
    let gone = || Quote { id, is_deleted: true, ..Quote::default() };
    Ok(Some(json(row.try_get("quote")?)?.unwrap_or_else(gone)))
}

fn list<T: for<'a> Deserialize<'a>>(row: &SqliteRow, column: &str) -> Result<Vec<T>, sqlx::Error> {
    match row.try_get::<&str, _>(column)? {
        // Most messages have none.
        "[]" => Ok(Vec::new()),
        text => Ok(json(Some(text))?.unwrap_or_default()),
    }
}
