-- name: firing
SELECT rule, destination, source, what, mend, value, since, began_at, ended_at, id, uid FROM alert
WHERE ended_at IS NULL ORDER BY id;

-- name: newest
SELECT rule, destination, source, what, mend, value, since, began_at, ended_at, id, uid FROM alert
ORDER BY id DESC LIMIT :limit;

-- name: said
SELECT alert, state, said FROM notice WHERE alert >= :alert AND said != '' ORDER BY id;

-- name: begin
INSERT INTO alert (uid, rule, destination, source, what, mend, value, since, began_at)
VALUES (:uid, :rule, :destination, :source, :what, :mend, :value, :since, :at)
ON CONFLICT DO NOTHING RETURNING id;

-- name: end
UPDATE alert SET ended_at = :at WHERE id = :id AND ended_at IS NULL;

-- name: tell_of_beginning
INSERT INTO notice (alert, state, made_at, next_at) VALUES (:alert, 'firing', :at, :at);

-- name: tell_of_end
-- To whom the beginning was told, or is to be.
INSERT INTO notice (alert, state, made_at, next_at)
SELECT :alert, 'resolved', :at, :at WHERE EXISTS (SELECT 1 FROM notice WHERE alert = :alert);

-- name: due
-- In order, and of one alert one at a time.
SELECT notice.id, state, made_at, attempts, rule, destination, source, what, mend, value, since, began_at, ended_at,
  alert.id, uid
FROM notice JOIN alert ON alert.id = notice.alert
WHERE next_at <= :now AND NOT EXISTS (
  SELECT 1 FROM notice AS earlier
  WHERE earlier.alert = notice.alert AND earlier.id < notice.id AND earlier.next_at IS NOT NULL
)
ORDER BY notice.id LIMIT 1;

-- name: waiting
SELECT EXISTS (SELECT 1 FROM notice WHERE next_at IS NOT NULL);

-- name: attempted
UPDATE notice SET attempts = attempts + 1, next_at = :next_at, said = :said WHERE id = :id;

-- name: withdraw
-- Nobody is to be told any more.
UPDATE notice SET next_at = NULL WHERE next_at IS NOT NULL;

-- name: forget_notices
DELETE FROM notice WHERE alert IN (
  SELECT id FROM alert WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT -1 OFFSET :kept
) AND next_at IS NULL;

-- name: forget
DELETE FROM alert WHERE id IN (
  SELECT id FROM alert WHERE ended_at IS NOT NULL ORDER BY id DESC LIMIT -1 OFFSET :kept
) AND NOT EXISTS (SELECT 1 FROM notice WHERE notice.alert = alert.id);

-- name: deliveries
-- Deliveries by destination and status, as they came into it in these minutes.
SELECT consumer.name, state.status, sum(number)
FROM minute JOIN consumer ON consumer.id = minute.consumer JOIN state ON state.id = minute.state
WHERE minute >= :after AND consumer.active AND state.status IN ('delivered', 'invalid', 'rejected', 'expired')
GROUP BY consumer.name, state.status;

-- name: arrived
-- Events by source in these minutes.
SELECT source, sum(events) FROM arrival WHERE minute >= :after AND minute < :before GROUP BY source;
