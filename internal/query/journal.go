package query

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Operation is what was done to a record.
type Operation string

// The operations.
const (
	OperationCreate  Operation = "create"
	OperationUpdate  Operation = "update"
	OperationMove    Operation = "move"
	OperationDelete  Operation = "delete"
	OperationRestore Operation = "restore"
)

// Change is what history and outbox keep of one write.
type Change struct {
	// At is when it happened.
	At time.Time
	// Object and ID are the record's; Version is the one that the write made.
	Object    *schema.Object
	ID        string
	Version   int64
	Operation Operation
	// Actor is the id of the user who did it, or empty.
	Actor string
	// Channel is the way it came: "api", "import", …
	Channel string
	// RequestID is that of the request, or empty.
	RequestID string
	// Changes are the old and new values in JSON, or nil.
	Changes json.RawMessage
}

const (
	historyTable = "history"
	outboxTable  = "outbox"
)

func qualifiedJournal(table string) string {
	return schema.QuoteIdent(schema.PlatformSchema) + "." + schema.QuoteIdent(table)
}

// journalColumn is a column of the history or the outbox.
type journalColumn struct {
	name string
	cast string
	of   func(c *Compiler, change Change) string
}

// outboxColumns are those that the history has too; an empty text is null.
var outboxColumns = []journalColumn{
	{"at", "timestamptz", func(_ *Compiler, change Change) string { return moment(change.At) }},
	{"object", "text", func(_ *Compiler, change Change) string { return change.Object.Identity }},
	{"record_id", "uuid", func(_ *Compiler, change Change) string { return change.ID }},
	{"version", "integer", func(_ *Compiler, change Change) string { return strconv.FormatInt(change.Version, 10) }},
	{"operation", "text", func(_ *Compiler, change Change) string { return string(change.Operation) }},
}

var historyColumns = append(slices.Clip(outboxColumns), []journalColumn{
	{"actor", "uuid", func(_ *Compiler, change Change) string { return change.Actor }},
	{"channel", "text", func(_ *Compiler, change Change) string { return change.Channel }},
	{"request_id", "text", func(_ *Compiler, change Change) string { return change.RequestID }},
	{"schema_revision", "bigint", func(c *Compiler, _ Change) string { return strconv.FormatInt(c.schema.Revision, 10) }},
	{"changes", "jsonb", func(_ *Compiler, change Change) string { return string(change.Changes) }},
}...)

// History writes changes into the history, in one statement. It returns no rows.
func (c *Compiler) History(changes ...Change) Statement {
	return c.journal(historyTable, historyColumns, changes)
}

// Outbox writes changes into the outbox, in one statement. It returns no rows.
func (c *Compiler) Outbox(changes ...Change) Statement {
	return c.journal(outboxTable, outboxColumns, changes)
}

// journal inserts a row for each change, from one array for each column.
func (c *Compiler) journal(table string, columns []journalColumn, changes []Change) Statement {
	var args expr.Args
	var names, values, arrays []string
	for _, column := range columns {
		texts := make([]string, 0, len(changes))
		for _, change := range changes {
			texts = append(texts, column.of(c, change))
		}
		name := schema.QuoteIdent(column.name)
		names = append(names, name)
		values = append(values, "NULLIF(u."+name+", '')::"+column.cast)
		arrays = append(arrays, args.Add(texts)+"::text[]")
	}
	return Statement{
		SQL: "INSERT INTO " + qualifiedJournal(table) + " (" + strings.Join(names, ", ") + ") SELECT " +
			strings.Join(values, ", ") + " FROM unnest(" + strings.Join(arrays, ", ") + ") WITH ORDINALITY AS u (" + strings.Join(names, ", ") + ", place) ORDER BY u.place",
		Args: args.Values(),
	}
}
