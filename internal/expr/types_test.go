package expr_test

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// shops is a schema whose deals have the types that expressions see in ways of their own.
func shops(tb testing.TB) (*schema.Schema, *schema.Object) {
	tb.Helper()
	s, err := schema.Build(&schema.Schema{Format: schema.Format, Objects: []*schema.Object{
		object("deal", field("opens", schema.TypeTime), field("closes", schema.TypeTime), field("took", schema.TypeDuration), field("stars", schema.TypeRating),
			field("meta", schema.TypeJSON), field("seat", schema.TypeAddress), field("notes", schema.TypeRichText), field("coin", schema.TypeCurrency),
			field("call", schema.TypePhone), field("about", schema.TypeRelation, func(f *schema.Field) { f.Targets = []string{"user", "deal"} })),
		{Identity: "user", Name: "person", Table: "user", Source: "standard"},
	}})
	if err != nil {
		tb.Fatal(err)
	}
	o, _ := s.Object("deal")
	return s, o
}

func TestGoAndSQLGiveTheSameAnswerOnEveryTypeOfField(t *testing.T) {
	t.Parallel()
	s, o := shops(t)
	records := []values{
		{
			"opens": "08:30:00", "closes": "17:00:00.5", "took": int64(5400), "stars": int64(5), "meta": `{"a": 1}`, "seat.city": "Berlin", "seat.latitude": number("52.5"),
			"seat.longitude": number("13.4"), "notes": "# A", "coin": "EUR", "call": "030 1", "call_e164": "+49301", "about.object": "user", "about.id": someUser,
		},
		{"opens": "23:59:59.999999", "closes": "08:30:00", "took": int64(0), "stars": int64(1), "seat.city": "上海", "about.object": "deal", "about.id": someDeal},
		{"closes": "00:00:00", "took": int64(schema.MaxDuration), "seat.line": "x", "coin": "CNY"},
		{},
	}
	connection := connect(t)
	fill(t, connection, s, world{"deal": records})
	for _, text := range []string{
		`opens < closes`, `opens == closes`, `opens != closes`, `opens >= "08:30"`, `opens in ["08:30", "23:59:59.999999", null]`, `opens == null`, `(has(opens) ? opens : "12:00") <= "12:00"`,
		`took > 3600`, `took / 60`, `took == 0 || took * 2 == 10800`, `seconds(took) > duration("1h")`, `took in [0, 5400]`,
		`stars >= 3`, `stars + 1`, `stars in [1, 5]`, `!has(meta)`, `meta != null`,
		`seat.city == "Berlin"`, `seat.city > "M"`, `seat.latitude * 2`, `has(seat.line) && !has(seat.latitude)`, `size(seat.city)`, `seat.city in ["上海"]`, `seat.city.startsWith("上")`,
		`notes.contains("A")`, `coin == "EUR"`, `coin != "EUR"`, `call_e164.startsWith("+49")`,
		`about.object == "person"`, `about.object != "deal"`, `about.object in ["person", "deal"]`, `about.id == "` + someUser + `"`, `has(about.id)`,
	} {
		e, err := expr.Compile(s, o, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for i, got := range ask(t, connection, e, expr.Context{}, 0) {
			want, err := e.Eval(expr.Context{}, record(records[i]))
			if err != nil {
				t.Errorf("%s on record %d: %v", text, i, err)
				continue
			}
			if !sameAnswer(got, want) {
				t.Errorf("%s on record %d: Go says %v, SQL %v", text, i, want, orNull(got))
			}
		}
	}
}

func orNull(text *string) string {
	if text == nil {
		return "null"
	}
	return *text
}

func sameAnswer(got *string, want any) bool {
	switch want := want.(type) {
	case nil:
		return got == nil
	case bool:
		return got != nil && (*got == "true") == want
	case decimal.Decimal:
		number, err := decimal.NewFromString(orNull(got))
		return err == nil && number.Equal(want)
	default:
		return got != nil && *got == stored(want)
	}
}

func TestTypesAreMixedByNobody(t *testing.T) {
	t.Parallel()
	s, o := shops(t)
	for text, want := range map[string]string{
		`opens > 9`:                `1:7: cannot compare a time of the day with a number`,
		`opens == "25:00"`:         `must be a time of the day`,
		`opens + 1`:                `1:1: `,
		`opens.startsWith("08")`:   `1:1: `,
		`meta == "x"`:              `cannot compare JSON with a text`,
		`meta == meta`:             `whether it is there`,
		`meta.a == 1`:              `is JSON and has no fields`,
		`about.object == "user"`:   `there is no object "user"`,
		`about.object == about.id`: `cannot compare`,
		`about.name == "x"`:        `no part "name"`,
		`took == "PT1H"`:           `cannot compare a number with a text`,
		`stars == "5"`:             `cannot compare a number with a text`,
	} {
		_, err := expr.CompileCondition(s, o, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
