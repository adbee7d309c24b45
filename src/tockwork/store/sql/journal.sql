-- name: append
INSERT INTO chunk (id, appended_at, events, sources, fingerprints, content, duplicates)
VALUES (:id, :at, :events, :sources, :fingerprints, :content, :duplicates);

-- name: advance
-- `common` are events for every consumer.
UPDATE journal SET last_id = last_id + 1, events = events + :common RETURNING last_id;

-- name: arrived
INSERT INTO arrival (minute, source, events) VALUES (:minute, :source, :events)
ON CONFLICT (minute, source) DO UPDATE SET events = events + excluded.events;

-- name: arrived_in_hour
INSERT INTO arrival_hour (hour, source, events) VALUES (:minute / 60, :source, :events)
ON CONFLICT (hour, source) DO UPDATE SET events = events + excluded.events;

-- name: last_id
SELECT last_id FROM journal;

-- name: consumer
SELECT id, low FROM consumer WHERE name = :name AND active;

-- name: join
INSERT INTO consumer (name, active, joined_after, low, joined_events, before, decided, matched)
SELECT :name, 1, last_id, last_id, events, 0, 0, 0 FROM journal WHERE true
ON CONFLICT (name) DO UPDATE SET
  active = 1, joined_after = excluded.joined_after, low = excluded.low, joined_events = excluded.joined_events
WHERE NOT active;

-- name: leave
UPDATE consumer SET active = 0, standing = NULL, before = before + (SELECT events FROM journal) - joined_events
WHERE id = :consumer;

-- name: oldest
-- The oldest chunk that the consumer has not settled.
SELECT min(chunk.id) FROM chunk
WHERE chunk.id > :after
  AND NOT EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id AND part.consumer != :consumer)
  AND NOT EXISTS (SELECT 1 FROM page WHERE page.consumer = :consumer AND page.chunk_id = chunk.id);

-- name: next
SELECT chunk.id, chunk.content, attempt.begun_at, attempt.version, chunk.duplicates,
  CASE WHEN EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id) THEN '[]' ELSE chunk.sources END
FROM chunk
LEFT JOIN attempt ON attempt.consumer = :consumer AND attempt.chunk_id = chunk.id
WHERE chunk.id > :after
  AND NOT EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id AND part.consumer != :consumer)
  AND NOT EXISTS (SELECT 1 FROM page WHERE page.consumer = :consumer AND page.chunk_id = chunk.id)
ORDER BY chunk.id LIMIT 1;

-- name: one
SELECT chunk.id, chunk.content, attempt.begun_at, attempt.version, chunk.duplicates,
  CASE WHEN EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id) THEN '[]' ELSE chunk.sources END
FROM chunk
LEFT JOIN attempt ON attempt.consumer = :consumer AND attempt.chunk_id = chunk.id
WHERE chunk.id = :chunk_id;

-- name: begin
INSERT INTO attempt (consumer, chunk_id, begun_at, version)
SELECT :consumer, :chunk_id, :at, :version
WHERE NOT EXISTS (SELECT 1 FROM page WHERE page.consumer = :consumer AND page.chunk_id = :chunk_id)
ON CONFLICT DO NOTHING;

-- name: undecided
SELECT chunk.id, chunk.events FROM chunk
WHERE chunk.id > :after
  AND NOT EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id AND part.consumer != :consumer)
  AND NOT EXISTS (SELECT 1 FROM page WHERE page.consumer = :consumer AND page.chunk_id = chunk.id);

-- name: erased_content
SELECT content FROM chunk WHERE id = :chunk_id AND erased;

-- name: content
SELECT content FROM chunk WHERE id = :chunk_id;
