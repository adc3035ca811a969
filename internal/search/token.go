package search

import (
	"hash/fnv"
	"io"
	"strconv"

	"github.com/kontor-crm/kontor/internal/schema"
)

// version changes whenever the same record gets other tokens than before, so that
// the records are read anew.
const version = "1"

// maxTokens bounds the tokens of one record. The fields give theirs in their order,
// the title first and long texts last: a long text may be findable by its beginning alone.
const maxTokens = 600

// The signs that stand before tokens. A word holds none of them, so that a token
// says what it is.
const (
	// signBegins stands before the first one or two characters of a word.
	signBegins = "^"
	// signReading stands before a syllable.
	signReading = "~"
	// signTitle stands before the first characters of the title.
	signTitle = "<"
	// signLength stands before the number of characters of the title.
	signLength = "="
	// SignBlock stands before the number of a record's block, see BlockBits.
	SignBlock = "#"
)

// BlockBits is the size of a block: 1<<BlockBits records that were made one after
// the other share the token SignBlock + (number >> BlockBits). So the newest records
// can be searched alone, however often the words stand in the others.
const BlockBits = 13

// titleStart is how many characters of the title signTitle is followed by, by class.
var titleStart = map[class]int{han: 2, other: 3}

// Value is one searchable value of a record.
type Value struct {
	Field *schema.Field
	Text  string
}

// tokens collects each token once.
type tokens struct {
	list []string
	seen map[string]bool
}

func (t *tokens) add(token string) {
	if len(t.list) < maxTokens && !t.seen[token] {
		t.seen[token] = true
		t.list = append(t.list, token)
	}
}

// Tokens are what the index holds of a record with these values, each once, without
// a space in any. The block is not among them: it needs the record's number.
func Tokens(o *schema.Object, values []Value) []string {
	t := &tokens{seen: map[string]bool{}}
	for _, v := range values {
		words := wordsIn(v.Field, v.Text)
		if v.Field == o.TitleField() {
			t.addTitle(words)
		}
		for i := range words {
			t.addWord(&words[i])
		}
	}
	return t.list
}

func (t *tokens) addTitle(words []word) {
	if token := startOf(words); token != "" {
		t.add(token)
		t.add(signLength + strconv.Itoa(lengthOf(words)))
	}
}

// startOf is the token of the beginning of a title, empty for one whose first word is too short.
func startOf(words []word) string {
	if len(words) == 0 {
		return ""
	}
	length := titleStart[words[0].class]
	if len(words[0].runes) < length {
		return ""
	}
	return signTitle + string(words[0].runes[:length])
}

func (t *tokens) addWord(w *word) {
	t.add(signBegins + string(w.runes[:1]))
	if w.class == han {
		t.addPieces(w.runes, 2, 1)
		t.addReadings(w.runes)
		return
	}
	if len(w.runes) > 1 {
		t.add(signBegins + string(w.runes[:2]))
	}
	t.addPieces(w.runes, 3, 1)
}

// addPieces adds the pieces of a length, a step apart, and the last one.
func (t *tokens) addPieces(runes []rune, length, step int) {
	for i := 0; i+length <= len(runes); i += step {
		t.add(string(runes[i : i+length]))
		if rest := len(runes) - length - i; rest > 0 && rest < step {
			i = len(runes) - length - step
		}
	}
}

// addReadings adds the syllables, and the first letters as if they were a word of
// their own. A character with several readings gives the letters of each.
func (t *tokens) addReadings(runes []rune) {
	for i, r := range runes {
		for _, syllable := range readingsOf(r) {
			t.add(signReading + syllable)
		}
		t.addInitials(runes[i:], 3, "")
	}
	t.addInitials(runes, 1, signBegins)
	t.addInitials(runes, 2, signBegins)
}

// addInitials adds each way to read the first letters of so many characters.
func (t *tokens) addInitials(runes []rune, length int, sign string) {
	if len(runes) < length {
		return
	}
	ways := []string{sign}
	for _, r := range runes[:length] {
		var longer []string
		for _, way := range ways {
			for _, initial := range initialsOf(r) {
				longer = append(longer, way+string(initial))
			}
		}
		ways = longer
	}
	for _, way := range ways {
		t.add(way)
	}
}

// Digest is a number that changes when the records of an object get other tokens:
// with the searchable fields, and with this package. It is never 0.
func Digest(o *schema.Object) int32 {
	hash := fnv.New32a()
	_, _ = io.WriteString(hash, version) // a hash takes everything
	for _, f := range o.SearchFields() {
		_, _ = io.WriteString(hash, "\x00"+f.Identity+"\x00"+string(f.Type)+"\x00"+strconv.FormatBool(f == o.TitleField()))
	}
	return int32(hash.Sum32()>>1) | 1
}
