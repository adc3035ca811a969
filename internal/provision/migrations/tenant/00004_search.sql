-- +goose Up

-- How far the tables of search are filled, a row for each object. An object without a
-- row, or with another digest than its searchable fields give now, is read from the
-- beginning. reached is the id of the last record that was read; done_at is null
-- until all were.
CREATE TABLE kontor.search_state (
    object     text PRIMARY KEY,
    digest     integer NOT NULL,
    reached    uuid,
    done_at    timestamptz
);

-- +goose Down
DROP TABLE kontor.search_state;
