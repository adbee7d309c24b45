-- name: consumer
SELECT id FROM consumer WHERE name = :name;

-- name: minute
-- One consumer's lines by step and state: a seek for each minute, since the table has all consumers' side by side.
WITH RECURSIVE place (at) AS (SELECT :first UNION ALL SELECT at + 1 FROM place WHERE at < :last)
SELECT (minute.minute - :first) / :width AS step, state, sum(number)
FROM place CROSS JOIN minute ON minute.minute = place.at AND minute.consumer = :consumer
GROUP BY step, state;

-- name: hour
WITH RECURSIVE place (at) AS (SELECT :first UNION ALL SELECT at + 1 FROM place WHERE at < :last)
SELECT (hour.hour - :first) / :width AS step, state, sum(number)
FROM place CROSS JOIN hour ON hour.hour = place.at AND hour.consumer = :consumer
GROUP BY step, state;

-- name: state
SELECT id, status, reason, mapping FROM state;

-- name: arrival_minute
SELECT (minute - :first) / :width AS step, source, sum(events) FROM arrival
WHERE minute BETWEEN :first AND :last AND minute > 0 GROUP BY step, source;

-- name: arrival_hour
SELECT (hour - :first) / :width AS step, source, sum(events) FROM arrival_hour
WHERE hour BETWEEN :first AND :last GROUP BY step, source;

-- name: chunks
-- Asked for together, they would be looked for in all rows.
SELECT coalesce((SELECT min(id) FROM chunk), 1), coalesce((SELECT max(id) FROM chunk), 0);

-- name: chunk_from
SELECT id, appended_at FROM chunk WHERE id >= :id ORDER BY id LIMIT 1;

-- name: latencies
-- The newest settled chunks of some: how long each took, in seconds, and its events.
SELECT max(0.0, page.settled_at - chunk.appended_at), page.events
FROM page CROSS JOIN chunk ON chunk.id = page.chunk_id
WHERE page.consumer = :consumer AND page.chunk_id >= :first AND page.chunk_id < :end
ORDER BY page.chunk_id DESC LIMIT :limit;
