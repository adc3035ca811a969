package query

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

// EncodeRow appends a row as one JSON object, with an object for each related
// record that the fields expand, or null where there is none. What a row has
// beyond the columns is not for the user.
func EncodeRow(dst []byte, columns []Column, row [][]byte) []byte {
	dst = append(dst, '{')
	for i := 0; i < len(columns); {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendKey(dst, columns[i].Path[0])
		if len(columns[i].Path) == 1 {
			dst = columns[i].Field.AppendJSON(dst, row[i])
			i++
			continue
		}
		end := endOfRelated(columns, i)
		dst = appendRelated(dst, columns[i:end], row[i:end])
		i = end
	}
	return append(dst, '}')
}

// endOfRelated is where the columns of the related record end that start at i.
func endOfRelated(columns []Column, i int) int {
	end := i + 1
	for end < len(columns) && len(columns[end].Path) == 2 && columns[end].Path[0] == columns[i].Path[0] {
		end++
	}
	return end
}

// appendRelated appends a related record; the first column is its id.
func appendRelated(dst []byte, columns []Column, row [][]byte) []byte {
	if row[0] == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '{')
	for i, c := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendKey(dst, c.Path[1])
		dst = c.Field.AppendJSON(dst, row[i])
	}
	return append(dst, '}')
}

// appendKey appends the name of a field, which holds nothing that JSON escapes.
func appendKey(dst []byte, name string) []byte {
	dst = append(dst, '"')
	dst = append(dst, name...)
	return append(dst, '"', ':')
}

// DecodeRow reads the fields of the object itself into Go values, as
// schema.FieldType documents them. Every field of the columns has an entry.
func DecodeRow(columns []Column, row [][]byte) (Values, error) {
	values := make(Values, len(columns))
	for i, c := range columns {
		if len(c.Path) != 1 {
			continue
		}
		if row[i] == nil {
			values[c.Field] = nil
			continue
		}
		value, err := decode(c.Field, row[i])
		if err != nil {
			return nil, fmt.Errorf("reading field %q: %w", c.Field.Name, err)
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
		if f.Type == schema.TypeInteger || f.Type == schema.TypeAutoNumber {
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
	default:
		return string(text), nil
	}
}
