-- name: bounds
-- Two questions, since both in one would go through all chunks.
SELECT coalesce((SELECT min(id) FROM chunk), 1), coalesce((SELECT max(id) FROM chunk), 0);

-- name: chunk_from
SELECT id, appended_at FROM chunk WHERE id >= :id ORDER BY id LIMIT 1;

-- name: head
-- Of one chunk, or the next one that is kept, what stands before its events; and whose alone it is.
SELECT chunk.id, chunk.appended_at, chunk.events, consumer.name
FROM chunk
LEFT JOIN part ON part.chunk_id = chunk.id
LEFT JOIN consumer ON consumer.id = part.consumer
WHERE chunk.id >= :id ORDER BY chunk.id LIMIT 1;

-- name: content
SELECT sources, content, duplicates FROM chunk WHERE id = :id;
