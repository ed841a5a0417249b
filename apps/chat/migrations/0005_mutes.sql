-- Who has left a room while muted there: coming again by whatever way, they are muted as long as they were to be.
CREATE TABLE mutes (
    room   INTEGER NOT NULL REFERENCES rooms (id) ON DELETE CASCADE,
    person TEXT NOT NULL,
    until  INTEGER NOT NULL, -- milliseconds since 1970-01-01 UTC
    PRIMARY KEY (room, person)
) STRICT, WITHOUT ROWID;

-- In triggers, because people become members by several ways: they open a room, accept an invitation, sign up by one,
-- are written to.
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
