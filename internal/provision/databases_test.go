package provision_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/provision"
	"github.com/kontor-crm/kontor/internal/secret"
)

func TestADatabaseIsMadeOnceByEachKindOfAdmin(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]secret.Connection{"a superuser": admin(t), "a role that may make databases and roles": limitedAdmin(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := &statements{allow: -1}
			databases := provision.NewDatabases(newServers(t, provision.Options{Tracer: sent}))
			id := identity(t)
			expectFound(t, databases, server, id, tenant.Absent, false)
			if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
				t.Fatal(err)
			}
			expectFound(t, databases, server, id, tenant.Owned, true)

			sent.reset(-1)
			if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
				t.Fatal(err)
			}
			if got := sent.all(); len(got) != 1 {
				t.Errorf("the second time takes %d statements, not one: %s", len(got), strings.Join(got, "\n"))
			}

			// The template is there now: another tenant takes few statements and one connection.
			sent.reset(-1)
			if err := databases.Ensure(t.Context(), server, identity(t), standard(t)); err != nil {
				t.Fatal(err)
			}
			if got := sent.all(); len(got) != 5 {
				t.Errorf("a further tenant takes %d statements, not 5: %s", len(got), strings.Join(got, "\n"))
			}
		})
	}
}

func expectFound(t *testing.T, databases *provision.Databases, server secret.Connection, id tenant.Identity, want tenant.Ownership, complete bool) {
	t.Helper()
	found, got, err := databases.Find(t.Context(), server, id)
	if err != nil {
		t.Fatal(err)
	}
	if found != want || got != complete {
		t.Errorf("found %s, complete %t; want %s, %t", found, got, want, complete)
	}
}

func TestProvisioningConvergesWhereverItIsBrokenOff(t *testing.T) {
	t.Parallel()
	for name, server := range map[string]secret.Connection{"a superuser": admin(t), "a limited admin": limitedAdmin(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := &statements{allow: -1}
			databases := provision.NewDatabases(newServers(t, provision.Options{Tracer: sent}))
			// Its own model, so that the making of the template is broken off too.
			model := ownModel(t)
			id := identity(t)
			failed := 0
			for n := 0; ; n++ {
				if n > 200 {
					t.Fatal("it never comes to an end")
				}
				id := id
				id.Namespace += "-" + strings.Repeat("x", n) // each point is tried on a tenant of its own, on what the last one left
				sent.reset(n)
				err := databases.Ensure(t.Context(), server, id, model)
				sent.reset(-1)
				if err == nil {
					break
				}
				failed++
				if again := databases.Ensure(t.Context(), server, id, model); n < 3 && again != nil {
					t.Fatalf("after %d statements it does not converge: %v", n, again)
				}
				expectFound(t, databases, server, id, tenant.Owned, true)
			}
			if failed < 5 {
				t.Errorf("only %d points were tried", failed)
			}
		})
	}
}

func TestATemplateThatIsBrokenOffIsMadeAnew(t *testing.T) {
	t.Parallel()
	server, sent := limitedAdmin(t), &statements{allow: -1}
	databases := provision.NewDatabases(newServers(t, provision.Options{Tracer: sent}))
	model, id := ownModel(t), identity(t)
	broken := 0
	for n := 0; ; n++ {
		sent.reset(n)
		err := databases.Ensure(t.Context(), server, id, model)
		if err == nil {
			break
		}
		broken++
		if n > 100 {
			t.Fatalf("it never converges: %v", err)
		}
		// The n statements that got through are lost or kept; the next attempt goes one further.
	}
	sent.reset(-1)
	expectFound(t, databases, server, id, tenant.Owned, true)
	if broken < 5 {
		t.Errorf("only %d points were tried", broken)
	}
	var left int
	if err := connect(t, admin(t)).QueryRow(t.Context(), "SELECT count(*) FROM pg_database WHERE datname LIKE '%\\_new' AND datdba = $1::regrole", server.User).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d unfinished templates are left", left)
	}
}

func TestTenantsCannotUseEachOthersDatabases(t *testing.T) {
	t.Parallel()
	server := limitedAdmin(t)
	databases := provision.NewDatabases(newServers(t, provision.Options{}))
	var logins []secret.Connection
	for range 2 {
		id := identity(t)
		if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
			t.Fatal(err)
		}
		for _, role := range []tenant.Role{tenant.RoleApplication, tenant.RoleReporting} {
			login, err := databases.Login(t.Context(), server, id, role, secret.NewPassword())
			if err != nil {
				t.Fatal(err)
			}
			logins = append(logins, login)
		}
	}
	stranger := ordinary(t)
	for i, login := range logins {
		connect(t, login) // its own
		other := logins[(i+2)%4]
		for _, intruder := range []secret.Connection{login.In(other.Database), stranger.In(other.Database), login.In("postgres")} {
			c, err := pgx.Connect(t.Context(), intruder.URL())
			if err == nil {
				_ = c.Close(t.Context())
				if intruder.Database != "postgres" { // the maintenance database is the platform's to close
					t.Errorf("%s gets into %s", intruder.User, intruder.Database)
				}
			} else if !strings.Contains(err.Error(), "42501") {
				t.Errorf("%s is kept out for another reason: %v", intruder.User, err)
			}
		}
	}
}

func TestTheRolesMayDoNoMoreThanTheyNeed(t *testing.T) {
	t.Parallel()
	server := limitedAdmin(t)
	servers := newServers(t, provision.Options{})
	databases, schemas := provision.NewDatabases(servers), provision.NewSchemas(servers)
	id := identity(t)
	if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
		t.Fatal(err)
	}
	apply(t, schemas, server.In(id.Database()), standard(t, addField("tier")))
	login := func(role tenant.Role) *pgx.Conn {
		conn, err := databases.Login(t.Context(), server, id, role, secret.NewPassword())
		if err != nil {
			t.Fatal(err)
		}
		return connect(t, conn)
	}
	app, bi := login(tenant.RoleApplication), login(tenant.RoleReporting)
	const record = `INSERT INTO crm.customer (id, name, "x_tier") VALUES (gen_random_uuid(), 'Acme', 'gold')`
	for _, sql := range []string{
		record, "UPDATE crm.customer SET name = 'Globex'", "SELECT * FROM crm.customer", "SELECT document FROM kontor.applied_schema",
		"INSERT INTO kontor.history (at, object, record_id, version, operation, channel, schema_revision) VALUES (now(), 'customer', gen_random_uuid(), 1, 'create', 'api', 1)",
		"INSERT INTO kontor.outbox (at, object, record_id, version, operation) VALUES (now(), 'customer', gen_random_uuid(), 1, 'create')",
		"INSERT INTO kontor.lease VALUES ('a', 1, now())", "DELETE FROM kontor.lease",
		"INSERT INTO kontor.session VALUES ('a', gen_random_uuid(), now(), now())", "SELECT * FROM kontor.credential",
	} {
		if _, err := app.Exec(t.Context(), sql); err != nil {
			t.Errorf("the application cannot %s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"CREATE TABLE crm.mine ()", "CREATE TABLE public.mine ()", "CREATE TABLE kontor.mine ()", "CREATE SCHEMA mine", "DROP TABLE crm.customer",
		"ALTER TABLE crm.customer ADD COLUMN mine text", "TRUNCATE crm.customer", "UPDATE kontor.applied_schema SET revision = 9",
		"DELETE FROM kontor.history", "UPDATE kontor.history SET actor = null", "CREATE TEMPORARY TABLE mine ()", "SELECT * FROM kontor.plan_history",
		"SET ROLE " + id.Database() + "_owner", "SELECT * FROM bi.customer",
	} {
		expectDenied(t, app, sql)
	}
	var tier string
	if err := bi.QueryRow(t.Context(), "SELECT tier FROM bi.customer WHERE name = 'Globex'").Scan(&tier); err != nil || tier != "gold" {
		t.Errorf("reporting reads %q, %v", tier, err)
	}
	for _, sql := range []string{"SELECT * FROM crm.customer", "SELECT * FROM kontor.credential", "CREATE TABLE bi.mine ()"} {
		expectDenied(t, bi, sql)
	}
	mustExec(t, bi, "SET default_transaction_read_only = off")
	expectDenied(t, bi, "UPDATE bi.customer SET name = 'x'")
}

func expectDenied(t *testing.T, c *pgx.Conn, sql string) {
	t.Helper()
	_, err := c.Exec(t.Context(), sql)
	if err == nil {
		t.Errorf("%s is allowed", sql)
		return
	}
	if !strings.Contains(err.Error(), "42501") && !strings.Contains(err.Error(), "25006") {
		t.Errorf("%s fails for another reason: %v", sql, err)
	}
}

func TestARetainedDatabaseIsNotInheritedUnlessAdopted(t *testing.T) {
	t.Parallel()
	server := limitedAdmin(t)
	databases := provision.NewDatabases(newServers(t, provision.Options{}))
	id := identity(t)
	if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
		t.Fatal(err)
	}
	login, err := databases.Login(t.Context(), server, id, tenant.RoleApplication, "secret")
	if err != nil {
		t.Fatal(err)
	}
	session := connect(t, login)
	for range 2 {
		if err := databases.Retain(t.Context(), server, id); err != nil {
			t.Fatal(err)
		}
	}
	expectFound(t, databases, server, id, tenant.Retained, false)
	if _, err := session.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("the application's session goes on")
	}
	if _, err := pgx.Connect(t.Context(), login.URL()); err == nil {
		t.Error("the application can still log in")
	}
	if err := databases.Ensure(t.Context(), server, id, standard(t)); !fault.Is(err, fault.Stalled) || fault.ReasonOf(err) != provision.ReasonDatabaseRetained {
		t.Errorf("a successor gets %v", err)
	}
	if _, err := databases.Login(t.Context(), server, id, tenant.RoleApplication, "secret"); !fault.Is(err, fault.Stalled) {
		t.Errorf("logging in gives %v", err)
	}
	if err := databases.Drop(t.Context(), server, id); err != nil {
		t.Fatal(err)
	}
	expectFound(t, databases, server, id, tenant.Retained, false)
	for range 2 {
		if err := databases.Adopt(t.Context(), server, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
		t.Fatal(err)
	}
	expectFound(t, databases, server, id, tenant.Owned, true)
}

func TestDroppingConvergesWhereverItIsBrokenOff(t *testing.T) {
	t.Parallel()
	server, sent := limitedAdmin(t), &statements{allow: -1}
	databases := provision.NewDatabases(newServers(t, provision.Options{Tracer: sent}))
	id := identity(t)
	for n := 0; ; n++ {
		if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
			t.Fatal(err)
		}
		login, err := databases.Login(t.Context(), server, id, tenant.RoleApplication, "secret")
		if err != nil {
			t.Fatal(err)
		}
		connect(t, login)
		sent.reset(n)
		err = databases.Drop(t.Context(), server, id)
		sent.reset(-1)
		if err == nil {
			break
		}
		if err := databases.Drop(t.Context(), server, id); err != nil {
			t.Fatalf("after %d statements it does not converge: %v", n, err)
		}
		expectFound(t, databases, server, id, tenant.Absent, false)
	}
	var left int
	if err := connect(t, admin(t)).QueryRow(t.Context(), "SELECT count(*) FROM pg_roles WHERE starts_with(rolname, $1)", id.Database()).Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%d roles are left", left)
	}
}

func TestWhatIsNotMarkedAsOursIsNeverTouched(t *testing.T) {
	t.Parallel()
	server := admin(t)
	databases := provision.NewDatabases(newServers(t, provision.Options{}))
	super := connect(t, server)
	for name, prepare := range map[string]func(id tenant.Identity){
		"an unmarked database": func(id tenant.Identity) { mustExec(t, super, "CREATE DATABASE "+id.Database()) },
		"another tenant's database": func(id tenant.Identity) {
			mustExec(t, super, "CREATE DATABASE "+id.Database())
			mustExec(t, super, "COMMENT ON DATABASE "+id.Database()+` IS '{"kontor":1,"installation":"other","namespace":"a","tenant":"b","state":"Owned"}'`)
		},
		"an unmarked role": func(id tenant.Identity) { mustExec(t, super, "CREATE ROLE "+id.Database()+"_owner") },
	} {
		id := identity(t)
		prepare(id)
		expectFound(t, databases, server, id, tenant.Foreign, false)
		if err := databases.Ensure(t.Context(), server, id, standard(t)); fault.ReasonOf(err) != provision.ReasonDatabaseForeign {
			t.Errorf("%s: Ensure gives %v", name, err)
		}
		for _, err := range []error{databases.Drop(t.Context(), server, id), databases.Retain(t.Context(), server, id)} {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		expectFound(t, databases, server, id, tenant.Foreign, false)
	}
}

func TestATenantWhoseRightsWereTakenIsCompletedAgain(t *testing.T) {
	t.Parallel()
	server := limitedAdmin(t)
	databases := provision.NewDatabases(newServers(t, provision.Options{}))
	id := identity(t)
	super := connect(t, admin(t))
	for _, damage := range []string{
		"", "GRANT CONNECT ON DATABASE %s TO PUBLIC", "REVOKE CONNECT ON DATABASE %s FROM %[1]s_app", "COMMENT ON DATABASE %s IS NULL",
	} {
		if damage != "" {
			mustExec(t, super, strings.ReplaceAll(strings.ReplaceAll(damage, "%s", id.Database()), "%[1]s", id.Database()))
			expectFound(t, databases, server, id, tenant.Owned, false)
		}
		if err := databases.Ensure(t.Context(), server, id, standard(t)); err != nil {
			t.Fatal(err)
		}
		expectFound(t, databases, server, id, tenant.Owned, true)
	}
}
