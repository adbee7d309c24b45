-- name: of_mappings
-- Deliveries of one destination since a minute, by mapping, as they came into their states.
SELECT state.mapping, state.status, sum(minute.number) FROM minute
JOIN state ON state.id = minute.state
WHERE minute.minute >= :since
  AND minute.consumer = (SELECT id FROM consumer WHERE name = :name)
  AND state.mapping != ''
GROUP BY state.mapping, state.status;
