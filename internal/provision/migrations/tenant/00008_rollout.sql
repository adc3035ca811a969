-- +goose Up

-- The plans that have begun and are not over, by their digest. What was decided about
-- one when it began holds until its end, however often it is broken off. alters are the
-- columns whose values it alters and keeps in kept_value.
CREATE TABLE kontor.rollout (
    digest   text PRIMARY KEY,
    base     bigint NOT NULL,
    revision bigint NOT NULL,
    alters   text[] NOT NULL DEFAULT '{}',
    begun_at timestamptz NOT NULL DEFAULT now()
);

-- How far the batches of a plan have come, by what they do (work). It moves in the
-- transaction of each batch. digest is that of the statements: of others nothing is
-- done yet. reached is the id of the last row that was gone through.
CREATE TABLE kontor.backfill (
    work        text PRIMARY KEY,
    digest      text NOT NULL,
    reached     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    done        bigint NOT NULL DEFAULT 0,  -- rows that were gone through
    altered     bigint NOT NULL DEFAULT 0,  -- those of them that were changed
    total       bigint NOT NULL DEFAULT 0,  -- rows at the beginning, as PostgreSQL estimates them
    begun_at    timestamptz NOT NULL DEFAULT now(),
    moved_at    timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);

-- Values that a plan has changed, as they were. object and field are identities, the
-- field of a part with that of the whole before it (address.city); value and made are
-- the column's text before and after, made is null where the value was taken away.
CREATE TABLE kontor.kept_value (
    object      text NOT NULL,
    field       text NOT NULL,
    record_id   uuid NOT NULL,
    revision    bigint NOT NULL,             -- that the plan led to
    column_name text NOT NULL,
    value       text NOT NULL,
    made        text,
    why         text NOT NULL,               -- Truncate, Clear
    kept_at     timestamptz NOT NULL DEFAULT now(),
    until       timestamptz NOT NULL,
    PRIMARY KEY (object, column_name, record_id, revision)
);
CREATE INDEX kept_value_until ON kontor.kept_value (until);

-- +goose Down
DROP TABLE kontor.kept_value, kontor.backfill, kontor.rollout;
