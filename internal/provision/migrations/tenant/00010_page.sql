-- +goose Up

-- What a user has set for themselves: {"language", "theme", "timeZone", "page"}.
CREATE TABLE kontor.preference (
    user_id    uuid PRIMARY KEY,
    settings   jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Lists and boards as somebody wants to see them again. object is the identity of the
-- object; definition names its fields as the API did when the view was written.
CREATE TABLE kontor.saved_view (
    id         uuid PRIMARY KEY,
    version    integer NOT NULL DEFAULT 1,
    owner      uuid NOT NULL,
    object     text NOT NULL,
    name       text NOT NULL,
    kind       text NOT NULL,
    shared     boolean NOT NULL DEFAULT false,
    definition jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX saved_view_owner ON kontor.saved_view (owner);
CREATE INDEX saved_view_shared ON kontor.saved_view (object) WHERE shared;

-- The resources that declare the schema, as the operator saw them last: whether each
-- is in force, and if not, why. The operator writes it, the service reads it.
CREATE TABLE kontor.resource (
    kind       text NOT NULL,
    name       text NOT NULL,
    object     text NOT NULL DEFAULT '', -- the identity of the one that it is about
    generation bigint NOT NULL,
    ready      boolean NOT NULL,
    reason     text NOT NULL,
    message    text NOT NULL,
    yaml       text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name)
);

-- +goose Down
DROP TABLE kontor.resource, kontor.saved_view, kontor.preference;
