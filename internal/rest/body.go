package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/kontor-crm/kontor/internal/fault"
)

// The bounds of a JSON body.
const (
	maxBody  = 1 << 20
	maxDepth = 32
)

// body reads the body of a request once, however often a handler runs.
type body struct {
	w      http.ResponseWriter
	r      *http.Request
	limit  int64
	read   bool
	object map[string]any
	err    error
}

func newBody(w http.ResponseWriter, r *http.Request) *body { return &body{w: w, r: r, limit: maxBody} }

// JSON is the object in the body, numbers as json.Number.
func (b *body) JSON() (map[string]any, error) {
	if !b.read {
		b.read = true
		b.object, b.err = b.decode()
	}
	return b.object, b.err
}

func (b *body) decode() (map[string]any, error) {
	if err := checkContentType(b.r, contentJSON, "application/merge-patch+json"); err != nil {
		return nil, err
	}
	tooLarge := fault.New(fault.TooLarge, "the body is longer than %d bytes", b.limit)
	if b.r.ContentLength > b.limit {
		b.w.Header().Set("Connection", "close") // the rest is not worth reading
		return nil, tooLarge
	}
	text, err := io.ReadAll(http.MaxBytesReader(b.w, b.r.Body, b.limit))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge
	}
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the body could not be read")
	}
	return decodeObject(text)
}

// checkContentType refuses a body of another type than those.
func checkContentType(r *http.Request, allowed ...string) error {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(allowed, kind) {
		return fault.Because(fault.Malformed, reasonUnsupported, "the body must be %s, and the header Content-Type must say so", allowed[0])
	}
	return nil
}

// decodeObject reads exactly one JSON object.
func decodeObject(text []byte) (map[string]any, error) {
	if depth(text) > maxDepth {
		return nil, fault.New(fault.Malformed, "the body is nested more than %d deep", maxDepth)
	}
	// encoding/json would replace what is no UTF-8, and take the last of two values.
	if !utf8.Valid(text) {
		return nil, fault.New(fault.Malformed, "the body is not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	value, err := readValue(decoder)
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Malformed, "the body holds more than one JSON value")
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fault.New(fault.Malformed, "the body must be a JSON object")
	}
	return object, nil
}

// readValue reads a value as encoding/json does, and refuses an object that has a
// name twice. How deep it goes was looked at before.
func readValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, notJSON(err, decoder.InputOffset())
	}
	switch token {
	case json.Delim('{'):
		return readObject(decoder)
	case json.Delim('['):
		return readList(decoder)
	}
	return token, nil
}

func readObject(decoder *json.Decoder) (any, error) {
	object := map[string]any{}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, notJSON(err, decoder.InputOffset())
		}
		name, _ := token.(string)
		if _, isThere := object[name]; isThere {
			return nil, fault.New(fault.Malformed, "the body names %.60q twice", name)
		}
		if object[name], err = readValue(decoder); err != nil {
			return nil, err
		}
	}
	return object, closing(decoder)
}

func readList(decoder *json.Decoder) (any, error) {
	list := []any{}
	for decoder.More() {
		value, err := readValue(decoder)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, closing(decoder)
}

// closing reads the bracket that ends an object or a list.
func closing(decoder *json.Decoder) error {
	if _, err := decoder.Token(); err != nil {
		return notJSON(err, decoder.InputOffset())
	}
	return nil
}

func notJSON(err error, offset int64) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fault.Wrap(fault.Malformed, err, "the body is not JSON: %s, at byte %d", syntax, syntax.Offset)
	}
	if errors.Is(err, io.EOF) {
		return fault.Wrap(fault.Malformed, err, "the body is empty; a JSON object is needed")
	}
	return fault.Wrap(fault.Malformed, err, "the body is not JSON: it breaks off at byte %d", offset)
}

// depth is how deep the brackets of a JSON text nest; encoding/json itself allows 10,000.
func depth(text []byte) int {
	deepest, now, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}

// texts reads a body that holds nothing but texts; all of them are needed.
func (b *body) texts(into map[string]*string) error {
	object, err := b.JSON()
	if err != nil {
		return err
	}
	var violations []fault.Violation
	for name, value := range object {
		target, known := into[name]
		text, isText := value.(string)
		switch {
		case !known:
			violations = append(violations, fault.Violation{Path: name, Message: "there is no such field here"})
		case !isText:
			violations = append(violations, fault.Violation{Path: name, Message: "must be a text"})
		default:
			*target = text
		}
	}
	for name := range into {
		if _, ok := object[name]; !ok {
			violations = append(violations, fault.Violation{Path: name, Message: "is required"})
		}
	}
	slices.SortFunc(violations, func(a, b fault.Violation) int { return bytes.Compare([]byte(a.Path), []byte(b.Path)) })
	return fault.Refuse(violations...)
}
