-- What `minute` and `arrival` hold, hour by hour: charts of months read these.
CREATE TABLE hour (
  hour INTEGER NOT NULL,           -- Unix time in hours
  consumer INTEGER NOT NULL,
  state INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (hour, consumer, state)
) WITHOUT ROWID;
INSERT INTO hour (hour, consumer, state, number)
SELECT minute / 60, consumer, state, sum(number) FROM minute GROUP BY minute / 60, consumer, state;
CREATE TABLE arrival_hour (
  hour INTEGER NOT NULL,
  source TEXT NOT NULL,
  events INTEGER NOT NULL,
  PRIMARY KEY (hour, source)
) WITHOUT ROWID;
INSERT INTO arrival_hour (hour, source, events)
SELECT minute / 60, source, sum(events) FROM arrival WHERE minute > 0 GROUP BY minute / 60, source;
