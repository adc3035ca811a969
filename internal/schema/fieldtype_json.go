package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/shopspring/decimal"
)

// The length of a JSON value that names none, in characters of its text, and the longest.
const (
	DefaultJSONLength = 10_000
	MaxJSONLength     = 100_000
)

// maxJSONDepth is the deepest nesting of a value.
const maxJSONDepth = 16

// jsonType is any JSON value, kept for programs: Kontor looks at its size only.
type jsonType struct{}

func (jsonType) Name() TypeName         { return TypeJSON }
func (jsonType) Kind() Kind             { return KindJSON }
func (jsonType) Form() Form             { return Form{} }
func (jsonType) Storage(*Field) Storage { return StorageJSON }

func (jsonType) Rules(f *Field) []Rule {
	return []Rule{{Kind: RuleMaxLength, Length: length(f, DefaultJSONLength)}}
}

func (jsonType) Check(f *Field) []Problem {
	problems := checkLength(f, MaxJSONLength)
	for _, setting := range []struct {
		path string
		set  bool
	}{{"unique", f.Unique}, {"indexed", f.Indexed}} {
		if setting.set {
			problems = append(problems, Problem{Path: setting.path, Message: "a json cannot be " + setting.path})
		}
	}
	if f.Default != nil {
		problems = append(problems, Problem{Path: "default", Message: "a json has no default"})
	}
	return problems
}

func (jsonType) Decode(f *Field, value any) (any, error) {
	text, err := appendCanonical(nil, value, 0)
	if err != nil {
		return nil, err
	}
	return checkRules(f, string(text))
}

func (t jsonType) Parse(f *Field, text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("is not valid UTF-8")
	}
	if len(text) > 4*MaxJSONLength {
		return nil, fmt.Errorf("is longer than %d characters", length(f, DefaultJSONLength))
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, errNotA("JSON")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotA("one JSON value")
	}
	if value == nil {
		return nil, nil //nolint:nilnil // null is no value
	}
	return t.Decode(f, value)
}

// AppendJSON appends the value as PostgreSQL writes it, which is JSON.
func (jsonType) AppendJSON(dst []byte, _ *Field, text []byte) []byte { return append(dst, text...) }

// CanonicalJSON is the one text that equal JSON values have, of what PostgreSQL
// wrote: it keeps names in an order of its own.
func CanonicalJSON(text []byte) (string, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", err
	}
	canonical, err := appendCanonical(nil, value, 0)
	return string(canonical), err
}

// appendCanonical writes a value with its names in order, its numbers without
// exponents and needless zeros, and spaces where PostgreSQL has them, so that
// its length is the same there.
func appendCanonical(dst []byte, value any, depth int) ([]byte, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("is nested more than %d deep", maxJSONDepth)
	}
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return fmt.Appendf(dst, "%t", v), nil
	case string:
		if err := checkText(v, true); err != nil {
			return nil, fmt.Errorf("holds a text that %w", err)
		}
		return AppendString(dst, []byte(v)), nil
	case json.Number:
		number, err := jsonNumber(v.String())
		return append(dst, number...), err
	case []any:
		dst = append(dst, '[')
		for i, item := range v {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			var err error
			if dst, err = appendCanonical(dst, item, depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	case map[string]any:
		dst = append(dst, '{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				dst = append(dst, ", "...)
			}
			if err := checkText(name, true); err != nil {
				return nil, fmt.Errorf("holds a name that %w", err)
			}
			dst = append(AppendString(dst, []byte(name)), ": "...)
			var err error
			if dst, err = appendCanonical(dst, v[name], depth+1); err != nil {
				return nil, err
			}
		}
		return append(dst, '}'), nil
	}
	return nil, errNotA("JSON")
}

// jsonNumber writes a number without an exponent: "1e999999999" is short to
// write and takes gigabytes to hold.
func jsonNumber(text string) (string, error) {
	number, err := decimal.NewFromString(text)
	if err != nil || len(text) > MaxDigits || number.Exponent() > MaxDigits || number.Exponent() < -MaxDigits {
		return "", fmt.Errorf("holds a number with more than %d digits", MaxDigits)
	}
	return number.String(), nil
}
