-- A database of schema 7, for the test that brings each up to date. Never changed.
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
, maker TEXT, skeleton TEXT, public_id TEXT NOT NULL DEFAULT '', title TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL DEFAULT 'open' CHECK (kind IN ('open', 'password', 'invited', 'direct')), password TEXT, owner TEXT, capacity INTEGER, is_passing INTEGER NOT NULL DEFAULT 0, active_at INTEGER NOT NULL DEFAULT 0, direct_key TEXT, folded TEXT NOT NULL DEFAULT '', change INTEGER NOT NULL DEFAULT 0, pruned INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE messages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    room_id INTEGER NOT NULL REFERENCES rooms (id),
    name    TEXT NOT NULL,
    msg     TEXT NOT NULL,
    at      INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
    key     TEXT              -- what the sender called it; see MessageKey
, sender TEXT NOT NULL DEFAULT '', person TEXT REFERENCES people (id), reply_to INTEGER, is_for_all INTEGER NOT NULL DEFAULT 0, edited_at INTEGER, deleted_at INTEGER, change INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE people (
    id         TEXT PRIMARY KEY, -- never changes and is never used twice
    role       TEXT NOT NULL CHECK (role IN ('guest', 'member', 'moderator', 'owner')),
    name       TEXT NOT NULL,
    skeleton   TEXT,             -- what the name looks like, see Skeleton; NULL where nobody can have this name now
    colour     INTEGER NOT NULL, -- hue, 0 to 359
    picture    TEXT,             -- an emoji
    password   TEXT,             -- argon2id, PHC string; NULL for guests and who has passkeys only
    visitor    TEXT,             -- of a guest of the notes' chat, what its client is known by; see Sender
    created_at INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC, as all times
    seen_at    INTEGER,          -- when the last connection ended
    closed_at  INTEGER           -- when the account was closed; its name is free since then
) STRICT;
CREATE TABLE sessions (
    id         TEXT PRIMARY KEY, -- may be shown
    secret     BLOB NOT NULL UNIQUE, -- SHA-256 of what is in the cookie
    person     TEXT NOT NULL REFERENCES people (id),
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    agent      TEXT NOT NULL,
    address    TEXT NOT NULL
) STRICT;
CREATE TABLE passkeys (
    id         TEXT PRIMARY KEY, -- the credential's, base64url
    person     TEXT NOT NULL REFERENCES people (id),
    name       TEXT NOT NULL,
    credential TEXT NOT NULL,    -- JSON of the library
    created_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE TABLE invitations (
    id         TEXT PRIMARY KEY,
    secret     BLOB NOT NULL UNIQUE, -- SHA-256 of the code
    role       TEXT NOT NULL CHECK (role IN ('member', 'moderator', 'owner')),
    room       INTEGER REFERENCES rooms (id) ON DELETE CASCADE,
    uses_left  INTEGER,          -- NULL: any number
    used       INTEGER NOT NULL DEFAULT 0,
    made_by    TEXT REFERENCES people (id), -- NULL: the command line
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE resets (
    secret     BLOB PRIMARY KEY, -- SHA-256 of the code
    person     TEXT NOT NULL REFERENCES people (id),
    expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE blocks (
    person  TEXT NOT NULL REFERENCES people (id),
    blocked TEXT NOT NULL REFERENCES people (id),
    PRIMARY KEY (person, blocked)
) STRICT, WITHOUT ROWID;
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    at     INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    what   TEXT NOT NULL,
    about  TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
CREATE TABLE members (
    room        INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person      TEXT NOT NULL REFERENCES people (id),
    role        TEXT NOT NULL CHECK (role IN ('member', 'moderator', 'owner', 'banned')),
    joined_at   INTEGER NOT NULL,
    is_pinned   INTEGER NOT NULL DEFAULT 0,
    is_silenced INTEGER NOT NULL DEFAULT 0,
    muted_until INTEGER, read INTEGER NOT NULL DEFAULT 0, own INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (room, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE mutes (
    room   INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    until  INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
    PRIMARY KEY (room, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE edits (
    id      INTEGER PRIMARY KEY,
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    msg     TEXT NOT NULL,
    until   INTEGER NOT NULL
) STRICT;
CREATE TABLE reactions (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji   TEXT NOT NULL,
    person  TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    at      INTEGER NOT NULL,
    PRIMARY KEY (message, emoji, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE mentions (
    message INTEGER NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    person  TEXT NOT NULL,
    room    INTEGER NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (message, person)
) STRICT, WITHOUT ROWID;
CREATE TABLE pictures (
    id          TEXT PRIMARY KEY, -- nobody guesses it
    room        INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person      TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE, -- who sent it
    message     INTEGER REFERENCES messages (id) ON DELETE CASCADE, -- NULL: not said yet
    place       INTEGER NOT NULL DEFAULT 0, -- among those of the message
    file        TEXT NOT NULL, -- SHA-256 of what is in it, and the extension
    thumbnail   TEXT NOT NULL, -- the same; of a small picture the file itself
    width       INTEGER NOT NULL,
    height      INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    is_animated INTEGER NOT NULL,
    created_at  INTEGER NOT NULL -- milliseconds since 1970-01-01 UTC
) STRICT;
INSERT INTO _sqlx_migrations VALUES (1, 'rooms and messages', '2026-11-30 20:07:15', 1, X'61951F28D5C374939BF75098ABE0904F8EEF84E7B8B224BE29FE2EA284B319A853FAB31148A9B1C84982E149F22F582B', 488535);
INSERT INTO _sqlx_migrations VALUES (2, 'senders and makers', '2026-11-30 20:07:15', 1, X'9071086C57643B96E2FDC657F3568CA5A700E5388206063D35397FDD232C319488757D3AF5F81089F165AB73F5825093', 1180483);
INSERT INTO _sqlx_migrations VALUES (3, 'looks', '2026-11-30 20:07:15', 1, X'162F89F2815F44D960908ABB9395024B09895A9D5628B0F8E3CDFD4126BC076D958027D9994AEC1BBF15685C76620A26', 171595);
INSERT INTO _sqlx_migrations VALUES (4, 'people', '2026-11-30 20:07:15', 1, X'0D509ABEF9AFFD6DDF611A093ED4FECE7520613E01D9A336E82AEBFF80F4F34F07B300E66B8BDBABC599839749591989', 5910799);
INSERT INTO _sqlx_migrations VALUES (5, 'mutes', '2026-11-30 20:07:15', 1, X'0FC0C3C6F3F50E28D18E4C1468BF015DFFB25395C92A79C82305D07032298FE3471C46CE5F3EFCA986CD17976EF3C134', 559511);
INSERT INTO _sqlx_migrations VALUES (6, 'messages and reading', '2026-11-30 21:00:00', 1, X'4B085908311AB9892A1B43991133B6BDD8F70F9D13F8C0F6178F0AB20005AA4CD4673E46400D551013EBDFCFF7DB00C9', 0);
INSERT INTO _sqlx_migrations VALUES (7, 'pictures', '2026-11-30 21:00:00', 1, X'0932EB2F3016E53459C82F78A38F9AFCF5ACF102042A77968B1F1FCA90B074324563CCDC8DD7FB0429693A6A1024DE0A', 0);
INSERT INTO rooms VALUES (1, 'lobby', 1796069235524, NULL, NULL, 'lobby', 'XliD09lIS4OAb754', 'lobby', '', 'open', NULL, NULL, NULL, 0, 1796069235524, NULL, 'lobby', 0, 0);
INSERT INTO rooms VALUES (2, '방', 1796069235528, 3, '192.0.2.1', '방', 'yz0w87lLgp9PtJ-F', '방', '', 'open', NULL, NULL, NULL, 0, 1796069235531, NULL, '방', 0, 0);
INSERT INTO rooms VALUES (3, 'other', 1796069235532, 4, '192.0.2.1', 'other', 'ci-X_UtMGde5lg-5', 'other', '', 'open', NULL, NULL, NULL, 0, 1796069235532, NULL, 'other', 0, 0);
INSERT INTO messages VALUES (1, 2, '정민', '안녕하세요', 1796069235528, NULL, 'address 192.0.2.1', 'beSDjYm3FxS6a48Q', NULL, 0, NULL, NULL, 0);
INSERT INTO messages VALUES (2, 2, '정민', 'line 1
line 2', 1796069235529, NULL, 'address 192.0.2.1', 'beSDjYm3FxS6a48Q', 1, 0, 1796069235534, NULL, 1);
INSERT INTO messages VALUES (3, 2, '정민', 'it''s "quoted" 🐟', 1796069235531, NULL, 'address 192.0.2.1', 'beSDjYm3FxS6a48Q', NULL, 0, NULL, NULL, 0);
INSERT INTO messages VALUES (4, 3, '정민', 'elsewhere', 1796069235532, NULL, 'address 192.0.2.1', 'beSDjYm3FxS6a48Q', NULL, 0, NULL, NULL, 0);
INSERT INTO people VALUES ('beSDjYm3FxS6a48Q', 'guest', '정민', '정민', 330, NULL, NULL, 'address 192.0.2.1', 1796069235528, NULL, NULL);
INSERT INTO settings VALUES ('written_by', '0.1.0');
INSERT INTO members VALUES (2, 'beSDjYm3FxS6a48Q', 'member', 1796069235524, 0, 0, NULL, 3, 3);
INSERT INTO edits VALUES (1, 2, 'line 1', 1796069235531);
INSERT INTO reactions VALUES (1, '👍', 'beSDjYm3FxS6a48Q', 1796069235540);
INSERT INTO mentions VALUES (2, 'beSDjYm3FxS6a48Q', 2, '정민');
INSERT INTO pictures VALUES ('AbCdEfGhIjKlMnOp', 3, 'beSDjYm3FxS6a48Q', 4, 0, 'abababababababababababababababababababababababababababababababab.jpg', 'cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd.jpg', 640, 480, 12345, 0, 1796069235528);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES ('messages', 4);
CREATE INDEX rooms_by_maker ON rooms (maker, last_message_id DESC);
CREATE INDEX rooms_by_skeleton ON rooms (skeleton);
CREATE UNIQUE INDEX messages_by_key ON messages (room_id, sender, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX people_by_look ON people (skeleton) WHERE role <> 'guest' AND closed_at IS NULL;
CREATE UNIQUE INDEX people_by_visitor ON people (visitor, name) WHERE visitor IS NOT NULL;
CREATE INDEX people_by_name ON people (name, id);
CREATE INDEX sessions_by_person ON sessions (person);
CREATE INDEX sessions_by_end ON sessions (expires_at);
CREATE INDEX passkeys_by_person ON passkeys (person);
CREATE UNIQUE INDEX rooms_by_public_id ON rooms (public_id) WHERE public_id <> '';
CREATE UNIQUE INDEX rooms_by_direct_key ON rooms (direct_key) WHERE direct_key IS NOT NULL;
CREATE INDEX rooms_by_activity ON rooms (active_at DESC, id DESC);
CREATE INDEX rooms_by_owner ON rooms (owner) WHERE owner IS NOT NULL;
CREATE INDEX rooms_that_are_gone ON rooms (id) WHERE public_id = '';
CREATE INDEX members_by_person ON members (person, room);
CREATE INDEX bans_by_room ON members (room, person) WHERE role = 'banned';
CREATE INDEX messages_by_person ON messages (person);
CREATE TRIGGER a_mute_stays AFTER DELETE ON members
WHEN OLD.muted_until > unixepoch() * 1000
    -- A room that is deleted takes its members with it, and nobody comes to it again.
    AND EXISTS (SELECT 1 FROM rooms WHERE id = OLD.room)
BEGIN
    DELETE FROM mutes WHERE room = OLD.room AND until <= unixepoch() * 1000;
    INSERT OR REPLACE INTO mutes (room, person, until) VALUES (OLD.room, OLD.person, OLD.muted_until);
END;
CREATE TRIGGER a_mute_awaits AFTER INSERT ON members
WHEN EXISTS (SELECT 1 FROM mutes WHERE room = NEW.room AND person = NEW.person)
BEGIN
    UPDATE members
    SET muted_until = (SELECT until FROM mutes WHERE room = NEW.room AND person = NEW.person)
    WHERE room = NEW.room AND person = NEW.person;
    DELETE FROM mutes WHERE room = NEW.room AND person = NEW.person;
END;
CREATE INDEX messages_by_change ON messages (room_id, change) WHERE change > 0;
CREATE INDEX messages_by_room ON messages (room_id, id, person, deleted_at);
CREATE INDEX edits_by_message ON edits (message);
CREATE INDEX reactions_by_person ON reactions (person);
CREATE INDEX mentions_by_person ON mentions (person, room, message);
CREATE TRIGGER a_member_has_read AFTER INSERT ON members
BEGIN
    UPDATE members
    SET read = coalesce((SELECT max(id) FROM messages WHERE room_id = NEW.room), 0),
        own = coalesce((SELECT max(id) FROM messages WHERE room_id = NEW.room), 0)
    WHERE room = NEW.room AND person = NEW.person;
END;
CREATE INDEX pictures_by_message ON pictures (message, place) WHERE message IS NOT NULL;
CREATE INDEX pictures_by_room ON pictures (room);
CREATE INDEX pictures_by_person ON pictures (person);
CREATE INDEX pictures_by_file ON pictures (file);
CREATE INDEX pictures_by_thumbnail ON pictures (thumbnail);
CREATE INDEX pictures_not_said ON pictures (created_at) WHERE message IS NULL;
