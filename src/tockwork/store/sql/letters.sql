-- name: dead
-- Dead letters of one consumer, in the order of their deaths, from one row on.
SELECT dead.rowid, chunk_id, place, message_id, mapping, status, reason, died_at, ambiguous_at, event
FROM dead WHERE consumer = :consumer AND dead.rowid > :after AND died_at >= :since AND died_at < :until
ORDER BY dead.rowid LIMIT :limit;

-- name: pages
-- Settled chunks whose events are still kept.
SELECT chunk.id, chunk.appended_at, page.states FROM page JOIN chunk ON chunk.id = page.chunk_id
WHERE page.consumer = :consumer AND chunk.id > :after AND appended_at >= :since AND appended_at < :until
ORDER BY chunk.id LIMIT :limit;

-- name: delivered_states
SELECT id, mapping FROM state WHERE status = 'delivered';

-- name: dig_up
DELETE FROM dead WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;
