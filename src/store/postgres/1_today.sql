-- The tables of the SQLite store as they are today; what came before never was in PostgreSQL.
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
    revision    BIGINT NOT NULL,
    is_open     BIGINT NOT NULL,
    body        TEXT NOT NULL,
    channel     TEXT,
    message     TEXT,
    case_key    TEXT NOT NULL,
    number      BIGINT NOT NULL
);

CREATE INDEX drift_case_open ON drift_case (repository, environment, is_open);
CREATE UNIQUE INDEX drift_case_key ON drift_case (repository, environment, case_key) WHERE is_open = 1;

CREATE TABLE outbox (
    name        TEXT NOT NULL PRIMARY KEY,
    alerts      TEXT NOT NULL,
    notice      TEXT,
    urgency     BIGINT NOT NULL,
    wanted      BIGINT NOT NULL,
    since       BIGINT NOT NULL,
    attempts    BIGINT NOT NULL,
    next_at     BIGINT NOT NULL,
    taken_until BIGINT NOT NULL,
    last_error  TEXT
);

CREATE TABLE audit (
    sequence BIGINT NOT NULL PRIMARY KEY,
    body     TEXT NOT NULL
);

CREATE FUNCTION audit_is_only_added_to() RETURNS trigger AS $$
BEGIN
    RAISE EXCEPTION 'the audit is only added to';
END
$$ LANGUAGE plpgsql;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_only_added_to();

CREATE TABLE looked (
    repository   TEXT NOT NULL,
    environment  TEXT NOT NULL,
    at           TEXT NOT NULL,
    succeeded_at TEXT,
    failures     BIGINT NOT NULL DEFAULT 0,
    last_error   TEXT,
    PRIMARY KEY (repository, environment)
);

CREATE TABLE lease (
    name       TEXT NOT NULL PRIMARY KEY,
    owner      TEXT NOT NULL,
    held_until BIGINT NOT NULL
);

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Of this installation, and of no other: 244 random bits.
INSERT INTO setting (name, value)
VALUES ('install_key', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
