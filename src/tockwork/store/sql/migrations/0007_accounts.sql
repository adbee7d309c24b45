-- Who may use the console and the management API, and what they did there.
CREATE TABLE account (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,        -- the name without regard to case and to how its letters are composed
  name TEXT NOT NULL,
  role TEXT NOT NULL,              -- viewer, editor or owner
  password TEXT NOT NULL DEFAULT '', -- scrypt, with its parameters and salt; empty until its person has set one
  made_at REAL NOT NULL            -- Unix time in seconds, as all times here
);

CREATE TABLE account_session (
  id INTEGER PRIMARY KEY,
  secret BLOB NOT NULL UNIQUE,     -- SHA-256
  account INTEGER NOT NULL,
  agent TEXT NOT NULL,             -- what the browser says that it is
  made_at REAL NOT NULL,
  used_at REAL NOT NULL
);
CREATE INDEX account_session_account ON account_session (account);

-- Lets whoever has it choose a password once: the first owner (no key), somebody invited, or whoever lost theirs.
CREATE TABLE account_code (
  secret BLOB PRIMARY KEY,         -- SHA-256
  key TEXT NOT NULL,
  name TEXT NOT NULL,
  role TEXT,                       -- what the account becomes; NULL where it stays what it is
  expires_at REAL                  -- NULL for never
);

CREATE TABLE account_token (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  role TEXT NOT NULL,
  secret BLOB NOT NULL UNIQUE,     -- SHA-256
  made_by TEXT NOT NULL,
  made_at REAL NOT NULL,
  used_at REAL
);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at REAL NOT NULL,
  who TEXT NOT NULL,
  action TEXT NOT NULL,
  about TEXT NOT NULL,
  detail TEXT NOT NULL             -- JSON
);
CREATE INDEX audit_at ON audit (at);
