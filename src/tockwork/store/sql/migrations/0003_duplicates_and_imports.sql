-- From now on `fingerprints` are 12 bytes for each event: a digest of its messageId.
-- MessagePack: indexes of the events whose messageId was accepted before; NULL where there is none.
ALTER TABLE chunk ADD COLUMN duplicates BLOB;

-- A file that is imported for one consumer. `key` says which file; `position` is how much of it is in the journal.
CREATE TABLE import (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  consumer INTEGER NOT NULL,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  events INTEGER NOT NULL,
  begun_at REAL NOT NULL,
  finished_at REAL,
  UNIQUE (key, consumer)
);

-- Chunks that are parts of an import, and so one consumer's alone. The journal's events are without theirs.
CREATE TABLE part (
  chunk_id INTEGER PRIMARY KEY,
  import INTEGER NOT NULL,
  consumer INTEGER NOT NULL
);
CREATE INDEX part_by_import ON part (import, chunk_id);

-- Where what waits for the consumer goes, in the words of whoever delivers it; '' is not known.
ALTER TABLE consumer ADD COLUMN destined TEXT NOT NULL DEFAULT '';
