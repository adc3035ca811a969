package provision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

// Schemas reads and changes the schemas of tenants' databases. It implements tenant.Schemas.
type Schemas struct{ servers *Servers }

var _ tenant.Schemas = (*Schemas)(nil)

// NewSchemas works through the connections of servers.
func NewSchemas(servers *Servers) *Schemas { return &Schemas{servers: servers} }

// The times of the steps that cannot share a transaction. They let others read and
// write meanwhile, so they may wait for a lock and take their time.
const (
	concurrentTimeout     = 2 * time.Hour
	concurrentLockTimeout = time.Minute
)

// asOwner runs work in a tenant's database as its owner role.
func (s *Schemas) asOwner(ctx context.Context, database secret.Connection, how session, work func(ctx context.Context, c *pgx.Conn) error) error {
	how.role = ownerRole(database.Database)
	return s.servers.visit(ctx, database, how, work)
}

// Observe reads the newest applied schema and the live one, in a statement each.
func (s *Schemas) Observe(ctx context.Context, database secret.Connection) (*schema.Schema, *plan.Live, error) {
	var document, catalogue []byte
	err := s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		const newest = "SELECT document FROM kontor.applied_schema ORDER BY revision DESC LIMIT 1"
		if err := c.QueryRow(ctx, newest).Scan(&document); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return translate(err, "reading the applied schema of %q", database.Database)
		}
		return translate(c.QueryRow(ctx, liveSchema).Scan(&catalogue), "reading the catalogue of %q", database.Database)
	})
	if err != nil {
		return nil, nil, err
	}
	live, err := readLive(catalogue, database.Database, s.servers.options)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the catalogue of %q: %w", database.Database, err)
	}
	if document == nil {
		return nil, live, nil
	}
	applied, err := schema.Load(document)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the applied schema of %q: %w", database.Database, err)
	}
	return applied, live, nil
}

// Apply runs the plan as the tenant's owner role.
func (s *Schemas) Apply(ctx context.Context, database secret.Connection, p *plan.Plan, wanted *schema.Schema) error {
	return s.Run(ctx, database, p, wanted, func(plan.Progress) {})
}

// Run is Apply, and tells how far it has come.
func (s *Schemas) Run(ctx context.Context, database secret.Connection, p *plan.Plan, wanted *schema.Schema, tell func(plan.Progress)) error {
	if len(p.Refused) > 0 {
		return fault.New(fault.Conflict, "a plan that refuses a change is not applied")
	}
	if wanted.Revision != p.Revision {
		return fault.New(fault.Internal, "the schema has the revision %d and its plan %d", wanted.Revision, p.Revision)
	}
	split := slices.IndexFunc(p.Changes, func(c plan.Change) bool { return c.Concurrent })
	if split < 0 {
		split = len(p.Changes)
	}
	how := session{}
	if split < len(p.Changes) || slices.ContainsFunc(p.Changes, proves) {
		how.timeout = concurrentTimeout
	}
	unmended := s.administer(ctx, database, p.Changes)
	alone, switched := false, false
	err := s.asOwner(ctx, database, how, func(ctx context.Context, c *pgx.Conn) error {
		if how.timeout > 0 {
			if err := holdPlan(ctx, c); err != nil {
				return err
			}
		}
		alone = true
		if err := forgetFresh(ctx, c, p.Changes); err != nil {
			return err
		}
		if err := s.prove(ctx, c, p, tell); err != nil {
			return err
		}
		tell(plan.Progress{Phase: plan.Switching})
		err := s.servers.retryLocks(ctx, func() error { return applyTogether(ctx, c, p, wanted, p.Changes[:split]) })
		if switched = err == nil; err != nil || split == len(p.Changes) {
			return err
		}
		return s.applyConcurrent(ctx, c, p.Changes[split:], tell)
	})
	if err != nil && alone && !switched {
		s.takeBack(ctx, database, p, err)
	}
	return errors.Join(err, unmended)
}

// administer runs what is the administrator's to do, each change in a transaction of
// its own: one that fails keeps none of the others from being done.
func (s *Schemas) administer(ctx context.Context, database secret.Connection, changes []plan.Change) error {
	if !slices.ContainsFunc(changes, func(c plan.Change) bool { return c.Administrative }) {
		return nil
	}
	return s.servers.visit(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		var problems []error
		for _, change := range changes {
			if !change.Administrative {
				continue
			}
			err := s.servers.retryLocks(ctx, func() error { return run(ctx, c, change.Statements...) })
			if err != nil {
				problems = append(problems, translate(err, "%s", change.Summary))
			}
		}
		return errors.Join(problems...)
	})
}

// applyTogether runs what shares a transaction, with the rows that tell of it. The
// rows come first: they fail at once when somebody else applied a schema meanwhile.
func applyTogether(ctx context.Context, c *pgx.Conn, p *plan.Plan, wanted *schema.Schema, changes []plan.Change) error {
	document, err := wanted.Document()
	if err != nil {
		return fmt.Errorf("writing the schema: %w", err)
	}
	history, err := planDocument(p)
	if err != nil {
		return err
	}
	finished := len(changes) == len(p.Changes)
	var statements []string
	for _, change := range changes {
		if !change.Administrative {
			statements = append(statements, change.Statements...)
		}
	}
	err = pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		const record = `WITH newest AS (SELECT coalesce(max(revision), 0) AS revision FROM kontor.applied_schema),
applied AS (INSERT INTO kontor.applied_schema (revision, digest, format, document)
  SELECT $2, $3, $4, $5::jsonb FROM newest WHERE newest.revision = $1 AND $1 <> $2)
INSERT INTO kontor.plan_history (revision, digest, document, finished_at)
SELECT $2, $6, $7::jsonb, CASE WHEN $8 THEN now() END FROM newest WHERE newest.revision = $1`
		tag, err := tx.Exec(ctx, record, p.Base, p.Revision, wanted.Digest(), wanted.Format, string(document), p.Digest, string(history), finished)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return moved()
		}
		if p.Revision > p.Base {
			if err := recordOrigin(ctx, tx, p); err != nil {
				return err
			}
		}
		if err := settle(ctx, tx, changes, p.Changes[len(changes):]); err != nil || len(statements) == 0 {
			return err
		}
		return run(ctx, tx.Conn(), statements...)
	})
	return translate(err, "applying revision %d to %q", p.Revision, c.Config().Database)
}

func moved() error {
	return fault.Because(fault.Conflict, ReasonSchemaMoved, "the schema was changed by somebody else meanwhile")
}

// applyConcurrent runs what cannot share a transaction. One that fails does not
// keep the others from running; all that is missing the next plan finds.
func (s *Schemas) applyConcurrent(ctx context.Context, c *pgx.Conn, changes []plan.Change, tell func(plan.Progress)) error {
	if _, err := c.Exec(ctx, "SELECT set_config('lock_timeout', $1, false)", milliseconds(concurrentLockTimeout)); err != nil {
		return translate(err, "preparing the concurrent steps")
	}
	var problems []error
	for _, change := range changes {
		tell(plan.Progress{Phase: plan.Finishing, Summary: change.Summary})
		if err := s.backfill(ctx, c, change, tell); err != nil {
			problems = append(problems, err)
			continue
		}
		for _, statement := range change.Statements {
			err := s.servers.retryLocks(ctx, func() error { return run(ctx, c, statement) })
			if err != nil {
				problems = append(problems, translate(err, "%s", change.Summary))
				break
			}
		}
	}
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if err := forgetWork(ctx, tx, changes); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE kontor.plan_history SET finished_at = now() WHERE finished_at IS NULL")
		return err
	})
	return translate(err, "recording the end of the plan")
}

// planRow is a plan as the history keeps it.
type planRow struct {
	Base     int64       `json:"base"`
	Revision int64       `json:"revision"`
	Changes  []changeRow `json:"changes"`
}

type changeRow struct {
	Resource   string   `json:"resource"`
	Object     string   `json:"object,omitempty"`
	Field      string   `json:"field,omitempty"`
	Kind       string   `json:"kind"`
	Summary    string   `json:"summary"`
	Class      string   `json:"class"`
	Prepare    []string `json:"prepare,omitempty"`
	Backfill   string   `json:"backfill,omitempty"`
	Prove      []string `json:"prove,omitempty"`
	Statements []string `json:"statements,omitempty"`
	Concurrent bool     `json:"concurrent,omitempty"`
	Drift      bool     `json:"drift,omitempty"`
}

func planDocument(p *plan.Plan) ([]byte, error) {
	row := planRow{Base: p.Base, Revision: p.Revision, Changes: make([]changeRow, 0, len(p.Changes))}
	for _, c := range p.Changes {
		one := changeRow{
			Resource: c.Resource, Object: c.Object, Field: c.Field, Kind: string(c.Kind), Summary: c.Summary, Class: string(c.Class),
			Prepare: c.Prepare, Prove: c.Prove, Statements: c.Statements, Concurrent: c.Concurrent, Drift: c.Drift,
		}
		if c.Backfill != nil {
			one.Backfill = c.Backfill.Text()
		}
		row.Changes = append(row.Changes, one)
	}
	document, err := json.Marshal(row)
	if err != nil {
		return nil, fmt.Errorf("writing the plan: %w", err)
	}
	return document, nil
}

// HasAdministrator says whether somebody can sign in as administrator.
func (s *Schemas) HasAdministrator(ctx context.Context, database secret.Connection) (bool, error) {
	var has bool
	err := s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) (err error) {
		has, err = hasAdministrator(ctx, c)
		return err
	})
	return has, err
}

func hasAdministrator(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
},
) (bool, error) {
	const question = `SELECT EXISTS (SELECT FROM kontor.credential c JOIN crm."user" u ON u.id = c.user_id
WHERE c.administrator AND NOT c.disabled AND u.deleted_at IS NULL)`
	var has bool
	err := q.QueryRow(ctx, question).Scan(&has)
	return has, translate(err, "looking for an administrator")
}

// EnsureAdministrator gives the tenant its first administrator. A user who has the
// e-mail address already becomes it.
func (s *Schemas) EnsureAdministrator(ctx context.Context, database secret.Connection, email, name, passwordHash string) (bool, error) {
	made := false
	err := s.asOwner(ctx, database, session{}, func(ctx context.Context, c *pgx.Conn) error {
		return pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
			// Two operators must not make two.
			if _, err := tx.Exec(ctx, "LOCK TABLE kontor.credential IN SHARE ROW EXCLUSIVE MODE"); err != nil {
				return translate(err, "making the administrator")
			}
			has, err := hasAdministrator(ctx, tx)
			if has || err != nil {
				return err
			}
			id, err := uuid.NewV7()
			if err != nil {
				return fmt.Errorf("making an id: %w", err)
			}
			const insert = `WITH revision AS (SELECT coalesce(max(revision), 0) AS revision FROM kontor.applied_schema),
existing AS (SELECT id FROM crm."user" WHERE lower(email) = lower($2) AND deleted_at IS NULL LIMIT 1),
made AS (INSERT INTO crm."user" (id, name, email, schema_revision) SELECT $1, $3, lower($2), revision FROM revision
  WHERE NOT EXISTS (SELECT FROM existing) RETURNING id),
told AS (INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision)
  SELECT now(), 'user', made.id, 1, 'create', 'operator', revision FROM made, revision)
INSERT INTO kontor.credential (user_id, email, password_hash, administrator)
SELECT id, lower($2), $4, true FROM (SELECT id FROM existing UNION ALL SELECT id FROM made) AS person
ON CONFLICT (user_id) DO UPDATE SET email = excluded.email, password_hash = excluded.password_hash, administrator = true, disabled = false`
			if _, err := tx.Exec(ctx, insert, id.String(), email, name, passwordHash); err != nil {
				return translate(err, "making the administrator")
			}
			// A worker reads the users once more, so that search finds this one.
			again := "UPDATE kontor.search_state SET reached = $1 WHERE object = $2"
			if _, err := tx.Exec(ctx, again, uuid.Nil.String(), schema.ObjectUser); err != nil {
				return translate(err, "making the administrator findable")
			}
			made = true
			return nil
		})
	})
	return made && err == nil, err
}
