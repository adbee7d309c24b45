-- name: state
SELECT id FROM state WHERE status = :status AND reason = :reason AND mapping = :mapping;

-- name: new_state
INSERT INTO state (status, reason, mapping) VALUES (:status, :reason, :mapping) RETURNING id;

-- name: settle
-- Only of a chunk that is the consumer's own.
INSERT INTO page (consumer, chunk_id, settled_at, events, states)
SELECT :consumer, :chunk_id, :at, :events, :states FROM chunk, consumer
WHERE chunk.id = :chunk_id AND consumer.id = :consumer AND joined_after < chunk.id
  AND NOT EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id AND part.consumer != :consumer)
ON CONFLICT DO NOTHING;

-- name: settled
DELETE FROM attempt WHERE consumer = :consumer AND chunk_id = :chunk_id;

-- name: decided
UPDATE consumer SET decided = decided + :events, matched = matched + :matched WHERE id = :consumer;

-- name: count
INSERT INTO tally (consumer, state, number) VALUES (:consumer, :state, :number)
ON CONFLICT (consumer, state) DO UPDATE SET number = number + excluded.number;

-- name: count_minute
INSERT INTO minute (minute, consumer, state, number) VALUES (:minute, :consumer, :state, :number)
ON CONFLICT (minute, consumer, state) DO UPDATE SET number = number + excluded.number;

-- name: count_hour
INSERT INTO hour (hour, consumer, state, number) VALUES (:minute / 60, :consumer, :state, :number)
ON CONFLICT (hour, consumer, state) DO UPDATE SET number = number + excluded.number;

-- name: states
SELECT states FROM page WHERE consumer = :consumer AND chunk_id = :chunk_id;

-- name: change_states
UPDATE page SET states = :states, settled_at = :at WHERE consumer = :consumer AND chunk_id = :chunk_id;

-- name: bury
INSERT INTO dead
  (consumer, chunk_id, place, died_at, message_id, mapping, status, reason, detail, code, ambiguous_at, event)
VALUES (:consumer, :chunk_id, :place, :at, :message_id, :mapping, :status, :reason, :detail, :code, :ambiguous_at,
  :event)
ON CONFLICT DO NOTHING;

-- name: counts
-- Counts of one consumer.
SELECT
  before + CASE WHEN active THEN journal.events - joined_events ELSE 0 END AS accepted, decided, matched, consumer.id
FROM consumer, journal WHERE name = :name;

-- name: tally
SELECT status, reason, sum(number) FROM tally JOIN state ON state.id = tally.state
WHERE consumer = :consumer GROUP BY status, reason HAVING sum(number) != 0;

-- name: exceptions
SELECT chunk_id, place, message_id, mapping, status, reason, detail, code, died_at AS at
FROM dead WHERE consumer = :consumer
UNION ALL
SELECT chunk_id, place, message_id, mapping, 'pending', reason, detail, code,
  (SELECT settled_at FROM page WHERE page.consumer = retry.consumer AND page.chunk_id = retry.chunk_id)
FROM retry WHERE consumer = :consumer
ORDER BY at DESC, chunk_id DESC, place DESC LIMIT :limit;

-- name: keep_standing
UPDATE consumer SET standing = :standing WHERE id = :consumer;

-- name: standing
SELECT standing FROM consumer WHERE name = :name AND active;
