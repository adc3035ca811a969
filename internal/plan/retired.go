package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// formOf is an object of the schema, or its last form when it is retired; nil when
// there is neither, or no schema.
func formOf(s *schema.Schema, identity string) *schema.Object {
	if s == nil {
		return nil
	}
	if o, ok := s.ObjectByIdentity(identity); ok {
		return o
	}
	retired, _ := s.Retired.Object(identity)
	return retired.Form
}

// isRetired says whether an object is there and retired.
func isRetired(s *schema.Schema, identity string) bool {
	if s == nil {
		return false
	}
	_, retired := s.Retired.Object(identity)
	return retired
}

// retiredColumn is a column of a retired field: what it holds and how its values are
// bound stays, what it would ask of new records goes.
func retiredColumn(s *schema.Schema, o *schema.Object, f *schema.Field) column {
	c := columnOf(s, o, f)
	asks := func(p part) bool { return p.kind == kindRequired || p.kind == kindUnique }
	c.checks, c.indexes = slices.DeleteFunc(c.checks, asks), slices.DeleteFunc(c.indexes, asks)
	c.notNull, c.initial, c.sequence, c.around = false, "", "", ""
	return c
}

// retiredColumns are the columns that an object's table has beside those of the object.
func retiredColumns(s *schema.Schema, o *schema.Object) []column {
	var columns []column
	for _, retired := range s.Retired.FieldsOf(o.Identity) {
		for _, leaf := range retired.Leaves() {
			columns = append(columns, retiredColumn(s, o, leaf))
		}
	}
	return columns
}

// wasRetired is the last form of a field that comes back in this column; nil when it
// was not retired alone.
func (t *tableMaker) wasRetired(c *column) *schema.Field {
	if t.maker.applied == nil {
		return nil
	}
	for _, retired := range t.maker.applied.Retired.FieldsOf(t.object().Identity) {
		for _, leaf := range retired.Leaves() {
			if leaf.Column == c.name && leaf.Identity == c.field.Identity {
				return leaf
			}
		}
	}
	return nil
}

// retire plans what happens to the columns of the retired fields of a table.
func (t *tableMaker) retire() {
	for _, retired := range t.wanted.Retired.FieldsOf(t.object().Identity) {
		change := Change{
			Resource: retired.Form.Source, Object: retired.Object, Field: retired.Form.Identity, Kind: RetireField, Class: Careful,
			Summary: fmt.Sprintf("retire field %q of %s: its values are kept out of sight", retired.Form.Name, t.object().Name),
		}
		if t.maker.applied != nil { // it may have been retired before, and somebody has changed the column since
			_, change.Drift = t.maker.applied.Retired.Field(retired.Object, retired.Form.Identity)
		}
		var actions, after []string
		for _, leaf := range retired.Leaves() {
			live, there := t.live.Columns[leaf.Column]
			if !there {
				t.leave(change, "the column %q of %s is gone, with all values that were kept in it", leaf.Column, t.object().Name)
				continue
			}
			if live.Default != "" {
				actions = append(actions, "ALTER COLUMN "+schema.QuoteIdent(leaf.Column)+" DROP DEFAULT")
			}
			for _, name := range t.stale(maps.Keys(t.live.Constraints), leaf.Column, []string{kindRequired}) {
				actions = append(actions, "DROP CONSTRAINT "+schema.QuoteIdent(name))
				delete(t.live.Constraints, name)
			}
			for _, name := range t.stale(maps.Keys(t.live.Indexes), t.object().Table+"_"+leaf.Column, []string{kindUnique}) {
				after = append(after, "DROP INDEX "+inRecords(name))
				delete(t.live.Indexes, name)
			}
		}
		if len(actions) > 0 {
			change.Statements = []string{alter(t.object(), actions...)}
		}
		if change.Statements = append(change.Statements, after...); len(change.Statements) > 0 {
			change.Lock = lockAccessExclusive
		} else if change.Drift {
			continue
		}
		t.add(phaseFields, change)
	}
}

// planRetired tells of the objects that go out of sight, and purges what is kept no longer.
func (m *maker) planRetired() {
	for _, retired := range m.wanted.Retired.Objects {
		o := retired.Form
		change := Change{
			Resource: o.Source, Object: o.Identity, Kind: RetireObject, Class: Careful,
			Summary: fmt.Sprintf("retire object %q: its records are kept out of sight", o.Name),
		}
		if _, there := m.live.Tables[o.Table]; !there {
			m.leave(change, "the table of object %q is gone, with all records that were kept in it", o.Name)
		} else if !isRetired(m.applied, o.Identity) {
			m.add(phaseFields, change)
		}
	}
	if m.applied == nil {
		return
	}
	for _, retired := range m.applied.Retired.Fields {
		o := formOf(m.wanted, retired.Object)
		if o == nil {
			continue // it goes with the object
		}
		_, kept := m.wanted.Retired.Field(retired.Object, retired.Form.Identity)
		if _, back := o.FieldByIdentity(retired.Form.Identity); !kept && !back {
			m.purgeField(o, retired)
		}
	}
	m.purgeObjects()
}

func (m *maker) purgeField(o *schema.Object, retired schema.RetiredField) {
	change := Change{
		Resource: retired.Form.Source, Object: o.Identity, Field: retired.Form.Identity, Kind: PurgeField, Class: Dangerous, Lock: lockAccessExclusive,
		Summary: fmt.Sprintf("purge field %q of %s: its values are deleted for good", retired.Form.Name, o.Name),
	}
	var drops []string
	for _, leaf := range retired.Leaves() {
		if leaf.System && m.needsCurrency(o) {
			continue
		}
		if table, ok := m.live.Tables[o.Table]; ok {
			if _, there := table.Columns[leaf.Column]; there {
				drops = append(drops, "DROP COLUMN "+schema.QuoteIdent(leaf.Column))
			}
		}
	}
	identities := make([]string, 0, len(retired.Leaves()))
	for _, leaf := range retired.Leaves() {
		if !leaf.System {
			identities = append(identities, leaf.Identity)
		}
	}
	fields := textArray(identities)
	change.Prove = []string{goThroughHistory("UPDATE kontor.history SET changes = changes - "+fields, o, "changes ?| "+fields)}
	if len(drops) > 0 {
		change.Statements = []string{alter(o, drops...)}
	}
	change.Statements = append(change.Statements, "DELETE FROM kontor.kept_value WHERE object = "+quoted(o.Identity)+" AND field = ANY ("+fields+")")
	m.add(phasePurge, change)
}

// goThroughHistory does something with the history of an object's records, some at a
// time. It is done before the purge, and again when that was broken off.
func goThroughHistory(what string, o *schema.Object, where string) string {
	return "DO " + quoted("DECLARE\n  upto uuid;\n  reached uuid := '00000000-0000-0000-0000-000000000000';\nBEGIN\n  LOOP\n"+
		"    SELECT b.record_id INTO upto FROM (SELECT record_id FROM kontor.history WHERE record_id > reached ORDER BY record_id LIMIT 5000) AS b ORDER BY b.record_id DESC LIMIT 1;\n"+
		"    EXIT WHEN upto IS NULL;\n"+
		"    "+what+" WHERE record_id > reached AND record_id <= upto AND object = "+quoted(o.Identity)+" AND "+where+";\n"+
		"    reached := upto;\n    COMMIT;\n  END LOOP;\nEND")
}

// needsCurrency says whether an object, or one of its retired fields, holds money.
func (m *maker) needsCurrency(o *schema.Object) bool {
	return o.HasCurrency() || slices.ContainsFunc(m.wanted.Retired.FieldsOf(o.Identity), func(f schema.RetiredField) bool { return f.Form.Type == schema.TypeMoney })
}

// purgeObjects drops the tables of objects together, for they may point to each other.
// What else points to them stops it: nobody knows what that is.
func (m *maker) purgeObjects() {
	var tables, forget []string
	var purged []Change
	for _, retired := range m.applied.Retired.Objects {
		o := retired.Form
		if formOf(m.wanted, o.Identity) != nil {
			continue
		}
		for _, table := range []string{o.SearchTable(), o.Table} {
			if _, there := m.live.Tables[table]; there {
				tables = append(tables, inRecords(table))
			}
		}
		forget = append(forget, forgetSearch(o),
			"DELETE FROM kontor.external_id WHERE object = "+quoted(o.Identity), "DELETE FROM kontor.kept_value WHERE object = "+quoted(o.Identity))
		purged = append(purged, Change{
			Resource: o.Source, Object: o.Identity, Kind: PurgeObject, Class: Dangerous, Lock: lockAccessExclusive,
			Summary: fmt.Sprintf("purge object %q: its records are deleted for good", o.Name),
			Prove:   []string{goThroughHistory("DELETE FROM kontor.history", o, "true")},
		})
	}
	for i := range purged {
		if i == 0 {
			if len(tables) > 0 {
				purged[0].Statements = []string{"DROP TABLE " + strings.Join(tables, ", ")}
			}
			purged[0].Statements = append(purged[0].Statements, forget...)
		}
		m.add(phasePurge, purged[i])
	}
}

// returning tells of what was retired and comes back.
func (m *maker) returning(o *schema.Object) {
	if retired, ok := m.applied.Retired.Object(o.Identity); ok {
		m.add(phaseMeaning, Change{
			Resource: o.Source, Object: o.Identity, Kind: RestoreObject,
			Summary: fmt.Sprintf("put object %q back, with the records that it had as %q", o.Name, retired.Form.Name),
		})
	}
	for _, retired := range m.applied.Retired.FieldsOf(o.Identity) {
		if f, ok := o.FieldByIdentity(retired.Form.Identity); ok {
			m.add(phaseMeaning, Change{
				Resource: f.Source, Object: o.Identity, Field: f.Identity, Kind: RestoreField,
				Summary: fmt.Sprintf("put field %q of %s back, with the values that it had as %q", f.Name, o.Name, retired.Form.Name),
			})
		}
	}
}
