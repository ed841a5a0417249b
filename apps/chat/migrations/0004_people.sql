-- Who somebody is: an account, or a guest with a nickname.
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

-- No two accounts have names that look alike.
CREATE UNIQUE INDEX people_by_look ON people (skeleton) WHERE role <> 'guest' AND closed_at IS NULL;
CREATE UNIQUE INDEX people_by_visitor ON people (visitor, name) WHERE visitor IS NOT NULL;
CREATE INDEX people_by_name ON people (name, id);

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

CREATE INDEX sessions_by_person ON sessions (person);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE passkeys (
    id         TEXT PRIMARY KEY, -- the credential's, base64url
    person     TEXT NOT NULL REFERENCES people (id),
    name       TEXT NOT NULL,
    credential TEXT NOT NULL,    -- JSON of the library
    created_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE INDEX passkeys_by_person ON passkeys (person);

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

-- A link by which somebody sets a new password.
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

-- `name` becomes the name under which the notes' chat enters and by which open rooms and those with a password
-- are told apart; of other rooms it is what no room can be called.
ALTER TABLE rooms ADD COLUMN public_id TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN title TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN kind TEXT NOT NULL DEFAULT 'open' CHECK (kind IN ('open', 'password', 'invited', 'direct'));
ALTER TABLE rooms ADD COLUMN password TEXT;      -- argon2id, PHC string
ALTER TABLE rooms ADD COLUMN owner TEXT;         -- of people
ALTER TABLE rooms ADD COLUMN capacity INTEGER;
ALTER TABLE rooms ADD COLUMN is_passing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rooms ADD COLUMN active_at INTEGER NOT NULL DEFAULT 0; -- of the newest message, or created_at
ALTER TABLE rooms ADD COLUMN direct_key TEXT;    -- of direct messages: the sorted ids of the people, a JSON array
ALTER TABLE rooms ADD COLUMN folded TEXT NOT NULL DEFAULT ''; -- the title in small letters, for searching; filled at the start

UPDATE rooms SET public_id = lower(hex(randomblob(8))), title = name,
    active_at = coalesce((SELECT at FROM messages WHERE id = last_message_id), created_at);

CREATE UNIQUE INDEX rooms_by_public_id ON rooms (public_id) WHERE public_id <> '';
CREATE UNIQUE INDEX rooms_by_direct_key ON rooms (direct_key) WHERE direct_key IS NOT NULL;
CREATE INDEX rooms_by_activity ON rooms (active_at DESC, id DESC);
CREATE INDEX rooms_by_owner ON rooms (owner) WHERE owner IS NOT NULL;
-- What is left of rooms that are gone has no id until it is deleted.
CREATE INDEX rooms_that_are_gone ON rooms (id) WHERE public_id = '';

-- Who belongs to a room, and who may not come in.
CREATE TABLE members (
    room        INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person      TEXT NOT NULL REFERENCES people (id),
    role        TEXT NOT NULL CHECK (role IN ('member', 'moderator', 'owner', 'banned')),
    joined_at   INTEGER NOT NULL,
    is_pinned   INTEGER NOT NULL DEFAULT 0,
    is_silenced INTEGER NOT NULL DEFAULT 0,
    muted_until INTEGER,
    PRIMARY KEY (room, person)
) STRICT, WITHOUT ROWID;

CREATE INDEX members_by_person ON members (person, room);
CREATE INDEX bans_by_room ON members (room, person) WHERE role = 'banned';

ALTER TABLE messages ADD COLUMN person TEXT REFERENCES people (id);

-- What was said so far was said by guests: whoever was called alike and came from the same client is one.
INSERT INTO people (id, role, name, colour, visitor, created_at, seen_at)
    SELECT lower(hex(randomblob(8))), 'guest', name, abs(random() % 360), sender, min(at), max(at)
    FROM messages GROUP BY sender, name;

UPDATE messages SET person =
    (SELECT id FROM people WHERE people.visitor = messages.sender AND people.name = messages.name);
CREATE INDEX messages_by_person ON messages (person);

-- Names in another case look alike now: the skeletons are made anew at the start.
UPDATE rooms SET skeleton = NULL;
