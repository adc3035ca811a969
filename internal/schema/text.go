package schema

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// textual is what the types have in common whose values are texts.
type textual struct{}

func (textual) Kind() Kind             { return KindText }
func (textual) Storage(*Field) Storage { return StorageText }
func (textual) Form() Form             { return Form{Type: "string"} }

func (textual) AppendJSON(dst []byte, _ *Field, text []byte) []byte { return AppendString(dst, text) }

// decodeText reads a text of a JSON value and checks the rules of the field.
func decodeText(f *Field, value any, multiline bool) (any, error) {
	text, ok := value.(string)
	if !ok {
		return nil, errNotA("a text")
	}
	return parseText(f, text, multiline)
}

func parseText(f *Field, text string, multiline bool) (any, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // an empty text is no value
	}
	if err := checkText(text, multiline); err != nil {
		return nil, err
	}
	return checkRules(f, text)
}

// checkText refuses what no text may hold: PostgreSQL cannot store a zero
// byte, and control characters in names are mistakes or mischief.
func checkText(text string, multiline bool) error {
	if !utf8.ValidString(text) {
		return errors.New("is not valid UTF-8")
	}
	for _, r := range text {
		if unicode.IsControl(r) && (!multiline || !strings.ContainsRune("\n\r\t", r)) {
			return errors.New("must not hold control characters")
		}
	}
	return nil
}

// length is the field's length, or the type's own.
func length(f *Field, byDefault int) int {
	if f.Length > 0 {
		return f.Length
	}
	return byDefault
}

// checkLength refuses a length over what the type can hold.
func checkLength(f *Field, most int) []Problem {
	if f.Length < 0 || f.Length > most {
		return []Problem{{Path: "length", Message: "must be from 1 to " + itoa(most)}}
	}
	return nil
}

const hexDigits = "0123456789abcdef"

// AppendString appends a text as a JSON string.
func AppendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	start := 0
	for i, c := range text {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		start = i + 1
	}
	return append(append(dst, text[start:]...), '"')
}
