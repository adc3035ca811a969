-- +goose Up

-- The job that gave the external id to its record, so that undoing it takes the id back.
ALTER TABLE kontor.external_id ADD COLUMN bound_by uuid;
CREATE INDEX external_id_bound_by ON kontor.external_id (bound_by) WHERE bound_by IS NOT NULL;

-- +goose Down
ALTER TABLE kontor.external_id DROP COLUMN bound_by;
