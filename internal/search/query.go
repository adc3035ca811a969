package search

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kontor-crm/kontor/internal/schema"
)

// The bounds of what is looked for.
const (
	// MaxLength is the greatest number of characters.
	MaxLength = 200
	// maxTerms is the greatest number of words.
	maxTerms = 16
	// maxWanted is the greatest number of tokens that are asked of the index.
	maxWanted = 32
	// densely is the length of a word up to which its pieces overlap that are asked for.
	densely = 8
	// minPhone is the number of digits from which figures with signs between them may be one phone number.
	minPhone = 5
)

// Query is what somebody looks for: all of its words must be found, in any order.
type Query struct {
	terms []term
	// phone is the whole as one phone number, when it can be one of several parts.
	phone *term
	// number is the number of a record, 0 when it is none.
	number int64
}

// term is one word of a query.
type term struct {
	word
	// splits are the ways to read it as pinyin.
	splits [][]string
}

// Parse reads what somebody typed. Errors are for the user.
func Parse(text string) (*Query, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("is not valid UTF-8")
	}
	if utf8.RuneCountInString(text) > MaxLength {
		return nil, fmt.Errorf("has more than %d characters", MaxLength)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, errors.New("must not hold control characters")
	}
	q := &Query{}
	for _, w := range wordsOf(text) {
		if !slices.ContainsFunc(q.terms, func(t term) bool { return slices.Equal(t.runes, w.runes) }) {
			q.terms = append(q.terms, term{word: w, splits: splits(w.runes)})
		}
	}
	switch {
	case len(q.terms) == 0:
		return nil, errors.New("must hold a letter or a digit")
	case len(q.terms) > maxTerms:
		return nil, fmt.Errorf("has more than %d different words", maxTerms)
	}
	if number, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(text), "#"), 10, 64); err == nil && number > 0 {
		q.number = number
	}
	if digits := digitsOf(text); len(digits) > 0 && !strings.ContainsFunc(text, isNoPhone) {
		// A number is stored with the code of the country or with a zero for it.
		runes := []rune(strings.TrimLeft(string(digits[0].runes), "0"))
		if len(runes) >= minPhone && (len(q.terms) != 1 || len(runes) < len(q.terms[0].runes)) {
			q.phone = &term{word: word{class: other, runes: runes}}
		}
	}
	return q, nil
}

// isNoPhone says whether a character is never part of a phone number.
func isNoPhone(r rune) bool { return !strings.ContainsRune("0123456789 +()/.-", r) }

// Number is the number of the record that is looked for, 0 when it can be none.
func (q *Query) Number() int64 { return q.number }

// Way is one way to find records: all tokens must be there. What an index finds by
// them has still to be matched.
type Way struct {
	Tokens []string
	// Marks are one of the tokens of each word. An index that begins with these has few
	// lists to compare: those of one word's tokens are nearly the same.
	Marks []string
	// Title is the token of titles that begin with what is looked for, empty where there is none.
	Title string
	// Length is the token of titles of the same length.
	Length string
}

// Ways are the ways to find records: as it is typed, then as pinyin, then as a phone number.
func (q *Query) Ways() []Way {
	way := q.wanted(nil)
	words := make([]word, 0, len(q.terms))
	for i := range q.terms {
		words = append(words, q.terms[i].word)
	}
	if way.Title = startOf(words); way.Title != "" {
		way.Length = signLength + strconv.Itoa(lengthOf(words))
	}
	ways := []Way{way}
	for n := range maxSplits {
		if !slices.ContainsFunc(q.terms, func(t term) bool { return len(t.splits) > n }) {
			break
		}
		ways = append(ways, q.wanted(&n))
	}
	if q.phone != nil {
		w := newWanted()
		w.mark(func() { w.want(q.phone) })
		ways = append(ways, w.way())
	}
	return ways
}

// wanted is the way to find all words, read as pinyin where they have such a way to be read.
func (q *Query) wanted(reading *int) Way {
	w := newWanted()
	for i := range q.terms {
		of := &q.terms[i]
		w.mark(func() {
			if reading == nil || len(of.splits) == 0 {
				w.want(of)
				return
			}
			for _, syllable := range of.splits[min(*reading, len(of.splits)-1)] {
				w.add(signReading + syllable)
			}
		})
	}
	return w.way()
}

// wanted collects the tokens of a way, and the mark of each word.
type wanted struct {
	tokens
	marks []string
}

func newWanted() *wanted { return &wanted{tokens: tokens{seen: map[string]bool{}}} }

// mark lets one word add its tokens, and takes the middle one for its mark: the first
// ones are those of more words than the later ones.
func (w *wanted) mark(word func()) {
	from := len(w.list)
	word()
	if n := len(w.list); n > from && from < maxWanted {
		w.marks = append(w.marks, w.list[(from+min(n, maxWanted))/2])
	}
}

func (w *wanted) way() Way { return Way{Tokens: w.list[:min(len(w.list), maxWanted)], Marks: w.marks} }

// Rest are the tokens that are no marks.
func (w Way) Rest() []string {
	return slices.DeleteFunc(slices.Clone(w.Tokens), func(token string) bool { return slices.Contains(w.Marks, token) })
}

// want adds the tokens that a value has in which the word stands. Of a longer word some
// pieces do, which together hold all of it: what they find is matched with the word, and
// the index has fewer lists to read.
func (t *tokens) want(of *term) {
	length, step := 3, 1
	if of.class == han {
		length = 2
	}
	switch {
	case len(of.runes) < length:
		t.add(signBegins + string(of.runes))
		return
	case len(of.runes) > densely:
		step = length
	case len(of.runes) > length+1 && of.class != han:
		step = length - 1
	}
	t.addPieces(of.runes, length, step)
}

// Match is how one value fits.
type Match struct {
	// Terms are the words of the query that stand in the value, a bit each.
	Terms uint32
	// Fit says how well it fits, when all words stand in it.
	Fit Fit
	// From and To are where the first of them stands in the text, in bytes.
	From, To int
}

// Fit says how well a value fits; the smaller the better.
type Fit int

// How a value fits.
const (
	// FitsWhole is a value that is what is looked for, and nothing else.
	FitsWhole Fit = iota
	// FitsBegin is a value that begins with it.
	FitsBegin
	// FitsWords is a value in which each word that is looked for begins a word.
	FitsWords
	// FitsParts is a value in which all of it stands somewhere.
	FitsParts
	// FitsSome is a value in which not all of it stands.
	FitsSome
)

// All are the bits of all words of the query.
func (q *Query) All() uint32 { return 1<<len(q.terms) - 1 }

// Match says how a value fits; false when no word of the query stands in it.
func (q *Query) Match(f *schema.Field, text string) (Match, bool) {
	words := wordsIn(f, text)
	if q.phone != nil && (f.Type == schema.TypePhone || strings.HasPrefix(text, "+")) {
		for i := range words {
			if place, ok := q.phone.in(&words[i]); ok {
				m := Match{Terms: q.All(), From: words[i].at[place.from], To: words[i].endOf(place.to - 1), Fit: FitsParts}
				if place.from == 0 {
					m.Fit = FitsBegin
				}
				if q.phone.fills(&words[i]) {
					m.Fit = FitsWhole
				}
				return m, true
			}
		}
	}
	m := Match{Fit: FitsWords, From: -1}
	for n := range q.terms {
		w, place, ok := q.terms[n].among(words)
		if !ok {
			m.Fit = FitsSome
			continue
		}
		m.Terms |= 1 << n
		if place.from > 0 {
			m.Fit = max(m.Fit, FitsParts)
		}
		if from := w.at[place.from]; m.From < 0 || from < m.From {
			m.From, m.To = from, w.endOf(place.to-1)
		}
	}
	if m.Terms == 0 {
		return Match{}, false
	}
	if m.Fit == FitsWords && q.begins(words) {
		m.Fit = FitsBegin
		if len(words) == len(q.terms) && q.terms[len(q.terms)-1].fills(&words[len(words)-1]) {
			m.Fit = FitsWhole
		}
	}
	return m, true
}

// begins says whether the value begins with the words of the query as they stand.
func (q *Query) begins(words []word) bool {
	if len(words) < len(q.terms) {
		return false
	}
	for n := range q.terms {
		place, ok := q.terms[n].in(&words[n])
		if !ok || place.from > 0 || n < len(q.terms)-1 && !q.terms[n].fills(&words[n]) {
			return false
		}
	}
	return true
}

// fills says whether a term is the whole of a word.
func (t *term) fills(w *word) bool { return slices.Equal(t.runes, w.runes) }

// place is where a term stands in a word.
type place struct{ from, to int }

// among finds the term in the words, at the beginning of one if it can.
func (t *term) among(words []word) (*word, place, bool) {
	var found *word
	var best place
	for i := range words {
		p, ok := t.in(&words[i])
		if ok && (found == nil || p.from == 0) {
			found, best = &words[i], p
			if p.from == 0 {
				break
			}
		}
	}
	return found, best, found != nil
}

// in finds the term in a word.
func (t *term) in(w *word) (place, bool) {
	switch {
	case t.class == w.class:
		if n := t.index(w.runes); n >= 0 {
			return place{n, n + len(t.runes)}, true
		}
	case w.class == han && isSpelling(t.runes):
		for from := range w.runes {
			if to, ok := t.spells(w.runes, from); ok {
				return place{from, to}, true
			}
		}
	}
	return place{}, false
}

// index is where the term stands in a word of its class, -1 where it does not. A
// short one has to begin the word: there are no tokens of what short ones stand in.
func (t *term) index(runes []rune) int {
	short := 2
	if t.class == han {
		short = 1
	}
	for from := 0; from+len(t.runes) <= len(runes); from++ {
		if from > 0 && len(t.runes) <= short {
			return -1
		}
		if slices.Equal(t.runes, runes[from:from+len(t.runes)]) {
			return from
		}
	}
	return -1
}

// spells says whether the term is how the Chinese characters from there on are
// read, or their first letters, and up to which character.
func (t *term) spells(runes []rune, from int) (int, bool) {
	if from == 0 || len(t.runes) > 2 {
		matched := 0
		for ; matched < len(t.runes) && from+matched < len(runes); matched++ {
			if !slices.Contains(initialsOf(runes[from+matched]), t.runes[matched]) {
				break
			}
		}
		if matched == len(t.runes) {
			return from + matched, true
		}
	}
	return spelt(string(t.runes), runes, from, true)
}

// spelt follows the syllables; only the first has to be whole.
func spelt(letters string, runes []rune, at int, first bool) (int, bool) {
	if letters == "" {
		return at, true
	}
	if at == len(runes) {
		return 0, false
	}
	for _, syllable := range readingsOf(runes[at]) {
		if rest, ok := strings.CutPrefix(letters, syllable); ok {
			if to, ok := spelt(rest, runes, at+1, false); ok {
				return to, true
			}
		} else if !first && strings.HasPrefix(syllable, letters) {
			return at + 1, true
		}
	}
	return 0, false
}

// snippetWidth is the length of a snippet, in characters.
const snippetWidth = 80

// Snippet is the part of a text around a match, on one line; … says where it goes on.
func Snippet(text string, m Match) string {
	before, found, after := []rune(text[:m.From]), []rune(text[m.From:m.To]), []rune(text[m.To:])
	if len(found) > snippetWidth {
		found, after = found[:snippetWidth], slices.Concat(found[snippetWidth:], after)
	}
	room := snippetWidth - len(found)
	left := min(len(before), max(room/3, room-len(after)))
	right := min(len(after), room-left)
	line := strings.Join(strings.Fields(string(slices.Concat(before[len(before)-left:], found, after[:right]))), " ")
	if left < len(before) {
		line = "…" + line
	}
	if right < len(after) {
		line += "…"
	}
	return line
}
