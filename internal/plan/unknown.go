package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Why things that no schema knows stay where they are.
const (
	reasonMayHold  = "no schema knows it; it may hold what somebody needs, so it stays until somebody takes it away"
	reasonSomebody = "no schema knows it; who made it by hand has to take it away"
)

// relationKinds are what else may be in a schema, by PostgreSQL's letter, in words.
var relationKinds = map[string]string{"S": "sequence", "v": "view", "m": "materialized view", "f": "foreign table"}

// planUnknown tells what the schema crm holds that neither schema knows. It is never
// taken away: somebody made it, and only he knows what for.
func (m *maker) planUnknown() {
	for _, name := range slices.Sorted(maps.Keys(m.live.Tables)) {
		if !m.knows("table", name) {
			m.tellUnknown(nil, "table", name, "", reasonMayHold)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.live.Views)) {
		if !strings.HasPrefix(m.live.Views[name], viewMark) && !m.knows("view", name) {
			m.tellUnknown(nil, "reporting view", name, "", reasonMayHold)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.live.Others)) {
		kind := m.live.Others[name]
		if kind != "S" || !m.knows("sequence", name) {
			m.tellUnknown(nil, relationKinds[kind], name, "", reasonMayHold)
		}
	}
}

// planUnknownParts tells what the table of an object has that neither schema knows, once
// all that a plan takes away is taken from what is there.
func (m *maker) planUnknownParts(o *schema.Object, name string, live *Table) {
	var leftover []string // of a plan that was broken off; this one takes it away
	for _, column := range slices.Sorted(maps.Keys(live.Columns)) {
		switch known := m.knows("column", name, column); {
		case !known && strings.HasSuffix(column, schema.KeptSuffix):
			leftover = append(leftover, column)
		case !known:
			m.tellUnknown(o, "column", column, name, reasonMayHold)
		}
	}
	for _, constraint := range slices.Sorted(maps.Keys(live.Constraints)) {
		kind := live.Constraints[constraint].Kind
		named := kind == kindPrimary || kind == "f" && name == o.SearchTable() // by PostgreSQL
		if !named && !m.knows("part", name, constraint) {
			m.tellUnknown(o, "constraint", constraint, name, reasonSomebody)
		}
	}
	for _, index := range slices.Sorted(maps.Keys(live.Indexes)) {
		_, backs := live.Constraints[index]
		gone := slices.ContainsFunc(leftover, func(column string) bool { return namedFor(index, name+"_"+column, indexKinds) })
		if !backs && !gone && !m.knows("part", name, index) {
			m.tellUnknown(o, "index", index, name, reasonSomebody)
		}
	}
	for _, trigger := range slices.Sorted(maps.Keys(live.Triggers)) {
		if !keeperName.MatchString(trigger) && !pairName.MatchString(trigger) && !m.knows("part", name, trigger) {
			m.tellUnknown(o, "trigger", trigger, name, reasonSomebody)
		}
	}
}

// planDifferences takes over what differs beside the schema.
func (m *maker) planDifferences() {
	for _, difference := range m.live.Differences {
		if difference.Of != "" && !m.knows(difference.Of, difference.Name) {
			continue // the thing itself is told
		}
		change := difference.Change
		change.Drift, change.Resource = true, "standard"
		if o := m.objectOf(difference.Of, difference.Name); o != nil {
			change.Resource, change.Object = o.Source, o.Identity
		}
		if change.Reason != "" { // nothing is to be done
			m.plan.Drift = append(m.plan.Drift, change)
			continue
		}
		m.add(phaseRights, change)
	}
}

// objectOf is the object of a table or a view; nil when there is none.
func (m *maker) objectOf(what, name string) *schema.Object {
	at := slices.IndexFunc(m.wanted.Objects, func(o *schema.Object) bool {
		return what == "table" && (o.Table == name || o.SearchTable() == name) || what == "view" && o.Name == name
	})
	if at < 0 {
		return nil
	}
	return m.wanted.Objects[at]
}

func (m *maker) tellUnknown(o *schema.Object, what, name, table, reason string) {
	change := Change{
		Resource: "standard", Kind: Unknown, Class: Safe, Drift: true, Reason: reason, Summary: fmt.Sprintf("unknown %s %q", what, name),
	}
	if o != nil {
		change.Resource, change.Object = o.Source, o.Identity
		change.Summary += fmt.Sprintf(" in table %q", table)
	}
	m.plan.Drift = append(m.plan.Drift, change)
}

// knows says whether one of the two schemas has a part of the database.
func (m *maker) knows(parts ...string) bool {
	if m.had[key(parts...)] {
		return true
	}
	if m.wants == nil { // seldom asked for: mostly the applied schema has it
		m.wants = knownParts(m.wanted)
	}
	return m.wants[key(parts...)]
}
