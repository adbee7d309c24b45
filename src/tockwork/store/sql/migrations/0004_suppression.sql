-- People of whom nothing is sent, by the SHA-256 of a normalised id, e-mail address or phone number.
CREATE TABLE suppression (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  mark BLOB NOT NULL,
  consumer TEXT NOT NULL,          -- the destination it is limited to, '' for all
  added_at REAL NOT NULL,          -- Unix time in seconds
  UNIQUE (mark, consumer)
);

-- People who were deleted: nothing is sent of them, and nothing kept.
CREATE TABLE tombstone (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  mark BLOB NOT NULL UNIQUE,
  made_at REAL NOT NULL,
  swept_to INTEGER NOT NULL,       -- every chunk up to this one is without them
  erased_at REAL                   -- when the last trace was removed; NULL while there may be some
);

-- One row: how often an entry of the two was taken back, so that whoever has read them reads them anew.
CREATE TABLE withdrawal (number INTEGER NOT NULL);
INSERT INTO withdrawal VALUES (0);

-- Zeros, which take up the unused pages for a moment, so that nothing is left in them.
CREATE TABLE filling (content BLOB NOT NULL);

-- Whether any of the chunk's events was replaced by nothing.
ALTER TABLE chunk ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
