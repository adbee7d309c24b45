-- name: settled_chunks
-- The oldest chunks that everybody settled before a time.
SELECT chunk.id, chunk.events FROM chunk
WHERE chunk.appended_at < :before
  AND NOT EXISTS (
    SELECT 1 FROM consumer
    WHERE active AND joined_after < chunk.id
      AND NOT EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id AND part.consumer != consumer.id)
      AND NOT EXISTS (
      SELECT 1 FROM page
      WHERE page.consumer = consumer.id AND page.chunk_id = chunk.id AND page.settled_at < :before))
  AND NOT EXISTS (
    SELECT 1 FROM consumer JOIN retry ON retry.consumer = consumer.id AND retry.chunk_id = chunk.id)
ORDER BY chunk.id LIMIT :limit;

-- name: delete_chunk
DELETE FROM chunk WHERE id = :id;

-- name: delete_pages
DELETE FROM page WHERE rowid IN (
  SELECT page.rowid FROM page
  WHERE settled_at < :before
    AND NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.id = page.chunk_id)
    AND NOT EXISTS (SELECT 1 FROM retry WHERE retry.consumer = page.consumer AND retry.chunk_id = page.chunk_id)
    AND NOT EXISTS (SELECT 1 FROM dead WHERE dead.consumer = page.consumer AND dead.chunk_id = page.chunk_id)
  LIMIT :limit);

-- name: delete_parts
DELETE FROM part WHERE chunk_id IN (
  SELECT part.chunk_id FROM part
  WHERE NOT EXISTS (SELECT 1 FROM chunk WHERE chunk.id = part.chunk_id)
    AND NOT EXISTS (SELECT 1 FROM page WHERE page.consumer = part.consumer AND page.chunk_id = part.chunk_id)
  LIMIT :limit);

-- name: delete_letters
DELETE FROM dead WHERE rowid IN (SELECT rowid FROM dead WHERE died_at < :before LIMIT :limit);

-- name: delete_ids
DELETE FROM known_id WHERE rowid IN (SELECT rowid FROM known_id WHERE expires_at <= :now LIMIT :limit);

-- name: delete_minutes
DELETE FROM minute WHERE minute < :before / 60;

-- name: delete_hours
-- Hours of which no minute is left.
DELETE FROM hour WHERE hour < CAST(:before / 3600 AS INTEGER);

-- name: delete_arrival_hours
DELETE FROM arrival_hour WHERE hour < CAST(:before / 3600 AS INTEGER);

-- name: add_up_arrivals
-- Minutes of whole hours go, and what each source ever sent stays: in minute 0.
INSERT INTO arrival (minute, source, events)
SELECT 0, source, sum(events) FROM arrival
WHERE minute > 0 AND minute < CAST(:before / 3600 AS INTEGER) * 60 GROUP BY source
ON CONFLICT (minute, source) DO UPDATE SET events = events + excluded.events;

-- name: delete_arrivals
DELETE FROM arrival WHERE minute > 0 AND minute < CAST(:before / 3600 AS INTEGER) * 60;

-- name: raise_low
UPDATE consumer SET low = coalesce(
  (SELECT min(chunk.id) - 1 FROM chunk
   WHERE chunk.id > low
     AND NOT EXISTS (SELECT 1 FROM part WHERE part.chunk_id = chunk.id AND part.consumer != consumer.id)
     AND NOT EXISTS (SELECT 1 FROM page WHERE page.consumer = consumer.id AND page.chunk_id = chunk.id)),
  (SELECT last_id FROM journal))
WHERE active;
