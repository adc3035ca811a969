package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/directory"
	"github.com/kontor-crm/kontor/internal/jobs"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/rest"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/internal/store"
	"github.com/kontor-crm/kontor/internal/tenancy"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// platform is one server with its system database; tests make tenants of their own on it.
type platform struct {
	admin     secret.Connection
	servers   *provision.Servers
	system    *provision.Directory
	directory *directory.Directory
	tenants   *tenancy.Tenants[rest.Database]
	api       *httptest.Server
	registry  *prometheus.Registry
	log       *syncBuffer
}

// syncBuffer is a log that tests can read while others write.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var shared struct {
	sync.Mutex
	platform *platform
}

// onPlatform is the server that all tests of this package share.
func onPlatform(t *testing.T) *platform {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.platform == nil {
		shared.platform = startPlatform(t)
	}
	return shared.platform
}

func startPlatform(t *testing.T) *platform {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // it outlives the test that comes first
	server := env.Postgres(t)
	p := &platform{
		admin: secret.Connection{
			Host: server.Host, Port: server.Port, Database: "postgres", User: server.User, Password: server.Password, SSLMode: "disable",
		},
		servers: provision.NewServers(provision.Options{Clock: now}), registry: prometheus.NewRegistry(), log: &syncBuffer{},
	}
	log := slog.New(slog.NewTextHandler(p.log, nil))
	key := bytes.Repeat([]byte{7}, secret.KeyLength)
	sealer, err := secret.NewSealer(key, "directory")
	must(t, err)
	cursors, err := secret.NewSealer(key, "cursor")
	must(t, err)
	p.system, err = provision.OpenSystem(ctx, p.admin.In("kontor_system"), sealer, provision.Options{Clock: now})
	must(t, err)
	p.directory, err = directory.Open(ctx, directory.Options{System: p.admin.In("kontor_system"), Sealer: sealer, Server: "test", Log: log})
	must(t, err)
	opener := store.New(store.Options{TenantConnections: 4})
	p.tenants = tenancy.New(tenancy.Config[rest.Database]{
		Directory: p.directory,
		Open:      func(ctx context.Context, c secret.Connection) (rest.Database, error) { return opener.Open(ctx, c) },
		Cursors:   cursors, Server: "test", Clock: now, Log: log, IdleAfter: 2 * time.Second, RenewEvery: 500 * time.Millisecond,
	})
	p.directory.OnChange(p.tenants.Changed)
	go func() { _ = p.directory.Run(ctx) }()
	go func() { _ = p.tenants.Run(ctx) }()
	work := &calendar{woken: make(chan struct{}, 1)}
	p.api = httptest.NewUnstartedServer(nil)
	p.api.Config = rest.NewServer(rest.New(rest.Options{
		Tenants: p.tenants, Gate: auth.New(now), Clock: now, NewID: newID, Log: log, Metrics: p.registry, Wake: work.Wake,
	}), log)
	worker := jobs.New(jobs.Options[rest.Database]{
		Calendar: work, Tenants: p.tenants, Kinds: jobs.Kinds(), Clock: now, NewID: newID, Log: log,
	})
	go func() { _ = worker.Run(ctx) }()
	p.api.Start()
	eventually(t, func() bool { return p.directory.Ready(ctx) == nil })
	return p
}

// calendar sends the worker to the tenants that have jobs, and to no others.
type calendar struct {
	woken chan struct{}

	mu  sync.Mutex
	due []jobs.Visit
}

func (c *calendar) Wake(_ context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = append(c.due, jobs.Visit{Key: key})
	select {
	case c.woken <- struct{}{}:
	default:
	}
	return nil
}

func (c *calendar) Due(_ context.Context, most int) ([]jobs.Visit, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	most = min(most, len(c.due))
	due := c.due[:most:most]
	c.due = c.due[most:]
	return due, nil
}

func (c *calendar) Visited(ctx context.Context, visit jobs.Visit, next time.Duration) error {
	if next < time.Minute {
		time.AfterFunc(next, func() { _ = c.Wake(ctx, visit.Key) })
	}
	return nil
}

func (c *calendar) Woken() <-chan struct{} { return c.woken }

func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// organisation is one tenant of a test.
type organisation struct {
	*platform
	id       tenant.Identity
	host     string
	database secret.Connection // the admin's
	app      secret.Connection
	schema   *schema.Schema
}

// now is the time of these tests: they meet real databases, which have no other.
var now = time.Now //nolint:forbidigo // see above

var organisations atomic.Int64

// newOrganisation makes a tenant with the model of these tests, and waits until it is served.
func newOrganisation(t *testing.T, edits ...func(*schema.Schema)) *organisation {
	t.Helper()
	return newOrganisationOf(t, testModel(t), testModel(t, edits...))
}

// newOrganisationOf is a tenant whose database was made of one model and brought to another.
func newOrganisationOf(t *testing.T, first, model *schema.Schema) *organisation {
	t.Helper()
	p := onPlatform(t)
	n := organisations.Add(1)
	o := &organisation{platform: p, id: tenant.Identity{Installation: "test", Namespace: fmt.Sprintf("ns%d", n), Name: "acme"}}
	o.host = fmt.Sprintf("acme%d.localhost", n)
	databases := provision.NewDatabases(p.servers)
	must(t, databases.Ensure(t.Context(), p.admin, o.id, first))
	var err error
	o.app, err = databases.Login(t.Context(), p.admin, o.id, tenant.RoleApplication, secret.NewPassword())
	must(t, err)
	o.database = p.admin.In(o.id.Database())
	o.apply(t, model)
	hash, err := adminHash()
	must(t, err)
	made, err := provision.NewSchemas(p.servers).EnsureAdministrator(t.Context(), o.database, "admin@acme.example", "Ann Admin", hash)
	must(t, err)
	if !made {
		t.Fatal("the tenant has an administrator already")
	}
	return o
}

const adminPassword = "correct horse"

var adminHash = sync.OnceValues(func() (string, error) { return secret.HashPassword(adminPassword) })

// apply brings the tenant to a model, as the operator does, and waits until the server has it.
func (o *organisation) apply(t *testing.T, model *schema.Schema) {
	t.Helper()
	schemas := provision.NewSchemas(o.servers)
	applied, live, err := schemas.Observe(t.Context(), o.database)
	must(t, err)
	p := plan.Make(applied, model, live, plan.Policy{})
	if len(p.Refused) > 0 {
		t.Fatalf("the plan refuses %+v", p.Refused)
	}
	model.Revision = p.Revision
	must(t, schemas.Apply(t.Context(), o.database, p, model))
	o.schema = model
	must(t, o.system.Publish(t.Context(), tenant.Entry{
		Key: o.id.Key(), Hosts: []string{o.host}, Application: o.app, Revision: model.Revision, Format: schema.Format,
	}))
	eventually(t, func() bool {
		servers, err := o.system.Acknowledged(t.Context(), o.id.Key(), model.Revision)
		return err == nil && servers == 1
	})
}

// sql runs a query in the tenant's database as the superuser and scans one row.
func (o *organisation) sql(t *testing.T, query string, into ...any) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), o.database.URL())
	must(t, err)
	defer c.Close(context.WithoutCancel(t.Context()))
	if len(into) == 0 {
		_, err = c.Exec(t.Context(), query)
	} else {
		err = c.QueryRow(t.Context(), query).Scan(into...)
	}
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// user speaks the API as a signed-in user.
type user struct {
	t     *testing.T
	o     *organisation
	token string
}

// signedIn is the tenant's administrator.
func (o *organisation) signedIn(t *testing.T) *user {
	t.Helper()
	u := &user{t: t, o: o}
	r := u.send("POST", "/api/v1/login", map[string]any{"email": "admin@acme.example", "password": adminPassword})
	r.is(http.StatusOK)
	u.token = r.text("token")
	return u
}

// join is another user of the tenant, with a record, a credential and a session of their own.
func (o *organisation) join(t *testing.T, name string, administrator bool) *user {
	t.Helper()
	email := strings.ToLower(name) + "@acme.example"
	id := o.signedIn(t).create("user", map[string]any{"name": name, "email": email})
	hash, err := adminHash()
	must(t, err)
	o.sql(t, fmt.Sprintf(`INSERT INTO kontor.credential (user_id, email, password_hash, administrator) VALUES ('%s', '%s', '%s', %t)`, id, email, hash, administrator))
	u := &user{t: t, o: o}
	u.token = u.send("POST", "/api/v1/login", map[string]any{"email": email, "password": adminPassword}).is(http.StatusOK).text("token")
	return u
}

func newUser(t *testing.T, o *organisation) *user {
	t.Helper()
	return &user{t: t, o: o}
}

// reply is an answer of the API.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// send sends a body (nil, a string or []byte as it is, anything else as JSON) with headers "Name: value".
func (u *user) send(method, path string, body any, headers ...string) *reply {
	u.t.Helper()
	var reader io.Reader
	contentType := ""
	switch b := body.(type) {
	case nil:
	case string:
		reader, contentType = strings.NewReader(b), "application/json"
	case []byte:
		reader, contentType = bytes.NewReader(b), "application/json"
	case io.Reader:
		reader, contentType = b, "application/json"
	default:
		encoded, err := json.Marshal(b)
		must(u.t, err)
		reader, contentType = bytes.NewReader(encoded), "application/json"
	}
	request, err := http.NewRequestWithContext(u.t.Context(), method, u.o.api.URL+path, reader)
	must(u.t, err)
	request.Host = u.o.host
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if u.token != "" {
		request.Header.Set("Authorization", "Bearer "+u.token)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		u.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	answered, err := io.ReadAll(response.Body)
	must(u.t, err)
	return &reply{t: u.t, what: method + " " + path, status: response.StatusCode, header: response.Header, body: answered}
}

func (u *user) get(path string) *reply { u.t.Helper(); return u.send("GET", path, nil) }

// create makes a record and returns its id.
func (u *user) create(object string, fields map[string]any) string {
	u.t.Helper()
	r := u.send("POST", "/api/v1/records/"+object, fields)
	r.is(http.StatusCreated)
	return r.text("id")
}

func (r *reply) is(status int) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d: %s", r.what, r.status, status, r.body)
	}
	return r
}

// object is the body's JSON object.
func (r *reply) object() map[string]any {
	r.t.Helper()
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		r.t.Fatalf("%s: %v in %s", r.what, err, r.body)
	}
	return object
}

// part is one field of the body's JSON object, as it stands.
func (r *reply) part(field string) []byte {
	r.t.Helper()
	var object map[string]json.RawMessage
	must(r.t, json.Unmarshal(r.body, &object))
	return object[field]
}

func (r *reply) text(field string) string {
	r.t.Helper()
	text, _ := r.object()[field].(string)
	return text
}

// names fails unless it is a problem whose errors name the path with these words.
func (r *reply) names(path, words string) *reply {
	r.t.Helper()
	if r.header.Get("Content-Type") != "application/problem+json" {
		r.t.Errorf("%s: the problem is %q", r.what, r.header.Get("Content-Type"))
	}
	errors, _ := r.object()["errors"].([]any)
	for _, e := range errors {
		one, _ := e.(map[string]any)
		message, _ := one["message"].(string)
		if one["path"] == path && strings.Contains(message, words) {
			return r
		}
	}
	r.t.Errorf("%s: nothing says %q at %q: %s", r.what, words, path, r.body)
	return r
}

// items are the records of a list.
func (r *reply) items() []map[string]any {
	r.t.Helper()
	r.is(http.StatusOK)
	var list struct {
		Items []map[string]any `json:"items"`
	}
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.UseNumber()
	must(r.t, decoder.Decode(&list))
	return list.Items
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
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it never came to be")
		}
	}
}
