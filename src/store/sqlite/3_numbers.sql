-- The order in which cases were opened, by a name that every database knows.
ALTER TABLE drift_case ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
UPDATE drift_case SET number = rowid;

-- What one process does at a time, for all that share this store.
CREATE TABLE lease (
    name       TEXT NOT NULL PRIMARY KEY,
    owner      TEXT NOT NULL,
    held_until INTEGER NOT NULL
);

-- How it stands with the looks at an environment.
ALTER TABLE looked ADD COLUMN succeeded_at TEXT;
ALTER TABLE looked ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE looked ADD COLUMN last_error TEXT;
