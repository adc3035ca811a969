package provision

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// monthsAhead is how many months the history has partitions for, beside the current one.
const monthsAhead = 3

// EnsurePartitions makes the partitions of the history for this month and the next
// three. Rows that fell into the default one meanwhile move to their own.
func (s *Schemas) EnsurePartitions(ctx context.Context, database secret.Connection) (bool, error) {
	wanted := partitionsAt(s.servers.options.Clock())
	names := slices.Sorted(maps.Keys(wanted))
	made := false
	err := s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		const missing = `SELECT name FROM unnest($1::text[]) AS wanted(name)
WHERE NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid
  WHERE i.inhparent = 'kontor.history'::regclass AND p.relname = wanted.name) ORDER BY name`
		rows, err := c.Query(ctx, missing, names)
		if err != nil {
			return translate(err, "looking for the history's partitions in %q", database.Database)
		}
		lacking, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return translate(err, "looking for the history's partitions in %q", database.Database)
		}
		if len(lacking) == 0 {
			return nil
		}
		var statements []string
		for _, name := range lacking {
			statements = append(statements, partition(name, wanted[name])...)
		}
		if err := s.servers.retryLocks(ctx, func() error { return run(ctx, c, statements...) }); err != nil {
			return translate(err, "making the history's partitions in %q", database.Database)
		}
		made = true
		return nil
	})
	return made, err
}

// partitionsAt are the first days of the months that need partitions, by the partitions' names.
func partitionsAt(now time.Time) map[string]time.Time {
	now = now.UTC()
	months := make(map[string]time.Time, monthsAhead+1)
	for ahead := range monthsAhead + 1 {
		month := time.Date(now.Year(), now.Month()+time.Month(ahead), 1, 0, 0, 0, 0, time.UTC)
		months["history_"+month.Format("2006_01")] = month
	}
	return months
}

func partition(name string, month time.Time) []string {
	table, parent := ident(schema.PlatformSchema)+"."+ident(name), ident(schema.PlatformSchema)+"."+ident("history")
	rest := ident(schema.PlatformSchema) + "." + ident("history_default")
	from, to := quoted(month.Format(time.RFC3339)), quoted(month.AddDate(0, 1, 0).Format(time.RFC3339))
	return []string{
		"DROP TABLE IF EXISTS " + table, // not a partition, so nothing of ours
		"CREATE TABLE " + table + " (LIKE " + parent + " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)",
		"WITH moved AS (DELETE FROM " + rest + " WHERE at >= " + from + " AND at < " + to + " RETURNING *) INSERT INTO " + table + " SELECT * FROM moved",
		"ALTER TABLE " + parent + " ATTACH PARTITION " + table + " FOR VALUES FROM (" + from + ") TO (" + to + ")",
	}
}
