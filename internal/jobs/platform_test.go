package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/directory"
	"github.com/kontor-crm/kontor/internal/jobs"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/store"
	"github.com/kontor-crm/kontor/internal/tenancy"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// now is the time of these tests: they meet real databases, which have no other.
var now = time.Now //nolint:forbidigo // see above

// sealingKey is the installation's.
var sealingKey = bytes.Repeat([]byte{7}, secret.KeyLength)

// organisation is one tenant of a test, with a system database of its own.
type organisation struct {
	id       tenant.Identity
	system   secret.Connection
	operator *provision.Directory
	database secret.Connection // the admin's
	app      secret.Connection
	model    *schema.Schema
	admin    schema.Principal
	// store is the tenant's database as the service sees it.
	store *store.Database
	log   *slog.Logger
}

var organisations atomic.Int64

func newOrganisation(t *testing.T) *organisation {
	t.Helper()
	server := env.Postgres(t)
	admin := secret.Connection{
		Host: server.Host, Port: server.Port, Database: "postgres", User: server.User, Password: server.Password, SSLMode: "disable",
	}
	n := organisations.Add(1)
	o := &organisation{
		id:     tenant.Identity{Installation: "test", Namespace: fmt.Sprintf("ns%d", n), Name: "acme"},
		system: admin.In(fmt.Sprintf("system_%d", n)), model: newModel(t), log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	servers := provision.NewServers(provision.Options{Clock: now})
	t.Cleanup(servers.Close)
	databases := provision.NewDatabases(servers)
	must(t, databases.Ensure(t.Context(), admin, o.id, o.model))
	var err error
	o.app, err = databases.Login(t.Context(), admin, o.id, tenant.RoleApplication, secret.NewPassword())
	must(t, err)
	o.database = admin.In(o.id.Database())
	schemas := provision.NewSchemas(servers)
	applied, live, err := schemas.Observe(t.Context(), o.database)
	must(t, err)
	p := plan.Make(applied, o.model, live, plan.Policy{})
	o.model.Revision = p.Revision
	must(t, schemas.Apply(t.Context(), o.database, p, o.model))
	_, err = schemas.EnsureAdministrator(t.Context(), o.database, "admin@acme.example", "Ann Admin", "no password at all")
	must(t, err)
	o.admin = schema.Principal{Administrator: true}
	o.sql(t, `SELECT user_id::text FROM kontor.credential`, &o.admin.UserID)
	o.operator, err = provision.OpenSystem(t.Context(), o.system, o.sealer(t), provision.Options{Clock: now})
	must(t, err)
	t.Cleanup(o.operator.Close)
	must(t, o.operator.Publish(t.Context(), tenant.Entry{
		Key: o.id.Key(), Hosts: []string{"acme.localhost"}, Application: o.app, Revision: o.model.Revision, Format: schema.Format,
	}))
	o.store, err = store.New(store.Options{}).Open(t.Context(), o.app)
	must(t, err)
	t.Cleanup(o.store.Close)
	return o
}

func (o *organisation) sealer(t *testing.T) *secret.Sealer {
	t.Helper()
	sealer, err := secret.NewSealer(sealingKey, "directory")
	must(t, err)
	return sealer
}

// newModel is a small model: products, and customers that buy them.
func newModel(t *testing.T) *schema.Schema {
	t.Helper()
	field := func(name string, kind schema.TypeName, edits ...func(*schema.Field)) *schema.Field {
		f := &schema.Field{Identity: name, Name: name, Column: name, Type: kind, Source: "standard"}
		for _, edit := range edits {
			edit(f)
		}
		return f
	}
	object := func(name string, fields ...*schema.Field) *schema.Object {
		return &schema.Object{Identity: name, Name: name, Table: name, Source: "standard", Title: "name", Fields: fields}
	}
	required := func(f *schema.Field) { f.Required = true }
	unique := func(f *schema.Field) { f.Unique = true }
	built, err := schema.Build(&schema.Schema{
		Format:       schema.Format,
		Organisation: schema.Organisation{Name: "acme", DisplayName: "Acme", Language: "en", TimeZone: "Europe/Berlin", Currency: "EUR"},
		Objects: []*schema.Object{
			object("department", field("name", schema.TypeText, required)),
			object("product", field("name", schema.TypeText, required), field("code", schema.TypeText, unique),
				field("stock", schema.TypeInteger, func(f *schema.Field) { f.Min = "0" })),
			object("user", field("name", schema.TypeText, required), field("email", schema.TypeEmail, unique)),
		},
	})
	must(t, err)
	return built
}

// sql runs a query in the tenant's database as the superuser and scans one row.
func (o *organisation) sql(t *testing.T, text string, into ...any) {
	t.Helper()
	sql(t, o.database, text, into...)
}

// inSystem is sql in the system database.
func (o *organisation) inSystem(t *testing.T, text string, into ...any) {
	t.Helper()
	sql(t, o.system, text, into...)
}

func sql(t *testing.T, database secret.Connection, text string, into ...any) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), database.URL())
	must(t, err)
	defer c.Close(context.WithoutCancel(t.Context()))
	if len(into) == 0 {
		_, err = c.Exec(t.Context(), text)
	} else {
		err = c.QueryRow(t.Context(), text).Scan(into...)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// worker is one worker process; its end is waited for.
type worker struct {
	o    *organisation
	list *directory.Directory
	end  func()
}

// work starts a worker; it ends with the test, or when end is called.
func (o *organisation) work(t *testing.T, edits ...func(*jobs.Options[*store.Database])) *worker {
	t.Helper()
	return workOn(t, o, store.New(store.Options{}).Open, edits...)
}

// workOn is work on databases of the test's own.
func workOn[D jobs.Database](
	t *testing.T, o *organisation, open func(context.Context, secret.Connection) (D, error), edits ...func(*jobs.Options[D]),
) *worker {
	t.Helper()
	cursors, err := secret.NewSealer(sealingKey, "cursor")
	must(t, err)
	standing, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	list, err := directory.Open(standing, directory.Options{System: o.system, Sealer: o.sealer(t), Log: o.log})
	must(t, err)
	tenants := tenancy.New(tenancy.Config[D]{
		Directory: list, Open: open, Cursors: cursors, Server: uuid.NewString(), Clock: now, Log: o.log,
	})
	options := jobs.Options[D]{
		Calendar: list, Tenants: tenants, Kinds: jobs.Kinds(), Clock: now, NewID: newID, Log: o.log, Poll: 50 * time.Millisecond,
	}
	for _, edit := range edits {
		edit(&options)
	}
	working, cancel := context.WithCancel(standing)
	var parts sync.WaitGroup
	parts.Go(func() { _ = list.Run(standing) })
	parts.Go(func() { _ = tenants.Run(standing) })
	eventually(t, func() bool { return list.Ready(standing) == nil })
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = jobs.New(options).Run(working)
	}()
	w := &worker{o: o, list: list, end: sync.OnceFunc(func() {
		cancel()
		<-done
		stop()
		parts.Wait()
	})}
	t.Cleanup(w.end)
	return w
}

// synced is a log that is read while it is written.
type synced struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *synced) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(text)
}

func (s *synced) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// kind makes a worker do the jobs of a kind so.
func kind(name string, do jobs.Kind) func(*jobs.Options[*store.Database]) {
	return func(options *jobs.Options[*store.Database]) { options.Kinds[name] = do }
}

// jobs are the tenant's, as its administrator sees them.
func (o *organisation) jobs() *crm.Jobs {
	return &crm.Jobs{Runner: o.store, Actor: crm.Actor{Principal: o.admin}, Clock: now, NewID: newID}
}

// leave makes a job and wakes a worker.
func (o *organisation) leave(t *testing.T, job query.NewJob) *crm.Job {
	t.Helper()
	if job.Request == nil {
		job.Request = json.RawMessage(`{}`)
	}
	made, err := o.jobs().Create(t.Context(), job)
	must(t, err)
	o.wake(t)
	return made
}

func (o *organisation) wake(t *testing.T) {
	t.Helper()
	o.inSystem(t, `UPDATE visit SET due_at = now()`)
}

// becomes waits until the job is in the state.
func (o *organisation) becomes(t *testing.T, id string, state crm.JobState) *crm.Job {
	t.Helper()
	var job *crm.Job
	eventually(t, func() bool {
		var err error
		job, err = o.jobs().Get(t.Context(), id)
		must(t, err)
		if job.State.Ended() && job.State != state {
			t.Fatalf("the job is %s, want %s: %+v", job.State, state, job.Error)
		}
		return job.State == state
	})
	return job
}

func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it never came to be")
		}
	}
}
