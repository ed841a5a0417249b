-- Where the first message of a room came from, so that nobody's rooms fill the list; NULL before
-- this was kept.
ALTER TABLE rooms ADD COLUMN maker TEXT;
DROP INDEX rooms_by_activity;
CREATE INDEX rooms_by_maker ON rooms (maker, last_message_id DESC);
-- What the name looks like; see Skeleton. NULL where nobody can enter under this name.
ALTER TABLE rooms ADD COLUMN skeleton TEXT;
CREATE INDEX rooms_by_skeleton ON rooms (skeleton);

-- Whose key it is; see Sender.
ALTER TABLE messages ADD COLUMN sender TEXT NOT NULL DEFAULT '';
DROP INDEX messages_by_key;
CREATE UNIQUE INDEX messages_by_key ON messages (room_id, sender, key) WHERE key IS NOT NULL;
