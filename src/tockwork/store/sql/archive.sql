-- name: candidates
-- Chunks in which an event's fingerprint occurs, perhaps by chance.
SELECT id, appended_at, sources, events, fingerprints, content FROM chunk
WHERE instr(fingerprints, :digest) OR (length(fingerprints) < :bytes * events AND instr(fingerprints, :crc))
ORDER BY id;

-- name: newest
SELECT sources, content FROM chunk ORDER BY id DESC;

-- name: pages
SELECT consumer.name, page.states FROM page JOIN consumer ON consumer.id = page.consumer
WHERE page.chunk_id = :chunk_id ORDER BY consumer.id;

-- name: state
SELECT status, reason, mapping FROM state WHERE id = :id;

-- name: dead
SELECT detail, code FROM dead JOIN consumer ON consumer.id = dead.consumer
WHERE consumer.name = :name AND chunk_id = :chunk_id AND place = :place;

-- name: retry
SELECT reason, detail, code FROM retry JOIN consumer ON consumer.id = retry.consumer
WHERE consumer.name = :name AND chunk_id = :chunk_id AND place = :place;
