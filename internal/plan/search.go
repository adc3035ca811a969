package plan

import (
	"fmt"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
)

// searchColumns are those of a table of search, in order.
var searchColumns = []struct{ name, storage, more string }{
	{schema.SearchID, string(schema.StorageUUID), " PRIMARY KEY"},
	{schema.SearchNumber, string(schema.StorageBigInt), " NOT NULL"},
	{schema.SearchVersion, string(schema.StorageInteger), " NOT NULL"},
	{schema.SearchDigest, string(schema.StorageInteger), " NOT NULL"},
	{schema.SearchTokens, string(schema.StorageTexts), " NOT NULL"},
}

// planSearch plans the table that an object's records are found by. It holds nothing
// but what the records say: so it may be made anew at any time, what is missing of it
// is no drift, and when other fields become searchable it is filled again beside the
// requests. An object that nobody searches any more keeps its table.
func (m *maker) planSearch(o *schema.Object) {
	if !o.IsSearched() || m.broken[o.Identity] {
		return
	}
	change := Change{Resource: o.Source, Object: o.Identity, Kind: AddSearch, Summary: fmt.Sprintf("make %s searchable", o.Name)}
	table, exists := m.live.Tables[o.SearchTable()]
	if exists && fitsSearch(table) {
		m.planSearchIndex(o, table)
		m.planUnknownParts(o, o.SearchTable(), table)
		if m.searchedOtherwise(o) {
			change.Summary = fmt.Sprintf("search %s by other fields", o.Name)
			change.Statements = []string{forgetSearch(o)}
			m.add(phaseMeaning, change)
		}
		return
	}
	if exists {
		change.Lock = lockAccessExclusive
		change.Statements = []string{"DROP TABLE " + o.QualifiedSearchTable()}
	}
	lines := make([]string, 0, len(searchColumns))
	for _, c := range searchColumns {
		line := schema.QuoteIdent(c.name) + " " + c.storage + c.more
		if c.name == schema.SearchID {
			line += " REFERENCES " + o.QualifiedTable() + " ON DELETE CASCADE"
		}
		lines = append(lines, line)
	}
	change.Statements = append(change.Statements,
		"CREATE TABLE "+o.QualifiedSearchTable()+" (\n  "+strings.Join(lines, ",\n  ")+"\n)",
		createIndex(searchIndex(o), false), forgetSearch(o))
	m.add(phaseRelations, change)
}

// fitsSearch says whether a table has the columns of a table of search.
func fitsSearch(t *Table) bool {
	for _, c := range searchColumns {
		if t.Columns[c.name].Type != c.storage {
			return false
		}
	}
	return true
}

// searchIndex is the index of the tokens. With a pending list a search right after writes reads all of the list.
func searchIndex(o *schema.Object) part {
	definition := o.QualifiedSearchTable() + " USING gin (" + schema.QuoteIdent(schema.SearchTokens) + ") WITH (fastupdate=off)"
	return newPart(o.SearchTable(), kindIndex, definition, "searchable")
}

func (m *maker) planSearchIndex(o *schema.Object, table *Table) {
	index := searchIndex(o)
	existing, ok := table.Indexes[index.name]
	if ok && existing.Valid && existing.isAs(index) {
		return
	}
	change := Change{
		Resource: o.Source, Object: o.Identity, Kind: AddSearch, Lock: lockShareUpdate,
		Summary: fmt.Sprintf("index %s for search", o.Name),
	}
	if ok { // a concurrent making that was broken off leaves an index that nothing uses
		change.Statements = append(change.Statements, "DROP INDEX CONCURRENTLY IF EXISTS "+inRecords(index.name))
	}
	change.Statements = append(change.Statements, createIndex(index, true))
	m.add(phaseConcurrentIndexes, change)
}

// searchedOtherwise says whether the records get other tokens than by the applied schema.
func (m *maker) searchedOtherwise(o *schema.Object) bool {
	before := formOf(m.applied, o.Identity)
	return before != nil && (!before.IsSearched() || search.Digest(before) != search.Digest(o))
}

// forgetSearch forgets how far the table is filled, so that it is filled from the beginning.
func forgetSearch(o *schema.Object) string {
	return "DELETE FROM " + schema.QuoteIdent(schema.PlatformSchema) + "." + schema.QuoteIdent(schema.SearchStateTable) +
		" WHERE " + schema.QuoteIdent("object") + " = " + quoted(o.Identity)
}
