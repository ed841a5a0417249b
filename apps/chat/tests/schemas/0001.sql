-- A database of schema 1, for the test that brings each up to date. Never changed.
CREATE TABLE _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
);
CREATE TABLE rooms (
    id              INTEGER PRIMARY KEY,
    name            TEXT NOT NULL UNIQUE,
    created_at      INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
    last_message_id INTEGER           -- newest message; NULL only inside the first transaction
) STRICT;
CREATE TABLE messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    name    TEXT NOT NULL,
    msg     TEXT NOT NULL,
    at      INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
    key     TEXT              -- what the sender called it; see MessageKey
) STRICT;
INSERT INTO _sqlx_migrations VALUES (1, 'rooms and messages', '2026-11-01 00:00:00', 1, X'61951F28D5C374939BF75098ABE0904F8EEF84E7B8B224BE29FE2EA284B319A853FAB31148A9B1C84982E149F22F582B', 0);
INSERT INTO rooms VALUES (1, '방', 1790000000000, 3);
INSERT INTO rooms VALUES (2, 'other', 1790000000000, 4);
INSERT INTO messages VALUES (1, 1, '정민', '안녕하세요', 1790000000000, 'k0');
INSERT INTO messages VALUES (2, 1, '정민', 'line 1
line 2', 1790000000001, 'k1');
INSERT INTO messages VALUES (3, 1, '정민', 'it''s "quoted" 🐟', 1790000000002, 'k2');
INSERT INTO messages VALUES (4, 2, 'Ada', 'elsewhere', 1790000000009, NULL);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES ('messages', 4);
CREATE INDEX rooms_by_activity ON rooms (last_message_id);
CREATE INDEX messages_by_room ON messages (room_id, id);
CREATE UNIQUE INDEX messages_by_key ON messages (room_id, key) WHERE key IS NOT NULL;
