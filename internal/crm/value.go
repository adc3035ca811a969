package crm

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// equal compares two values of one field, as schema.FieldType documents them.
func equal(a, b any) bool {
	switch a := a.(type) {
	case decimal.Decimal:
		b, ok := b.(decimal.Decimal)
		return ok && a.Equal(b)
	case time.Time:
		b, ok := b.(time.Time)
		return ok && a.Equal(b)
	case []string:
		b, ok := b.([]string)
		return ok && slices.Equal(a, b)
	}
	if _, ok := b.([]string); ok {
		return false
	}
	return a == b
}

// maxScale is more digits than any decimal has behind its point.
const maxScale = 20

// canonical is a text that is the same for equal values of one field.
func canonical(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case decimal.Decimal:
		return v.StringFixed(maxScale)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []string:
		return string(appendValue(nil, nil, v))
	}
	return ""
}

// keyText is a text that is the same for values of the field that mean the same record.
func keyText(f *schema.Field, value any) string {
	if f.IgnoresCase() {
		return strings.ToLower(canonical(value))
	}
	return canonical(value)
}

// appendValue appends a value as the JSON that the API gives for it; nil is null.
func appendValue(dst []byte, f *schema.Field, value any) []byte {
	switch v := value.(type) {
	case string:
		return f.AppendJSON(dst, []byte(v))
	case int64:
		return f.AppendJSON(dst, strconv.AppendInt(nil, v, 10))
	case decimal.Decimal:
		return f.AppendJSON(dst, []byte(v.StringFixed(maxScale)))
	case bool:
		return strconv.AppendBool(dst, v)
	case time.Time:
		if f.Type == schema.TypeDate {
			return append(v.AppendFormat(append(dst, '"'), time.DateOnly), '"')
		}
		return append(v.UTC().AppendFormat(append(dst, '"'), time.RFC3339Nano), '"')
	case []string:
		dst = append(dst, '[')
		for i, text := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = schema.AppendString(dst, []byte(text))
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

// appendChanges appends {identity: {"old": …, "new": …}} for the history, in the
// order of the fields. What stands beside a value follows from it and is not kept.
func appendChanges(dst []byte, object *schema.Object, before, changed query.Values) []byte {
	dst = append(dst, '{')
	first := true
	for _, f := range object.Leaves() {
		value, ok := changed[f]
		if !ok || f.Beside != nil {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = schema.AppendString(dst, []byte(f.Identity))
		dst = appendValue(append(dst, `:{"old":`...), f, before[f])
		dst = append(appendValue(append(dst, `,"new":`...), f, value), '}')
	}
	return append(dst, '}')
}
