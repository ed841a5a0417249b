-- Pictures that were sent to a room. The files are in the folder `pictures` beside the database, by what is in them:
-- the same one may be named by many rows, and one that no row names is deleted.
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

CREATE INDEX pictures_by_message ON pictures (message, place) WHERE message IS NOT NULL;
CREATE INDEX pictures_by_room ON pictures (room);
CREATE INDEX pictures_by_person ON pictures (person);
CREATE INDEX pictures_by_file ON pictures (file);
CREATE INDEX pictures_by_thumbnail ON pictures (thumbnail);
CREATE INDEX pictures_not_said ON pictures (created_at) WHERE message IS NULL;
