package provision_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

func object(s *schema.Schema, identity string) *schema.Object {
	i := slices.IndexFunc(s.Objects, func(o *schema.Object) bool { return o.Identity == identity })
	return s.Objects[i]
}

// addField adds a custom text to customer.
func addField(name string, edits ...func(*schema.Field)) func(*schema.Schema) {
	return func(s *schema.Schema) {
		f := &schema.Field{Identity: name, Name: name, Column: "x_" + name, Type: schema.TypeText, Custom: true, Source: "CustomField " + name}
		for _, edit := range edits {
			edit(f)
		}
		o := object(s, "customer")
		o.Fields = append(o.Fields, f)
	}
}

// apply brings the database to the wanted schema, and sees to it that nothing is left to do.
func apply(t *testing.T, schemas *provision.Schemas, database secret.Connection, wanted *schema.Schema) *plan.Plan {
	t.Helper()
	applied, live, err := schemas.Observe(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	p := plan.Make(applied, wanted, live, plan.Policy{HealDrift: true})
	if len(p.Refused) > 0 {
		t.Fatalf("refused: %+v", p.Refused)
	}
	wanted.Revision = p.Revision
	if err := schemas.Apply(t.Context(), database, p, wanted); err != nil {
		t.Fatal(err)
	}
	expectNothingLeft(t, schemas, database, wanted)
	return p
}

func expectNothingLeft(t *testing.T, schemas *provision.Schemas, database secret.Connection, wanted *schema.Schema) {
	t.Helper()
	applied, live, err := schemas.Observe(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	if next := plan.Make(applied, wanted, live, plan.Policy{HealDrift: true}); !next.Empty() || len(next.Drift) > 0 {
		t.Fatalf("after applying, the next plan is not empty: %+v, drift %+v", next.Changes, next.Drift)
	}
}

// database makes a tenant's database, with the standard model applied.
func database(t *testing.T, servers *provision.Servers, server secret.Connection) secret.Connection {
	t.Helper()
	id := identity(t)
	if err := provision.NewDatabases(servers).Ensure(t.Context(), server, id, standard(t)); err != nil {
		t.Fatal(err)
	}
	return server.In(id.Database())
}

func TestTheFirstPlanOfACloneHasNothingToChange(t *testing.T) {
	t.Parallel()
	servers, server := newServers(t, provision.Options{}), admin(t)
	conn := database(t, servers, server)
	p := apply(t, provision.NewSchemas(servers), conn, standard(t))
	if len(p.Changes) > 0 || p.Revision != 1 {
		t.Errorf("the plan to revision %d has changes: %+v", p.Revision, p.Changes)
	}
}

func TestPartitionsOfTheHistoryAreMadeAheadOnce(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, time.November, 30, 23, 59, 0, 0, time.UTC)
	servers := newServers(t, provision.Options{Clock: func() time.Time { return now }})
	conn := database(t, servers, limitedAdmin(t))
	schemas := provision.NewSchemas(servers)
	c := connect(t, admin(t).In(conn.Database))
	const row = "INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision) VALUES ($1, 'customer', gen_random_uuid(), 1, 'create', 'api', 1)"
	mustExec(t, c, row, now)
	for _, want := range []bool{true, false} {
		if made, err := schemas.EnsurePartitions(t.Context(), conn); err != nil || made != want {
			t.Fatalf("made %t, %v; want %t", made, err, want)
		}
	}
	mustExec(t, c, row, time.Date(2032, time.February, 29, 0, 0, 0, 0, time.UTC))
	for name, want := range map[string]int{"history": 2, "history_2031_11": 1, "history_2032_02": 1, "history_default": 0} {
		var rows int
		if err := c.QueryRow(t.Context(), "SELECT count(*) FROM kontor."+name).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		if rows != want {
			t.Errorf("%s has %d rows, not %d", name, rows, want)
		}
	}
}

func TestACloneHasTheNextPartitionsAlready(t *testing.T) {
	t.Parallel()
	servers, server, id := newServers(t, provision.Options{}), limitedAdmin(t), identity(t)
	if err := provision.NewDatabases(servers).Ensure(t.Context(), server, id, ownModel(t)); err != nil {
		t.Fatal(err)
	}
	if made, err := provision.NewSchemas(servers).EnsurePartitions(t.Context(), server.In(id.Database())); err != nil || made {
		t.Errorf("made %t, %v", made, err)
	}
}

func TestTheFirstAdministratorIsMadeOnce(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	conn := database(t, servers, limitedAdmin(t))
	schemas := provision.NewSchemas(servers)
	apply(t, schemas, conn, standard(t))
	for _, want := range []bool{true, false} {
		if has, err := schemas.HasAdministrator(t.Context(), conn); err != nil || has == want {
			t.Fatalf("has %t, %v", has, err)
		}
		if made, err := schemas.EnsureAdministrator(t.Context(), conn, "Admin@Example.com", "Admin", "hash"); err != nil || made != want {
			t.Fatalf("made %t, %v; want %t", made, err, want)
		}
	}
	var email, name string
	err := connect(t, admin(t).In(conn.Database)).QueryRow(t.Context(),
		`SELECT c.email, u.name FROM kontor.credential c JOIN crm."user" u ON u.id = c.user_id AND u.email = c.email`).Scan(&email, &name)
	if err != nil || email != "admin@example.com" || name != "Admin" {
		t.Errorf("the administrator is %q, %q, %v", name, email, err)
	}
}
