package plan

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// converted are the definitions between which values are converted.
func converted() []*schema.Field {
	options := []schema.Option{
		{Key: "gold", Label: schema.Label{"en": "Gold", "zh": "金"}},
		{Key: "yes", Label: schema.Label{"de": "Ja"}},
		{Key: "true"},
		{Key: "false", Label: schema.Label{"en": "It's no"}},
		{Key: "no"},
	}
	of := func(kind schema.TypeName, edits ...func(*schema.Field)) *schema.Field {
		f := &schema.Field{Identity: "f", Name: "f", Column: "x_f", Type: kind}
		for _, edit := range edits {
			edit(f)
		}
		return f
	}
	digits := func(precision, scale int) func(*schema.Field) {
		return func(f *schema.Field) { f.Precision, f.Scale = precision, &scale }
	}
	return []*schema.Field{
		of(schema.TypeText), of(schema.TypeText, func(f *schema.Field) { f.Length = 4 }), of(schema.TypeLongText), of(schema.TypeRichText),
		of(schema.TypePicklist, func(f *schema.Field) { f.Options = options }), of(schema.TypeMultiPicklist, func(f *schema.Field) { f.Options = options }),
		of(schema.TypeBoolean), of(schema.TypeInteger), of(schema.TypeInteger, func(f *schema.Field) { f.Min, f.Max = "-5", "70" }),
		of(schema.TypeDecimal), of(schema.TypeDecimal, digits(6, 2)), of(schema.TypeDecimal, digits(38, 18)), of(schema.TypeDecimal, digits(9, 0)),
		of(schema.TypeMoney), of(schema.TypeMoney, func(f *schema.Field) { f.Scale = new(0) }), of(schema.TypePercent), of(schema.TypeRating), of(schema.TypeDuration),
		of(schema.TypeDate), of(schema.TypeDateTime), of(schema.TypeTime),
	}
}

// samples are values of a field as PostgreSQL writes them, so many of them by chance.
func samples(random *rand.Rand, f *schema.Field) []string {
	number := func(before, behind int) string {
		text := strconv.FormatInt(random.Int64N(int64(1)<<min(62, 3*before)), 10)
		text = text[:min(len(text), before)]
		if behind > 0 {
			text += "." + fmt.Sprintf("%0*d", behind, random.Int64N(int64(1)<<min(62, 3*behind)))[:behind]
		}
		if random.IntN(3) == 0 {
			text = "-" + text
		}
		return text
	}
	var all []string
	switch f.Kind() { //nolint:exhaustive // the others are texts
	case schema.KindBoolean:
		return []string{"true", "false"}
	case schema.KindNumber:
		all = []string{"0", "1", "5", "70", "3600", "90061", "999"}
		precision, scale, ok := f.Storage().Digits()
		if !ok {
			precision, scale = 9, 0
		}
		for range 60 {
			all = append(all, number(1+random.IntN(precision-scale), random.IntN(scale+1)))
		}
		return slices.DeleteFunc(all, func(text string) bool { _, err := f.Parse(text); return err != nil })
	case schema.KindDate:
		all = []string{"0001-01-01", "9999-12-31", "2024-02-29", "2026-03-29", "2026-10-25"}
		for range 30 {
			all = append(all, time.Date(1+random.IntN(9998), 1, random.IntN(366), 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
		}
		return all
	case schema.KindTime:
		all = []string{"0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00", "2026-03-28 23:30:00+00", "2026-03-29 00:59:59.999999+00", "2026-06-01 22:00:00+00", "2026-06-01 21:59:59.5+00", "0002-01-01 00:00:00+00"}
		for range 30 {
			all = append(all, time.Unix(random.Int64N(9e9)-4e9, random.Int64N(1e9)/1000*1000).UTC().Format("2006-01-02 15:04:05.999999")+"+00")
		}
		return all
	case schema.KindClock:
		return []string{"00:00:00", "08:30:00", "23:59:59.999999", "12:00:00.5"}
	case schema.KindTexts:
		return []string{"{gold}", "{gold,yes}", "{yes,no,gold}", "{true}"}
	}
	if f.Type == schema.TypePicklist {
		return []string{"gold", "yes", "true", "false", "no"}
	}
	return texts(random)
}

// texts are such as people write where a value of another type is meant, and such as they should not.
func texts(random *rand.Rand) []string {
	all := []string{
		"007", "7", " 7 ", "-0", "-", ".", "5.", ".5", "-.5", "1.2.3", "1,5", "1e5", "12.50", "99999999999999999999999999", "١٢", "0x10", "NaN", "Infinity",
		strings.Repeat("9", 60), strings.Repeat("9", 61), "-" + strings.Repeat("9", 60), "0." + strings.Repeat("0", 58), "\t12\n", "1 2", "+5", "5-", "--5",
		"true", "TRUE", "Yes", "no", "1", "0", "ja", "JA", "nein", "t", "y", "gold", "Gold", " 金", "it's no", "silver", "gold;yes", "gold ; yes", "gold;gold", ";", "gold;;yes", "yes;",
		"2026-02-28", "2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "0000-01-01", "0001-01-01", "9999-12-31", "2026-13-01", "2026-00-10", "2026-1-1", "26-01-01", "2026-04-31",
		"2026-02-28 ", "2026/02/28", "28.02.2026", "31.02.2026", "29.02.2024", "1.2.2026", "02/28/2026", "20260228", "today", "now", "infinity", "epoch",
		"2026-02-28T10:00:00Z", "2026-02-28T10:00:00.123456789+02:00", "2026-02-28T24:00:00Z", "2026-02-28T23:59:60Z", "2026-02-30T10:00:00Z", "2026-02-28T10:00:00", "2026-02-28 10:00:00Z",
		"2026-02-28T10:00:00-11:30", "9999-12-31T23:59:59-05:00", "2026-02-28t10:00:00z", "2026-02-28T10:00:00.5+24:00",
		"08:30", "08:30:15", "8:30", "24:00", "23:60", "08:30:15.123456789", "08:30:60", "08:30:15.", "allballs",
		"PT1H30M", "PT90S", "P1W", "P2DT4H", "P", "PT", "P1DT", "P1Y", "PT1M1H", "3600", "3600.5", "-5", "P99999999W", "pt5s",
		"", " ", "\\", "'", "阶段好", strings.Repeat("x", 300), "$1", "null", "{}", "[1]",
	}
	alphabet := []rune("0123456789.-:;TPHMSZ+ ejgo'\\")
	for range 300 {
		var text strings.Builder
		for range 1 + random.IntN(12) {
			text.WriteRune(alphabet[random.IntN(len(alphabet))])
		}
		all = append(all, text.String())
		if at := all[random.IntN(90)]; len(at) > 2 { // one of those above, with a letter that is another
			runes := []rune(at)
			runes[random.IntN(len(runes))] = alphabet[random.IntN(len(alphabet))]
			all = append(all, string(runes))
		}
	}
	for range 60 {
		all = append(all, time.Unix(random.Int64N(9e9)-4e9, random.Int64N(1e9)).In(time.FixedZone("", (random.IntN(28)-14)*1800)).Format(time.RFC3339Nano),
			time.Unix(random.Int64N(9e9)-4e9, 0).UTC().Format("02.01.2006"), strconv.Itoa(random.IntN(100)))
	}
	return all
}

// oracle says in Go what a value becomes; nil where it does not convert.
func oracle(t *testing.T, from, to *schema.Field, how *schema.Conversion, zone *time.Location, text string) any {
	t.Helper()
	turn := schema.WayOf(from, to, how).Turn
	goFormat := strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02")
	value, err := any(text), error(nil)
	if from.Kind() != schema.KindText { // as the API shows it
		var shown any
		if err := json.Unmarshal(from.AppendJSON(nil, []byte(text)), &shown); err != nil {
			t.Fatalf("%s of %s: %v", text, from.Type, err)
		}
		value = shown
	}
	parsed := func(text string) any {
		value, err := to.Parse(text)
		if err != nil {
			return nil
		}
		return value
	}
	text = fmt.Sprint(value)
	if number, ok := value.(float64); ok {
		text = strconv.FormatFloat(number, 'f', -1, 64)
	}
	switch turn {
	case schema.TurnNone:
		return parsed(text)
	case schema.TurnNumber:
		if from.Type == schema.TypeDuration {
			seconds, _ := from.Parse(text)
			text = fmt.Sprint(seconds)
		}
		return parsed(text)
	case schema.TurnFlag:
		if from.Type == schema.TypeBoolean {
			return parsed(map[string]string{"true": "1", "false": "0"}[text])
		}
		if number := decimal.RequireFromString(text); number.Equal(decimal.New(1, 0)) || number.IsZero() {
			return !number.IsZero()
		}
		return nil
	case schema.TurnDay:
		if from.Type == schema.TypeDate {
			day, err := time.Parse(time.DateOnly, text)
			if err != nil {
				t.Fatal(err)
			}
			midnight := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone).UTC()
			if midnight.Year() < 1 {
				return nil
			}
			return midnight
		}
		moment, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		if day := moment.In(zone); day.Year() > 9999 {
			return nil
		}
		return parsed(moment.In(zone).Format(time.DateOnly))
	case schema.TurnShow:
		switch {
		case from.Type == schema.TypeBoolean && how != nil:
			text = map[string]string{"true": how.Words(true)[0], "false": how.Words(false)[0]}[text]
		case from.Type == schema.TypeDate && how != nil:
			day, _ := time.Parse(time.DateOnly, text)
			text = day.Format(goFormat.Replace(how.DateFormat))
		case from.Type == schema.TypeMultiPicklist:
			var keys []string
			for _, key := range value.([]any) { //nolint:forcetypeassert // a list of texts
				keys = append(keys, key.(string)) //nolint:forcetypeassert // a list of texts
			}
			text = strings.Join(keys, ";")
		}
		return parsed(text)
	case schema.TurnRead:
		text = strings.Trim(text, " \t\r\n")
		switch to.Type { //nolint:exhaustive // the others are read as the API does
		case schema.TypeBoolean:
			for _, meaning := range []bool{true, false} {
				if slices.ContainsFunc(how.Words(meaning), func(word string) bool { return strings.EqualFold(word, text) }) {
					return meaning
				}
			}
			return nil
		case schema.TypeDate:
			if how != nil {
				day, err := time.Parse(goFormat.Replace(how.DateFormat), text)
				if err != nil || day.Year() < 1 {
					return nil
				}
				return day
			}
		case schema.TypeMultiPicklist:
			keys := strings.Split(text, ";")
			for i := range keys {
				keys[i] = strings.TrimSpace(keys[i])
			}
			if all, ok := parsed(text).([]string); !ok || len(all) != len(keys) { // none twice, none empty
				return nil
			}
		case schema.TypeTime:
			if len(text) > 1 && text[1] == ':' { // Go takes an hour of one digit where more than seconds follow
				return nil
			}
		case schema.TypeDuration:
			if strings.ContainsAny(text, "hmsnµu+") { // as Go writes it
				return nil
			}
		}
		return parsed(text)
	case schema.TurnKey:
		text = strings.Trim(text, " \t\r\n")
		for _, option := range to.Options {
			if strings.EqualFold(option.Key, text) {
				return option.Key
			}
		}
		for _, option := range to.Options {
			for _, label := range option.Label {
				if strings.EqualFold(label, text) {
					return option.Key
				}
			}
		}
		return nil
	case schema.TurnLabel:
		for _, option := range from.Options {
			if label := option.Label.In("en"); option.Key == text && label != "" {
				return parsed(label)
			}
		}
		return parsed(text)
	case schema.TurnList:
		return parsed(text)
	case schema.TurnOne:
		if keys := value.([]any); len(keys) == 1 { //nolint:forcetypeassert // a list of texts
			return parsed(keys[0].(string)) //nolint:forcetypeassert // a list of texts
		}
		return nil
	}
	t.Fatalf("there is no oracle for %q: %v", turn, err)
	return nil
}

// shown is a value as the API writes it; "null" where there is none.
func shown(f *schema.Field, value any) string {
	var text string
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		text = v
	case []string:
		text = "{" + strings.Join(v, ",") + "}"
	case decimal.Decimal:
		_, scale, _ := f.Storage().Digits()
		text = v.StringFixed(int32(scale))
	case time.Time:
		text = v.Format(time.DateOnly)
		if f.Type == schema.TypeDateTime {
			text = v.Format("2006-01-02 15:04:05.999999") + "+00"
		}
	default:
		text = fmt.Sprint(v)
	}
	return string(f.AppendJSON(nil, []byte(text)))
}

func TestEveryValueConvertsInTheDatabaseAsItDoesInGoOrFailsInBoth(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s := &schema.Schema{Organisation: schema.Organisation{TimeZone: zone.String(), Language: "en"}}
	c := postgres(t)
	random := rand.New(rand.NewPCG(1, 2))
	pairs, values := 0, 0
	for _, how := range []*schema.Conversion{nil, {ByLabel: true, DateFormat: "DD.MM.YYYY", True: []string{"Ja"}, False: []string{"nein"}}} {
		for _, from := range converted() {
			for _, to := range converted() {
				conversion, ok := conversionOf(s, from, to, how)
				if !ok || conversion.turn == schema.TurnNone {
					continue
				}
				pairs++
				given := samples(random, from)
				values += len(given)
				sql := "SELECT r.v::text, (" + conversion.of(`r."v"`) + ")::text FROM (SELECT t::" + string(from.Storage()) + " AS v, n FROM unnest($1::text[]) WITH ORDINALITY AS given (t, n)) AS r ORDER BY n"
				rows, err := c.Query(t.Context(), sql, given)
				if err != nil {
					t.Fatal(err)
				}
				type outcome struct {
					Stored string
					Made   *string
				}
				got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[outcome])
				if err != nil {
					t.Fatalf("from %s to %s: %v\n%s", from.Type, to.Type, err, sql)
				}
				for _, one := range got {
					want, found := shown(to, oracle(t, from, to, how, zone, one.Stored)), "null"
					if one.Made != nil {
						found = string(to.AppendJSON(nil, []byte(*one.Made)))
					}
					if found != want {
						t.Errorf("%q from %s to %s (%s) becomes %s, want %s", one.Stored, from.Type, to.Type, to.Storage(), found, want)
					}
				}
			}
		}
	}
	if pairs < 150 || values < 30_000 {
		t.Errorf("only %d pairs with %d values were tried", pairs, values)
	}
}

// postgres is a connection to a database of its own, in the locale of tenants' databases.
func postgres(t *testing.T) *pgx.Conn {
	t.Helper()
	url := env.Postgres(t).Database(t)
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	if _, err := c.Exec(t.Context(), "SET TimeZone TO 'UTC'"); err != nil {
		t.Fatal(err)
	}
	return c
}
