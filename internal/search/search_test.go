package search_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
)

// customer is an object with a field of each searchable type.
func customer(t *testing.T) *schema.Object {
	t.Helper()
	yes := true
	s, err := schema.Build(&schema.Schema{Format: schema.Format, Objects: []*schema.Object{{
		Identity: "customer", Name: "customer", Table: "customer", Title: "name", Fields: []*schema.Field{
			{Identity: "notes", Name: "notes", Column: "notes", Type: schema.TypeLongText, Searchable: &yes},
			{Identity: "email", Name: "email", Column: "email", Type: schema.TypeEmail},
			{Identity: "phone", Name: "phone", Column: "phone", Type: schema.TypePhone},
			{Identity: "name", Name: "name", Column: "name", Type: schema.TypeText},
			{Identity: "tax_id", Name: "tax_id", Column: "tax_id", Type: schema.TypeText, Unique: true, Sensitivity: "sensitive"},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return s.Objects[0]
}

func field(t *testing.T, o *schema.Object, name string) *schema.Field {
	t.Helper()
	f, ok := o.Field(name)
	if !ok {
		t.Fatalf("there is no field %q", name)
	}
	return f
}

// holds says whether an index that has the tokens of the value gives the record for one of the query's ways.
func holds(tokens []string, q *search.Query) bool {
	return slices.ContainsFunc(q.Ways(), func(way search.Way) bool {
		return !slices.ContainsFunc(way.Tokens, func(token string) bool { return !slices.Contains(tokens, token) })
	})
}

// finds says whether the text is a candidate for the query, and a match.
func finds(t *testing.T, fieldName, text, typed string) (candidate, match bool) {
	t.Helper()
	o := customer(t)
	f := field(t, o, fieldName)
	q, err := search.Parse(typed)
	if err != nil {
		t.Fatalf("%q: %v", typed, err)
	}
	m, ok := q.Match(f, text)
	return holds(search.Tokens(o, []search.Value{{Field: f, Text: text}}), q), ok && m.Terms == q.All()
}

func TestWhatPeopleTypeFindsWhatIsMeant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, field, text, typed string
	}{
		{"a Chinese name of two characters", "name", "王明", "王明"},
		{"a part of a Chinese name", "name", "中国银行股份有限公司", "银行"},
		{"the first character of a Chinese name", "name", "王明", "王"},
		{"the first letters of the pinyin", "name", "中国银行", "zgyh"},
		{"a part of the first letters", "name", "中国银行", "gyh"},
		{"the first two of the first letters", "name", "中国银行", "ZG"},
		{"the whole pinyin", "name", "中国银行", "zhongguoyinhang"},
		{"a part of the pinyin, in the middle of a syllable", "name", "中国银行", "guoyinh"},
		{"one syllable", "name", "王明", "wang"},
		{"pinyin that can be taken apart in two ways", "name", "西安", "xian"},
		{"a character with several readings by the second one", "name", "重庆", "cq"},
		{"syllables with spaces between them", "name", "中国银行", "zhong guo"},
		{"Chinese among Latin letters", "name", "ABC中国Bank", "中国 bank"},
		{"the beginning of a word", "name", "Acme Hardware", "har"},
		{"the middle of a word", "name", "Acme Hardware", "ardwa"},
		{"one letter that begins a word", "name", "Acme Hardware", "h"},
		{"two letters that begin a word", "name", "Acme Hardware", "ha"},
		{"words in another order", "name", "Acme Hardware GmbH", "gmbh ACME"},
		{"another case", "name", "ΣΊΣΥΦΟΣ", "σισυφος"},
		{"no accents", "name", "Škoda Café Ångström", "skoda cafe angstrom"},
		{"accents that are characters of their own", "name", "Cafe\u0301", "café"},
		{"more accents than there are", "name", "Cafe", "café"},
		{"letters that people take for others", "name", "Straße Øresund Łódź", "strasse oresund lodz"},
		{"wide letters", "name", "ＡＢＣ公司", "abc公司"},
		{"other signs between the words", "name", "Acme-Hardware, GmbH & Co.", "acme/hardware co"},
		{"a name before the at sign", "email", "john.doe@acme-corp.example", "doe"},
		{"a domain", "email", "john.doe@acme-corp.example", "acme-corp.example"},
		{"a part of a domain", "email", "john.doe@acme-corp.example", "cme"},
		{"a whole address", "email", "john.doe@acme-corp.example", "John.Doe@acme-corp.example"},
		{"digits of a phone number", "phone", "+86 (138) 1234-5678", "3812345"},
		{"a phone number in another format", "phone", "+86 (138) 1234-5678", "138 1234 5678"},
		{"a phone number with dots", "phone", "+86 (138) 1234-5678", "138.1234.5678"},
		{"a phone number with the zero of its area", "phone", "+49 30 123456", "030 123456"},
		{"a phone number with the zeros of its country", "phone", "+49 30 123456", "0049 (30) 12 34 56"},
		{"Korean", "name", "삼성전자", "삼성"},
		{"Cyrillic", "name", "Газпром нефть", "ГАЗ"},
		{"a long word", "name", "Donaudampfschifffahrtsgesellschaft", "udampfschifffahrtsgesells"},
	} {
		candidate, match := finds(t, c.field, c.text, c.typed)
		if !candidate || !match {
			t.Errorf("%s: %q in %q: candidate %t, match %t", c.name, c.typed, c.text, candidate, match)
		}
	}
}

func TestWhatIsNotMeantIsNotFound(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, field, text, typed string
	}{
		{"another Chinese name", "name", "中国银行", "国行"},
		{"one of two words is not there", "name", "Acme Hardware", "acme software"},
		{"a short word in the middle of another", "name", "Acme Hardware", "dw"},
		{"pieces that stand in another order", "name", "abcab", "cabc"},
		{"first letters of other characters", "name", "中国银行", "zgyb"},
		{"digits that only stand in the text of another field", "name", "12-34-56", "123456"},
	} {
		if _, match := finds(t, c.field, c.text, c.typed); match {
			t.Errorf("%s: %q is found in %q", c.name, c.typed, c.text)
		}
	}
}

func TestABetterFitComesFirst(t *testing.T) {
	t.Parallel()
	f := field(t, customer(t), "name")
	q, err := search.Parse("Acme hard")
	if err != nil {
		t.Fatal(err)
	}
	var fits []search.Fit
	for _, text := range []string{"ACME: Hard", "Acme Hardware", "Hardware by Acme", "Blacme Hard", "Acme"} {
		m, ok := q.Match(f, text)
		if !ok {
			t.Errorf("%q does not match", text)
		}
		fits = append(fits, m.Fit)
	}
	if want := []search.Fit{search.FitsWhole, search.FitsBegin, search.FitsWords, search.FitsParts, search.FitsSome}; !slices.Equal(fits, want) {
		t.Errorf("the fits are %v, not %v", fits, want)
	}
}

func TestTheTitlesBeginningAndLengthAreTokens(t *testing.T) {
	t.Parallel()
	o := customer(t)
	for text, typed := range map[string]string{"中国银行": "中国银行", "Acme Hardware": "acme-hardware"} {
		q, err := search.Parse(typed)
		if err != nil {
			t.Fatal(err)
		}
		way := q.Ways()[0]
		inTitle := search.Tokens(o, []search.Value{{Field: field(t, o, "name"), Text: text}})
		elsewhere := search.Tokens(o, []search.Value{{Field: field(t, o, "notes"), Text: text}})
		for _, token := range []string{way.Title, way.Length} {
			if token == "" || !slices.Contains(inTitle, token) || slices.Contains(elsewhere, token) {
				t.Errorf("%q: the token %q", typed, token)
			}
		}
	}
}

func TestSearchableFieldsAreTheTitleAndKeys(t *testing.T) {
	t.Parallel()
	var names []string
	for _, f := range customer(t).SearchFields() {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "name email phone phone_e164 notes" {
		t.Errorf("the searchable fields are %s", got)
	}
}

func TestTheDigestChangesWithTheSearchableFields(t *testing.T) {
	t.Parallel()
	no := false
	o, less, renamed := customer(t), customer(t), customer(t)
	field(t, less, "phone").Searchable = &no
	field(t, renamed, "phone").Label = schema.Label{"en": "Telephone"}
	if search.Digest(o) == search.Digest(less) || search.Digest(o) != search.Digest(renamed) {
		t.Error("the digest is not that of the searchable fields")
	}
}

func TestATextWithoutEndGivesFewTokens(t *testing.T) {
	t.Parallel()
	o := customer(t)
	var text strings.Builder
	for r := rune(0x4e00); r < 0x9000; r++ {
		text.WriteRune(r)
	}
	tokens := search.Tokens(o, []search.Value{{Field: field(t, o, "name"), Text: "Acme"}, {Field: field(t, o, "notes"), Text: text.String()}})
	if len(tokens) > 600 || !slices.Contains(tokens, "acm") {
		t.Errorf("%d tokens", len(tokens))
	}
}

func TestWhatCannotBeLookedForIsRefused(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"": "a letter or a digit", " -!*() ": "a letter or a digit", "👍": "a letter or a digit", "a\x00b": "control characters",
		"a\xffb": "not valid UTF-8", strings.Repeat("x", 201): "more than 200 characters",
		"a b c d e f g h i j k l m n o p q": "more than 16 different words",
	} {
		if _, err := search.Parse(typed); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", typed, err, want)
		}
	}
}

func TestASnippetShowsTheMatch(t *testing.T) {
	t.Parallel()
	f := field(t, customer(t), "notes")
	long := strings.Repeat("before ", 40) + "the\nÑandú ran" + strings.Repeat(" after", 40)
	q, err := search.Parse("nandu")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := q.Match(f, long)
	snippet := search.Snippet(long, m)
	if !strings.Contains(snippet, "the Ñandú ran") || utf8.RuneCountInString(snippet) > 82 || !strings.HasPrefix(snippet, "…") || !strings.HasSuffix(snippet, "…") {
		t.Errorf("the snippet is %q", snippet)
	}
	m, _ = q.Match(f, "Ñandú")
	if got := search.Snippet("Ñandú", m); got != "Ñandú" {
		t.Errorf("the snippet of all is %q", got)
	}
}

// FuzzAnyPartOfAWordIsFound holds for all texts: a part of a word of at least two
// Chinese or three other characters finds the text.
func FuzzAnyPartOfAWordIsFound(f *testing.F) {
	for _, seed := range []string{"中国银行股份有限公司", "Acme Hardware GmbH", "Škoda Ǆ ﬁ ½ ß", "a\u0301bc 가나다라", "İstanbul ΣΊΣΥΦΟΣ", "𠮷野家々〇", "ก็ Ω Å"} {
		f.Add(seed, 0, 3)
	}
	o := &schema.Object{Title: "name"}
	name := &schema.Field{Identity: "name", Name: "name", Type: schema.TypeText}
	f.Fuzz(func(t *testing.T, text string, from, length int) {
		if utf8.RuneCountInString(text) > 150 || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return
		}
		var words []string
		for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			words = append(words, w)
		}
		if len(words) == 0 || from < 0 || length < 3 {
			return
		}
		runes := []rune(words[from%len(words)])
		from %= len(runes)
		part := string(runes[from:min(len(runes), from+length%50)])
		isHan := func(r rune) bool { return unicode.Is(unicode.Han, r) }
		if n := utf8.RuneCountInString(part); n < 2 || n < 3 && strings.ContainsFunc(part, func(r rune) bool { return !isHan(r) }) {
			return
		}
		if strings.ContainsFunc(part, isHan) != !strings.ContainsFunc(part, func(r rune) bool { return !isHan(r) }) {
			return // a mixture is several words, some of them short
		}
		q, err := search.Parse(part)
		if err != nil {
			return // it folds to nothing
		}
		tokens := search.Tokens(o, []search.Value{{Field: name, Text: text}})
		for _, token := range q.Ways()[0].Tokens {
			if len([]rune(token)) > 1 && !slices.Contains(tokens, token) {
				t.Errorf("%q of %q asks for %q, which is not in %q", part, text, token, tokens)
			}
		}
		if m, ok := q.Match(name, text); !ok || m.Terms != q.All() || m.From < 0 || m.To > len(text) || m.From >= m.To {
			t.Errorf("%q does not match %q: %+v", part, text, m)
		} else {
			search.Snippet(text, m)
		}
	})
}

func BenchmarkTokens(b *testing.B) {
	o := &schema.Object{Title: "name"}
	name := &schema.Field{Identity: "name", Name: "name", Type: schema.TypeText}
	for range b.N {
		search.Tokens(o, []search.Value{{Field: name, Text: "中国银行股份有限公司 Acme Hardware GmbH"}})
	}
}
