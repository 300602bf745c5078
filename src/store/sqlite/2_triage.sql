ALTER TABLE drift_case ADD COLUMN case_key TEXT NOT NULL DEFAULT '';

-- One open case for one drift, whoever looks at the same time.
CREATE UNIQUE INDEX drift_case_key ON drift_case (repository, environment, case_key) WHERE is_open = 1;

-- What has still to be told. The latest wins: one row for one message, told as the case then is.
CREATE TABLE outbox (
    name        TEXT NOT NULL PRIMARY KEY,
    alerts      TEXT NOT NULL,
    notice      TEXT,
    urgency     INTEGER NOT NULL,
    wanted      INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    next_at     INTEGER NOT NULL,
    taken_until INTEGER NOT NULL,
    last_error  TEXT
);

CREATE TABLE audit (
    sequence INTEGER NOT NULL PRIMARY KEY,
    body     TEXT NOT NULL
);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only added to');
END;

CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is only added to');
END;

CREATE TABLE looked (
    repository  TEXT NOT NULL,
    environment TEXT NOT NULL,
    at          TEXT NOT NULL,
    PRIMARY KEY (repository, environment)
);

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Of this installation, and of no other.
INSERT INTO setting (name, value) VALUES ('install_key', lower(hex(randomblob(32))));
