-- TikTok's ids of people, learnt from their events. Rows that were learnt at once have one number; the newest the highest.
-- There is no index on people or values: whoever writes knows the number, and erasure goes through all of them.
CREATE TABLE known_id (
  number INTEGER NOT NULL,
  person BLOB NOT NULL,            -- SHA-256 of a user id or anonymous id
  other BLOB,                      -- of the other id that an event had beside this one
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  seen_at REAL NOT NULL,           -- Unix time in seconds
  expires_at REAL NOT NULL
);
CREATE INDEX known_id_number ON known_id (number);
CREATE INDEX known_id_expires_at ON known_id (expires_at);
