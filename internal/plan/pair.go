package plan

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// pairing is what the database does by itself so that the columns of a field whose type
// has changed, or is about to, say the same after every write, whichever of them it
// was to: servers that hold the older schema write the older column.
//
// The older column is left as it is for as long as what it converts to is what the new
// one holds: so it goes on saying "007" where the new one says 7. The batches that fill
// the new column change nothing of it either.
type pairing struct {
	object *schema.Object
	field  *schema.Field
	// name is that of the function and of its trigger but for the sign before it.
	name, body string
	trigger    part
}

const kindPair = "pair"

// firstSign starts the names of the triggers, so that they come before all others of
// the table, which see what they have set.
const firstSign = "$"

var pairName = regexp.MustCompile(`^\$.*_` + kindPair + `_[0-9a-f]{8}$`)

// pairsOf are the pairings of a schema, in the order of its fields; nil has none.
func pairsOf(s *schema.Schema) []*pairing {
	if s == nil {
		return nil
	}
	var all []*pairing
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			if p := pairingOf(s, o, f); p != nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// hop is a previous column and the one that it is kept together with.
type hop struct {
	previous    *schema.Previous
	there, back conversion
	// depth is how many hops it is from the field's own column.
	depth int
}

// hopsOf are the hops of a field, the nearest to its own column first. One whose way is
// broken, as what lay between is gone, is kept with nothing any more.
func hopsOf(s *schema.Schema, f *schema.Field) []hop {
	var hops []hop
	depths := map[string]int{f.Column: 0}
	for range f.Previous { // each round finds those behind the ones found before
		for i := range f.Previous {
			p := &f.Previous[i]
			depth, known := depths[p.With]
			if _, done := depths[p.Form.Column]; !known || done {
				continue
			}
			there, ok := towards(s, f, p)
			back, also := conversionOf(s, there.to, p.Form, p.Conversion)
			if ok && also {
				depths[p.Form.Column] = depth + 1
				hops = append(hops, hop{previous: p, there: there, back: back, depth: depth + 1})
			}
		}
	}
	slices.SortStableFunc(hops, func(a, b hop) int { return a.depth - b.depth })
	return hops
}

// pairingOf is the pairing of a field; nil when no column of it is kept.
//
// What is written to a column goes on towards the field's own, and from there all others
// follow.
func pairingOf(s *schema.Schema, o *schema.Object, f *schema.Field) *pairing {
	hops := hopsOf(s, f)
	if len(hops) == 0 {
		return nil
	}
	var inserted, updated, follow strings.Builder
	for _, h := range slices.Backward(hops) {
		from, to := schema.QuoteIdent(h.previous.Form.Column), schema.QuoteIdent(h.previous.With)
		set := "      NEW." + to + " := " + h.there.of("NEW."+from) + ";\n    END IF;\n"
		inserted.WriteString("    IF NEW." + from + " IS NOT NULL THEN\n" + set)
		// Where there is no value the row may not have been filled yet.
		updated.WriteString("    IF NEW." + to + " IS NOT DISTINCT FROM OLD." + to + " AND (NEW." + from + " IS DISTINCT FROM OLD." + from + " OR NEW." + to + " IS NULL) THEN\n" + set)
	}
	for _, h := range hops {
		from, to := schema.QuoteIdent(h.previous.Form.Column), schema.QuoteIdent(h.previous.With)
		made := "(" + h.there.of("NEW."+from) + ")" // in brackets: a condition of PL/pgSQL ends at the first THEN outside of some
		follow.WriteString("  IF " + made + " IS DISTINCT FROM NEW." + to + " THEN\n    NEW." + from + " := " + h.back.of("NEW."+to) + ";\n" +
			"    IF " + made + " IS NULL THEN\n      NEW." + from + " := NULL;\n    END IF;\n")
		for _, leaf := range h.previous.Leaves() {
			if leaf.Beside != nil { // only a write of the value itself can make it
				follow.WriteString("    NEW." + schema.QuoteIdent(leaf.Column) + " := NULL;\n")
			}
		}
		follow.WriteString("  END IF;\n")
	}
	body := "BEGIN\n  IF TG_OP = 'INSERT' THEN\n" + inserted.String() + "  ELSE\n" + updated.String() + "  END IF;\n" + follow.String() + "  RETURN NEW;\nEND"
	made := &pairing{object: o, field: f, body: body}
	made.name = newPart(o.Table+"_"+f.Column, kindPair, body, "").name
	made.trigger = newPart(firstSign+o.Table+"_"+f.Column, kindPair,
		"BEFORE INSERT OR UPDATE ON "+o.QualifiedTable()+" FOR EACH ROW EXECUTE FUNCTION "+inRecords(made.name)+"()", "")
	return made
}

// create makes the pairing, or makes it right: all of it or nothing.
func (p *pairing) create() string {
	return "CREATE OR REPLACE FUNCTION " + inRecords(p.name) + "() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS " + quoted(p.body) +
		";\nCREATE OR REPLACE TRIGGER " + schema.QuoteIdent(p.trigger.name) + " " + p.trigger.definition
}

// drop takes it away, if it is there.
func (p *pairing) drop() string {
	return "DROP TRIGGER IF EXISTS " + schema.QuoteIdent(p.trigger.name) + " ON " + p.object.QualifiedTable() + ";\nDROP FUNCTION IF EXISTS " + inRecords(p.name) + "()"
}

// isLive says whether the table calls it as it should be.
func (p *pairing) isLive(table *Table) bool {
	trigger := table.Triggers[p.trigger.name]
	return trigger.Enabled && trigger.Function == p.name && trigger.Digest == digestOf(p.body)
}

// pairingOf is the wanted pairing of a field, or nil.
func (m *maker) pairingOf(f *schema.Field) *pairing {
	at := slices.IndexFunc(m.pairs, func(p *pairing) bool { return p.field == f })
	if at < 0 {
		return nil
	}
	return m.pairs[at]
}

// planPairs makes the pairings that are not there as they should be, and takes away
// those that nobody wants.
func (m *maker) planPairs() {
	wanted := map[string]bool{}
	for _, p := range m.pairs {
		wanted[key(p.object.Table, p.trigger.name)] = true
		m.planPairing(p)
	}
	for _, table := range slices.Sorted(maps.Keys(m.live.Tables)) {
		for _, name := range slices.Sorted(maps.Keys(m.live.Tables[table].Triggers)) {
			if !pairName.MatchString(name) || wanted[key(table, name)] {
				continue
			}
			m.add(phaseKeepers, Change{
				Resource: "standard", Kind: KeepValues, Lock: lockAccessExclusive, Leftover: !m.had[key("part", table, name)],
				Summary: fmt.Sprintf("no longer keep earlier values with the writes of table %q", table),
				Statements: []string{
					"DROP TRIGGER " + schema.QuoteIdent(name) + " ON " + inRecords(table),
					"DROP FUNCTION IF EXISTS " + inRecords(m.live.Tables[table].Triggers[name].Function) + "()",
				},
			})
		}
	}
}

// planPairing makes a pairing that is not there as it should be; what came apart
// meanwhile the new column decides.
func (m *maker) planPairing(p *pairing) {
	table, exists := m.live.Tables[p.object.Table]
	if exists && p.isLive(table) || m.broken[p.object.Identity] || m.preparing[p.field] {
		return
	}
	change := Change{
		Resource: p.field.Source, Object: p.object.Identity, Field: p.field.Identity, Kind: KeepValues, Lock: "SHARE ROW EXCLUSIVE",
		Summary:    fmt.Sprintf("keep the earlier values of %q with the writes of %s", p.field.Name, p.object.Name),
		Drift:      m.had[key("part", p.object.Table, p.trigger.name)],
		Statements: []string{p.create()},
	}
	if !m.add(phaseKeepers, change) || !change.Drift || !exists || !table.HasRows {
		return
	}
	for _, h := range hopsOf(m.wanted, p.field) {
		with, column := "r."+schema.QuoteIdent(h.previous.With), "r."+schema.QuoteIdent(h.previous.Form.Column)
		m.add(phaseFill, Change{
			Resource: p.field.Source, Object: p.object.Identity, Field: p.field.Identity, Kind: FillValues, Lock: lockShareUpdate, Drift: true,
			Summary: fmt.Sprintf("give the records of %s the earlier values of %q again", p.object.Name, p.field.Name),
			Backfill: &Backfill{
				Name: p.object.Table + "." + h.previous.Form.Column, Table: p.object.QualifiedTable(), Fresh: true,
				Set:  []Assignment{{Column: h.previous.Form.Column, Value: h.back.of(with)}},
				Todo: "(" + h.there.of(column) + ") IS DISTINCT FROM " + with + " AND " + column + " IS DISTINCT FROM (" + h.back.of(with) + ")",
			},
		})
	}
}
