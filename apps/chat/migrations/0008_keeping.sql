-- For how many days messages of the room are kept; NULL: as long as the server keeps those of all rooms.
ALTER TABLE rooms ADD COLUMN keep_days INTEGER;

-- Removing old messages looks for the first one that stays.
CREATE INDEX messages_by_time ON messages (room_id, at);
