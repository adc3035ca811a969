package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Backfill goes through the rows of a table in batches, by their ids, and gives
// columns other values. Set it on a Change: it runs behind the change's Prepare and
// before its Prove (of a Concurrent change before its Statements), while people work.
// No row is locked for longer than a small batch takes, and the batches give way to
// those who work. How far it has come is saved with each batch, so that the next
// attempt at the same plan goes on where this one ended, however it ended.
//
// Rows that are written meanwhile it does not look for: by the time it begins, a
// trigger or a check that Prepare has made must see to it that each write leaves its
// row right. Ids below those that were reached may be written again, and new ones come
// before and behind them.
//
//	change.Prepare = []string{addColumn, createTrigger}
//	change.Backfill = &Backfill{
//		Name: "customer.x_amount$2", Table: o.QualifiedTable(), Fresh: !columnIsThere,
//		Set: []Assignment{{Column: "x_amount$2", Value: `to_number(r."x_amount")`}},
//	}
//	change.Prove = []string{validate}
type Backfill struct {
	// Name tells the work from all others of the database: table, column, and what is
	// done with it where several things may be.
	Name string
	// Table is the qualified name of the table, quoted. Its primary key is the column id.
	Table string
	// Set are the columns that get other values.
	Set []Assignment
	// Todo is the condition on rows, by the alias r, that are still to do; empty is all
	// whose columns differ from what Set gives them. It has to be false of rows that are done.
	Todo string
	// Fresh says that nothing is done yet, whatever an earlier attempt reached: what writes
	// were to leave right is not in force, so that the plan begins anew. It is false while
	// the column and the triggers of an earlier attempt are found as they should be.
	Fresh bool
	// Record is set when the columns are fields that people see: then each row that is
	// altered is a change of a record as any other, and what it had is kept. Nil leaves
	// version, time of change, history and outbox alone.
	Record *RecordChange
}

// RecordChange is what is written of each record that a Backfill alters: its next
// version, a row of history by nobody through the channel "operator", one of the outbox.
type RecordChange struct {
	// Object is the identity of the object, Revision that of the schema in force.
	Object   string
	Revision int64
	// Keep says that the values that go are kept, as those of the revision Leads, for
	// Retention. GivesBack says that such values are put back: then they are kept no longer.
	Keep      bool
	Leads     int64
	Retention time.Duration
	GivesBack bool
}

// Assignment gives a column, by its plain name, the value of an expression over the
// row, which goes by the alias r. The expression may read other tables: the row is
// locked before it is evaluated.
type Assignment struct {
	Column, Value string
	// Field is the identity of the column's field, Why the reason for which it gets another
	// value; both are for a Backfill with a Record. Follows says that the value follows from
	// another's, so that the history does not tell it. Plain says that the history tells the
	// value as it is in JSON, not as a text.
	Field, Why     string
	Follows, Plain bool
}

var rowID = schema.QuoteIdent(schema.FieldID)

// todo is the condition on rows that are still to do.
func (b *Backfill) todo() string {
	if b.Todo != "" {
		return b.Todo
	}
	differs := make([]string, 0, len(b.Set))
	for _, set := range b.Set {
		differs = append(differs, "r."+schema.QuoteIdent(set.Column)+" IS DISTINCT FROM "+set.Value)
	}
	return strings.Join(differs, " OR ")
}

// Page is the query for the next rows: behind the id $1, at most $2 of them, and no
// more than hold $3 that are to do. It gives how many there are, the id of the last,
// and the ids of those to do, in order, with their places among the rows, from 1 on;
// ids are texts. It takes no lock.
func (b *Backfill) Page() string {
	return "WITH page AS MATERIALIZED (SELECT r." + rowID + " AS id, (" + b.todo() + ") IS TRUE AS todo FROM " + b.Table + " AS r WHERE r." + rowID +
		" > $1::text::uuid ORDER BY r." + rowID + " LIMIT $2),\n" +
		"counted AS (SELECT id, todo, row_number() OVER (ORDER BY id) AS place, count(*) FILTER (WHERE todo) OVER (ORDER BY id) AS nth FROM page)\n" +
		"SELECT count(*), coalesce((array_agg(id ORDER BY id DESC))[1]::text, ''), coalesce(array_agg(id::text ORDER BY id) FILTER (WHERE todo), '{}'),\n" +
		"  coalesce(array_agg(place ORDER BY id) FILTER (WHERE todo), '{}') FROM counted WHERE nth < $3 OR nth = $3 AND todo"
}

// Hold locks the rows with the ids $1 and gives the ids of those that are there and
// free; of one that is not free it waits for, when wait is asked for.
func (b *Backfill) Hold(wait bool) string {
	lock := " FOR NO KEY UPDATE SKIP LOCKED"
	if wait {
		lock = " FOR NO KEY UPDATE"
	}
	return "SELECT r." + rowID + "::text FROM " + b.Table + " AS r WHERE r." + rowID + " = ANY($1::text[]::uuid[]) ORDER BY r." + rowID + lock
}

// Alter gives the locked rows with the ids $1 their values, those that are still to do.
// It sees what was written before they were locked. The rows it touches are what it tells.
func (b *Backfill) Alter() string {
	if b.Record != nil {
		return b.alterRecords()
	}
	sets, values := make([]string, 0, len(b.Set)), make([]string, 0, len(b.Set))
	for i, set := range b.Set {
		sets = append(sets, fmt.Sprintf("%s = f.v%d", schema.QuoteIdent(set.Column), i))
		values = append(values, fmt.Sprintf("%s AS v%d", set.Value, i))
	}
	return "UPDATE " + b.Table + " AS k SET " + strings.Join(sets, ", ") + " FROM (SELECT r." + rowID + " AS id, " + strings.Join(values, ", ") +
		" FROM " + b.Table + " AS r WHERE r." + rowID + " = ANY($1::text[]::uuid[]) AND (" + b.todo() + ") OFFSET 0) AS f WHERE k." + rowID + " = f.id"
}

// Text is what it does, for people who read SQL.
func (b *Backfill) Text() string {
	sets := make([]string, 0, len(b.Set))
	for _, set := range b.Set {
		sets = append(sets, schema.QuoteIdent(set.Column)+" = "+set.Value)
	}
	return "UPDATE " + b.Table + " AS r SET " + strings.Join(sets, ", ") + " WHERE " + b.todo()
}

// Digest is a hash of what it does: what was reached counts for the same work only.
func (b *Backfill) Digest() string {
	sum := sha256.Sum256([]byte(b.Page() + "\x00" + b.Alter()))
	return hex.EncodeToString(sum[:])
}

// Progress is how far a plan has come that runs.
type Progress struct {
	// Phase is what it does now; Summary is that of the change that it does it for, or empty.
	Phase   Phase
	Summary string
	// Done of Total rows have been gone through, of that change; both are 0 where rows
	// are not counted. Total is an estimate.
	Done, Total int64
}

// Phase is a part of the way of a plan.
type Phase string

// The phases of a plan that runs, in their order.
const (
	// Preparing: from now on who writes obeys the change.
	Preparing Phase = "Preparing"
	// Filling: rows are gone through in batches.
	Filling Phase = "Filling"
	// Proving: rules are checked against the rows that are there, indexes are made.
	Proving Phase = "Proving"
	// Switching: the revision is applied.
	Switching Phase = "Switching"
	// Finishing: what follows the revision.
	Finishing Phase = "Finishing"
)
