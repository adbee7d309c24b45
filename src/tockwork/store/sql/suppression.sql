-- name: versions
SELECT (SELECT max(id) FROM suppression), (SELECT max(id) FROM tombstone), number FROM withdrawal;

-- name: suppressed_after
SELECT id, mark, consumer FROM suppression WHERE id > :after ORDER BY id;

-- name: deleted_after
SELECT id, mark FROM tombstone WHERE id > :after ORDER BY id;

-- name: suppress
INSERT INTO suppression (mark, consumer, added_at) VALUES (:mark, :consumer, :at) ON CONFLICT DO NOTHING;

-- name: unsuppress
DELETE FROM suppression WHERE mark = :mark AND consumer = :consumer;

-- name: bury
INSERT INTO tombstone (mark, made_at, swept_to) VALUES (:mark, :at, 0)
ON CONFLICT (mark) DO UPDATE SET made_at = excluded.made_at, swept_to = 0, erased_at = NULL;

-- name: unbury
-- Only once nothing is left to erase.
DELETE FROM tombstone WHERE mark = :mark AND erased_at IS NOT NULL;

-- name: withdraw
UPDATE withdrawal SET number = number + 1;

-- name: suppressions
SELECT mark, consumer, added_at FROM suppression ORDER BY id;

-- name: tombstones
SELECT mark, made_at, erased_at FROM tombstone ORDER BY id;

-- name: soil
-- An event of theirs came in after all.
UPDATE tombstone SET swept_to = min(swept_to, :chunk_id - 1), erased_at = NULL WHERE mark = :mark;

-- name: event
SELECT event FROM retry WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;
