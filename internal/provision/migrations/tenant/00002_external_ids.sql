-- +goose Up

-- What other systems call a record. An id of a system belongs to one live record of
-- an object; a record may have several. object is the identity of the object.
CREATE TABLE kontor.external_id (
    system      text NOT NULL,
    object      text NOT NULL,
    external_id text NOT NULL,
    record_id   uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (system, object, external_id)
);
CREATE INDEX external_id_record ON kontor.external_id (record_id);

-- +goose Down
DROP TABLE kontor.external_id;
