-- +goose Up

-- Files: what people upload, and what jobs read and write. One that is still being
-- written has no sha256. After expires_at it goes, unless something refers to it.
CREATE TABLE kontor.file (
    id         uuid PRIMARY KEY,
    name       text NOT NULL,
    media_type text NOT NULL DEFAULT '',
    size       bigint NOT NULL DEFAULT 0,
    sha256     text,
    created_at timestamptz NOT NULL,
    created_by uuid,
    expires_at timestamptz
);
CREATE INDEX file_expires_at ON kontor.file (expires_at);

-- The bytes of a file; place is where in the file they begin.
CREATE TABLE kontor.file_chunk (
    file_id uuid NOT NULL REFERENCES kontor.file ON DELETE CASCADE,
    place   bigint NOT NULL,
    bytes   bytea NOT NULL,
    PRIMARY KEY (file_id, place)
);
-- Most files are compressed already, and parts are read alone.
ALTER TABLE kontor.file_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The tenant's background work. A worker claims a job for a while (lease_until) and
-- goes on with it from progress, which is committed with the work itself.
CREATE TABLE kontor.job (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    state       text NOT NULL DEFAULT 'queued',
    object      text NOT NULL DEFAULT '',
    request     jsonb NOT NULL DEFAULT '{}',
    input       uuid REFERENCES kontor.file,   -- the file that the job reads
    output      uuid REFERENCES kontor.file,   -- the file that it writes
    undoes      uuid REFERENCES kontor.job ON DELETE CASCADE,
    created_at  timestamptz NOT NULL,
    created_by  uuid,
    started_at  timestamptz,
    finished_at timestamptz,
    expires_at  timestamptz,
    progress    jsonb NOT NULL DEFAULT '{}',   -- where the worker goes on; its own affair
    report      jsonb NOT NULL DEFAULT '{}',   -- the counts that are shown
    done        bigint NOT NULL DEFAULT 0,     -- of total, in what the kind counts
    total       bigint NOT NULL DEFAULT 0,
    error       jsonb,
    cancelled   boolean NOT NULL DEFAULT false, -- somebody asked for its end
    run_after   timestamptz NOT NULL DEFAULT now(),
    claim       uuid,                          -- of the worker that has it; another one with each claim
    lease_until timestamptz,
    attempts    integer NOT NULL DEFAULT 0     -- claims since the last progress
);
CREATE INDEX job_open ON kontor.job (created_at) WHERE state IN ('queued', 'running');
CREATE INDEX job_created_by ON kontor.job (created_by, id);
CREATE INDEX job_input ON kontor.job (input);
CREATE INDEX job_output ON kontor.job (output);
CREATE INDEX job_expires_at ON kontor.job (expires_at);
-- A job is undone once.
CREATE UNIQUE INDEX job_undoes ON kontor.job (undoes) WHERE state NOT IN ('failed', 'cancelled');

-- What a job did to which record, for its undoing: request_id is the job's id.
CREATE INDEX history_job ON kontor.history (request_id, record_id, version) WHERE channel IN ('import', 'undo');

-- +goose Down
DROP INDEX kontor.history_job;
DROP TABLE kontor.job, kontor.file_chunk, kontor.file;
