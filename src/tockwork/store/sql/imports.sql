-- name: begin
INSERT INTO import (key, consumer, name, position, events, begun_at)
VALUES (:key, :consumer, :name, 0, 0, :at)
ON CONFLICT (key, consumer) DO NOTHING;

-- name: with_key
SELECT import.id, key, consumer.name, import.name, position, events, begun_at, finished_at
FROM import JOIN consumer ON consumer.id = import.consumer WHERE key = :key AND consumer.name = :name;

-- name: find
SELECT import.id, key, consumer.name, import.name, position, events, begun_at, finished_at
FROM import JOIN consumer ON consumer.id = import.consumer WHERE import.id = :id;

-- name: all
SELECT import.id, key, consumer.name, import.name, position, events, begun_at, finished_at
FROM import JOIN consumer ON consumer.id = import.consumer ORDER BY import.id;

-- name: finish
UPDATE import SET finished_at = coalesce(finished_at, :at) WHERE id = :id;

-- name: proceed
UPDATE import SET position = :position, events = events + :events, finished_at = NULL
WHERE id = :id AND consumer = :consumer;

-- name: accepted
-- Events of an import are accepted for its consumer alone.
UPDATE consumer SET before = before + :events WHERE id = :consumer;

-- name: take
INSERT INTO part (chunk_id, import, consumer) VALUES (:chunk_id, :id, :consumer);

-- name: pages
SELECT page.states FROM part JOIN page ON page.consumer = part.consumer AND page.chunk_id = part.chunk_id
WHERE part.import = :id;

-- name: state
SELECT id, status, reason FROM state;

-- name: decided
SELECT coalesce(sum(page.events), 0)
FROM part JOIN page ON page.consumer = part.consumer AND page.chunk_id = part.chunk_id WHERE part.import = :id;

-- name: dead
SELECT chunk_id, place, message_id, mapping, status, reason, detail, code, event FROM dead
WHERE consumer = (SELECT consumer FROM import WHERE id = :id) AND (chunk_id, place) > (:chunk_id, :place)
  AND chunk_id IN (SELECT chunk_id FROM part WHERE import = :id)
ORDER BY chunk_id, place LIMIT :limit;
