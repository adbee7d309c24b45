-- The journal: accepted events, as they were made durable together.
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY,
  appended_at REAL NOT NULL,       -- Unix time in seconds
  events INTEGER NOT NULL,         -- how many
  sources BLOB NOT NULL,           -- JSON: runs of events by source, [["shop", 12], ...]
  fingerprints BLOB NOT NULL,      -- 4 bytes for each event: the CRC-32 of its messageId, to find it by
  content BLOB NOT NULL            -- MessagePack: the events, JSON bytes each
);

-- One row: the last chunk's id and the number of all events, which outlive the chunks.
CREATE TABLE journal (last_id INTEGER NOT NULL, events INTEGER NOT NULL);
INSERT INTO journal VALUES (0, 0);

-- A destination instance. accepted = before + the journal's events since it joined.
CREATE TABLE consumer (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  active INTEGER NOT NULL,
  joined_after INTEGER NOT NULL,   -- the last chunk that is not its own
  joined_events INTEGER NOT NULL,  -- the journal's events when it joined
  before INTEGER NOT NULL,         -- events accepted for it in former times
  decided INTEGER NOT NULL,
  matched INTEGER NOT NULL,
  standing BLOB
);

-- Chunks whose rows were sent, perhaps, and that are not settled.
CREATE TABLE attempt (
  consumer INTEGER NOT NULL,
  chunk_id INTEGER NOT NULL,
  begun_at REAL NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (consumer, chunk_id)
) WITHOUT ROWID;

-- The ledger. A state is a small number for a status, a reason and a mapping; '' where there is none.
CREATE TABLE state (
  id INTEGER PRIMARY KEY,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  mapping TEXT NOT NULL,
  UNIQUE (status, reason, mapping)
);

-- A settled chunk: two bytes for each line, its state; the highest bit marks an event's first line.
CREATE TABLE page (
  consumer INTEGER NOT NULL,
  chunk_id INTEGER NOT NULL,
  settled_at REAL NOT NULL,
  events INTEGER NOT NULL,
  states BLOB NOT NULL,
  PRIMARY KEY (consumer, chunk_id)
);
CREATE INDEX page_by_time ON page (settled_at);

-- Lines by state: now, and as they came into it, minute by minute.
CREATE TABLE tally (
  consumer INTEGER NOT NULL,
  state INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (consumer, state)
) WITHOUT ROWID;
CREATE TABLE minute (
  minute INTEGER NOT NULL,         -- Unix time in minutes
  consumer INTEGER NOT NULL,
  state INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (minute, consumer, state)
) WITHOUT ROWID;
CREATE TABLE arrival (
  minute INTEGER NOT NULL,
  source TEXT NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (minute, source)
) WITHOUT ROWID;

-- Pending deliveries: rows to be sent again, byte by byte as they are.
CREATE TABLE retry (
  consumer INTEGER NOT NULL,
  chunk_id INTEGER NOT NULL,
  place INTEGER NOT NULL,
  at REAL NOT NULL,
  expires_at REAL,
  message_id TEXT,
  mapping TEXT,
  reason TEXT,
  detail TEXT,
  code INTEGER,
  envelope BLOB NOT NULL,          -- JSON
  history BLOB NOT NULL,           -- JSON
  body BLOB NOT NULL,
  event BLOB,                      -- of a dead letter that is tried again, since its chunk may be gone
  PRIMARY KEY (consumer, chunk_id, place)
);
CREATE INDEX retry_by_time ON retry (consumer, at, chunk_id, place);

-- Dead letters, each with its event, since they are kept longer than the journal.
CREATE TABLE dead (
  consumer INTEGER NOT NULL,
  chunk_id INTEGER NOT NULL,
  place INTEGER NOT NULL,
  died_at REAL NOT NULL,
  message_id TEXT,
  mapping TEXT,
  status TEXT NOT NULL,
  reason TEXT,
  detail TEXT,
  code INTEGER,
  ambiguous_at REAL,               -- when it may have arrived all the same
  event BLOB NOT NULL,
  PRIMARY KEY (consumer, chunk_id, place)
);
CREATE INDEX dead_by_time ON dead (consumer, died_at);

-- Configuration versions, secrets sealed.
CREATE TABLE configuration (
  version INTEGER PRIMARY KEY AUTOINCREMENT,
  made_at REAL NOT NULL,
  content BLOB NOT NULL
);

-- What a person wants of a running server: pause, resume or wake a destination.
CREATE TABLE wish (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  consumer TEXT NOT NULL,
  wish TEXT NOT NULL
);
