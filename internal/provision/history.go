package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/secret"
)

// recordOrigin keeps where the new revision comes from, in the transaction that applies it.
func recordOrigin(ctx context.Context, tx pgx.Tx, p *plan.Plan) error {
	before, err := newestResources(ctx, tx)
	if err != nil {
		return err
	}
	resources := slices.Clone(p.Origin.Resources)
	for _, one := range before {
		if slices.Contains(p.Origin.Held, one.Ref()) {
			resources = append(resources, one)
		}
	}
	document, err := json.Marshal(resources)
	if err != nil {
		return fmt.Errorf("writing the resources: %w", err)
	}
	const insert = `INSERT INTO kontor.revision (revision, change_plan, plan_digest, commits, resources) VALUES ($1, $2, $3, $4, $5::jsonb)`
	_, err = tx.Exec(ctx, insert, p.Revision, p.Origin.ChangePlan, p.Digest, commitsOf(before, resources), string(document))
	return err
}

func newestResources(ctx context.Context, tx pgx.Tx) ([]plan.Resource, error) {
	var document []byte
	err := tx.QueryRow(ctx, "SELECT resources FROM kontor.revision ORDER BY revision DESC LIMIT 1").Scan(&document)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var resources []plan.Resource
	err = json.Unmarshal(document, &resources)
	return resources, err
}

// commitsOf are the commits of the resources that changed; where only the absence of
// one is new, those of all. They are sorted, and never nil.
func commitsOf(before, now []plan.Resource) []string {
	known := map[string]string{}
	for _, one := range before {
		known[one.Ref()] = string(one.Manifest)
	}
	changed, all := []string{}, []string{}
	for _, one := range now {
		if one.Commit == "" {
			continue
		}
		all = append(all, one.Commit)
		if known[one.Ref()] != string(one.Manifest) {
			changed = append(changed, one.Commit)
		}
	}
	if len(changed) == 0 {
		changed = all
	}
	slices.Sort(changed)
	return slices.Compact(changed)
}

// revisions selects the revisions with where they come from. A plan that only put drift
// right led to no revision.
const revisions = `SELECT a.revision, a.applied_at, coalesce(r.change_plan, ''), coalesce(r.commits, '{}'),
  coalesce(jsonb_array_length(p.document->'changes'), 0),
  coalesce((SELECT change->>'summary' FROM jsonb_array_elements(p.document->'changes') WITH ORDINALITY AS c (change, place)
    ORDER BY change->>'kind' IN ('DropView', 'AddView', 'ValidateRules'), place LIMIT 1), '')
FROM kontor.applied_schema a LEFT JOIN kontor.revision r ON r.revision = a.revision
LEFT JOIN LATERAL (SELECT document FROM kontor.plan_history h
  WHERE h.revision = a.revision AND (h.document->>'base')::bigint < h.revision ORDER BY h.id LIMIT 1) AS p ON true `

// Revisions lists the applied revisions, the newest first.
func (s *Schemas) Revisions(ctx context.Context, database secret.Connection, skip, limit int) ([]tenant.Revision, error) {
	var found []tenant.Revision
	err := s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, revisions+"ORDER BY a.revision DESC OFFSET $1 LIMIT $2", skip, limit)
		if err == nil {
			found, err = pgx.CollectRows(rows, readRevision)
		}
		return translate(err, "reading the revisions of %q", database.Database)
	})
	return found, err
}

func readRevision(row pgx.CollectableRow) (tenant.Revision, error) {
	var r tenant.Revision
	err := row.Scan(&r.Number, &r.Applied, &r.ChangePlan, &r.Commits, &r.Changes, &r.Summary)
	return r, err
}

// RevisionOf is the revision of that number, or the one in force at that time when it is 0.
func (s *Schemas) RevisionOf(ctx context.Context, database secret.Connection, number int64, at time.Time) (tenant.Revision, error) {
	var found tenant.Revision
	err := s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		rows, err := c.Query(ctx, revisions+"WHERE CASE WHEN $1 > 0 THEN a.revision = $1 ELSE a.applied_at <= $2 END ORDER BY a.revision DESC LIMIT 1", number, at)
		if err == nil {
			found, err = pgx.CollectExactlyOneRow(rows, readRevision)
		}
		switch {
		case errors.Is(err, pgx.ErrNoRows) && number > 0:
			return fault.New(fault.NotFound, "there is no revision %d", number)
		case errors.Is(err, pgx.ErrNoRows):
			return fault.New(fault.NotFound, "nothing was applied yet at that time")
		}
		return translate(err, "reading a revision of %q", database.Database)
	})
	return found, err
}

// ResourcesOf are the resources that were in force with a revision.
func (s *Schemas) ResourcesOf(ctx context.Context, database secret.Connection, number int64) ([]plan.Resource, error) {
	var resources []plan.Resource
	const question = "SELECT resources FROM kontor.revision WHERE revision = $1"
	err := s.document(ctx, database, &resources, question, number)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "revision %d was applied by an older release, which kept no resources", number)
	}
	return resources, err
}

// ChangesOf are the changes of the plan that led to a revision.
func (s *Schemas) ChangesOf(ctx context.Context, database secret.Connection, number int64) ([]plan.Change, error) {
	var row planRow
	const question = "SELECT document FROM kontor.plan_history WHERE revision = $1 AND (document->>'base')::bigint < revision ORDER BY id LIMIT 1"
	if err := s.document(ctx, database, &row, question, number); err != nil {
		return nil, err
	}
	changes := make([]plan.Change, 0, len(row.Changes))
	for _, c := range row.Changes {
		changes = append(changes, plan.Change{
			Resource: c.Resource, Object: c.Object, Field: c.Field, Kind: plan.Kind(c.Kind), Summary: c.Summary, Class: plan.Class(c.Class),
			Prepare: c.Prepare, Prove: c.Prove, Statements: c.Statements, Concurrent: c.Concurrent, Drift: c.Drift,
		})
	}
	return changes, nil
}

// KeepChanges keeps the changes of a ChangePlan, and forgets those of all that are not among names.
func (s *Schemas) KeepChanges(ctx context.Context, database secret.Connection, name string, changes []byte, names []string) error {
	return s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		const keep = `WITH gone AS (DELETE FROM kontor.change_plan WHERE name <> ALL ($3))
INSERT INTO kontor.change_plan (name, changes) VALUES ($1, $2::jsonb) ON CONFLICT (name) DO UPDATE SET changes = excluded.changes, written_at = now()`
		_, err := c.Exec(ctx, keep, name, string(changes), names)
		return translate(err, "keeping the changes of a plan in %q", database.Database)
	})
}

// KeptChanges are the changes that are kept of a ChangePlan.
func (s *Schemas) KeptChanges(ctx context.Context, database secret.Connection, name string) ([]byte, error) {
	var changes json.RawMessage
	err := s.document(ctx, database, &changes, "SELECT changes FROM kontor.change_plan WHERE name = $1", name)
	return changes, err
}

// document reads one JSON document into value; there being none is NotFound.
func (s *Schemas) document(ctx context.Context, database secret.Connection, value any, question string, args ...any) error {
	var text []byte
	err := s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		err := c.QueryRow(ctx, question, args...).Scan(&text)
		if errors.Is(err, pgx.ErrNoRows) {
			return fault.New(fault.NotFound, "the database keeps nothing of it")
		}
		return translate(err, "reading the history of %q", database.Database)
	})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("reading the history of %q: %w", database.Database, err)
	}
	return nil
}
