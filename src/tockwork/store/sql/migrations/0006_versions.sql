-- Who made a version of the configuration, and why: a few words without any value.
ALTER TABLE configuration ADD COLUMN made_by TEXT NOT NULL DEFAULT '';
ALTER TABLE configuration ADD COLUMN note TEXT NOT NULL DEFAULT '';
