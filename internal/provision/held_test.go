package provision_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/provision"
)

func TestRightsAndRolesThatWereChangedByHandAreToldOrPutRight(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, admin(t))
	c := connect(t, admin(t).In(conn.Database))
	current := standard(t)
	apply(t, schemas, conn, current)
	db := conn.Database
	stranger := ordinary(t).User
	for _, damage := range []struct{ by, want string }{
		{`REVOKE UPDATE ON crm.customer FROM DB_app`, `grant UPDATE on table crm.customer to the application's role`},
		{`REVOKE ALL ON crm.customer FROM DB_app`, `grant SELECT, INSERT, UPDATE, DELETE on table crm.customer to the application's role`},
		{`REVOKE SELECT ON kontor.applied_schema FROM DB_app`, `grant SELECT on table kontor.applied_schema to the application's role`},
		{`REVOKE USAGE ON SCHEMA kontor FROM DB_app`, `grant USAGE on schema kontor to the application's role`},
		{`REVOKE USAGE ON SEQUENCE crm.customer_number_seq FROM DB_app`, `grant USAGE on sequence crm.customer_number_seq to the application's role`},
		{`REVOKE SELECT ON bi.customer FROM DB_bi`, `grant SELECT on view bi.customer to the reporting role`},
		{`GRANT SELECT ON crm.customer TO DB_bi`, `revoke SELECT on table crm.customer from the reporting role`},
		{`GRANT TRUNCATE ON crm.customer TO DB_app WITH GRANT OPTION`, `revoke TRUNCATE on table crm.customer from the application's role`},
		{`GRANT DELETE ON kontor.history TO DB_app`, `revoke DELETE on table kontor.history from the application's role`},
		{`GRANT SELECT ON kontor.plan_history TO PUBLIC`, `revoke SELECT on table kontor.plan_history from everybody`},
		{`GRANT SELECT (name, email) ON crm.customer TO STRANGER`, `revoke SELECT on column "email" of crm.customer from the role "STRANGER"`},
		{
			`GRANT SELECT ON crm.customer TO DB_app WITH GRANT OPTION; SET ROLE DB_app; GRANT SELECT ON crm.customer TO STRANGER; RESET ROLE`,
			`revoke the grant option for SELECT on table crm.customer from the application's role`,
		},
		{`GRANT CREATE ON SCHEMA crm TO DB_app`, `revoke CREATE on schema crm from the application's role`},
		{`GRANT TEMPORARY ON DATABASE DB TO DB_app`, `revoke TEMPORARY on the database from the application's role`},
		{`REVOKE CREATE ON DATABASE DB FROM DB_owner`, `grant CREATE on the database to the owner's role`},
		{
			`ALTER DEFAULT PRIVILEGES FOR ROLE DB_owner IN SCHEMA crm REVOKE INSERT ON TABLES FROM DB_app`,
			`grant INSERT on new tables in schema crm to the application's role`,
		},
		{
			`ALTER DEFAULT PRIVILEGES FOR ROLE DB_owner IN SCHEMA bi GRANT SELECT ON TABLES TO STRANGER`,
			`revoke SELECT on new tables in schema bi from the role "STRANGER"`,
		},
		{`ALTER TABLE crm.customer OWNER TO STRANGER`, `give table crm.customer to its owner's role: it belongs to the role "STRANGER"`},
		{
			`REVOKE DELETE ON crm.customer FROM DB_app; GRANT SELECT ON crm.customer TO DB_bi; ALTER TABLE crm.customer OWNER TO STRANGER`,
			`revoke SELECT on table crm.customer from the reporting role`,
		},
		{`ALTER TABLE kontor.job OWNER TO STRANGER`, `give table kontor.job to its owner's role: it belongs to the role "STRANGER"`},
		{`ALTER VIEW bi.customer OWNER TO STRANGER`, `give view bi.customer to its owner's role: it belongs to the role "STRANGER"`},
		{`ALTER SCHEMA crm OWNER TO STRANGER`, `give schema crm to its owner's role: it belongs to the role "STRANGER"`},
		{`ALTER ROLE DB_owner LOGIN`, `change the owner's role: NOLOGIN`},
		{`ALTER ROLE DB_owner SUPERUSER CREATEROLE`, `change the owner's role: NOSUPERUSER, NOCREATEROLE`},
		{`ALTER ROLE DB_app INHERIT CONNECTION LIMIT -1`, `change the application's role: NOINHERIT, CONNECTION LIMIT 100`},
		{`ALTER ROLE DB_bi RESET statement_timeout`, `change the reporting role: SET statement_timeout=60s`},
		{`ALTER ROLE DB_bi SET default_transaction_read_only = off`, `change the reporting role: SET default_transaction_read_only=on`},
		{`GRANT pg_read_all_data TO DB_bi`, `take the reporting role out of the role "pg_read_all_data"`},
		{`GRANT DB_owner TO DB_app`, `take the application's role out of the role "DB_owner"`},
	} {
		filled := func(text string) string { return strings.NewReplacer("DB", db, "STRANGER", stranger).Replace(text) }
		mustExec(t, c, filled(damage.by))
		applied, live, err := schemas.Observe(t.Context(), conn)
		must(t, err)
		told := plan.Make(applied, current, live, plan.Policy{})
		if !told.Empty() || !slices.ContainsFunc(told.Drift, func(change plan.Change) bool { return change.Summary == filled(damage.want) }) {
			t.Errorf("%s: the report is %+v and would change %+v", damage.by, told.Drift, told.Changes)
		}
		if p := apply(t, schemas, conn, current); p.Revision != applied.Revision || !p.Changes[0].Administrative {
			t.Errorf("%s: healing makes revision %d with %+v", damage.by, p.Revision, p.Changes)
		}
	}
}

func TestRightsToWhatNoSchemaKnowsAreNobodysBusiness(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, admin(t))
	current := standard(t)
	apply(t, schemas, conn, current)
	mustExec(t, connect(t, admin(t).In(conn.Database)),
		`CREATE TABLE crm.shoe (size serial); CREATE VIEW bi.shoe AS SELECT 1 AS size; GRANT SELECT ON bi.shoe TO PUBLIC; CREATE TABLE kontor.shoe ()`)
	applied, live, err := schemas.Observe(t.Context(), conn)
	must(t, err)
	p := plan.Make(applied, current, live, plan.Policy{HealDrift: true})
	var told []string
	for _, change := range p.Drift {
		told = append(told, change.Summary)
	}
	want := []string{`unknown table kontor.shoe`, `unknown table "shoe"`, `unknown reporting view "shoe"`, `unknown sequence "shoe_size_seq"`}
	if !p.Empty() || !slices.Equal(told, want) {
		t.Errorf("the plan is %+v, the drift %q", p.Changes, told)
	}
}

func TestWhatTheOperatorMayNotPutRightIsToldAndHoldsNothingUp(t *testing.T) {
	t.Parallel()
	servers := newServers(t, provision.Options{})
	schemas := provision.NewSchemas(servers)
	conn := database(t, servers, limitedAdmin(t))
	c := connect(t, admin(t).In(conn.Database))
	apply(t, schemas, conn, standard(t))
	mustExec(t, c, `ALTER TABLE crm.opportunity OWNER TO `+admin(t).User)
	mustExec(t, c, `ALTER ROLE `+conn.Database+`_app SUPERUSER`)
	mustExec(t, c, `DROP TABLE kontor.preference`)
	next := standard(t, addField("tier"))
	p, err := tryApply(t, schemas, conn, next, plan.Policy{HealDrift: true})
	must(t, err)
	if len(p.Drift) != 3 {
		t.Errorf("the drift is %+v", p.Drift)
	}
	for _, change := range p.Drift {
		if change.Class != plan.Dangerous || change.Reason == "" {
			t.Errorf("it does not say that it is blocked: %+v", change)
		}
	}
}

func TestAMarkThatIsLostIsPutBackByTheOther(t *testing.T) {
	t.Parallel()
	server := limitedAdmin(t)
	databases := provision.NewDatabases(newServers(t, provision.Options{}))
	id := identity(t)
	must(t, databases.Ensure(t.Context(), server, id, standard(t)))
	super := connect(t, admin(t))
	for _, damage := range []string{
		"COMMENT ON DATABASE DB IS NULL", "COMMENT ON DATABASE DB IS 'ask Ann before you touch this'", "COMMENT ON ROLE DB_owner IS NULL", "COMMENT ON ROLE DB_owner IS 'Ann'",
	} {
		mustExec(t, super, strings.ReplaceAll(damage, "DB", id.Database()))
		expectFound(t, databases, server, id, tenant.Owned, false)
		must(t, databases.Ensure(t.Context(), server, id, standard(t)))
		expectFound(t, databases, server, id, tenant.Owned, true)
	}
	mustExec(t, super, strings.ReplaceAll("COMMENT ON ROLE DB_owner IS NULL; COMMENT ON DATABASE DB IS 'mine'", "DB", id.Database()))
	expectFound(t, databases, server, id, tenant.Foreign, false)
	if err := databases.Ensure(t.Context(), server, id, standard(t)); !fault.Is(err, fault.Stalled) {
		t.Errorf("Ensure gives %v", err)
	}
}
