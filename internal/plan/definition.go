package plan

import (
	"slices"
	"strings"
)

// sameDefinition says whether PostgreSQL's print of a constraint, an index or a trigger
// says what a plan wrote. It prints casts, brackets and quotes of its own, and those of
// the plan it may leave out. What was not printed is taken for the same.
func sameDefinition(live, wanted string) bool {
	if live == "" || live == wanted {
		return true
	}
	return slices.Equal(wordsOf(live), wordsOf(wanted))
}

// wordsOf are the words, numbers, texts and signs of a definition without what
// PostgreSQL adds to it or leaves out. Texts keep a quote in front.
func wordsOf(definition string) []string {
	r := &reader{rest: definition}
	for r.next() {
	}
	return strings.Split(strings.TrimSuffix(strings.Join(r.words, "\x00"), "\x00not\x00valid"), "\x00")
}

// reader takes a definition apart.
type reader struct {
	rest  string
	words []string
}

const signs = "<>=~!@#%^&|?*/+-"

// next reads one word; it says whether there was one.
func (r *reader) next() bool {
	r.rest = strings.TrimLeft(r.rest, " \n\t()[]")
	switch {
	case r.rest == "":
		return false
	case strings.HasPrefix(r.rest, "::"):
		r.rest = r.rest[2:]
		r.skipType()
	case r.rest[0] == '\'' || (r.rest[0] == 'E' || r.rest[0] == 'e') && strings.HasPrefix(r.rest[1:], "'"):
		r.text()
	case r.rest[0] == '"':
		r.words = append(r.words, r.quoted('"'))
	case isWord(r.rest[0]):
		r.word(strings.ToLower(r.take(isWord)))
	case strings.IndexByte(signs, r.rest[0]) >= 0:
		r.words = append(r.words, r.take(func(c byte) bool { return strings.IndexByte(signs, c) >= 0 }))
	default:
		r.words = append(r.words, r.rest[:1])
		r.rest = r.rest[1:]
	}
	return true
}

// word adds a word in the form that PostgreSQL prints: of IN (…) that is = ANY (ARRAY[…]),
// and of the usual kind of an index it prints the name.
func (r *reader) word(word string) {
	switch {
	case word == "in":
		r.words = append(r.words, "=", "any", "array")
	case word == "btree" && len(r.words) > 0 && r.words[len(r.words)-1] == "using":
		r.words = r.words[:len(r.words)-1]
	default:
		r.words = append(r.words, word)
	}
}

// text reads a text. One that PostgreSQL prints of a number, with its type behind it, is that number.
func (r *reader) text() {
	escapes := r.rest[0] != '\''
	if escapes {
		r.rest = r.rest[1:]
	}
	text := r.quoted('\'')
	if escapes {
		text = strings.ReplaceAll(text, `\\`, `\`)
	}
	for _, number := range []string{"::integer", "::bigint", "::numeric"} {
		if strings.HasPrefix(r.rest, number) {
			inner := &reader{rest: text}
			for inner.next() {
			}
			r.words = append(r.words, inner.words...)
			return
		}
	}
	r.words = append(r.words, "'"+text)
}

// quoted reads what stands between two quotes, in which a double one is one.
func (r *reader) quoted(quote byte) string {
	var text strings.Builder
	for i := 1; i < len(r.rest); i++ {
		if r.rest[i] != quote {
			text.WriteByte(r.rest[i])
			continue
		}
		if i+1 < len(r.rest) && r.rest[i+1] == quote {
			text.WriteByte(quote)
			i++
			continue
		}
		r.rest = r.rest[i+1:]
		return text.String()
	}
	r.rest = ""
	return text.String()
}

// skipType leaves out the type of a cast, of several words where it has them.
func (r *reader) skipType() {
	r.take(isWord)
	for {
		before := r.rest
		r.rest = strings.TrimLeft(r.rest, " ")
		if word := r.take(isWord); !slices.Contains([]string{"varying", "precision", "with", "without", "time", "zone"}, word) {
			r.rest = before
			break
		}
	}
	if inner, rest, ok := strings.Cut(r.rest, ")"); ok && strings.HasPrefix(inner, "(") && strings.Trim(inner[1:], "0123456789,") == "" {
		r.rest = rest
	}
}

func (r *reader) take(belongs func(c byte) bool) string {
	n := 0
	for n < len(r.rest) && belongs(r.rest[n]) {
		n++
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}
