-- name: newest
SELECT number, person, other, name, value, seen_at FROM known_id WHERE expires_at > :now ORDER BY number DESC;

-- name: last
SELECT coalesce(max(number), 0) FROM known_id;

-- name: delete
DELETE FROM known_id WHERE number = :number;

-- name: delete_older
DELETE FROM known_id WHERE rowid IN (SELECT rowid FROM known_id WHERE number < :number LIMIT :limit);

-- name: keep
-- Nothing of those who were deleted, or who were met with one who was.
INSERT INTO known_id (number, person, other, name, value, seen_at, expires_at)
SELECT :number, :person, :other, :name, :value, :seen_at, :expires_at
WHERE NOT EXISTS (SELECT 1 FROM tombstone WHERE mark IN (:person, :other));

-- name: reopen
-- Something was left of them after all: whoever erases them now is not done yet.
UPDATE tombstone SET swept_to = swept_to - 1, erased_at = NULL WHERE mark = :mark;

-- name: of_deleted
-- Of those who are to be erased, of whoever was met with one of them, and of whoever has an id of one of them.
SELECT DISTINCT number FROM known_id WHERE person IN (
  WITH
    named (mark) AS (SELECT mark FROM tombstone WHERE erased_at IS NULL),
    met (mark) AS (
      SELECT mark FROM named
      UNION SELECT person FROM known_id WHERE other IN (SELECT mark FROM named)
      UNION SELECT other FROM known_id WHERE person IN (SELECT mark FROM named) AND other IS NOT NULL)
  SELECT mark FROM met
  UNION SELECT person FROM known_id WHERE value IN (
    SELECT value FROM known_id WHERE person IN (SELECT mark FROM met)));
