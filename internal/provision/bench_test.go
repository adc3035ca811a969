package provision_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/secret"
	"github.com/kontor-crm/kontor/test/env"
)

// BenchmarkATenant measures what a tenant's database takes: bare, and with all that makes it a tenant's.
func BenchmarkATenant(b *testing.B) {
	server := env.Postgres(b)
	conn := secret.Connection{Host: server.Host, Port: server.Port, Database: "postgres", User: server.User, Password: server.Password, SSLMode: "disable"}
	servers := provision.NewServers(provision.Options{Clock: noon})
	defer servers.Close()
	databases, schemas := provision.NewDatabases(servers), provision.NewSchemas(servers)
	model := compile.Standard(nil)
	var n atomic.Int64
	next := func() tenant.Identity {
		return tenant.Identity{Installation: "bench", Namespace: fmt.Sprint(n.Add(1)), Name: "acme"}
	}
	if err := databases.Ensure(b.Context(), conn, next(), model); err != nil {
		b.Fatal(err)
	}
	var template string
	c, err := pgx.Connect(b.Context(), conn.URL())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close(b.Context())
	if err := c.QueryRow(b.Context(), "SELECT datname FROM pg_database WHERE datname LIKE 'kontor_template%'").Scan(&template); err != nil {
		b.Fatal(err)
	}
	b.Run("bare", func(b *testing.B) {
		for b.Loop() {
			if _, err := c.Exec(b.Context(), fmt.Sprintf("CREATE DATABASE bare_%d TEMPLATE %s", n.Add(1), template)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ensured", func(b *testing.B) {
		for b.Loop() {
			if err := databases.Ensure(b.Context(), conn, next(), model); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ready", func(b *testing.B) {
		for b.Loop() {
			id := next()
			if err := databases.Ensure(b.Context(), conn, id, model); err != nil {
				b.Fatal(err)
			}
			for _, role := range []tenant.Role{tenant.RoleApplication, tenant.RoleReporting} {
				if _, err := databases.Login(b.Context(), conn, id, role, "secret"); err != nil {
					b.Fatal(err)
				}
			}
			database := conn.In(id.Database())
			applied, live, err := schemas.Observe(b.Context(), database)
			if err != nil {
				b.Fatal(err)
			}
			wanted := *model
			p := plan.Make(applied, &wanted, live, plan.Policy{})
			wanted.Revision = p.Revision
			if err := schemas.Apply(b.Context(), database, p, &wanted); err != nil {
				b.Fatal(err)
			}
			if _, err := schemas.EnsurePartitions(b.Context(), database); err != nil {
				b.Fatal(err)
			}
			if _, err := schemas.EnsureAdministrator(b.Context(), database, "a@b.c", "Admin", "hash"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
