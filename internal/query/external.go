package query

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

// ExternalID is what another system calls a record.
type ExternalID struct {
	// System is the name of the other system: that of an Integration, or any other.
	System string
	// ID is the record's name there.
	ID string
}

// The bounds of an external id.
const maxExternalID = 255

var systemName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Check finds what is wrong with an external id, with the paths system and id.
func (e ExternalID) Check() []fault.Violation {
	var violations []fault.Violation
	if !systemName.MatchString(e.System) {
		violations = append(violations, fault.Violation{
			Path: "system", Message: "must be the name of a system: 1 to 63 small letters, digits, and . _ - between them",
		})
	}
	switch {
	case e.ID == "" || !utf8.ValidString(e.ID) || utf8.RuneCountInString(e.ID) > maxExternalID:
		violations = append(violations, fault.Violation{Path: "id", Message: "must be a text of 1 to 255 characters"})
	case strings.ContainsFunc(e.ID, unicode.IsControl):
		violations = append(violations, fault.Violation{Path: "id", Message: "must not hold control characters"})
	}
	return violations
}

// externalTable goes by the alias x in every statement.
var externalTable = schema.QuoteIdent(schema.PlatformSchema) + ".external_id AS x"

// FindExternal gives a row of system, external id and record's id for each of the
// external ids that a record of the object has, a deleted one too.
func (c *Compiler) FindExternal(a Access, object *schema.Object, ids []ExternalID) (Statement, error) {
	if err := a.reading(object); err != nil {
		return Statement{}, err
	}
	systems, names := make([]string, 0, len(ids)), make([]string, 0, len(ids))
	for _, id := range ids {
		systems, names = append(systems, id.System), append(names, id.ID)
	}
	var args expr.Args
	return Statement{
		SQL: "SELECT x.system, x.external_id, x.record_id FROM unnest(" + args.Add(systems) + "::text[], " + args.Add(names) + "::text[]) AS u (system, external_id)" +
			" JOIN " + externalTable + " ON x.system = u.system AND x.external_id = u.external_id AND x.object = " + args.Add(object.Identity) + "::text",
		Args: args.Values(),
	}, nil
}

// GetExternal is Get for the live record that has the external id.
func (c *Compiler) GetExternal(a Access, object *schema.Object, id ExternalID, fields []string) (Statement, error) {
	if err := a.reading(object); err != nil {
		return Statement{}, err
	}
	selected, err := c.selectFields(a, object, fields)
	if err != nil {
		return Statement{}, err
	}
	var args expr.Args
	return Statement{
		SQL: "SELECT " + selected.list(&args) + selected.from() + " WHERE " + live(record) + " AND " + idOf(record) +
			" = (SELECT x.record_id FROM " + externalTable + " WHERE x.system = " + args.Add(id.System) + "::text AND x.object = " +
			args.Add(object.Identity) + "::text AND x.external_id = " + args.Add(id.ID) + "::text)",
		Args:    args.Values(),
		Columns: selected.columns,
	}, nil
}

// ExternalIDs gives a row of system and external id for each external id of a live record.
func (c *Compiler) ExternalIDs(a Access, object *schema.Object, id string) (Statement, error) {
	if err := a.reading(object); err != nil {
		return Statement{}, err
	}
	if err := checkID(object, id); err != nil {
		return Statement{}, err
	}
	var args expr.Args
	return Statement{
		SQL: "SELECT x.system, x.external_id FROM " + object.QualifiedTable() + " AS " + record + " LEFT JOIN " + externalTable +
			" ON x.record_id = " + idOf(record) + " AND x.object = " + args.Add(object.Identity) + "::text WHERE " + byID(&args, id) + " AND " + live(record) +
			" ORDER BY x.system, x.external_id",
		Args: args.Values(),
	}, nil
}

// Bind gives external ids to records of the object. It returns a row for each that
// the record has now. Another record that has one keeps it, unless it is one of the
// gone: those that are known to be deleted, for a statement that waits for another
// writer does not see what that one has written beside. The job that does it is noted;
// empty is none.
func (c *Compiler) Bind(a Access, object *schema.Object, bindings map[ExternalID]string, gone []string, job string) (Statement, error) {
	if err := a.writing(object); err != nil {
		return Statement{}, err
	}
	var systems, names, records []string
	for id, bound := range bindings {
		systems, names, records = append(systems, id.System), append(names, id.ID), append(records, bound)
	}
	var args expr.Args
	return Statement{
		SQL: "INSERT INTO " + externalTable + " (system, object, external_id, record_id, bound_by)" +
			" SELECT u.system, " + args.Add(object.Identity) + "::text, u.external_id, u.record_id::uuid, nullif(" + args.Add(job) + "::text, '')::uuid FROM unnest(" + args.Add(systems) + "::text[], " +
			args.Add(names) + "::text[], " + args.Add(records) + "::text[]) AS u (system, external_id, record_id) ORDER BY u.system, u.external_id" +
			" ON CONFLICT (system, object, external_id) DO UPDATE SET record_id = excluded.record_id, bound_by = excluded.bound_by WHERE x.record_id = ANY(" +
			args.Add(gone) + "::text[]::uuid[]) RETURNING x.system",
		Args: args.Values(),
	}, nil
}

// Unbind takes back the external ids that a job gave to some records.
func Unbind(job string, records []string) Statement {
	var args expr.Args
	return Statement{
		SQL:  "DELETE FROM " + externalTable + " WHERE x.bound_by = " + args.Add(job) + "::text::uuid AND x.record_id = ANY(" + args.Add(records) + "::text[]::uuid[])",
		Args: args.Values(),
	}
}

// UnbindUnchanged takes back the external ids that a job gave to records which it left
// as they were.
func UnbindUnchanged(job, channel string) Statement {
	var args expr.Args
	return Statement{
		SQL: "DELETE FROM " + externalTable + " WHERE x.bound_by = " + args.Add(job) + "::text::uuid AND NOT EXISTS (SELECT FROM kontor.history AS h" +
			" WHERE h.record_id = x.record_id AND h.request_id = " + args.Add(job) + "::text AND h.channel = " + schema.QuoteLiteral(channel) + ")",
		Args: args.Values(),
	}
}

func idOf(alias string) string { return alias + "." + schema.QuoteIdent(schema.FieldID) }
