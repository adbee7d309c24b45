-- Alerts as they began and ended. What an alert is about is a destination, a source, or with neither the server.
CREATE TABLE alert (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  uid TEXT NOT NULL,               -- random: what others know it by
  rule TEXT NOT NULL,
  destination TEXT NOT NULL,
  source TEXT NOT NULL,
  what TEXT NOT NULL,
  mend TEXT NOT NULL,
  value REAL NOT NULL,             -- what was measured when it began
  since REAL NOT NULL,             -- Unix time from which it is so
  began_at REAL NOT NULL,          -- when it was noticed
  ended_at REAL                    -- NULL while it fires
);
CREATE UNIQUE INDEX alert_firing ON alert (rule, destination, source) WHERE ended_at IS NULL;

-- What the webhook is to be told: that an alert began, or ended. Told ones and those given up stay as long as the alert.
CREATE TABLE notice (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  alert INTEGER NOT NULL,
  state TEXT NOT NULL,             -- 'firing' or 'resolved'
  made_at REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  next_at REAL,                    -- when to try (again); NULL once it was told or given up
  said TEXT NOT NULL DEFAULT ''    -- what came of the last attempt
);
CREATE INDEX notice_by_alert ON notice (alert);
