-- +goose Up

-- When a worker has to look at each tenant next. Whoever leaves work in a tenant's
-- database sets the moment to now and says so on kontor_work; the worker that comes
-- moves it on, a little while it works and far when nothing is left.
CREATE TABLE visit (
    key    text PRIMARY KEY REFERENCES directory ON DELETE CASCADE,
    due_at timestamptz NOT NULL
);
CREATE INDEX visit_due_at ON visit (due_at);

-- The first visits of many tenants do not fall together.
INSERT INTO visit (key, due_at) SELECT key, now() + random() * interval '1 hour' FROM directory;

-- +goose StatementBegin
CREATE FUNCTION plan_visit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO visit (key, due_at) VALUES (NEW.key, now() + random() * interval '1 hour') ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER plan_visit AFTER INSERT ON directory FOR EACH ROW EXECUTE FUNCTION plan_visit();

-- +goose Down
DROP TRIGGER plan_visit ON directory;
DROP FUNCTION plan_visit();
DROP TABLE visit;
