-- name: dead
-- Dead letters of one consumer, in the order of their deaths, from one row on.
SELECT dead.rowid, chunk_id, place, message_id, mapping, status, reason, died_at, ambiguous_at, event, detail, code
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

-- name: at
SELECT dead.rowid, chunk_id, place, message_id, mapping, status, reason, died_at, ambiguous_at, event, detail, code
FROM dead WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;

-- name: looked_at
-- The newest letter of those that are not looked at any more, by the index alone.
SELECT died_at, rowid FROM dead INDEXED BY dead_by_time
WHERE consumer = :consumer AND died_at >= :since AND died_at <= :before_at AND (died_at, rowid) < (:before_at, :before_row)
ORDER BY died_at DESC, rowid DESC LIMIT 1 OFFSET :budget;

-- name: newest
SELECT dead.rowid, chunk_id, place, message_id, mapping, status, reason, died_at, ambiguous_at, event, detail, code
FROM dead INDEXED BY dead_by_time
WHERE consumer = :consumer AND died_at >= :since AND died_at <= :before_at AND (died_at, rowid) < (:before_at, :before_row)
  AND (died_at, rowid) > (:after_at, :after_row)
  AND (:status IS NULL OR status = :status)
  AND (:reason IS NULL OR reason = :reason)
  AND (:mapping IS NULL OR mapping = :mapping)
  AND (:code IS NULL OR code = :code)
  AND (:message_id IS NULL OR message_id = :message_id)
ORDER BY died_at DESC, rowid DESC LIMIT :limit;
