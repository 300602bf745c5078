CREATE TABLE applied (
    repository  TEXT NOT NULL,
    environment TEXT NOT NULL,
    unit        TEXT NOT NULL,
    commit_id   TEXT NOT NULL,
    at          TEXT NOT NULL,
    PRIMARY KEY (repository, environment, unit)
);

CREATE TABLE drift_case (
    id          TEXT NOT NULL PRIMARY KEY,
    repository  TEXT NOT NULL,
    environment TEXT NOT NULL,
    revision    INTEGER NOT NULL,
    is_open     INTEGER NOT NULL,
    body        TEXT NOT NULL,
    channel     TEXT,
    message     TEXT
);

CREATE INDEX drift_case_open ON drift_case (repository, environment, is_open);
