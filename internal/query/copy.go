package query

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Copy is many new rows of a table, which PostgreSQL takes as one stream: nothing of
// them is parsed as a statement, and none of them is returned.
type Copy struct {
	// SQL is the COPY … FROM STDIN.
	SQL string
	// Rows is their number.
	Rows int
	// Append appends the row n in the text form of COPY, with its line end. It is asked
	// for each row once and in order, while PostgreSQL takes those before.
	Append func(dst []byte, n int) ([]byte, error)
}

const (
	copyNull = `\N`
	copyNext = '\t'
	copyEnd  = '\n'
)

// appendCopied appends a text as COPY reads it.
func appendCopied(dst []byte, text string) []byte {
	for at := strings.IndexAny(text, "\\\t\n\r"); at >= 0; at = strings.IndexAny(text, "\\\t\n\r") {
		dst = append(dst, text[:at]...)
		switch text[at] {
		case '\t':
			dst = append(dst, `\t`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			dst = append(dst, `\\`...)
		}
		text = text[at+1:]
	}
	return append(dst, text...)
}

// appendCopiedOrNull is appendCopied; an empty text is null.
func appendCopiedOrNull(dst []byte, text string) []byte {
	if text == "" {
		return append(dst, copyNull...)
	}
	return appendCopied(dst, text)
}

func copyInto(table string, columns []string) string {
	return "COPY " + table + " (" + strings.Join(columns, ", ") + ") FROM STDIN"
}

// CopyRecords is InsertMany as a Copy: it makes the same records, and returns none.
func (c *Compiler) CopyRecords(a Access, object *schema.Object, records []NewRecord, by string, at time.Time) (Copy, error) {
	if err := a.writing(object); err != nil {
		return Copy{}, err
	}
	given := map[*schema.Field]bool{}
	for _, r := range records {
		for f := range r.Values {
			given[f] = true
		}
	}
	columns := []string{schema.QuoteIdent(schema.FieldID)}
	var fields []*schema.Field
	for _, f := range object.Leaves() {
		if !given[f] && !hasInitial(f) {
			continue
		}
		if given[f] {
			if err := settable(object, f); err != nil {
				return Copy{}, err
			}
			delete(given, f)
		}
		fields, columns = append(fields, f), append(columns, schema.QuoteIdent(f.Column))
	}
	if len(given) != 0 {
		return Copy{}, fmt.Errorf("some of the values belong to no field of %s", object.Name)
	}
	var end []byte // what all of them have in common
	for _, set := range c.beginning(by, at) {
		columns = append(columns, schema.QuoteIdent(set.column))
		end = appendCopiedOrNull(append(end, copyNext), set.text)
	}
	end = append(end, copyEnd)
	return Copy{
		SQL: copyInto(object.QualifiedTable(), columns), Rows: len(records),
		Append: func(dst []byte, n int) ([]byte, error) {
			dst = append(dst, records[n].ID...)
			for _, f := range fields {
				var err error
				if dst, err = appendCopiedValue(append(dst, copyNext), f, records[n].Values[f]); err != nil {
					return nil, err
				}
			}
			return append(dst, end...), nil
		},
	}, nil
}

// appendCopiedValue appends the value of a field as COPY reads it.
func appendCopiedValue(dst []byte, f *schema.Field, value any) ([]byte, error) {
	written, err := argument(f, value)
	if err != nil {
		return nil, err
	}
	switch v := written.(type) {
	case nil:
		return append(dst, copyNull...), nil
	case string:
		return appendCopied(dst, v), nil
	case int64:
		return strconv.AppendInt(dst, v, 10), nil
	case []string:
		return appendCopied(dst, arrayText(v)), nil
	default: // true or false
		return fmt.Append(dst, v), nil
	}
}

// CopyHistory is History as a Copy, of changes that are asked for when they are written.
func (c *Compiler) CopyHistory(changes int, change func(n int) Change) Copy {
	return c.copyJournal(historyTable, historyColumns, changes, change)
}

// CopyOutbox is Outbox as a Copy.
func (c *Compiler) CopyOutbox(changes int, change func(n int) Change) Copy {
	return c.copyJournal(outboxTable, outboxColumns, changes, change)
}

func (c *Compiler) copyJournal(table string, columns []journalColumn, changes int, change func(n int) Change) Copy {
	names := make([]string, 0, len(columns))
	for _, column := range columns {
		names = append(names, schema.QuoteIdent(column.name))
	}
	return Copy{
		SQL: copyInto(qualifiedJournal(table), names), Rows: changes,
		Append: func(dst []byte, n int) ([]byte, error) {
			one := change(n)
			for i, column := range columns {
				if i > 0 {
					dst = append(dst, copyNext)
				}
				dst = appendCopiedOrNull(dst, column.of(c, one))
			}
			return append(dst, copyEnd), nil
		},
	}
}
