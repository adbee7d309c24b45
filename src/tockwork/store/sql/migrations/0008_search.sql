-- What events are searched by: a digest of some thousand of them at a time, the newest few excepted.
-- A kind is a source, a call and an event name, of which only a digest is kept.
CREATE TABLE kind (
  id INTEGER PRIMARY KEY,          -- below 65535
  source TEXT NOT NULL,
  type TEXT NOT NULL,
  name BLOB NOT NULL,
  UNIQUE (source, type, name)
);

-- Chunks in a row, from `first_id` to `last_id`.
CREATE TABLE block (
  first_id INTEGER PRIMARY KEY,
  last_id INTEGER NOT NULL,
  chunks BLOB NOT NULL,            -- eight bytes for each chunk: its id less the first one's, its number of events
  present BLOB NOT NULL,           -- two bytes for each kind that occurs
  kinds BLOB NOT NULL              -- two bytes for each event: its kind; 65535 for one of a kind that has no id
);
CREATE TABLE block_person (
  first_id INTEGER PRIMARY KEY,
  digests BLOB NOT NULL            -- eight bytes for each event: digests of its userId and its anonymousId
);
CREATE TABLE block_message (
  first_id INTEGER PRIMARY KEY,
  digests BLOB NOT NULL            -- four bytes for each event: a digest of its messageId
);
