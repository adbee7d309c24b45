-- name: latest
SELECT max(version) FROM configuration;

-- name: version
SELECT content FROM configuration WHERE version = :version;

-- name: keep_version
INSERT INTO configuration (made_at, content, made_by, note) VALUES (:at, :content, :by, :note) RETURNING version;

-- name: made
SELECT version, made_at, made_by, note FROM configuration
WHERE version < :before ORDER BY version DESC LIMIT :limit;

-- name: wish
INSERT INTO wish (consumer, wish) VALUES (:consumer, :wish);

-- name: wishes
SELECT id, consumer, wish FROM wish ORDER BY id;

-- name: fulfilled
DELETE FROM wish WHERE id <= :id;

-- name: destined
SELECT destined FROM consumer WHERE name = :consumer AND active;

-- name: destine
UPDATE consumer SET destined = :to WHERE name = :consumer AND active;
