package provision

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
)

// liveRights is the part of liveSchema that reads who owns what, who may do what with
// it, and what the roles are. Things of the same owner and rights are one row.
const liveRights = `json_build_object(
  'superuser', (SELECT rolsuper FROM pg_roles WHERE rolname = session_user),
  'held', (
    SELECT json_agg(json_build_object('kind', kind, 'schema', namespace, 'owner', pg_get_userbyid(owner),
      'ours', pg_has_role(session_user, owner, 'MEMBER'), 'acl', acl, 'names', names))
    FROM (SELECT kind, namespace, owner, acl, json_agg(name ORDER BY name) AS names FROM (
      SELECT 'database' AS kind, '' AS namespace, datdba AS owner, coalesce(datacl, acldefault('d', datdba))::text[] AS acl, datname::text AS name
      FROM pg_database WHERE datname = current_database()
      UNION ALL
      SELECT 'schema', '', nspowner, coalesce(nspacl, acldefault('n', nspowner))::text[], nspname
      FROM pg_namespace WHERE nspname IN ('crm', 'kontor', 'bi')
      UNION ALL
      SELECT CASE WHEN relkind = 'S' THEN 'sequence' WHEN relkind IN ('v', 'm') THEN 'view' ELSE 'table' END, nspname, relowner,
        coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))::text[], relname
      FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
      WHERE nspname IN ('crm', 'kontor', 'bi') AND relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
      UNION ALL
      SELECT 'column', nspname, relowner, attacl::text[], json_build_array(relname, attname)::text
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
      WHERE attacl IS NOT NULL AND NOT attisdropped AND nspname IN ('crm', 'kontor', 'bi')) AS thing
    GROUP BY kind, namespace, owner, acl) AS things),
  'defaults', (
    SELECT json_agg(json_build_object('kind', defaclobjtype, 'schema', nspname, 'acl', defaclacl::text[]))
    FROM pg_default_acl JOIN pg_namespace n ON n.oid = defaclnamespace
    WHERE pg_get_userbyid(defaclrole) = current_database() || '_owner' AND defaclobjtype IN ('r', 'S')),
  'roles', (
    SELECT json_agg(json_build_object('name', rolname, 'login', rolcanlogin, 'superuser', rolsuper, 'createdb', rolcreatedb, 'createrole', rolcreaterole,
      'replication', rolreplication, 'bypassrls', rolbypassrls, 'inherit', rolinherit, 'limit', rolconnlimit, 'config', rolconfig,
      'memberOf', (SELECT json_agg(json_build_object('role', g.rolname, 'superuser', g.rolsuper) ORDER BY g.rolname)
        FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid)))
    FROM pg_roles r WHERE rolname IN (current_database() || '_owner', current_database() || '_app', current_database() || '_bi')))`

// heldRights is the answer of liveRights.
type heldRights struct {
	Superuser bool `json:"superuser"`
	Held      []struct {
		thing

		Names []string `json:"names"`
	} `json:"held"`
	Defaults []struct {
		Kind   string   `json:"kind"`
		Schema string   `json:"schema"`
		ACL    []string `json:"acl"`
	} `json:"defaults"`
	Roles []attributes `json:"roles"`
}

// thing is something that there are rights to.
type thing struct {
	Kind   string `json:"kind"`
	Schema string `json:"schema"`
	Name   string `json:"-"`
	Owner  string `json:"owner"`
	// Ours says that who looks may act as the owner.
	Ours bool     `json:"ours"`
	ACL  []string `json:"acl"`
}

// historyPartition is the name of a partition of the history.
var historyPartition = regexp.MustCompile(`^history_(default|\d{4}_\d{2})$`)

// differences are those between what is held and what should be.
func (h *heldRights) differences(database string, options Options) []plan.Difference {
	r := rolesOf(database)
	var found []plan.Difference
	lost := maps.Clone(platformTables)
	for _, row := range h.Held {
		for _, name := range row.Names {
			at := row.thing
			at.Name = name
			if at.Schema == schema.PlatformSchema && at.Kind != ofSequence && at.Kind != ofColumn {
				_, known := platformTables[name]
				delete(lost, name)
				if !known && !historyPartition.MatchString(name) {
					found = append(found, at.unknown())
					continue
				}
			}
			found = append(found, r.compare(at)...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lost)) {
		found = append(found, plan.Difference{Change: plan.Change{
			Kind: plan.Lost, Class: plan.Dangerous, Summary: fmt.Sprintf("the platform's table %q is gone", name),
			Reason: "what it held is lost; a restored backup puts it back",
		}})
	}
	found = append(found, h.defaultDifferences(r)...)
	for _, wanted := range r.wanted(options) {
		if at := slices.IndexFunc(h.Roles, func(a attributes) bool { return a.Name == wanted.Name }); at >= 0 {
			found = append(found, h.roleDifferences(r, h.Roles[at], wanted)...)
		}
	}
	slices.SortStableFunc(found, func(a, b plan.Difference) int {
		return cmp.Or(cmp.Compare(turn(a), turn(b)), cmp.Compare(a.Change.Summary, b.Change.Summary))
	})
	return found
}

// turn puts the owners first: the rights are theirs to grant.
func turn(d plan.Difference) int {
	if d.Change.Kind == plan.ChangeOwner {
		return 0
	}
	return 1
}

// unknown is told of what is in the platform's schema and not the platform's.
func (t thing) unknown() plan.Difference {
	return plan.Difference{Change: plan.Change{
		Kind: plan.Unknown, Class: plan.Safe, Summary: fmt.Sprintf("unknown %s", t.words()),
		Reason: "the platform knows nothing of it; it may hold what somebody needs, so it stays until somebody takes it away",
	}}
}

// words name a thing to people.
func (t thing) words() string {
	table, column := t.column()
	switch t.Kind {
	case ofDatabase:
		return "the database"
	case ofColumn:
		return fmt.Sprintf("column %q of %s.%s", column, t.Schema, table)
	case ofSchema:
		return "schema " + t.Name
	}
	return fmt.Sprintf("%s %s.%s", t.Kind, t.Schema, t.Name)
}

// column are the names of a column and its table.
func (t thing) column() (table, column string) {
	var names [2]string
	if t.Kind != ofColumn || json.Unmarshal([]byte(t.Name), &names) != nil {
		return "", ""
	}
	return names[0], names[1]
}

// sql names a thing in a GRANT.
func (t thing) sql() string {
	table, _ := t.column()
	switch t.Kind {
	case ofDatabase:
		return "DATABASE " + ident(t.Name)
	case ofColumn:
		return ident(t.Schema) + "." + ident(table)
	case ofSchema:
		return "SCHEMA " + ident(t.Name)
	case ofSequence:
		return "SEQUENCE " + ident(t.Schema) + "." + ident(t.Name)
	}
	return "TABLE " + ident(t.Schema) + "." + ident(t.Name)
}

// difference is one that concerns the thing.
func (t thing) difference(change plan.Change) plan.Difference {
	d := plan.Difference{Change: change}
	d.Change.Administrative = true
	table, _ := t.column()
	switch {
	case t.Schema == schema.PlatformSchema:
	case t.Kind == ofColumn:
		d.Of, d.Name = ofTable, table
	case t.Kind == ofTable || t.Kind == ofView || t.Kind == ofSequence:
		d.Of, d.Name = t.Kind, t.Name
	}
	return d
}

// compare tells whose a thing is if it is not the owner's, and who may do what with it
// that he should not, or may not what he should.
func (r roles) compare(t thing) []plan.Difference {
	moved := t.Owner != r.owner && t.Kind != ofDatabase
	follows := t.Kind == ofSequence || t.Kind == ofColumn // its table, which is told
	switch {
	case !t.Ours && (follows || t.Kind == ofDatabase):
		return nil
	case !t.Ours:
		return []plan.Difference{t.difference(plan.Change{
			Kind: plan.ChangeOwner, Class: plan.Dangerous, Summary: fmt.Sprintf("give %s to its owner's role", t.words()),
			Reason: fmt.Sprintf("it belongs to the role %q, as which the operator may not act", t.Owner),
		})}
	case moved && !follows: // what its owner has granted then counts as granted by the new one
		return append([]plan.Difference{r.takeOver(t)}, r.compareRights(t)...)
	}
	return r.compareRights(t)
}

// takeOver gives a thing that belongs to somebody else to the owner.
func (r roles) takeOver(t thing) plan.Difference {
	kind := t.sql()
	if t.Kind == ofView {
		kind = "VIEW " + ident(t.Schema) + "." + ident(t.Name)
	}
	return t.difference(plan.Change{
		Kind: plan.ChangeOwner, Lock: "ACCESS EXCLUSIVE", Summary: fmt.Sprintf("give %s to its owner's role: it belongs to the role %q", t.words(), t.Owner),
		Statements: []string{"ALTER " + kind + " OWNER TO " + ident(r.owner)},
	})
}

func (r roles) compareRights(t thing) []plan.Difference {
	var found []plan.Difference
	missing, extra := r.weigh(r.rightsTo(t.Kind, t.Schema, t.Name), t.ACL, t.Owner)
	_, column := t.column()
	named := func(letters string) string {
		if column == "" {
			return words(letters)
		}
		return strings.ReplaceAll(words(letters), ", ", " ("+ident(column)+"), ") + " (" + ident(column) + ")"
	}
	for _, role := range slices.Sorted(maps.Keys(missing)) {
		found = append(found, t.difference(plan.Change{
			Kind: plan.ChangeRights, Summary: fmt.Sprintf("grant %s on %s to %s", words(missing[role]), t.words(), r.called(role)),
			Statements: []string{"GRANT " + named(missing[role]) + " ON " + t.sql() + " TO " + ident(role)},
		}))
	}
	for _, role := range slices.Sorted(maps.Keys(extra)) {
		found = append(found, t.difference(plan.Change{
			Kind: plan.ChangeRights, Summary: fmt.Sprintf("revoke %s on %s from %s", extra[role].words(), t.words(), r.called(role)),
			Statements: extra[role].revoke(named, t.sql(), role),
		}))
	}
	return found
}

// surplus is what a role may do beyond what it should, in letters: plain rights, and
// the passing on of rights.
type surplus struct{ rights, options string }

func (s surplus) words() string {
	all := words(s.rights)
	if s.options == "" {
		return all
	}
	if all != "" {
		all += ", "
	}
	return all + "the grant option for " + words(s.options)
}

// revoke are the statements that take it away, with what others got through it.
func (s surplus) revoke(named func(letters string) string, on, role string) (statements []string) {
	from := " ON " + on + " FROM " + grantee(role) + " CASCADE"
	if s.rights != "" {
		statements = append(statements, "REVOKE "+named(s.rights)+from)
	}
	if s.options != "" {
		statements = append(statements, "REVOKE GRANT OPTION FOR "+named(s.options)+from)
	}
	return statements
}

// grantee is a role in a GRANT; nobody's name is everybody's.
func grantee(role string) string {
	if role == "" {
		return "PUBLIC"
	}
	return ident(role)
}

// called names a role to people.
func (r roles) called(role string) string {
	switch role {
	case "":
		return "everybody"
	case r.owner:
		return "the owner's role"
	case r.application:
		return "the application's role"
	case r.reporting:
		return "the reporting role"
	}
	return fmt.Sprintf("the role %q", role)
}

// weigh compares what the roles should be allowed with what an owner has granted. What
// others have passed on goes with their right to.
func (r roles) weigh(wanted map[string]string, acl []string, owner string) (missing map[string]string, extra map[string]surplus) {
	missing, extra = maps.Clone(wanted), map[string]surplus{}
	for _, item := range acl {
		role, letters, grantor := readGrant(item)
		if role == owner || role == r.owner && wanted[role] == "" || grantor != owner {
			continue
		}
		more := extra[role]
		for i := range len(letters) {
			letter := letters[i : i+1]
			switch {
			case letter == "*":
			case !strings.Contains(wanted[role], letter):
				more.rights += letter
			default:
				missing[role] = strings.ReplaceAll(missing[role], letter, "")
				if strings.HasPrefix(letters[i+1:], "*") {
					more.options += letter
				}
			}
		}
		if more != (surplus{}) {
			extra[role] = more
		}
	}
	maps.DeleteFunc(missing, func(role, letters string) bool { return letters == "" || role == owner })
	return missing, extra
}

// readGrant takes apart what PostgreSQL writes as grantee=letters/grantor.
func readGrant(item string) (role, letters, grantor string) {
	role, rest := readRole(item)
	letters, grantor, _ = strings.Cut(strings.TrimPrefix(rest, "="), "/")
	grantor, _ = readRole(grantor)
	return role, letters, grantor
}

// readRole reads a role's name, which may be quoted, from the beginning of a text.
func readRole(text string) (role, rest string) {
	if !strings.HasPrefix(text, `"`) {
		if end := strings.IndexByte(text, '='); end >= 0 {
			return text[:end], text[end:]
		}
		return text, ""
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] != '"':
		case strings.HasPrefix(text[i+1:], `"`):
			i++
		default:
			return strings.ReplaceAll(text[1:i], `""`, `"`), text[i+1:]
		}
	}
	return text, ""
}

// defaultDifferences compares the rights to what will come.
func (h *heldRights) defaultDifferences(r roles) []plan.Difference {
	var found []plan.Difference
	for _, all := range byDefault {
		kinds, letter := "TABLES", "r"
		if all.kind == ofSequence {
			kinds, letter = "SEQUENCES", "S"
		}
		var acl []string
		for _, row := range h.Defaults {
			if row.Schema == all.inSchema && row.Kind == letter {
				acl = row.ACL
			}
		}
		change := func(summary string, statements []string) {
			for i := range statements {
				statements[i] = r.defaults(all.inSchema) + statements[i]
			}
			found = append(found, plan.Difference{Change: plan.Change{
				Kind: plan.ChangeRights, Administrative: true, Summary: summary, Statements: statements,
			}})
		}
		missing, extra := r.weigh(r.rightsTo(all.kind, all.inSchema, ""), acl, r.owner)
		for _, role := range slices.Sorted(maps.Keys(missing)) {
			change(fmt.Sprintf("grant %s on new %s in schema %s to %s", words(missing[role]), strings.ToLower(kinds), all.inSchema, r.called(role)),
				[]string{"GRANT " + words(missing[role]) + " ON " + kinds + " TO " + ident(role)})
		}
		for _, role := range slices.Sorted(maps.Keys(extra)) {
			change(fmt.Sprintf("revoke %s on new %s in schema %s from %s", extra[role].words(), strings.ToLower(kinds), all.inSchema, r.called(role)),
				extra[role].revoke(words, kinds, role))
		}
	}
	return found
}

// roleDifferences compares a role with what it should be.
func (h *heldRights) roleDifferences(r roles, has, wanted attributes) []plan.Difference {
	if has.Name != r.owner { // they get it with their password
		wanted.Login = has.Login
	}
	var found []plan.Difference
	change := func(summary string, mayNot bool, statements ...string) {
		one := plan.Change{Kind: plan.ChangeRole, Administrative: true, Summary: summary, Statements: statements}
		if mayNot && !h.Superuser {
			one.Class, one.Statements, one.Reason = plan.Dangerous, nil, "only a superuser may, and the operator is none"
		}
		found = append(found, plan.Difference{Change: one})
	}
	if statements, said := has.alterations(wanted); len(statements) > 0 {
		change(fmt.Sprintf("change %s: %s", r.called(has.Name), strings.Join(said, ", ")), has.Superuser || has.Replication || has.BypassRLS, statements...)
	}
	for _, group := range has.MemberOf {
		change(fmt.Sprintf("take %s out of the role %q", r.called(has.Name), group.Role), group.Superuser,
			"REVOKE "+ident(group.Role)+" FROM "+ident(has.Name))
	}
	return found
}
