-- Findings of the diagnostics that somebody does not want to see for a while. `number` is how many events they were of.
CREATE TABLE dismissed (
  destination TEXT NOT NULL,
  code TEXT NOT NULL,
  dismissed_by TEXT NOT NULL,
  dismissed_at REAL NOT NULL,      -- Unix time in seconds
  number INTEGER NOT NULL,
  PRIMARY KEY (destination, code)
) WITHOUT ROWID;
