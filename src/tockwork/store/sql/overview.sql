-- name: consumers
SELECT id, name, low FROM consumer WHERE active;

-- name: oldest_at
-- When the oldest event was accepted that the consumer has not decided.
SELECT appended_at FROM chunk
WHERE chunk.id > :after
  AND NOT EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id AND part.consumer != :consumer)
  AND NOT EXISTS (SELECT 1 FROM page WHERE page.consumer = :consumer AND page.chunk_id = chunk.id)
ORDER BY chunk.id LIMIT 1;

-- name: arrivals
-- Those of minute 0 are of hours that retention has deleted.
SELECT source, sum(events) FROM (
  SELECT source, events FROM arrival WHERE minute = 0 UNION ALL SELECT source, events FROM arrival_hour)
GROUP BY source;

-- name: arrived
SELECT source, sum(events), sum(CASE WHEN minute > :since THEN events ELSE 0 END), max(minute)
FROM arrival GROUP BY source;

-- name: standing
SELECT standing FROM consumer WHERE id = :consumer;

-- name: oldest_event
SELECT appended_at FROM chunk ORDER BY id LIMIT 1;
