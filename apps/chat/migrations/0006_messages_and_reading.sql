-- What a message answers, and what was done to it after it was said.
ALTER TABLE messages ADD COLUMN reply_to INTEGER;   -- id of a message of the room, which may be gone
ALTER TABLE messages ADD COLUMN is_for_all INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN edited_at INTEGER;  -- milliseconds since 1970-01-01 UTC, as all times
ALTER TABLE messages ADD COLUMN deleted_at INTEGER; -- its text is empty since then
ALTER TABLE messages ADD COLUMN change INTEGER NOT NULL DEFAULT 0; -- the room's number of its last change
CREATE INDEX messages_by_change ON messages (room_id, change) WHERE change > 0;

-- Counting what is unread reads the index alone.
DROP INDEX messages_by_room;
CREATE INDEX messages_by_room ON messages (room_id, id, person, deleted_at);

ALTER TABLE rooms ADD COLUMN change INTEGER NOT NULL DEFAULT 0; -- how often messages of it were changed
ALTER TABLE rooms ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0; -- messages up to this id are gone

-- What messages said before they were edited.
CREATE TABLE edits (
    id      INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    msg     TEXT NOT NULL,
    until   INTEGER NOT NULL
) STRICT;

CREATE INDEX edits_by_message ON edits (message);

CREATE TABLE reactions (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji   TEXT NOT NULL,
    person  TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    PRIMARY KEY (message, emoji, person)
) STRICT, WITHOUT ROWID;

CREATE INDEX reactions_by_person ON reactions (person);

-- Whom messages mention, by the names they had then; everybody is '*'.
CREATE TABLE mentions (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    person  TEXT NOT NULL,
    room    INTEGER NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (message, person)
) STRICT, WITHOUT ROWID;

CREATE INDEX mentions_by_person ON mentions (person, room, message);

-- How far somebody has read: the id of a message, 0 before the first.
ALTER TABLE members ADD COLUMN read INTEGER NOT NULL DEFAULT 0;
-- The newest message of their own since they are a member.
ALTER TABLE members ADD COLUMN own INTEGER NOT NULL DEFAULT 0;
-- What was said before this was kept counts as read.
UPDATE members SET read = coalesce((SELECT last_message_id FROM rooms WHERE id = members.room), 0);

-- Whoever becomes a member, by whatever way, has read everything until then.
CREATE TRIGGER a_member_has_read AFTER INSERT ON members
BEGIN
    UPDATE members
    SET read = coalesce((SELECT max(id) FROM messages WHERE room_id = NEW.room), 0)
    WHERE room = NEW.room AND person = NEW.person;
END;
