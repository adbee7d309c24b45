-- name: put
INSERT INTO retry (consumer, chunk_id, place, at, expires_at, message_id, mapping, reason, detail, code,
  envelope, history, body, event)
VALUES (:consumer, :chunk_id, :place, :at, :expires_at, :message_id, :mapping, :reason, :detail, :code,
  :envelope, :history, :body, :event)
ON CONFLICT DO NOTHING;

-- name: due
SELECT chunk_id, place, at, body, envelope, history, message_id, mapping, expires_at
FROM retry WHERE consumer = :consumer AND at <= :now ORDER BY at, chunk_id, place LIMIT :limit;

-- name: next_at
SELECT min(at) FROM retry WHERE consumer = :consumer;

-- name: history
SELECT history, event FROM retry WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;

-- name: change_history
UPDATE retry SET history = :history WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;

-- name: put_off
UPDATE retry SET at = :at, history = :history, reason = :reason, detail = :detail, code = :code
WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;

-- name: done
DELETE FROM retry WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;

-- name: all
SELECT chunk_id, place, message_id, mapping, history FROM retry WHERE consumer = :consumer ORDER BY chunk_id, place;
