-- A database of schema 2, for the test that brings each up to date. Never changed.
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
, maker TEXT, skeleton TEXT) STRICT;
CREATE TABLE messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    name    TEXT NOT NULL,
    msg     TEXT NOT NULL,
    at      INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
    key     TEXT              -- what the sender called it; see MessageKey
, sender TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO _sqlx_migrations VALUES (1, 'rooms and messages', '2026-11-01 00:00:00', 1, X'61951F28D5C374939BF75098ABE0904F8EEF84E7B8B224BE29FE2EA284B319A853FAB31148A9B1C84982E149F22F582B', 0);
INSERT INTO _sqlx_migrations VALUES (2, 'senders and makers', '2026-11-01 00:00:00', 1, X'9071086C57643B96E2FDC657F3568CA5A700E5388206063D35397FDD232C319488757D3AF5F81089F165AB73F5825093', 0);
INSERT INTO rooms VALUES (1, '방', 1790000000000, 3, '192.0.2.1', NULL);
INSERT INTO rooms VALUES (2, 'other', 1790000000000, 4, '192.0.2.1', NULL);
INSERT INTO messages VALUES (1, 1, '정민', '안녕하세요', 1790000000000, 'k0', 'address 192.0.2.1');
INSERT INTO messages VALUES (2, 1, '정민', 'line 1
line 2', 1790000000001, 'k1', 'address 192.0.2.1');
INSERT INTO messages VALUES (3, 1, '정민', 'it''s "quoted" 🐟', 1790000000002, 'k2', 'address 192.0.2.1');
INSERT INTO messages VALUES (4, 2, 'Ada', 'elsewhere', 1790000000009, NULL, 'address 192.0.2.1');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES ('messages', 4);
CREATE INDEX messages_by_room ON messages (room_id, id);
CREATE INDEX rooms_by_maker ON rooms (maker, last_message_id DESC);
CREATE INDEX rooms_by_skeleton ON rooms (skeleton);
CREATE UNIQUE INDEX messages_by_key ON messages (room_id, sender, key) WHERE key IS NOT NULL;
