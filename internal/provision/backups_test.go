package provision_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/backup"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/gen"
)

// customised is a tenant with something of each kind.
func customised() compile.Input {
	numbered := func(f *crmv1.CustomField) { f.Spec.Pattern = "C-{number:5}" }
	computed := func(f *crmv1.CustomField) {
		f.Spec.Formula = &crmv1.FormulaSpec{Expression: "score * 2", Returns: crmv1.FieldInteger}
	}
	fleet := &crmv1.CustomObject{}
	fleet.Name, fleet.Spec.TitleField = "fleet", "name"
	fleet.Spec.Fields = []crmv1.Field{
		{Key: "name", FieldSpec: crmv1.FieldSpec{Type: crmv1.FieldText, Required: true}},
		{Key: "holder", FieldSpec: crmv1.FieldSpec{Type: crmv1.FieldRelation, Target: "customer", Inverse: "fleets"}},
	}
	return compile.Input{
		Tenant: gen.Tenant("acme", "acme", func(t *crmv1.Tenant) {
			t.Spec.Modules, t.Spec.Language, t.Spec.TimeZone, t.Spec.Currency = []crmv1.Module{crmv1.ModuleSales}, "en", "Europe/Berlin", "EUR"
		}),
		Objects: []*crmv1.CustomObject{fleet},
		Fields: []*crmv1.CustomField{
			gen.CustomField("acme", "customer", "tier", gen.FieldType(crmv1.FieldPicklist), func(f *crmv1.CustomField) {
				f.Spec.Options, f.Spec.Default, f.Spec.Required = []crmv1.Option{{Key: "gold"}, {Key: "silver"}}, new("silver"), true
			}),
			gen.CustomField("acme", "customer", "code", func(f *crmv1.CustomField) { f.Spec.Unique, f.Spec.Searchable = true, new(true) }),
			gen.CustomField("acme", "customer", "score", gen.FieldType(crmv1.FieldInteger), func(f *crmv1.CustomField) { f.Spec.Min, f.Spec.Max = "0", "100" }),
			gen.CustomField("acme", "customer", "double-score", gen.FieldType(crmv1.FieldFormula), computed),
			gen.CustomField("acme", "customer", "serial", gen.FieldType(crmv1.FieldAutoNumber), numbered),
			gen.CustomField("acme", "customer", "site", gen.FieldType(crmv1.FieldAddress)),
			gen.CustomField("acme", "customer", "related", gen.FieldType(crmv1.FieldRelation), func(f *crmv1.CustomField) { f.Spec.Targets = []string{"fleet", "opportunity"} }),
		},
		Pipelines: []*crmv1.Pipeline{gen.Pipeline("acme", "sales")},
		Rules:     []*crmv1.ValidationRule{gen.ValidationRule("acme", "customer", "score-of-gold", "tier != 'gold' || score != null")},
		Indexes:   []*crmv1.ObjectIndex{gen.ObjectIndex("acme", "customer", "by-tier", []string{"tier", "score"})},
	}
}

// mustCompile refuses resources that do not compile.
func mustCompile(t *testing.T, in compile.Input) *schema.Schema {
	t.Helper()
	result := compile.Compile(in)
	for ref, verdict := range result.Verdicts {
		if len(verdict.Problems) > 0 {
			t.Fatalf("%s: %v", ref, verdict.Problems)
		}
	}
	return result.Schema
}

// house is where tenants are made, saved and restored.
type house struct {
	server    secret.Connection
	databases *provision.Databases
	schemas   *provision.Schemas
	backups   *provision.Backups
	sent      *statements
}

func newHouse(t *testing.T, server secret.Connection) *house {
	t.Helper()
	sent := &statements{allow: -1}
	servers := newServers(t, provision.Options{Tracer: sent})
	return &house{server: server, databases: provision.NewDatabases(servers), schemas: provision.NewSchemas(servers), backups: provision.NewBackups(servers), sent: sent}
}

// inhabited makes a tenant's database with records, history, files and a job.
func (h *house) inhabited(t *testing.T, in compile.Input) (tenant.Identity, secret.Connection) {
	t.Helper()
	id := identity(t)
	if err := h.databases.Ensure(t.Context(), h.server, id, compile.Standard([]string{"sales"})); err != nil {
		t.Fatal(err)
	}
	conn := h.server.In(id.Database())
	apply(t, h.schemas, conn, mustCompile(t, in))
	c := connect(t, admin(t).In(id.Database()))
	defer c.Close(t.Context())
	for _, statement := range []string{
		`INSERT INTO crm.customer (id, name, schema_revision, "x_code", "x_score", "x_tier")
SELECT gen_random_uuid(), '客户 ' || n, 1, CASE WHEN n % 3 = 0 THEN 'code-' || n END, n, CASE WHEN n % 2 = 0 THEN 'gold' ELSE 'silver' END FROM generate_series(1, 100) AS n`,
		`INSERT INTO crm."x_fleet" (id, x_name, schema_revision, x_holder_id) SELECT gen_random_uuid(), 'Fleet of ' || name, 1, id FROM crm.customer`,
		`INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision, changes)
SELECT '2026-03-15T12:00:00Z', 'customer', id, 1, 'create', 'api', 1, '{"name": [null, "x"]}' FROM crm.customer`,
		`INSERT INTO kontor.file (id, name, size, sha256, created_at) VALUES ('0197a000-0000-7000-8000-000000000001', 'logo.png', 3, 'abc', now())`,
		`INSERT INTO kontor.file_chunk (file_id, place, bytes) VALUES ('0197a000-0000-7000-8000-000000000001', 0, '\x00ff0a')`,
		`INSERT INTO kontor.job (id, kind, state, input, created_at, progress, claim, lease_until)
VALUES ('0197a000-0000-7000-8000-000000000002', 'import', 'running', '0197a000-0000-7000-8000-000000000001', now(), '{"line": 7}', gen_random_uuid(), now())`,
		`INSERT INTO kontor.outbox (at, object, record_id, version, operation) SELECT now(), 'customer', id, 1, 'create' FROM crm.customer LIMIT 5`,
		`INSERT INTO kontor.session (token_hash, user_id, created_at, expires_at) VALUES ('\x01', gen_random_uuid(), now(), now() + interval '1 day')`,
		`INSERT INTO kontor.lease (server, revision, expires_at) VALUES ('one', 1, now() + interval '1 day')`,
	} {
		mustExec(t, c, statement)
	}
	return id, conn
}

// take saves a database into a folder.
func (h *house) take(t *testing.T, conn secret.Connection) (backup.Folder, *backup.Inventory) {
	t.Helper()
	place := backup.NewFolder(filepath.Join(t.TempDir(), "backup"))
	inventory, err := backup.Take(t.Context(), place, h.backups, conn, backup.NewPrograms(""), []byte("kind: Tenant\n"), noon())
	if err != nil {
		t.Fatal(err)
	}
	return place, inventory
}

func (h *house) restore(t *testing.T, place backup.Place, id tenant.Identity, edits ...func(*backup.Restoration)) (string, error) {
	t.Helper()
	inventory, err := backup.Read(t.Context(), place)
	if err != nil {
		return "", err
	}
	how := backup.Restoration{Server: h.server, Identity: id, Jobs: 2}
	for _, edit := range edits {
		edit(&how)
	}
	return backup.Restore(t.Context(), place, inventory, h.backups, backup.NewPrograms(""), how)
}

// everything is what a database holds, by table, and how far its sequences are.
func everything(t *testing.T, database string) map[string]string {
	t.Helper()
	c := connect(t, admin(t).In(database))
	defer c.Close(t.Context()) // a database that somebody is connected to gets no other name
	rows, err := c.Query(t.Context(), `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('crm', 'kontor')`)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ask := func(name, sql string) {
		var content string
		if err := c.QueryRow(t.Context(), sql).Scan(&content); err != nil {
			t.Fatal(err)
		}
		found[name] = content
	}
	for _, table := range tables {
		ask(table, "SELECT coalesce(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM "+table+" AS r")
	}
	ask("the sequences", "SELECT string_agg(schemaname || '.' || sequencename || ': ' || coalesce(last_value, 0), E'\n' ORDER BY schemaname, sequencename) FROM pg_sequences WHERE schemaname IN ('crm', 'kontor')")
	ask("the comments", `SELECT string_agg(objoid::regclass || '.' || objsubid || ': ' || description, E'\n' ORDER BY objoid::regclass::text, objsubid) FROM pg_description
WHERE classoid = 'pg_class'::regclass AND objoid IN (SELECT oid FROM pg_class WHERE relnamespace IN ('crm'::regnamespace, 'kontor'::regnamespace, 'bi'::regnamespace))`)
	return found
}

func TestABackupRestoredElsewhereAndGivenTheSameYAMLPlansNothing(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]secret.Connection{"by a superuser": admin(t), "by a role that may make databases and roles": limitedAdmin(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, in := newHouse(t, server), customised()
			from, conn := h.inhabited(t, in)
			place, inventory := h.take(t, conn)
			if inventory.Tenant != (backup.Tenant{Installation: "test", Namespace: from.Namespace, Name: "acme"}) || inventory.Contents.Revision != 1 || inventory.Contents.Rows["crm.customer"] != 100 {
				t.Errorf("the inventory is %+v", inventory)
			}

			elsewhere := identity(t)
			elsewhere.Installation = "elsewhere"
			if aside, err := h.restore(t, place, elsewhere); err != nil || aside != "" {
				t.Fatal(aside, err)
			}
			expectFound(t, h.databases, server, elsewhere, tenant.Retained, false)
			if err := h.databases.Adopt(t.Context(), server, elsewhere); err != nil {
				t.Fatal(err)
			}
			if err := h.databases.Ensure(t.Context(), server, elsewhere, compile.Standard([]string{"sales"})); err != nil {
				t.Fatal(err)
			}
			expectFound(t, h.databases, server, elsewhere, tenant.Owned, true)

			applied, live, err := h.schemas.Observe(t.Context(), server.In(elsewhere.Database()))
			if err != nil {
				t.Fatal(err)
			}
			in.Applied = applied
			if p := plan.Make(applied, mustCompile(t, in), live, plan.Policy{HealDrift: true}); !p.Empty() || len(p.Drift) > 0 || len(p.Refused) > 0 || applied.Revision != 1 {
				t.Errorf("the plan over revision %d is not empty: %+v, drift %+v, refused %+v", applied.Revision, p.Changes, p.Drift, p.Refused)
			}

			want, got := everything(t, from.Database()), everything(t, elsewhere.Database())
			want["kontor.session"], want["kontor.lease"] = "", "" // nobody is signed in elsewhere
			for _, table := range slices.Sorted(maps.Keys(want)) {
				if got[table] != want[table] {
					t.Errorf("%s holds\n%s\nin place of\n%s", table, got[table], want[table])
				}
			}
			if len(got) != len(want) {
				t.Errorf("there are %d tables in place of %d", len(got), len(want))
			}
			h.expectWorkGoesOn(t, elsewhere)
		})
	}
}

// expectWorkGoesOn writes a record as the service does.
func (h *house) expectWorkGoesOn(t *testing.T, id tenant.Identity) {
	t.Helper()
	application, err := h.databases.Login(t.Context(), h.server, id, tenant.RoleApplication, "secret")
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, application)
	var number, tier string
	err = c.QueryRow(t.Context(), `INSERT INTO crm.customer (id, name, schema_revision) VALUES (gen_random_uuid(), 'New', 1) RETURNING x_serial, x_tier`).Scan(&number, &tier)
	if err != nil || number != "C-00101" || tier != "silver" {
		t.Errorf("the next customer has the number %q and the tier %q: %v", number, tier, err)
	}
	mustExec(t, c, `INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision) VALUES ('2026-04-02', 'customer', gen_random_uuid(), 1, 'create', 'api', 1)`)
	if _, err := c.Exec(t.Context(), "UPDATE kontor.history SET actor = NULL"); err == nil {
		t.Error("the application changes the history")
	}
	reporting, err := h.databases.Login(t.Context(), h.server, id, tenant.RoleReporting, "secret")
	if err != nil {
		t.Fatal(err)
	}
	var customers int
	if err := connect(t, reporting).QueryRow(t.Context(), "SELECT count(*) FROM bi.customer").Scan(&customers); err != nil || customers != 101 {
		t.Errorf("reports see %d customers: %v", customers, err)
	}
}

func TestABackupLiesInABucketAsWellAsInAFolder(t *testing.T) {
	t.Parallel()
	h, storage := newHouse(t, limitedAdmin(t)), env.Storage(t)
	_, conn := h.inhabited(t, customised())
	place, err := backup.NewBucket("s3://"+env.StorageBucket+"/acme", backup.Storage{Endpoint: storage.URL, Region: "eu-central-1", AccessKey: env.StorageAccessKey, SecretKey: "secret", RootCA: storage.Certificate})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Take(t.Context(), place, h.backups, conn, backup.NewPrograms("/nowhere"), []byte("kind: Tenant\n"), noon()); err == nil {
		t.Error("it is whole without pg_dump")
	}
	if _, err := backup.Read(t.Context(), place); fault.KindOf(err) != fault.NotFound {
		t.Errorf("one that was broken off is taken for a backup: %v", err)
	}
	again, err := backup.NewBucket("s3://"+env.StorageBucket+"/acme/again", backup.Storage{Endpoint: storage.URL, Region: "eu-central-1", AccessKey: env.StorageAccessKey, SecretKey: "secret", RootCA: storage.Certificate})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Take(t.Context(), again, h.backups, conn, backup.NewPrograms(""), []byte("kind: Tenant\n"), noon()); err != nil {
		t.Fatal(err)
	}
	elsewhere := identity(t)
	if _, err := h.restore(t, again, elsewhere); err != nil {
		t.Fatal(err)
	}
	expectFound(t, h.databases, h.server, elsewhere, tenant.Retained, false)
}

func TestABackupShowsOneMomentWhilePeopleWork(t *testing.T) {
	t.Parallel()
	h := newHouse(t, admin(t))
	id, conn := h.inhabited(t, customised())
	view, err := h.backups.Hold(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	// Between the counting and the dump somebody adds and deletes.
	holder := heldAlready{view: view}
	c := connect(t, admin(t).In(id.Database()))
	mustExec(t, c, `INSERT INTO crm.customer (id, name, schema_revision) VALUES (gen_random_uuid(), 'Late', 1)`)
	mustExec(t, c, "DELETE FROM kontor.outbox")
	place := backup.NewFolder(t.TempDir())
	if _, err := backup.Take(t.Context(), place, holder, conn, backup.NewPrograms(""), nil, noon()); err != nil {
		t.Fatal(err)
	}
	elsewhere := identity(t)
	if _, err := h.restore(t, place, elsewhere); err != nil {
		t.Fatal(err)
	}
	var customers, outbox int
	if err := connect(t, admin(t).In(elsewhere.Database())).QueryRow(t.Context(), "SELECT (SELECT count(*) FROM crm.customer), (SELECT count(*) FROM kontor.outbox)").Scan(&customers, &outbox); err != nil || customers != 100 || outbox != 5 {
		t.Errorf("there are %d customers and %d rows in the outbox: %v", customers, outbox, err)
	}
}

// heldAlready gives a view that was opened before.
type heldAlready struct{ view *backup.View }

func (h heldAlready) Hold(context.Context, secret.Connection) (*backup.View, error) {
	return h.view, nil
}

func TestADatabaseThatATenantHasIsNeverRestoredOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, limitedAdmin(t))
	id, conn := h.inhabited(t, customised())
	place, _ := h.take(t, conn)
	replace := func(how *backup.Restoration) { how.Replace = true }
	before := everything(t, id.Database())
	for _, edits := range [][]func(*backup.Restoration){nil, {replace}} {
		if _, err := h.restore(t, place, id, edits...); fault.KindOf(err) != fault.Conflict {
			t.Errorf("over the database of a Tenant: %v", err)
		}
	}
	if !maps.Equal(before, everything(t, id.Database())) {
		t.Error("the tenant's database has changed")
	}
	expectFound(t, h.databases, h.server, id, tenant.Owned, true)

	// Its Tenant is deleted: it may be moved aside, when somebody says so.
	if err := h.databases.Retain(t.Context(), h.server, id); err != nil {
		t.Fatal(err)
	}
	c := connect(t, admin(t).In(id.Database()))
	mustExec(t, c, `DELETE FROM crm."x_fleet"; DELETE FROM crm.customer WHERE x_score > 10`)
	_ = c.Close(t.Context())
	if _, err := h.restore(t, place, id); fault.KindOf(err) != fault.Conflict {
		t.Errorf("over what an earlier Tenant left: %v", err)
	}
	aside, err := h.restore(t, place, id, replace)
	if err != nil || !strings.HasPrefix(aside, id.Database()+"_aside_20260331120000") {
		t.Fatal(aside, err)
	}
	for database, want := range map[string]int{id.Database(): 100, aside: 10} {
		var customers int
		if err := connect(t, admin(t).In(database)).QueryRow(t.Context(), "SELECT count(*) FROM crm.customer").Scan(&customers); err != nil || customers != want {
			t.Errorf("%s has %d customers: %v", database, customers, err)
		}
	}
	expectFound(t, h.databases, h.server, id, tenant.Retained, false)
	if err := h.databases.Adopt(t.Context(), h.server, id); err != nil {
		t.Fatal(err)
	}
	if err := h.databases.Ensure(t.Context(), h.server, id, compile.Standard([]string{"sales"})); err != nil {
		t.Fatal(err)
	}
	h.expectWorkGoesOn(t, id)
}

func TestWhatIsNotKontorsIsNeitherSavedNorRestoredOver(t *testing.T) {
	t.Parallel()
	h := newHouse(t, admin(t))
	_, conn := h.inhabited(t, customised())
	place, _ := h.take(t, conn)
	if _, err := backup.Take(t.Context(), backup.NewFolder(t.TempDir()), h.backups, admin(t), backup.NewPrograms(""), nil, noon()); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a database of nobody is saved: %v", err)
	}
	c := connect(t, admin(t))
	for _, suffix := range []string{"", "_restoring"} {
		id := identity(t)
		mustExec(t, c, "CREATE DATABASE "+schema.QuoteIdent(id.Database()+suffix))
		if _, err := h.restore(t, place, id); fault.ReasonOf(err) != provision.ReasonDatabaseForeign {
			t.Errorf("restored over somebody's database: %v", err)
		}
	}
}

func TestARestoreConvergesWhereverItIsBrokenOff(t *testing.T) {
	t.Parallel()
	h := newHouse(t, limitedAdmin(t))
	_, conn := h.inhabited(t, customised())
	place, inventory := h.take(t, conn)
	inventory.Contents.Rows = maps.Clone(inventory.Contents.Rows)
	id := identity(t)
	replace := func(how *backup.Restoration) { how.Replace = true }
	broken := 0
	// Counting the rows is most of the statements, and all alike.
	for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 100} {
		h.sent.reset(n)
		_, err := h.restore(t, place, id)
		h.sent.reset(-1)
		if err == nil {
			t.Fatalf("it is done after %d statements", n)
		}
		broken++
		expectFound(t, h.databases, h.server, id, tenant.Absent, false)
	}
	if _, err := h.restore(t, place, id, replace); err != nil {
		t.Fatalf("after %d attempts that were broken off: %v", broken, err)
	}
	expectFound(t, h.databases, h.server, id, tenant.Retained, false)
	var left int
	if err := connect(t, admin(t)).QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname LIKE $1", id.Database()+"\\_%").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d databases are left: %v", left, err)
	}
}

func TestOnlyAWholeBackupIsRestored(t *testing.T) {
	t.Parallel()
	h := newHouse(t, admin(t))
	_, conn := h.inhabited(t, customised())
	original, _ := h.take(t, conn)
	damage := func(t *testing.T, folder, name string, change func([]byte) []byte) {
		t.Helper()
		path := filepath.Join(folder, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit := func(change func(*backup.Inventory)) func([]byte) []byte {
		return func(text []byte) []byte {
			var inventory backup.Inventory
			if err := json.Unmarshal(text, &inventory); err != nil {
				t.Fatal(err)
			}
			change(&inventory)
			text, err := json.Marshal(inventory)
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
	}
	for name, spoil := range map[string]func(t *testing.T, folder string){
		"it was broken off before its inventory": func(t *testing.T, folder string) {
			t.Helper()
			if err := os.Remove(filepath.Join(folder, backup.InventoryFile)); err != nil {
				t.Fatal(err)
			}
		},
		"its inventory is cut short": func(t *testing.T, folder string) {
			t.Helper()
			damage(t, folder, backup.InventoryFile, func(text []byte) []byte { return text[:len(text)/2] })
		},
		"a byte of the dump is another one": func(t *testing.T, folder string) {
			t.Helper()
			damage(t, folder, backup.DumpFile, func(text []byte) []byte { text[len(text)/2] ^= 1; return text })
		},
		"the dump is cut short": func(t *testing.T, folder string) {
			t.Helper()
			damage(t, folder, backup.DumpFile, func(text []byte) []byte { return text[:len(text)-1] })
		},
		"its configuration is missing": func(t *testing.T, folder string) {
			t.Helper()
			if err := os.Remove(filepath.Join(folder, backup.ConfigurationFile)); err != nil {
				t.Fatal(err)
			}
		},
		"its form is a newer one": func(t *testing.T, folder string) {
			t.Helper()
			damage(t, folder, backup.InventoryFile, edit(func(i *backup.Inventory) { i.Format++ }))
		},
		"its platform's tables are newer ones": func(t *testing.T, folder string) {
			t.Helper()
			damage(t, folder, backup.InventoryFile, edit(func(i *backup.Inventory) { i.Contents.Platform = 99999 }))
		},
		"it names a file elsewhere": func(t *testing.T, folder string) {
			t.Helper()
			damage(t, folder, backup.InventoryFile, edit(func(i *backup.Inventory) { i.Files["../passwd"] = i.Files[backup.DumpFile] }))
		},
		"other rows came back than were saved": func(t *testing.T, folder string) {
			t.Helper()
			damage(t, folder, backup.InventoryFile, edit(func(i *backup.Inventory) { i.Contents.Rows["crm.customer"]++ }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			if err := os.CopyFS(folder, os.DirFS(original.String())); err != nil {
				t.Fatal(err)
			}
			spoil(t, folder)
			id := identity(t)
			if _, err := h.restore(t, backup.NewFolder(folder), id); err == nil {
				t.Error("it is restored")
			}
			expectFound(t, h.databases, h.server, id, tenant.Absent, false)
		})
	}
}

func TestABackupThatIsBrokenOffLeavesNoInventory(t *testing.T) {
	t.Parallel()
	h := newHouse(t, admin(t))
	_, conn := h.inhabited(t, customised())
	for name, c := range map[string]struct {
		programs backup.Programs
		place    func(backup.Place) backup.Place
	}{
		"pg_dump is not there": {backup.NewPrograms("/nowhere"), func(p backup.Place) backup.Place { return p }},
		"the place is full":    {backup.NewPrograms(""), func(p backup.Place) backup.Place { return fullPlace{p} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := backup.NewFolder(filepath.Join(t.TempDir(), "backup"))
			if _, err := backup.Take(t.Context(), c.place(place), h.backups, conn, c.programs, []byte("kind: Tenant\n"), noon()); err == nil {
				t.Fatal("it is whole")
			}
			if entries, err := os.ReadDir(place.String()); err != nil || len(entries) != 1 || entries[0].Name() != backup.ConfigurationFile {
				t.Errorf("it leaves %v: %v", entries, err)
			}
			if _, err := backup.Read(t.Context(), place); fault.KindOf(err) != fault.NotFound {
				t.Errorf("it is taken for a backup: %v", err)
			}
			if _, err := backup.Take(t.Context(), place, h.backups, conn, backup.NewPrograms(""), nil, noon()); fault.KindOf(err) != fault.Conflict {
				t.Errorf("another one is written over it: %v", err)
			}
		})
	}
}

// fullPlace takes little of a dump.
type fullPlace struct{ backup.Place }

var errFull = errors.New("no space left")

func (p fullPlace) Write(ctx context.Context, name string, content io.Reader) error {
	if name == backup.DumpFile {
		return p.Place.Write(ctx, name, io.MultiReader(io.LimitReader(content, 100), brokenReader{}))
	}
	return p.Place.Write(ctx, name, content)
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errFull }
