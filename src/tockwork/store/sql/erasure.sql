-- name: open
SELECT id, mark, swept_to FROM tombstone WHERE erased_at IS NULL ORDER BY id;

-- name: chunks
SELECT id, content FROM chunk WHERE id > :after ORDER BY id LIMIT :limit;

-- name: waiting
SELECT rowid, chunk_id, place, body, event FROM retry WHERE rowid > :after ORDER BY rowid LIMIT :limit;

-- name: dead
SELECT rowid, chunk_id, place, event FROM dead WHERE rowid > :after ORDER BY rowid LIMIT :limit;

-- name: chunk
SELECT content, fingerprints FROM chunk WHERE id = :chunk_id;

-- name: empty
UPDATE chunk SET content = :content, fingerprints = :fingerprints, erased = 1 WHERE id = :chunk_id;

-- name: consumers
SELECT id FROM consumer;

-- name: waiting_of_event
SELECT place, mapping FROM retry
WHERE consumer = :consumer AND chunk_id = :chunk_id AND place >= :first AND place < :first + :places;

-- name: without_event
UPDATE retry SET event = x'' WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;

-- name: delete_letters
DELETE FROM dead
WHERE consumer = :consumer AND chunk_id = :chunk_id AND place >= :first AND place < :first + :places;

-- name: swept
UPDATE tombstone SET swept_to = max(swept_to, :chunk_id) WHERE id = :id;

-- name: erased
UPDATE tombstone SET erased_at = :at WHERE id = :id AND swept_to >= :chunk_id;

-- name: fill
INSERT INTO filling VALUES (zeroblob(:size));

-- name: filled
SELECT rowid FROM filling LIMIT :limit;

-- name: unfill
DELETE FROM filling WHERE rowid = :id;
