package schema

import (
	"regexp"
	"slices"
	"strings"
)

// The PostgreSQL schemas of a tenant's database.
const (
	// RecordsSchema holds a table per object.
	RecordsSchema = "crm"
	// PlatformSchema holds what the platform keeps beside the records.
	PlatformSchema = "kontor"
	// ReportingSchema holds the views for reporting tools, with the API's names.
	ReportingSchema = "bi"
)

// MaxNameLength is the longest name of an object, field, stage or option, in characters.
const MaxNameLength = 48

// CustomPrefix starts the physical names of custom tables and columns, so that
// no release of the standard model can collide with them.
const CustomPrefix = "x_"

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// reservedWords cannot be names, because CEL could not say them. SQL's keywords can: all is quoted.
var reservedWords = []string{
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
	"namespace", "null", "package", "return", "true", "var", "void", "while",
}

// systemColumns are PostgreSQL's own columns.
var systemColumns = []string{"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"}

// CheckObjectName says what is wrong with a name of an object in the API, or "".
func CheckObjectName(name string) string { return checkName(name) }

// CheckFieldName says what is wrong with a name of a field in the API, or "".
func CheckFieldName(name string) string {
	if problem := checkName(name); problem != "" {
		return problem
	}
	if slices.Contains(systemColumns, name) {
		return quote(name) + " is a system column of PostgreSQL; choose another name"
	}
	if IsSystemField(name) {
		return quote(name) + " is a system field that every record has; choose another name"
	}
	return ""
}

// CheckKey says what is wrong with the key of an option or stage, or "".
func CheckKey(key string) string {
	if key == "" {
		return "a key is missing"
	}
	if len(key) > MaxNameLength {
		return quote(key) + " has more than 48 characters"
	}
	if !namePattern.MatchString(key) {
		return quote(key) + " is not a key: it starts with a lower-case letter and goes on with lower-case letters, digits and _"
	}
	return ""
}

func checkName(name string) string {
	switch {
	case name == "":
		return "a name is missing"
	case len(name) > MaxNameLength:
		return quote(name) + " has more than 48 characters"
	case !namePattern.MatchString(name):
		return quote(name) + " is not a name: it starts with a lower-case letter and goes on with lower-case letters, digits and _"
	case slices.Contains(reservedWords, name):
		return quote(name) + " is a reserved word of CEL; choose another name"
	}
	return ""
}

// APIName is the name that the API uses for an identity when none is given: "-" and "." become "_".
func APIName(identity string) string {
	return strings.NewReplacer("-", "_", ".", "_").Replace(identity)
}

// QuoteIdent quotes an SQL identifier. It is the only function that does; every
// identifier in a statement goes through it.
func QuoteIdent(name string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(name, "\x00", ""), `"`, `""`) + `"`
}

// QuoteLiteral quotes a text for the few statements that take no arguments:
// definitions (CHECK, DEFAULT, COMMENT, PASSWORD). Everywhere else values are arguments.
func QuoteLiteral(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\x00", ""), `'`, `''`)
	if strings.Contains(text, `\`) {
		return ` E'` + strings.ReplaceAll(text, `\`, `\\`) + `'`
	}
	return `'` + text + `'`
}

func quote(name string) string {
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	return `"` + name + `"`
}
