package provision

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/secret"
)

// KeepResources makes the resources that the tenant's database keeps just those.
func (s *Schemas) KeepResources(ctx context.Context, database secret.Connection, resources []tenant.Resource) error {
	var kinds, names, objects, reasons, messages, texts []string
	var generations []int64
	var ready []bool
	for _, r := range resources {
		kinds, names, objects = append(kinds, r.Kind), append(names, r.Name), append(objects, r.Object)
		generations, ready = append(generations, r.Generation), append(ready, r.Ready)
		reasons, messages, texts = append(reasons, r.Reason), append(messages, r.Message), append(texts, r.YAML)
	}
	const keep = `
WITH given AS (
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::boolean[], $6::text[], $7::text[], $8::text[])
		AS g (kind, name, object, generation, ready, reason, message, yaml)),
gone AS (
	DELETE FROM kontor.resource r WHERE NOT EXISTS (SELECT FROM given g WHERE g.kind = r.kind AND g.name = r.name))
INSERT INTO kontor.resource AS r (kind, name, object, generation, ready, reason, message, yaml)
SELECT kind, name, object, generation, ready, reason, message, yaml FROM given
ON CONFLICT (kind, name) DO UPDATE SET object = excluded.object, generation = excluded.generation, ready = excluded.ready,
	reason = excluded.reason, message = excluded.message, yaml = excluded.yaml, updated_at = now()
WHERE (r.object, r.generation, r.ready, r.reason, r.message, r.yaml)
	IS DISTINCT FROM (excluded.object, excluded.generation, excluded.ready, excluded.reason, excluded.message, excluded.yaml)`
	return s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, keep, kinds, names, objects, generations, ready, reasons, messages, texts)
		return translate(err, "keeping the configuration in %q", database.Database)
	})
}
