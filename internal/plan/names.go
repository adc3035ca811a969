package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/kontor-crm/kontor/internal/schema"
)

// maxIdentifier is the longest identifier that PostgreSQL keeps, in bytes.
const maxIdentifier = 63

const hashDigits = 8

// The kinds of constraints and indexes in names, beside those of rules.
const (
	kindRequired = "required"
	kindConverts = "converts"
	kindTogether = "together"
	kindForeign  = "fk"
	kindIndex    = "ix"
	kindUnique   = "uq"
)

// part is a constraint or an index. Its name ends in a hash of its definition,
// so that one of the same name is the same one.
type part struct {
	kind, name, definition string
	// words say to people what it asks for.
	words string
}

func newPart(owner, kind, definition, words string) part {
	return part{kind: kind, name: namePrefix(owner, kind) + shortHash(definition), definition: definition, words: words}
}

// namePrefix is the name without its hash.
func namePrefix(owner, kind string) string {
	suffix := "_" + kind + "_"
	return cut(owner, maxIdentifier-len(suffix)-hashDigits) + suffix
}

// isNamed says whether a name is one of those that newPart makes for that owner and kind.
func isNamed(name, owner, kind string) bool {
	// Most names are another's, and show it in the first letters, which are never cut.
	if first := min(len(owner), 8); len(name) < first || name[:first] != owner[:first] {
		return false
	}
	hash, ok := strings.CutPrefix(name, namePrefix(owner, kind))
	return ok && len(hash) == hashDigits && strings.Trim(hash, "0123456789abcdef") == ""
}

// sequenceName is the name of the sequence that numbers a column.
func sequenceName(table, column string) string {
	const suffix = "_seq"
	name := table + "_" + column + suffix
	if len(name) <= maxIdentifier {
		return name
	}
	return cut(table+"_"+column, maxIdentifier-len(suffix)-1-hashDigits) + "_" + shortHash(name) + suffix
}

// cut shortens a name to so many bytes, never inside a character.
func cut(name string, most int) string {
	if len(name) <= most {
		return name
	}
	for most > 0 && !utf8.RuneStart(name[most]) {
		most--
	}
	return name[:most]
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:hashDigits]
}

func inRecords(name string) string {
	return schema.QuoteIdent(schema.RecordsSchema) + "." + schema.QuoteIdent(name)
}

func inReporting(name string) string {
	return schema.QuoteIdent(schema.ReportingSchema) + "." + schema.QuoteIdent(name)
}

// quoted is a text as a literal of SQL, without the space that QuoteLiteral sets before
// one with escapes.
func quoted(text string) string { return strings.TrimSpace(schema.QuoteLiteral(text)) }
