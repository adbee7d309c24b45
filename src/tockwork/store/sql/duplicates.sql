-- name: appended_at
SELECT appended_at FROM chunk WHERE id = :id;

-- name: chunks
SELECT id, appended_at, events, fingerprints, duplicates FROM chunk 
WHERE id > :after AND id <= :last_id AND appended_at > :since ORDER BY id;

-- name: content
SELECT content FROM chunk WHERE id = :id;
