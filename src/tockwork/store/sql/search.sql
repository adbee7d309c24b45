-- name: indexed
SELECT coalesce((SELECT last_id FROM block ORDER BY first_id DESC LIMIT 1), 0);

-- name: unindexed
SELECT id, events FROM chunk WHERE id > :after ORDER BY id LIMIT :limit;

-- name: indexable
SELECT sources, content FROM chunk WHERE id = :chunk_id;

-- name: sizes
-- Erasing an event makes its chunk shorter.
SELECT id, length(content) FROM chunk WHERE id BETWEEN :first_id AND :last_id ORDER BY id;

-- name: kinds
SELECT id, source, type, name FROM kind;

-- name: kind
SELECT id FROM kind WHERE source = :source AND type = :type AND name = :name;

-- name: new_kind
INSERT INTO kind (source, type, name) SELECT :source, :type, :name WHERE (SELECT count(*) FROM kind) < :most
RETURNING id;

-- name: add_block
INSERT INTO block (first_id, last_id, chunks, present, kinds) VALUES (:first_id, :last_id, :chunks, :present, :kinds);

-- name: add_people
INSERT INTO block_person (first_id, digests) VALUES (:first_id, :digests);

-- name: add_messages
INSERT INTO block_message (first_id, digests) VALUES (:first_id, :digests);

-- name: block_of
SELECT block.first_id, chunks, kinds, block_person.digests, block_message.digests
FROM block JOIN block_person USING (first_id) JOIN block_message USING (first_id)
WHERE block.first_id = (SELECT max(first_id) FROM block WHERE first_id <= :chunk_id) AND last_id >= :chunk_id;

-- name: change_kinds
UPDATE block SET kinds = :kinds WHERE first_id = :first_id;

-- name: change_people
UPDATE block_person SET digests = :digests WHERE first_id = :first_id;

-- name: change_messages
UPDATE block_message SET digests = :digests WHERE first_id = :first_id;

-- name: delete_block
DELETE FROM block WHERE first_id = :first_id;

-- name: delete_people
DELETE FROM block_person WHERE first_id = :first_id;

-- name: delete_messages
DELETE FROM block_message WHERE first_id = :first_id;

-- name: slice
-- Where a slice of so many blocks begins, below a chunk.
SELECT min(first_id) FROM (
  SELECT first_id FROM block WHERE first_id <= :before ORDER BY first_id DESC LIMIT :limit);

-- name: blocks
SELECT block.first_id, chunks, kinds, present FROM block
WHERE first_id >= :low AND first_id <= :before ORDER BY first_id DESC;

-- name: blocks_of_kind
SELECT block.first_id, chunks, kinds, present FROM block
WHERE first_id >= :low AND first_id <= :before AND instr(present, :kind) ORDER BY first_id DESC;

-- name: people
SELECT first_id, digests FROM block_person
WHERE first_id >= :low AND first_id <= :before ORDER BY first_id DESC;

-- name: messages
SELECT first_id, digests FROM block_message
WHERE first_id >= :low AND first_id <= :before ORDER BY first_id DESC;

-- name: chunks_of_block
SELECT chunks, kinds FROM block WHERE first_id = :first_id;

-- name: chunks
SELECT id, events FROM chunk WHERE id >= :low AND id <= :before ORDER BY id DESC LIMIT :limit;

-- name: head
SELECT appended_at, events, sources FROM chunk WHERE id = :chunk_id;

-- name: content
SELECT content FROM chunk WHERE id = :chunk_id;

-- name: from_chunk
SELECT id, appended_at FROM chunk WHERE id >= :chunk_id ORDER BY id LIMIT 1;

-- name: span
-- Apart, since SQLite would go through all of them for both at once.
SELECT (SELECT min(id) FROM chunk), (SELECT max(id) FROM chunk);

-- name: consumers
SELECT id, name, active, joined_after, low FROM consumer ORDER BY id;

-- name: states
SELECT id, status, reason, mapping FROM state;

-- name: tallied
SELECT coalesce(sum(number), 0) FROM tally WHERE state = :state;

-- name: page
SELECT states, events FROM page WHERE consumer = :consumer AND chunk_id = :chunk_id;

-- name: part
SELECT consumer FROM part WHERE chunk_id = :chunk_id;

-- name: dead
SELECT chunk_id, place, event, died_at FROM dead
WHERE consumer = :consumer AND (chunk_id, place) < (:chunk_id, :place) AND chunk_id >= :low
  AND (:status = '' OR status = :status) AND (:reason = '' OR reason = :reason)
ORDER BY chunk_id DESC, place DESC LIMIT :limit;

-- name: waiting
SELECT chunk_id, place, event, 0.0 FROM retry
WHERE consumer = :consumer AND (chunk_id, place) < (:chunk_id, :place) AND chunk_id >= :low
  AND (:status = '' OR 'pending' = :status) AND (:reason = '' OR reason = :reason)
ORDER BY chunk_id DESC, place DESC LIMIT :limit;

-- name: last_id
SELECT last_id FROM journal;

-- name: arrived
SELECT id, appended_at, events, sources FROM chunk WHERE id > :after ORDER BY id;

-- name: settled
SELECT DISTINCT chunk_id FROM page WHERE settled_at >= :since AND chunk_id >= :oldest;

-- name: event
SELECT appended_at, events, sources, content, duplicates FROM chunk WHERE id = :chunk_id;

-- name: kept_event
-- Of a dead letter, or of one that is tried again, where its chunk may be gone.
SELECT event FROM dead
WHERE consumer IN (SELECT id FROM consumer) AND chunk_id = :chunk_id AND place BETWEEN :first AND :last
UNION ALL
SELECT event FROM retry
WHERE consumer IN (SELECT id FROM consumer) AND chunk_id = :chunk_id AND place BETWEEN :first AND :last
  AND event IS NOT NULL AND length(event)
LIMIT 1;

-- name: settled_at
SELECT settled_at FROM page WHERE consumer = :consumer AND chunk_id = :chunk_id;

-- name: attempt
SELECT begun_at, version FROM attempt WHERE consumer = :consumer AND chunk_id = :chunk_id;

-- name: letter
SELECT detail, code, died_at FROM dead
WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;

-- name: retry
SELECT reason, detail, code, at, expires_at, envelope, history, body FROM retry
WHERE consumer = :consumer AND chunk_id = :chunk_id AND place = :place;

-- name: version_at
SELECT max(version) FROM configuration WHERE made_at <= :at;

-- name: newest
SELECT id, appended_at, events, sources, content FROM chunk WHERE id <= :before ORDER BY id DESC LIMIT 1;
