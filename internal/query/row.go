package query

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

// EncodeRow appends a row as one JSON object, with an object for each related
// record that the fields expand and for each value that has parts, or null where
// there is none. What a row has beyond the columns is not for the user.
func EncodeRow(dst []byte, columns []Column, row [][]byte) []byte {
	length := len("{}")
	for i, column := range columns {
		length += len(column.Path[len(column.Path)-1]) + len(row[i]) + len(`"":null,`)
	}
	dst = slices.Grow(dst, length) // for most rows it is enough
	return appendObject(dst, columns, row, 0)
}

// appendObject appends the columns as an object of the names that stand at that place of their paths.
func appendObject(dst []byte, columns []Column, row [][]byte, at int) []byte {
	dst = append(dst, '{')
	for i := 0; i < len(columns); {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendKey(dst, columns[i].Path[at])
		if len(columns[i].Path) == at+1 {
			dst = columns[i].Field.AppendJSON(dst, row[i])
			i++
			continue
		}
		end := endOfInner(columns, i, at)
		if hasInner(columns[i:end], row[i:end], at) {
			dst = appendObject(dst, columns[i:end], row[i:end], at+1)
		} else {
			dst = append(dst, "null"...)
		}
		i = end
	}
	return append(dst, '}')
}

// endOfInner is where the columns of the inner object end that start at i.
func endOfInner(columns []Column, i, at int) int {
	end := i + 1
	for end < len(columns) && len(columns[end].Path) > at+1 && columns[end].Path[at] == columns[i].Path[at] {
		end++
	}
	return end
}

// hasInner says whether there is an inner object: a related record is there when
// the first column, its id, is, and a value when one of its parts is.
func hasInner(columns []Column, row [][]byte, at int) bool {
	if isValue := len(columns[0].Path) == at+2 && columns[0].Field.Parent != nil; !isValue {
		return row[0] != nil
	}
	return slices.ContainsFunc(row, func(part []byte) bool { return part != nil })
}

// appendKey appends the name of a field, which holds nothing that JSON escapes.
func appendKey(dst []byte, name string) []byte {
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// DecodeRow reads the fields of the object itself into Go values, as
// schema.FieldType documents them. Every field of the columns has an entry, but
// for those that are computed.
func DecodeRow(columns []Column, row [][]byte) (Values, error) {
	values := make(Values, len(columns))
	for i, c := range columns {
		if !c.own() || c.Field.Computed() {
			continue
		}
		if row[i] == nil {
			values[c.Field] = nil
			continue
		}
		value, err := decode(c.Field, row[i])
		if err != nil {
			return nil, fmt.Errorf("reading field %q: %w", c.Field.Path(), err)
		}
		values[c.Field] = value
	}
	return values, nil
}

// timeLayout is PostgreSQL's text form of a moment; digits behind the second are read too.
const timeLayout = "2006-01-02 15:04:05-07"

// decode reads PostgreSQL's text form of a value.
func decode(f *schema.Field, text []byte) (any, error) {
	switch f.Kind() {
	case schema.KindBoolean:
		return string(text) == "t", nil
	case schema.KindNumber:
		if f.Storage() == schema.StorageBigInt || f.Storage() == schema.StorageInteger {
			return strconv.ParseInt(string(text), 10, 64)
		}
		return decimal.NewFromString(string(text))
	case schema.KindDate:
		return time.Parse(time.DateOnly, string(text))
	case schema.KindTime:
		at, err := time.Parse(timeLayout, string(text))
		return at.UTC(), err
	case schema.KindTexts:
		var texts []string
		err := json.Unmarshal(f.AppendJSON(nil, text), &texts)
		return texts, err
	case schema.KindJSON:
		return schema.CanonicalJSON(text)
	default:
		return string(text), nil
	}
}
