package provision

import (
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/schema"
)

// privileges are PostgreSQL's letters and words for what a role may do.
var privileges = []struct {
	letter byte
	word   string
}{
	{'r', "SELECT"},
	{'a', "INSERT"},
	{'w', "UPDATE"},
	{'d', "DELETE"},
	{'D', "TRUNCATE"},
	{'x', "REFERENCES"},
	{'t', "TRIGGER"},
	{'m', "MAINTAIN"},
	{'U', "USAGE"},
	{'c', "CONNECT"},
	{'C', "CREATE"},
	{'T', "TEMPORARY"},
}

// words are the words of the letters; those that nobody knows are left out.
func words(letters string) string {
	var found []string
	for _, privilege := range privileges {
		if strings.IndexByte(letters, privilege.letter) >= 0 {
			found = append(found, privilege.word)
		}
	}
	return strings.Join(found, ", ")
}

// The letters of what the application does with records and with most of the platform's tables.
const readWrite = "rawd"

// The kinds of things that there are rights to.
const (
	ofDatabase = "database"
	ofSchema   = "schema"
	ofTable    = "table"
	ofSequence = "sequence"
	ofView     = "view"
	ofColumn   = "column"
)

// platformTables are all tables of the schema kontor, but for the history's partitions,
// with what the application may do with them. Nobody else may do anything.
var platformTables = map[string]string{
	"applied_schema": "r",
	"resource":       "r",
	// The history is written and read, and never changed.
	"history":               "ra",
	"credential":            "raw",
	"session":               readWrite,
	"outbox":                readWrite,
	"lease":                 readWrite,
	schema.SearchStateTable: readWrite,
	"job":                   readWrite,
	"file":                  readWrite,
	"file_chunk":            readWrite,
	"external_id":           readWrite,
	"preference":            readWrite,
	"saved_view":            readWrite,
	// The operator's own.
	"plan_history": "",
	"rollout":      "",
	"backfill":     "",
	"kept_value":   "",
	"revision":     "",
	"change_plan":  "",
	versionTable:   "",
}

// roles are the names of a database's roles.
type roles struct{ owner, application, reporting string }

func rolesOf(database string) roles {
	return roles{owner: ownerRole(database), application: loginRole(database, tenant.RoleApplication), reporting: loginRole(database, tenant.RoleReporting)}
}

// rightsTo says what each role may do with a thing, in letters. What a role may do
// stands here and nowhere else; whoever is not named may do nothing. The owner of a
// thing may do everything with it.
func (r roles) rightsTo(kind, inSchema, name string) map[string]string {
	switch {
	case kind == ofDatabase:
		return map[string]string{r.application: "c", r.reporting: "c", r.owner: "C"}
	case kind == ofSchema && name == schema.ReportingSchema:
		return map[string]string{r.reporting: "U"}
	case kind == ofSchema:
		return map[string]string{r.application: "U"}
	case kind == ofTable && inSchema == schema.RecordsSchema:
		return map[string]string{r.application: readWrite}
	case kind == ofSequence && inSchema == schema.RecordsSchema:
		return map[string]string{r.application: "U"}
	case kind == ofTable && inSchema == schema.PlatformSchema && platformTables[name] != "":
		return map[string]string{r.application: platformTables[name]}
	case kind == ofView && inSchema == schema.ReportingSchema:
		return map[string]string{r.reporting: "r"}
	}
	return nil
}

// byDefault are the things that come with the schema, and have the same rights from the beginning.
var byDefault = []struct{ inSchema, kind string }{
	{schema.RecordsSchema, ofTable}, {schema.RecordsSchema, ofSequence}, {schema.ReportingSchema, ofView},
}

// rights are the statements that give the roles of a database their rights. They can
// be run again.
func rights(database string) []string {
	r := rolesOf(database)
	statements := []string{"REVOKE ALL ON DATABASE " + ident(database) + " FROM PUBLIC"}
	grant := func(on string, to map[string]string) {
		for _, role := range []string{r.owner, r.application, r.reporting} {
			if letters := to[role]; letters != "" {
				statements = append(statements, "GRANT "+words(letters)+" ON "+on+" TO "+ident(role))
			}
		}
	}
	grant("DATABASE "+ident(database), r.rightsTo(ofDatabase, "", database))
	for _, name := range []string{schema.RecordsSchema, schema.PlatformSchema, schema.ReportingSchema} {
		grant("SCHEMA "+ident(name), r.rightsTo(ofSchema, "", name))
	}
	for _, all := range byDefault {
		to := r.rightsTo(all.kind, all.inSchema, "")
		kinds := "TABLES"
		if all.kind == ofSequence {
			kinds = "SEQUENCES"
		}
		grant("ALL "+kinds+" IN SCHEMA "+ident(all.inSchema), to)
		for role, letters := range to { // one each
			statements = append(statements, r.defaults(all.inSchema)+"GRANT "+words(letters)+" ON "+kinds+" TO "+ident(role))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(platformTables)) {
		grant("TABLE "+ident(schema.PlatformSchema)+"."+ident(name), r.rightsTo(ofTable, schema.PlatformSchema, name))
	}
	return statements
}

// defaults begins a statement about what will come in a schema.
func (r roles) defaults(inSchema string) string {
	return "ALTER DEFAULT PRIVILEGES FOR ROLE " + ident(r.owner) + " IN SCHEMA " + ident(inSchema) + " "
}
