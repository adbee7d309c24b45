-- name: consumer
SELECT id, joined_after FROM consumer WHERE name = :name AND active;

-- name: hours
-- One consumer's lines by hour and mapping, of deliveries that are decided: a seek for each hour.
WITH RECURSIVE place (at) AS (SELECT :first UNION ALL SELECT at + 1 FROM place WHERE at < :last)
SELECT hour.hour, state.mapping, sum(hour.number)
FROM place CROSS JOIN hour ON hour.hour = place.at AND hour.consumer = :consumer
JOIN state ON state.id = hour.state
WHERE state.mapping != '' AND state.status IN ('delivered', 'invalid', 'rejected', 'expired')
GROUP BY hour.hour, state.mapping;

-- name: first
SELECT id, appended_at FROM chunk WHERE id > :joined_after ORDER BY id LIMIT 1;
