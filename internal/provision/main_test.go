package provision_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// admin is the superuser's connection to the maintenance database.
func admin(t *testing.T) secret.Connection {
	t.Helper()
	server := env.Postgres(t)
	return secret.Connection{Host: server.Host, Port: server.Port, Database: "postgres", User: server.User, Password: server.Password, SSLMode: "disable"}
}

var admins atomic.Int64

// firstTemplate makes a template, and with it the role that all admins of a server share.
var firstTemplate sync.Once

// ordinary is a role that may do nothing special.
func ordinary(t *testing.T) secret.Connection {
	t.Helper()
	name := fmt.Sprintf("ordinary_%d", admins.Add(1))
	mustExec(t, connect(t, admin(t)), "CREATE ROLE "+name+" LOGIN PASSWORD 'secret'")
	return admin(t).As(name, "secret")
}

// ownModel is a standard model whose template no other test makes.
func ownModel(t *testing.T) *schema.Schema {
	t.Helper()
	return standard(t, func(s *schema.Schema) { s.Objects[0].Fields[0].Length = 1000 + int(admins.Add(1)) })
}

// limitedAdmin is a role that may make databases and roles, and nothing else.
func limitedAdmin(t *testing.T) secret.Connection {
	t.Helper()
	firstTemplate.Do(func() {
		if err := provision.NewDatabases(newServers(t, provision.Options{})).Ensure(t.Context(), admin(t), identity(t), standard(t)); err != nil {
			t.Fatal(err)
		}
	})
	name := fmt.Sprintf("admin_%d", admins.Add(1))
	c := connect(t, admin(t))
	mustExec(t, c, "CREATE ROLE "+name+" LOGIN CREATEDB CREATEROLE PASSWORD 'secret'")
	return admin(t).As(name, "secret")
}

func connect(t *testing.T, conn secret.Connection) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), conn.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.WithoutCancel(t.Context())) })
	return c
}

func mustExec(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// noon is the time in tests in which it stands still.
func noon() time.Time { return time.Date(2026, time.March, 31, 12, 0, 0, 0, time.UTC) }

func newServers(t *testing.T, options provision.Options) *provision.Servers {
	t.Helper()
	if options.Clock == nil {
		options.Clock = noon
	}
	servers := provision.NewServers(options)
	t.Cleanup(servers.Close)
	return servers
}

var identities atomic.Int64

// identity is a tenant that no other test has.
func identity(t *testing.T) tenant.Identity {
	t.Helper()
	return tenant.Identity{Installation: "test", Namespace: fmt.Sprintf("ns-%d", identities.Add(1)), Name: "acme"}
}

// statements counts what is sent, and can break things off.
type statements struct {
	mu   sync.Mutex
	seen []string
	// allow is the number of statements that get through; negative is all.
	allow int
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.allow == 0 {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	s.allow--
	s.seen = append(s.seen, data.SQL)
	return ctx
}

func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *statements) reset(allow int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen, s.allow = nil, allow
}

func (s *statements) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

func (s *statements) containing(words string) int {
	n := 0
	for _, statement := range s.all() {
		if strings.Contains(statement, words) {
			n++
		}
	}
	return n
}

// standard is a small standard model with a field of each kind of trouble.
func standard(t *testing.T, edits ...func(*schema.Schema)) *schema.Schema {
	t.Helper()
	label := func(text string) schema.Label { return schema.Label{"en": text} }
	s := &schema.Schema{
		Format:       schema.Format,
		Organisation: schema.Organisation{Name: "acme", DisplayName: "Acme", Language: "en", TimeZone: "UTC", Currency: "EUR"},
		Objects: []*schema.Object{
			{Identity: "customer", Name: "customer", Table: "customer", Source: "standard", Label: label("Customer"), Title: "name", Fields: []*schema.Field{
				{Identity: "name", Name: "name", Column: "name", Type: schema.TypeText, Length: 50, Required: true, Source: "standard"},
				{Identity: "email", Name: "email", Column: "email", Type: schema.TypeEmail, Source: "standard"},
				{Identity: "parent", Name: "parent", Column: "parent_id", Type: schema.TypeRelation, Target: "customer", Source: "standard"},
			}},
			{Identity: "department", Name: "department", Table: "department", Source: "standard", Fields: []*schema.Field{
				{Identity: "name", Name: "name", Column: "name", Type: schema.TypeText, Length: 50, Required: true, Source: "standard"},
			}},
			{Identity: "opportunity", Name: "opportunity", Table: "opportunity", Source: "standard", Fields: []*schema.Field{
				{Identity: "name", Name: "name", Column: "name", Type: schema.TypeText, Length: 100, Required: true, Source: "standard"},
				{Identity: "customer", Name: "customer", Column: "customer_id", Type: schema.TypeRelation, Target: "customer", Source: "standard"},
				{Identity: "amount", Name: "amount", Column: "amount", Type: schema.TypeMoney, Min: "1", Scale: new(0), Source: "standard"},
				{Identity: "stage", Name: "stage", Column: "stage", Type: schema.TypePicklist, Required: true, Default: new("open"), Indexed: true, Source: "standard", Options: []schema.Option{{Key: "open"}, {Key: "won"}, {Key: "lost"}}},
			}},
			{Identity: "user", Name: "user", Table: "user", Source: "standard", Fields: []*schema.Field{
				{Identity: "name", Name: "name", Column: "name", Type: schema.TypeText, Length: 50, Required: true, Source: "standard"},
				{Identity: "email", Name: "email", Column: "email", Type: schema.TypeEmail, Unique: true, Source: "standard"},
			}},
		},
	}
	for _, edit := range edits {
		edit(s)
	}
	built, err := schema.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return built
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
