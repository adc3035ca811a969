package provision

import (
	"strings"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/schema"
)

// rights are the statements that give the roles of a database their rights. They can
// be run again. Nobody else gets any; what a role may do stands here and nowhere else.
func rights(database string) []string {
	name, owner := ident(database), ident(ownerRole(database))
	app, bi := ident(loginRole(database, tenant.RoleApplication)), ident(loginRole(database, tenant.RoleReporting))
	crm, kontor, reporting := ident(schema.RecordsSchema), ident(schema.PlatformSchema), ident(schema.ReportingSchema)
	platform := func(tables ...string) string {
		qualified := make([]string, 0, len(tables))
		for _, table := range tables {
			qualified = append(qualified, kontor+"."+ident(table))
		}
		return strings.Join(qualified, ", ")
	}
	return []string{
		"REVOKE ALL ON DATABASE " + name + " FROM PUBLIC",
		"GRANT CONNECT ON DATABASE " + name + " TO " + app + ", " + bi,
		"GRANT CREATE ON DATABASE " + name + " TO " + owner,

		"GRANT USAGE ON SCHEMA " + crm + ", " + kontor + " TO " + app,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + crm + " TO " + app,
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA " + crm + " TO " + app,
		"ALTER DEFAULT PRIVILEGES FOR ROLE " + owner + " IN SCHEMA " + crm + " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO " + app,
		"ALTER DEFAULT PRIVILEGES FOR ROLE " + owner + " IN SCHEMA " + crm + " GRANT USAGE ON SEQUENCES TO " + app,

		// The history is written and read, and never changed.
		"GRANT SELECT ON " + platform("applied_schema", "resource") + " TO " + app,
		"GRANT SELECT, INSERT ON " + platform("history") + " TO " + app,
		"GRANT SELECT, INSERT, UPDATE ON " + platform("credential") + " TO " + app,
		"GRANT SELECT, INSERT, UPDATE, DELETE ON " + platform("session", "outbox", "lease", schema.SearchStateTable, "job", "file", "file_chunk", "external_id", "preference", "saved_view") + " TO " + app,

		"GRANT USAGE ON SCHEMA " + reporting + " TO " + bi,
		"GRANT SELECT ON ALL TABLES IN SCHEMA " + reporting + " TO " + bi,
		"ALTER DEFAULT PRIVILEGES FOR ROLE " + owner + " IN SCHEMA " + reporting + " GRANT SELECT ON TABLES TO " + bi,
	}
}
