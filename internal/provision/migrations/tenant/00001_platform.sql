-- +goose Up

-- What the platform keeps beside a tenant's records. The record tables come and
-- go with the schema and are made after these, so nothing here refers to them by
-- a foreign key: a user_id is the id of a record in crm."user".

CREATE SCHEMA IF NOT EXISTS crm;
CREATE SCHEMA IF NOT EXISTS bi;

-- The revisions of the schema that were applied; the newest one is in force.
CREATE TABLE kontor.applied_schema (
    revision   bigint PRIMARY KEY,
    digest     text NOT NULL,
    format     integer NOT NULL,
    document   jsonb NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- What was done to the database. finished_at is null while steps are left that
-- could not share the transaction.
CREATE TABLE kontor.plan_history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision    bigint NOT NULL,
    digest      text NOT NULL,
    document    jsonb NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

-- Who may sign in. The e-mail address is in lower case.
CREATE TABLE kontor.credential (
    user_id       uuid PRIMARY KEY,
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    password_hash text NOT NULL,
    administrator boolean NOT NULL DEFAULT false,
    disabled      boolean NOT NULL DEFAULT false,
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- Who is signed in. token_hash is the SHA-256 of the token, which is stored nowhere.
CREATE TABLE kontor.session (
    token_hash bytea PRIMARY KEY,
    user_id    uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_expires_at ON kontor.session (expires_at);

-- One row for each change of a record. Partitions by month are made ahead; the
-- default one catches what falls between.
CREATE TABLE kontor.history (
    at              timestamptz NOT NULL,
    object          text NOT NULL,
    record_id       uuid NOT NULL,
    version         integer NOT NULL,
    operation       text NOT NULL,
    actor           uuid,
    channel         text NOT NULL,
    request_id      text,
    schema_revision bigint NOT NULL,
    changes         jsonb
) PARTITION BY RANGE (at);
CREATE INDEX history_record ON kontor.history (record_id, at);
CREATE TABLE kontor.history_default PARTITION OF kontor.history DEFAULT;

-- What others have to hear of; who has told them removes the row.
CREATE TABLE kontor.outbox (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL,
    object    text NOT NULL,
    record_id uuid NOT NULL,
    version   integer NOT NULL,
    operation text NOT NULL
);

-- Which revision each server works with. A revision that nobody leases is in nobody's way.
CREATE TABLE kontor.lease (
    server     text PRIMARY KEY,
    revision   bigint NOT NULL,
    expires_at timestamptz NOT NULL
);

-- +goose Down
DROP SCHEMA bi CASCADE;
DROP SCHEMA crm CASCADE;
DROP TABLE kontor.lease, kontor.outbox, kontor.history, kontor.session, kontor.credential, kontor.plan_history, kontor.applied_schema;
