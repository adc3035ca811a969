package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"k8s.io/utils/ptr"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/local"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/gen"
)

// site is a PostgreSQL server with the database of one tenant, and what a server of
// ours needs to serve it.
type site struct {
	rows, customers int
	postgres        *local.Postgres
	postmaster      int // the process
	version         string
	admin           secret.Connection
	system          secret.Connection
	// app is the application's connection to the database of this run, owner the superuser's.
	app, owner secret.Connection
	model      *schema.Schema
	user       string // the id of the administrator
	folder     string
	key        string
}

const (
	benchHost     = "bench.localhost"
	benchEmail    = "admin@bench.example"
	benchPassword = "correct horse battery"
	// runDatabase is a copy of the seeded one, so that each run begins with the same.
	runDatabase = "bench_run"
)

// newSite makes the database, or takes that of an earlier run in KONTOR_BENCH_DIR.
func newSite(b *testing.B, rows int) *site {
	b.Helper()
	ctx := b.Context()
	s := &site{rows: rows, customers: max(10, rows/10), folder: os.Getenv("KONTOR_BENCH_DIR")}
	if s.folder == "" {
		s.folder = b.TempDir()
	}
	s.startPostgres(ctx, b)
	s.model = newModel(b)
	servers := provision.NewServers(provision.Options{Clock: time.Now})
	b.Cleanup(servers.Close)
	id := tenant.Identity{Installation: "bench", Namespace: fmt.Sprintf("rows-%d-%s", rows, s.model.Digest()), Name: "acme"}
	s.seedOnce(ctx, b, servers, id)
	_, err := provision.NewSchemas(servers).EnsurePartitions(ctx, s.admin.In(id.Database()))
	must(b, err)

	app, err := provision.NewDatabases(servers).Login(ctx, s.admin, id, tenant.RoleApplication, secret.NewPassword())
	must(b, err)
	s.app, s.owner = app.In(runDatabase), s.admin.In(runDatabase)
	s.exec(ctx, b, s.admin, "DROP DATABASE IF EXISTS "+runDatabase+" WITH (FORCE)", "CREATE DATABASE "+runDatabase+" TEMPLATE "+id.Database()+" STRATEGY file_copy",
		"GRANT CONNECT ON DATABASE "+runDatabase+" TO "+schema.QuoteIdent(app.User))
	c := s.connect(ctx, b, s.owner)
	must(b, c.QueryRow(ctx, "SELECT user_id::text FROM kontor.credential").Scan(&s.user))

	s.key, s.system = secret.NewKey(), s.admin.In("bench_system")
	entries := s.openSystem(ctx, b, s.system)
	must(b, entries.Publish(ctx, tenant.Entry{Key: "bench/acme", Hosts: []string{benchHost}, Application: s.app, Revision: s.model.Revision, Format: schema.Format}))
	return s
}

func (s *site) startPostgres(ctx context.Context, b *testing.B) {
	b.Helper()
	folder := filepath.Join(s.folder, "postgres")
	var err error
	s.postgres, err = local.StartPostgres(ctx, local.PostgresConfig{
		Dir: folder, BinDir: os.Getenv("KONTOR_PG_BIN"), Durable: true,
		Settings: map[string]string{"shared_buffers": "1GB", "max_wal_size": "4GB", "maintenance_work_mem": "512MB"},
	})
	must(b, err)
	b.Cleanup(s.postgres.Stop)
	text, err := os.ReadFile(filepath.Join(folder, "data", "postmaster.pid"))
	must(b, err)
	first, _, _ := strings.Cut(string(text), "\n")
	s.postmaster, err = strconv.Atoi(first)
	must(b, err)
	s.admin = secret.Connection{
		Host: s.postgres.Host, Port: s.postgres.Port, Database: "postgres", User: s.postgres.User, Password: s.postgres.Password, SSLMode: "disable",
	}
	must(b, s.connect(ctx, b, s.admin).QueryRow(ctx, "SHOW server_version").Scan(&s.version))
	s.version, _, _ = strings.Cut(s.version, " ")
}

// openSystem makes a system database.
func (s *site) openSystem(ctx context.Context, b *testing.B, system secret.Connection) *provision.Directory {
	b.Helper()
	key, err := secret.ParseKey(s.key)
	must(b, err)
	sealer, err := secret.NewSealer(key, "directory")
	must(b, err)
	s.exec(ctx, b, s.admin, "DROP DATABASE IF EXISTS "+system.Database+" WITH (FORCE)")
	entries, err := provision.OpenSystem(ctx, system, sealer, provision.Options{Clock: time.Now})
	must(b, err)
	b.Cleanup(entries.Close)
	return entries
}

// files are the arguments of `kontor server` and `kontor worker` that lead to a system database.
func (s *site) files(b *testing.B, system secret.Connection) []string {
	b.Helper()
	folder := b.TempDir()
	keyFile, systemFile := filepath.Join(folder, "key"), filepath.Join(folder, "system")
	must(b, os.WriteFile(keyFile, []byte(s.key), 0o600))
	must(b, os.WriteFile(systemFile, []byte(system.URL()), 0o600))
	return []string{"--key-file", keyFile, "--system-database-url-file", systemFile}
}

func (s *site) connect(ctx context.Context, b *testing.B, to secret.Connection) *pgx.Conn {
	b.Helper()
	c, err := pgx.Connect(ctx, to.URL())
	must(b, err)
	b.Cleanup(func() { _ = c.Close(context.WithoutCancel(ctx)) })
	return c
}

func (s *site) exec(ctx context.Context, b *testing.B, in secret.Connection, statements ...string) {
	b.Helper()
	c, err := pgx.Connect(ctx, in.URL())
	must(b, err)
	defer c.Close(ctx)
	for _, statement := range statements {
		if _, err := c.Exec(ctx, statement); err != nil {
			must(b, fmt.Errorf("%.200s: %w", statement, err))
		}
	}
}

// newModel is the standard model of the sales module with five custom fields of
// opportunities, and an index for the list of this benchmark.
func newModel(b *testing.B) *schema.Schema {
	b.Helper()
	custom := func(name string, kind crmv1.FieldType, options ...string) *crmv1.CustomField {
		f := gen.CustomField("bench", "opportunity", name, gen.FieldType(kind))
		for _, option := range options {
			f.Spec.Options = append(f.Spec.Options, crmv1.Option{Key: option})
		}
		return f
	}
	all := make([]string, 0, regions)
	for n := range regions {
		all = append(all, region(n))
	}
	margin := custom("margin", crmv1.FieldDecimal)
	margin.Spec.Scale = ptr.To[int32](2)
	biggest := &crmv1.ObjectIndex{}
	biggest.Namespace, biggest.Name = "bench", "biggest-by-region"
	biggest.Spec.Object = "opportunity"
	biggest.Spec.Fields = []crmv1.IndexField{{Field: "region"}, {Field: "amount", Order: crmv1.IndexDescending}}
	of := gen.Tenant("bench", "acme", func(t *crmv1.Tenant) { t.Spec.Modules = []crmv1.Module{crmv1.ModuleSales} })
	of.Spec.Country = "CN"
	compiled := compile.Compile(compile.Input{Tenant: of, Indexes: []*crmv1.ObjectIndex{biggest}, Fields: []*crmv1.CustomField{
		custom("region", crmv1.FieldPicklist, all...), custom("tier", crmv1.FieldPicklist, tiers...), margin,
		custom("score", crmv1.FieldInteger), custom("reference", crmv1.FieldText),
	}})
	for ref, verdict := range compiled.Verdicts {
		if len(verdict.Problems) > 0 {
			b.Fatalf("%s: %v", ref, verdict.Problems)
		}
	}
	return compiled.Schema
}

// seedOnce makes the tenant's database with all its records, unless it is there.
func (s *site) seedOnce(ctx context.Context, b *testing.B, servers *provision.Servers, id tenant.Identity) {
	b.Helper()
	began := time.Now()
	must(b, provision.NewDatabases(servers).Ensure(ctx, s.admin, id, compile.Standard([]string{compile.ModuleSales})))
	database := s.admin.In(id.Database())
	schemas := provision.NewSchemas(servers)
	applied, live, err := schemas.Observe(ctx, database)
	must(b, err)
	p := plan.Make(applied, s.model, live, plan.Policy{})
	s.model.Revision = p.Revision
	c, err := pgx.Connect(ctx, database.URL())
	must(b, err)
	defer c.Close(ctx)
	var done bool
	must(b, c.QueryRow(ctx, "SELECT to_regclass('kontor.bench_seeded') IS NOT NULL").Scan(&done))
	if done {
		return
	}
	must(b, schemas.Apply(ctx, database, p, s.model))
	hash, err := secret.HashPassword(benchPassword)
	must(b, err)
	_, err = schemas.EnsureAdministrator(ctx, database, benchEmail, "Ann Admin", hash)
	must(b, err)

	indexes := s.dropIndexes(ctx, b, c)
	s.fill(ctx, b, c, "customer", s.customers, func(n int) map[string]string {
		return map[string]string{"id": customerID(n), "name": companyName(n), "phone": phoneOf(n), "phone_e164": phoneOf(n), "email": emailOf(n), "kind": "company"}
	})
	s.fill(ctx, b, c, "opportunity", s.rows, func(n int) map[string]string {
		d := newDeal(n, s.customers)
		row := map[string]string{"id": dealID(n), "currency": "EUR", "amount_base": d.Amount, "entered_stage_at": seeded}
		for i, value := range d.values() {
			row[dealFields[i]] = value
		}
		return row
	})
	for _, index := range indexes {
		_, err := c.Exec(ctx, index)
		must(b, err)
	}
	compiler := query.New(s.model, nil, "bench/acme")
	for _, o := range s.model.Objects {
		if o.IsSearched() {
			statement := compiler.SearchReached(o, "")
			_, err := c.Exec(ctx, statement.SQL, statement.Args...)
			must(b, err)
		}
	}
	for _, statement := range []string{"VACUUM ANALYZE", "CREATE TABLE kontor.bench_seeded ()", "CHECKPOINT"} {
		_, err := c.Exec(ctx, statement)
		must(b, err)
	}
	fmt.Fprintf(b.Output(), "%d opportunities of %d customers made in %s\n", s.rows, s.customers, time.Since(began).Round(time.Second))
}

// seeded is when the records were made.
const seeded = "2026-01-01 00:00:00+00"

// dropIndexes drops what would be slow to keep while the records are made, and
// returns what makes it again.
func (s *site) dropIndexes(ctx context.Context, b *testing.B, c *pgx.Conn) []string {
	b.Helper()
	rows, err := c.Query(ctx, `SELECT indexdef, format('DROP INDEX %I.%I', schemaname, indexname) FROM pg_indexes
		WHERE schemaname = 'crm' AND tablename ~ '^(customer|opportunity)(__search)?$' AND indexname NOT IN (SELECT conname FROM pg_constraint)`)
	must(b, err)
	var made, drops []string
	for rows.Next() {
		var again, drop string
		must(b, rows.Scan(&again, &drop))
		made, drops = append(made, again), append(drops, drop)
	}
	must(b, rows.Err())
	for _, drop := range drops {
		_, err := c.Exec(ctx, drop)
		must(b, err)
	}
	return made
}

// fill makes the records of an object, findable ones. A row holds texts by the name of the field.
func (s *site) fill(ctx context.Context, b *testing.B, c *pgx.Conn, object string, rows int, row func(n int) map[string]string) {
	b.Helper()
	o, ok := s.model.Object(object)
	if !ok {
		b.Fatalf("there is no %s", object)
	}
	sample := row(0)
	var names, columns []string
	for _, f := range o.Leaves() {
		if _, ok := sample[f.Path()]; ok {
			names, columns = append(names, f.Path()), append(columns, schema.QuoteIdent(f.Column))
		}
	}
	if len(names) != len(sample) {
		b.Fatalf("%s has only the fields %v of %v", object, names, sample)
	}
	id := 0
	for i, name := range names {
		if name == schema.FieldID {
			id = i
		}
	}
	columns = append(columns, "number", "created_at", "updated_at", "version", schema.ColumnSchemaRevision)
	revision := strconv.FormatInt(s.model.Revision, 10)
	copyRows(ctx, b, c, "COPY "+o.QualifiedTable()+" ("+strings.Join(columns, ", ")+") FROM STDIN", rows, func(n int, dst []byte) []byte {
		values := row(n)
		for _, name := range names {
			dst = append(append(dst, values[name]...), '\t')
		}
		return append(dst, strconv.Itoa(n+1)+"\t"+seeded+"\t"+seeded+"\t1\t"+revision+"\n"...)
	})
	_, err := c.Exec(ctx, "SELECT setval(pg_get_serial_sequence($1, 'number'), $2)", o.QualifiedTable(), rows)
	must(b, err)
	digest := strconv.Itoa(int(search.Digest(o)))
	copyRows(ctx, b, c, "COPY "+o.QualifiedSearchTable()+" (id, number, version, digest, tokens) FROM STDIN", rows, func(n int, dst []byte) []byte {
		values := row(n)
		var texts []search.Value
		for _, f := range o.SearchFields() {
			texts = append(texts, search.Value{Field: f, Text: values[f.Path()]})
		}
		dst = append(dst, values[names[id]]+"\t"+strconv.Itoa(n+1)+"\t1\t"+digest+"\t{"...)
		for _, token := range search.Tokens(o, texts) {
			dst = append(append(dst, `"`+strings.ReplaceAll(token, `"`, `\\"`)+`"`...), ',')
		}
		return append(dst, search.SignBlock+strconv.Itoa((n+1)>>search.BlockBits)+"}\n"...)
	})
}

// copyRows sends lines of PostgreSQL's text form.
func copyRows(ctx context.Context, b *testing.B, c *pgx.Conn, sql string, rows int, line func(n int, dst []byte) []byte) {
	b.Helper()
	reader, writer := io.Pipe()
	go func() {
		var buffer []byte
		for n := range rows {
			if buffer = line(n, buffer); len(buffer) > 1<<20 || n == rows-1 {
				if _, err := writer.Write(buffer); err != nil {
					return // the reader knows why
				}
				buffer = buffer[:0]
			}
		}
		_ = writer.Close() // it never fails
	}()
	if _, err := c.PgConn().CopyFrom(ctx, reader, sql); err != nil {
		_ = reader.Close() // it never fails
		must(b, fmt.Errorf("%s: %w", sql, err))
	}
}
