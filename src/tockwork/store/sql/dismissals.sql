-- name: of
SELECT code, dismissed_by, dismissed_at, number FROM dismissed
WHERE destination = :destination AND dismissed_at > :since;

-- name: keep
INSERT INTO dismissed (destination, code, dismissed_by, dismissed_at, number)
VALUES (:destination, :code, :by, :at, :number)
ON CONFLICT (destination, code) DO UPDATE SET
  dismissed_by = excluded.dismissed_by, dismissed_at = excluded.dismissed_at, number = excluded.number;

-- name: drop
DELETE FROM dismissed WHERE destination = :destination AND code = :code;

-- name: sweep
DELETE FROM dismissed WHERE dismissed_at <= :since;
