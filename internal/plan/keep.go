package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// keeping is what the database does by itself so that the columns of kept fields
// are right after every write, whoever makes it.
type keeping struct {
	// fields are the kept ones, each behind those that it follows from.
	fields []*keptField
	// keepers are in the order of the objects.
	keepers []*keeper
}

// keptField is a computed field with a column.
type keptField struct {
	object     *schema.Object
	field      *schema.Field
	expression *expr.Expression
	sources    *expr.Sources
	// value is the expression over a record that goes by the alias r, and mark the
	// comment of a column whose values are all those of the expression.
	value, mark string
}

// keeper is a function that triggers of one table call.
type keeper struct {
	object *schema.Object
	// name is that of the function, and ends in a hash of the body.
	name, body string
	triggers   []keeperTrigger
	// fields are those whose values it keeps right.
	fields []*keptField
}

// keeperTrigger is a trigger of the table; its part's definition is what stands
// behind its name. The owner names its place: a trigger of the same owner came before it.
type keeperTrigger struct {
	part
	owner string
}

const kindKeeper = "keep"

var keeperName = regexp.MustCompile(`_` + kindKeeper + `_[0-9a-f]{8}$`)

// keepingOf is the keeping of a schema; nil has none.
func keepingOf(s *schema.Schema) *keeping {
	k := &keeping{}
	if s == nil {
		return k
	}
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if !f.Kept() {
				continue
			}
			if kept, ok := keptFieldOf(s, o, f); ok {
				k.fields = append(k.fields, kept)
			}
		}
	}
	k.order()
	for _, o := range s.Objects {
		k.keepOwn(s, o)
		for _, f := range o.Fields {
			k.keepTargets(o, f)
		}
	}
	for _, o := range s.Objects {
		for _, f := range o.AllFields() {
			k.keepPointing(s, o, f)
		}
	}
	return k
}

// keptFieldOf reads the expression of a field; the compiler of the schema lets none
// through that cannot be read or kept.
func keptFieldOf(s *schema.Schema, o *schema.Object, f *schema.Field) (*keptField, bool) {
	e, err := expr.CompileComputed(s, o, f)
	if err != nil {
		return nil, false
	}
	sources, err := e.Sources()
	if err != nil {
		return nil, false
	}
	value := e.Definition(zoneOf(s), "r")
	return &keptField{object: o, field: f, expression: e, sources: sources, value: value, mark: viewMark + shortHash(value)}, true
}

// order puts each field behind those that it follows from. There are no circles:
// no field of one can be computed.
func (k *keeping) order() {
	byField := map[*schema.Field]*keptField{}
	for _, f := range k.fields {
		byField[f.field] = f
	}
	depths := map[*keptField]int{}
	var depth func(f *keptField) int
	depth = func(f *keptField) int {
		if known, ok := depths[f]; ok {
			return known
		}
		depths[f] = 0
		deepest := 0
		for _, read := range f.reads() {
			if of, ok := byField[read]; ok {
				deepest = max(deepest, depth(of)+1)
			}
		}
		depths[f] = deepest
		return deepest
	}
	slices.SortStableFunc(k.fields, func(a, b *keptField) int { return cmp.Compare(depth(a), depth(b)) })
}

// reads are the fields that the value follows from.
func (f *keptField) reads() []*schema.Field {
	all := slices.Clone(f.sources.Own)
	for _, list := range f.sources.Lists {
		all = append(all, list.Fields...)
	}
	for _, reference := range f.sources.References {
		all = append(all, reference.Fields...)
	}
	return all
}

// keepOwn makes the keeper of an object's own fields: it sets them before the
// record is written. What is read of other records it asks for again only when the
// record's own share changes: the rest those records' keepers see to.
func (k *keeping) keepOwn(s *schema.Schema, o *schema.Object) {
	fields := slices.DeleteFunc(slices.Clone(k.fields), func(f *keptField) bool { return f.object != o })
	if len(fields) == 0 {
		return
	}
	var body strings.Builder
	body.WriteString("BEGIN\n" + k.holdReferences(fields))
	events := "BEFORE INSERT"
	for _, f := range fields {
		set := "NEW." + schema.QuoteIdent(f.field.Column) + " := " + f.expression.Definition(zoneOf(s), "new") + ";\n"
		if len(f.sources.Lists)+len(f.sources.References) == 0 {
			events = "BEFORE INSERT OR UPDATE"
			body.WriteString("  " + set)
			continue
		}
		changed := "TG_OP = 'INSERT'"
		own := slices.DeleteFunc(slices.Clone(f.sources.Own), func(read *schema.Field) bool { return read.Type == schema.TypeID })
		if len(own) > 0 {
			events = "BEFORE INSERT OR UPDATE"
			changed += " OR ROW(" + columnsOf("NEW", own) + ") IS DISTINCT FROM ROW(" + columnsOf("OLD", own) + ")"
		}
		body.WriteString("  IF " + changed + " THEN\n    " + set + "  END IF;\n")
	}
	body.WriteString("  RETURN NEW;\nEND")
	keep := newKeeper(o, o.Table, body.String(), fields)
	keep.call(o.Table, events+" ON "+o.QualifiedTable()+" FOR EACH ROW")
	k.keepers = append(k.keepers, keep)
}

// holdReferences locks the records that an object's fields are to be read of when a
// record begins to point to them: who changes them meanwhile could not see that it
// does. Records that change with this one, by their own keepers, are locked as those will.
func (k *keeping) holdReferences(fields []*keptField) string {
	text, held := "", map[*schema.Field]bool{}
	for _, f := range fields {
		for _, reference := range f.sources.References {
			if held[reference.Relation] {
				continue
			}
			held[reference.Relation] = true
			strength := "SHARE"
			if k.follows(reference.Object, f.object) {
				strength = "NO KEY UPDATE"
			}
			pointer := schema.QuoteIdent(reference.Relation.Column)
			text += "  IF TG_OP = 'INSERT' OR NEW." + pointer + " IS DISTINCT FROM OLD." + pointer + " THEN\n" +
				"    PERFORM FROM " + reference.Object.QualifiedTable() + " AS r WHERE r." + schema.QuoteIdent(schema.FieldID) + " = NEW." + pointer + " FOR " + strength + ";\n  END IF;\n"
		}
	}
	return text
}

// follows says whether fields of an object follow from records of another that point to one.
func (k *keeping) follows(o, other *schema.Object) bool {
	return slices.ContainsFunc(k.fields, func(f *keptField) bool {
		return f.object == o && slices.ContainsFunc(f.sources.Lists, func(list expr.ListSource) bool { return list.Object == other })
	})
}

// keepTargets makes the keeper of the fields that follow from the records of an
// object, in the records that a relation points to: when some were written, it
// computes each that was or is pointed to once. It locks those first, in the order
// of their ids, so that it sees what all others have written who were here before,
// and the next one sees what it writes.
func (k *keeping) keepTargets(o *schema.Object, relation *schema.Field) {
	var fields []*keptField
	read := []string{schema.QuoteIdent(relation.Column), schema.QuoteIdent(schema.ColumnDeletedAt) + " IS NULL"}
	for _, f := range k.fields {
		for _, list := range f.sources.Lists {
			if list.Relation != relation {
				continue
			}
			fields = append(fields, f)
			for _, column := range list.Fields {
				if name := schema.QuoteIdent(column.Column); !slices.Contains(read, name) {
					read = append(read, name)
				}
			}
		}
	}
	if len(fields) == 0 {
		return
	}
	pointer, id := schema.QuoteIdent(relation.Column), schema.QuoteIdent(schema.FieldID)
	body := "DECLARE\n  touched uuid[];\nBEGIN\n" +
		"  IF TG_OP = 'INSERT' THEN\n" +
		"    SELECT array_agg(DISTINCT n." + pointer + ") INTO touched FROM after_rows AS n WHERE n." + pointer + " IS NOT NULL;\n" +
		"  ELSIF TG_OP = 'DELETE' THEN\n" +
		"    SELECT array_agg(DISTINCT o." + pointer + ") INTO touched FROM before_rows AS o WHERE o." + pointer + " IS NOT NULL;\n" +
		"  ELSE\n" +
		"    SELECT array_agg(DISTINCT t.id) INTO touched FROM before_rows AS o JOIN after_rows AS n ON n." + id + " = o." + id +
		" CROSS JOIN LATERAL (VALUES (o." + pointer + "), (n." + pointer + ")) AS t (id)\n" +
		"    WHERE t.id IS NOT NULL AND ROW(" + prefixed("o.", read) + ") IS DISTINCT FROM ROW(" + prefixed("n.", read) + ");\n" +
		"  END IF;\n" +
		"  IF touched IS NOT NULL THEN\n" + recompute(fields, "touched") + "  END IF;\n  RETURN NULL;\nEND"
	owner := o.Table + "_" + relation.Column
	keep := newKeeper(o, owner, body, fields)
	for _, on := range []struct{ event, tables string }{
		{"INSERT", "NEW TABLE AS after_rows"}, {"UPDATE", "OLD TABLE AS before_rows NEW TABLE AS after_rows"}, {"DELETE", "OLD TABLE AS before_rows"},
	} {
		keep.call(owner+"_"+strings.ToLower(on.event), "AFTER "+on.event+" ON "+o.QualifiedTable()+" REFERENCING "+on.tables+" FOR EACH STATEMENT")
	}
	k.keepers = append(k.keepers, keep)
}

// keepPointing makes the keeper of the fields that follow from a record which a
// relation of theirs points to: when that was written, it computes those that point to it.
func (k *keeping) keepPointing(s *schema.Schema, o *schema.Object, relation *schema.Field) {
	target, ok := s.ObjectByIdentity(relation.Target)
	if !ok {
		return
	}
	var fields []*keptField
	read := []string{schema.QuoteIdent(schema.ColumnDeletedAt) + " IS NULL"}
	for _, f := range k.fields {
		for _, reference := range f.sources.References {
			if f.object != o || reference.Relation != relation {
				continue
			}
			fields = append(fields, f)
			for _, column := range reference.Fields {
				if name := schema.QuoteIdent(column.Column); !slices.Contains(read, name) {
					read = append(read, name)
				}
			}
		}
	}
	if len(fields) == 0 {
		return
	}
	pointer, id := schema.QuoteIdent(relation.Column), schema.QuoteIdent(schema.FieldID)
	pointing := "SELECT array_agg(p." + id + ") INTO touched FROM " + o.QualifiedTable() + " AS p WHERE p." + pointer + " IN (SELECT n." + id + " FROM after_rows AS n"
	body := "DECLARE\n  touched uuid[];\nBEGIN\n" +
		"  IF TG_OP = 'INSERT' THEN\n    " + pointing + ");\n" +
		"  ELSE\n    " + pointing + " JOIN before_rows AS o ON o." + id + " = n." + id +
		" WHERE ROW(" + prefixed("o.", read) + ") IS DISTINCT FROM ROW(" + prefixed("n.", read) + "));\n  END IF;\n" +
		"  IF touched IS NOT NULL THEN\n" + recompute(fields, "touched") + "  END IF;\n  RETURN NULL;\nEND"
	owner := target.Table + "_" + o.Table + "_" + relation.Column
	keep := newKeeper(target, owner, body, fields)
	keep.call(owner+"_update", "AFTER UPDATE ON "+target.QualifiedTable()+" REFERENCING OLD TABLE AS before_rows NEW TABLE AS after_rows FOR EACH STATEMENT")
	if target == o { // one statement may make a record behind the one that points to it
		keep.call(owner+"_insert", "AFTER INSERT ON "+target.QualifiedTable()+" REFERENCING NEW TABLE AS after_rows FOR EACH STATEMENT")
	}
	k.keepers = append(k.keepers, keep)
}

func newKeeper(o *schema.Object, owner, body string, fields []*keptField) *keeper {
	return &keeper{object: o, name: newPart(owner, kindKeeper, body, "").name, body: body, fields: fields}
}

// call adds a trigger that calls the function.
func (k *keeper) call(owner, when string) {
	definition := when + " EXECUTE FUNCTION " + inRecords(k.name) + "()"
	k.triggers = append(k.triggers, keeperTrigger{part: newPart(owner, kindKeeper, definition, ""), owner: owner})
}

// recompute are statements of PL/pgSQL that lock the records of an array of ids, and
// give those another value whose value is another. The second statement sees what
// was written before the first had its locks.
func recompute(fields []*keptField, ids string) string {
	table, id := fields[0].object.QualifiedTable(), schema.QuoteIdent(schema.FieldID)
	var sets, values, differs []string
	for i, f := range fields {
		column, value := schema.QuoteIdent(f.field.Column), fmt.Sprintf("v%d", i)
		sets = append(sets, column+" = f."+value)
		values = append(values, f.value+" AS "+value)
		differs = append(differs, "k."+column+" IS DISTINCT FROM f."+value)
	}
	return "    PERFORM r." + id + " FROM " + table + " AS r WHERE r." + id + " = ANY(" + ids + ") ORDER BY r." + id + " FOR NO KEY UPDATE;\n" +
		"    UPDATE " + table + " AS k SET " + strings.Join(sets, ", ") +
		" FROM (SELECT r." + id + " AS id, " + strings.Join(values, ", ") + " FROM " + table + " AS r WHERE r." + id + " = ANY(" + ids + ") OFFSET 0) AS f" +
		" WHERE k." + id + " = f.id AND (" + strings.Join(differs, " OR ") + ");\n"
}

// fill computes the field for all records that are there, and writes those whose value is another.
func (f *keptField) fill(fresh bool) *Backfill {
	return &Backfill{
		Name: f.object.Table + "." + f.field.Column, Table: f.object.QualifiedTable(), Fresh: fresh,
		Set: []Assignment{{Column: f.field.Column, Value: f.value}},
	}
}

// marking sets or takes away the comment that says that the column's values are right.
func (f *keptField) marking(mark string) string {
	text := "NULL"
	if mark != "" {
		text = quoted(mark)
	}
	return "COMMENT ON COLUMN " + f.object.QualifiedTable() + "." + schema.QuoteIdent(f.field.Column) + " IS " + text
}

func columnsOf(alias string, fields []*schema.Field) string {
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, alias+"."+schema.QuoteIdent(f.Column))
	}
	return strings.Join(names, ", ")
}

func prefixed(prefix string, expressions []string) string {
	all := make([]string, 0, len(expressions))
	for _, e := range expressions {
		all = append(all, prefix+e)
	}
	return strings.Join(all, ", ")
}

// digestOf is the digest of a function's body, as Live has it.
func digestOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// planKeeping plans the keepers, and fills the columns whose values they have not kept.
func (m *maker) planKeeping() {
	before := m.before
	wanted := map[string]bool{}
	for _, k := range m.keeping.keepers {
		for _, trigger := range k.triggers {
			wanted[key(k.object.Table, trigger.name)] = true
		}
	}
	for _, table := range slices.Sorted(maps.Keys(m.live.Tables)) {
		m.dropKeepers(table, wanted)
	}
	refill := map[*keptField]bool{} // to whether that is drift
	for _, k := range m.keeping.keepers {
		m.planKeeper(k, before, refill)
	}
	for _, f := range m.keeping.fields {
		m.planFill(f, before, refill)
	}
}

// dropKeepers drops the triggers of a table that keep what is kept no longer, or in another way.
func (m *maker) dropKeepers(table string, wanted map[string]bool) {
	functions := map[string]bool{}
	var statements []string
	live := m.live.Tables[table].Triggers
	var gone []string
	if len(m.ahead) > 0 {
		gone = m.leftovers()
	}
	for _, name := range slices.Sorted(maps.Keys(live)) {
		if !keeperName.MatchString(name) || wanted[key(table, name)] {
			continue
		}
		if drop := "DROP TRIGGER IF EXISTS " + schema.QuoteIdent(name) + " ON " + inRecords(table); !slices.Contains(gone, drop) {
			statements = append(statements, "DROP TRIGGER "+schema.QuoteIdent(name)+" ON "+inRecords(table))
		}
		functions[live[name].Function] = true
	}
	for _, k := range m.keeping.keepers {
		delete(functions, k.name)
	}
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		statements = append(statements, "DROP FUNCTION IF EXISTS "+inRecords(name)+"()")
	}
	if len(statements) == 0 {
		return
	}
	m.add(phaseKeepers, Change{
		Resource: "standard", Kind: KeepValues, Lock: lockAccessExclusive,
		Summary: fmt.Sprintf("no longer keep computed values with the writes of table %q", table), Statements: statements,
	})
}

// planKeeper makes a keeper that is not there as it should be. Where none was, the
// values may be wrong by now.
func (m *maker) planKeeper(k *keeper, before *keeping, refill map[*keptField]bool) {
	table, exists := m.live.Tables[k.object.Table]
	ahead := m.isAhead(k)
	if exists && k.isLive(table) && !ahead || m.broken[k.object.Identity] || slices.ContainsFunc(k.fields, m.cannotCompute) {
		return
	}
	names := make([]string, 0, len(k.fields))
	for _, f := range k.fields {
		names = append(names, fmt.Sprintf("%q", f.field.Name))
	}
	change := Change{
		Resource: k.fields[0].field.Source, Object: k.object.Identity, Kind: KeepValues, Lock: "SHARE ROW EXCLUSIVE", Drift: true,
		Summary: fmt.Sprintf("keep %s of %s with the writes of %s", strings.Join(names, ", "), k.fields[0].object.Name, k.object.Name),
	}
	for _, trigger := range k.triggers {
		change.Drift = change.Drift && m.had[key("part", k.object.Table, trigger.name)]
	}
	statements, phase := k.create(), phaseKeepers
	if ahead {
		change.Resumes, phase = true, phaseProve
	}
	unkept := !exists || !k.isFollowed(table, before)
	for _, f := range k.fields {
		if unkept && m.markOf(f) == f.mark && !m.ahead[f] {
			statements = append(statements, f.marking(""))
		}
	}
	if ahead {
		change.Prepare = statements
	} else {
		change.Statements = statements
	}
	if m.add(phase, change) && unkept {
		for _, f := range k.fields {
			refill[f] = refill[f] || change.Drift
		}
	}
}

// cannotCompute says whether a column is not there that the field is kept in or read from.
func (m *maker) cannotCompute(f *keptField) bool {
	if m.broken[f.object.Identity] {
		return true
	}
	return slices.ContainsFunc(f.expression.Fields(), func(use expr.Use) bool { return m.broken[use.Object.Identity] })
}

// isLive says whether the table calls the keeper as it should be.
func (k *keeper) isLive(table *Table) bool {
	return !slices.ContainsFunc(k.triggers, func(trigger keeperTrigger) bool {
		return !table.Triggers[trigger.name].calls(k) || !trigger.isAs(table.Triggers[trigger.name])
	})
}

// calls says whether a trigger is in force and its function has the body of the keeper.
func (t Trigger) calls(k *keeper) bool {
	return t.Enabled && t.Function == k.name && t.Digest == digestOf(k.body)
}

// isAs says whether a live trigger of that name is called when it should be.
func (t keeperTrigger) isAs(live Trigger) bool {
	return sameDefinition(live.Definition, "CREATE TRIGGER "+schema.QuoteIdent(t.name)+" "+t.definition)
}

// isFollowed says whether the keeper takes the place of a sound one, which has kept
// its own values right until now.
func (k *keeper) isFollowed(table *Table, before *keeping) bool {
	return !slices.ContainsFunc(k.triggers, func(trigger keeperTrigger) bool {
		for name, live := range table.Triggers {
			sound := slices.ContainsFunc(before.keepers, live.calls) && (name != trigger.name || trigger.isAs(live))
			if sound && isNamed(name, trigger.owner, kindKeeper) {
				return false
			}
		}
		return true
	})
}

// markOf is the mark of the column of a field; empty when there is none, or when
// the column is not there as it should be.
func (m *maker) markOf(f *keptField) string {
	table, ok := m.live.Tables[f.object.Table]
	if !ok {
		return ""
	}
	column := table.Columns[f.field.Column]
	if column.Type != string(f.field.Storage()) {
		return ""
	}
	return column.Mark
}

// planFill fills the column of a field whose values are not known to be right: after
// the keepers are there, so that who writes meanwhile leaves them right.
func (m *maker) planFill(f *keptField, before *keeping, refill map[*keptField]bool) {
	drift, unkept := refill[f]
	if _, exists := m.live.Tables[f.object.Table]; !exists {
		return // made with the table, and marked
	}
	if m.cannotCompute(f) || m.markOf(f) == f.mark && !unkept && !m.ahead[f] {
		return
	}
	if m.ahead[f] {
		change := Change{
			Resource: f.field.Source, Object: f.object.Identity, Field: f.field.Identity, Kind: FillValues, Class: Careful, Lock: lockShareUpdate, Resumes: true,
			Summary: fmt.Sprintf("compute %q for the records of %s", f.field.Name, f.object.Name),
		}
		if !m.isKept(f) {
			change.Backfill, change.Prove = f.fill(!m.goesOn(f)), []string{f.marking(f.mark)}
		}
		m.add(phaseProve, change)
		return
	}
	wasRight := slices.ContainsFunc(before.fields, func(b *keptField) bool {
		return b.object.Table == f.object.Table && b.field.Column == f.field.Column && b.mark == f.mark
	})
	class := Careful
	if wasRight { // it was decided before; this only goes on, or mends
		class = Safe
	}
	m.add(phaseFill, Change{
		Resource: f.field.Source, Object: f.object.Identity, Field: f.field.Identity, Kind: FillValues, Class: class, Lock: lockShareUpdate,
		Drift:      drift || wasRight && !m.live.Unfinished && !unkept,
		Summary:    fmt.Sprintf("compute %q for the records of %s", f.field.Name, f.object.Name),
		Backfill:   f.fill(!m.goesOn(f)),
		Statements: []string{f.marking(f.mark)},
	})
}

// forget takes away the columns of fields that are kept no longer: what they hold
// can be computed again at any time.
func (t *tableMaker) forget() {
	if t.applied == nil {
		return
	}
	t.forgetLeftovers()
	t.forgetTurned()
	for _, f := range t.applied.Fields {
		_, there := t.live.Columns[f.Column]
		if !f.Kept() || !there || slices.ContainsFunc(t.shape.columns, func(c column) bool { return c.name == f.Column }) {
			continue
		}
		t.markRebuild(t.object())
		for _, x := range shapeOf(t.maker.applied, t.applied).indexes {
			if x.covers(f) {
				delete(t.live.Indexes, x.name)
			}
		}
		t.add(phaseFields, Change{
			Resource: f.Source, Object: t.object().Identity, Field: f.Identity, Kind: ForgetValues, Lock: lockAccessExclusive,
			Summary:    fmt.Sprintf("no longer keep the computed values of %q of %s", f.Name, t.object().Name),
			Statements: []string{alter(t.object(), "DROP COLUMN "+schema.QuoteIdent(f.Column))},
		})
	}
}

// remake gives a kept field a column of another type, empty until it is filled; it
// says whether it is there.
func (t *tableMaker) remake(c *column, live Column) bool {
	change := t.change(c, ChangeType)
	change.Drift, change.Lock = t.had[key("type", t.object().Table, c.name, string(c.storage))], lockAccessExclusive
	change.Summary = fmt.Sprintf("compute field %q of %s anew: type %s to %s", c.field.Path(), t.object().Name, live.Type, c.storage)
	change.Statements = []string{alter(t.object(), "DROP COLUMN "+schema.QuoteIdent(c.name), "ADD COLUMN "+c.definition())}
	t.markRebuild(t.object())
	if !t.add(phaseFields, change) {
		return false
	}
	gone := slices.Clone(c.indexes)
	for _, x := range t.shape.indexes {
		if x.covers(c.field) {
			gone = append(gone, x.part)
		}
	}
	for _, p := range gone { // with the column
		delete(t.live.Indexes, p.name)
		if !change.Drift {
			delete(t.had, key("part", t.object().Table, p.name))
		}
	}
	return true
}

// covers says whether the index is over the field.
func (x *index) covers(f *schema.Field) bool {
	return slices.ContainsFunc(x.declared.Fields, func(indexed schema.IndexField) bool { return indexed.Field == f.Identity })
}
