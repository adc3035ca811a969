package query

import (
	"encoding/base64"
	"encoding/json"
)

// sealCursor is a cursor that only the same list opens: the one of that context.
func (c *Compiler) sealCursor(plain []byte, context string) string {
	return base64.RawURLEncoding.EncodeToString(c.cursors.Seal(plain, context))
}

// openCursor reads the values that a cursor of the same list holds.
func (c *Compiler) openCursor(cursor, context string) ([]*string, error) {
	foreign := malformed("after", "this is not a cursor of the same list; start at its first page")
	if len(cursor) > maxCursor {
		return nil, foreign
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return nil, foreign
	}
	plain, err := c.cursors.Open(sealed, context)
	if err != nil {
		return nil, foreign
	}
	var values []*string
	if err := json.Unmarshal(plain, &values); err != nil {
		return nil, foreign
	}
	return values, nil
}
