-- Every chunk of a consumer's own up to `low` is settled, so that nobody looks for others there.
ALTER TABLE consumer ADD COLUMN low INTEGER NOT NULL DEFAULT 0;
UPDATE consumer SET low = joined_after;
