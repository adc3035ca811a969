-- +goose Up

-- The tenants and where their databases are. The operator writes it; the servers
-- read it and LISTEN on kontor_directory, whose payload is the key.
CREATE TABLE directory (
    key        text PRIMARY KEY,          -- namespace/name
    hosts      text[] NOT NULL,           -- lower case, sorted
    host       text NOT NULL,             -- of the PostgreSQL server; with /, the folder of its socket
    port       integer NOT NULL,
    database   text NOT NULL,
    username   text NOT NULL,             -- the application role
    ssl_mode   text NOT NULL DEFAULT '',
    root_ca    text NOT NULL DEFAULT '',  -- PEM
    sealed     bytea NOT NULL,            -- its password, sealed for the purpose "directory" in the context of the key
    revision   bigint NOT NULL,           -- the newest applied schema; 0 before the first
    format     integer NOT NULL,          -- the form in which that schema is stored
    shard      text NOT NULL DEFAULT '',  -- empty: every server serves it
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Each host leads to one tenant.
CREATE TABLE directory_host (
    host text PRIMARY KEY,
    key  text NOT NULL REFERENCES directory ON DELETE CASCADE
);
CREATE INDEX directory_host_key ON directory_host (key);

-- The running servers. One that has not written its heartbeat for 30 seconds counts as gone.
CREATE TABLE server (
    id           text PRIMARY KEY,
    heartbeat_at timestamptz NOT NULL DEFAULT now()
);

-- Which revision of each tenant a server has loaded.
CREATE TABLE acknowledgement (
    server   text NOT NULL REFERENCES server ON DELETE CASCADE,
    key      text NOT NULL,
    revision bigint NOT NULL,
    PRIMARY KEY (server, key)
);
CREATE INDEX acknowledgement_key ON acknowledgement (key);

-- +goose StatementBegin
CREATE FUNCTION tell_directory() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('kontor_directory', coalesce(NEW.key, OLD.key));
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER tell_directory AFTER INSERT OR UPDATE OR DELETE ON directory FOR EACH ROW EXECUTE FUNCTION tell_directory();

-- +goose Down
DROP TABLE acknowledgement, server, directory_host, directory;
DROP FUNCTION tell_directory();
