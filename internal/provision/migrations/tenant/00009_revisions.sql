-- +goose Up

-- Where each applied revision comes from: the ChangePlan that led to it, the commits
-- that its resources name, and the resources in the form in which they are in force,
-- so that the past can be read, and applied again. Revisions of older releases have none.
CREATE TABLE kontor.revision (
    revision    bigint PRIMARY KEY,
    change_plan text NOT NULL,
    plan_digest text NOT NULL,
    commits     text[] NOT NULL,
    resources   json NOT NULL -- not jsonb: what did not change is told by its text
);

-- The changes of those ChangePlans that have no room in their own status.
CREATE TABLE kontor.change_plan (
    name       text PRIMARY KEY,
    changes    jsonb NOT NULL,
    written_at timestamptz NOT NULL DEFAULT now()
);

-- +goose Down
DROP TABLE kontor.change_plan;
DROP TABLE kontor.revision;
