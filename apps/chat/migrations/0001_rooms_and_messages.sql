-- A room exists from its first message on.
CREATE TABLE rooms (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    created_at      INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
    last_message_id INTEGER           -- newest message; NULL only inside the first transaction
) STRICT;

CREATE INDEX rooms_by_activity ON rooms (last_message_id);

-- AUTOINCREMENT: an id is never used twice, not even after the newest messages were deleted,
-- because pages tell messages apart by it.
CREATE TABLE messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    name    TEXT NOT NULL,
    msg     TEXT NOT NULL,
    at      INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
    key     TEXT              -- what the sender called it; see MessageKey
) STRICT;

CREATE INDEX messages_by_room ON messages (room_id, id);
CREATE UNIQUE INDEX messages_by_key ON messages (room_id, key) WHERE key IS NOT NULL;
