package expr_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/test/env"
)

// A failure names its seed, with which the same run can be had again.
var seedFlag = flag.Uint64("seed", 0, "the seed of the random expressions; 0 is a random one")

// The sizes of the comparison between Go and PostgreSQL.
const (
	sameRecords     = 60
	sameExpressions = 1500
)

// TestGoAndPostgreSQLGiveTheSameAnswer is what the package is for: whatever an
// expression says of a record in memory, it says of the same record in a table.
func TestGoAndPostgreSQLGiveTheSameAnswer(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	random := &chance{rand.New(rand.NewPCG(seed, 0))}
	connection := connect(t)
	records := make([]map[string]any, sameRecords)
	for i := range records {
		records[i] = random.record(o, i)
	}
	fill(t, connection, o, records)

	answered, compiled := map[string]int{}, 0
	for range sameExpressions {
		text := random.expression()
		e, err := expr.Compile(s, o, text)
		if err != nil {
			if strings.Contains(err.Error(), "digits") {
				continue // one of the random products is too long
			}
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		compiled++
		answers := ask(t, connection, e, seed)
		for i, values := range records {
			got, err := e.Eval(record(values))
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			answered[fmt.Sprintf("%s %v", e.Kind(), got == nil)]++
			if shown(got) != shown(parsed(t, e.Kind(), answers[i])) {
				var args expr.Args
				t.Fatalf("seed %d: %s\nof %v\nis %s in Go and %s in PostgreSQL, from\n%s\n%v", seed, text, values,
					shown(got), shown(parsed(t, e.Kind(), answers[i])), e.SQL(&args, "t"), args.Values())
			}
		}
	}
	t.Logf("%d expressions, answers by kind and null: %v", compiled, answered)
	if compiled < sameExpressions*9/10 {
		t.Errorf("only %d of %d expressions were compared", compiled, sameExpressions)
	}
}

// TestQuotientsAreRoundedOnce goes to where rounding twice would show.
func TestQuotientsAreRoundedOnce(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	connection := connect(t)
	fill(t, connection, o, []map[string]any{{}})
	texts := []string{
		// Half way, and a little beside it.
		`1 / 20000000000000000.0`, `-1 / 20000000000000000.0`, `3 / 20000000000000000.0`,
		`0.9999999999999999999999999999999999999 / 20000000000000000.0`,
		`99999999999999999999999999999999999999.0 / 200000000000000000000000000000000000000.0 / 1e16`,
		`1e38 / 3`, `1 / 3e38`, `1e-18 / 1e18`, `1e18 / 1e-18`, `1e300 / 7`, `1 / 7e-300`, `(1 / 3) / (1 / 7)`, `2 / 3 * 3 / 2`,
		`1 / 0`, `0 / 0`, `0 / -7`, `1e300 / 3e-80`,
	}
	random := &chance{rand.New(rand.NewPCG(1, 2))}
	for range 300 {
		// (2k+1)/(2·10^16), moved by one unit of the last digit.
		b := decimal.NewFromInt(random.Int64N(1 << 40)).Add(decimal.New(1, 0)).Shift(-int32(random.IntN(12)))
		half := decimal.NewFromInt(2*random.Int64N(1<<30) + 1).Mul(decimal.New(5, -17))
		a := half.Mul(b).Add(decimal.New(int64(random.IntN(3)-1), -int32(17+random.IntN(40))))
		texts = append(texts, fmt.Sprintf("%s / %s", fraction(a), fraction(b)))
	}
	for _, text := range texts {
		e, err := expr.Compile(s, o, text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := e.Eval(record(nil))
		if err != nil {
			t.Fatal(err)
		}
		if want := parsed(t, e.Kind(), ask(t, connection, e, 0)[0]); shown(got) != shown(want) {
			t.Errorf("%s is %s in Go and %s in PostgreSQL", text, shown(got), shown(want))
		}
	}
}

func fraction(number decimal.Decimal) string {
	if number.IsInteger() {
		return number.String() + ".0"
	}
	return number.String()
}

func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(env.Postgres(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["timezone"], config.RuntimeParams["datestyle"] = "UTC", "ISO"
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // as the server runs statements
	connection, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close(context.WithoutCancel(t.Context())) })
	return connection
}

// fill makes the object's table and puts the records in, in order.
func fill(t *testing.T, connection *pgx.Conn, o *schema.Object, records []map[string]any) {
	t.Helper()
	columns := make([]string, 0, len(o.AllFields()))
	places := make([]string, 0, len(o.AllFields()))
	for i, f := range o.AllFields() {
		columns = append(columns, schema.QuoteIdent(f.Column)+" "+string(f.Storage()))
		places = append(places, fmt.Sprintf("$%d::text::%s", i+1, f.Storage()))
	}
	if _, err := connection.Exec(t.Context(), "CREATE TEMP TABLE deal (place serial, "+strings.Join(columns, ", ")+")"); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(columns))
	for _, f := range o.AllFields() {
		names = append(names, schema.QuoteIdent(f.Column))
	}
	insert := "INSERT INTO deal (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(places, ", ") + ")"
	for _, values := range records {
		row := make([]any, 0, len(places))
		for _, f := range o.AllFields() {
			row = append(row, stored(values[f.Name]))
		}
		if _, err := connection.Exec(t.Context(), insert, row...); err != nil {
			t.Fatal(err)
		}
	}
}

// stored is a value as PostgreSQL reads it.
func stored(value any) any {
	switch value := value.(type) {
	case nil:
		return nil
	case time.Time:
		return value.Format(time.RFC3339Nano)
	case []string:
		return `{"` + strings.Join(value, `","`) + `"}`
	case decimal.Decimal:
		return value.String()
	}
	return fmt.Sprint(value)
}

// ask gives the expression's text form for each record, in order; nil is null.
func ask(t *testing.T, connection *pgx.Conn, e *expr.Expression, seed uint64) []*string {
	t.Helper()
	var args expr.Args
	sql := e.SQL(&args, "t")
	query := "SELECT (" + sql + ")::text FROM deal AS t ORDER BY t.place"
	rows, err := connection.Query(t.Context(), query, args.Values()...)
	if err != nil {
		t.Fatalf("seed %d: %s: %v\n%s", seed, e.Text(), err, query)
	}
	answers, err := pgx.CollectRows(rows, pgx.RowTo[*string])
	if err != nil {
		t.Fatalf("seed %d: %s: %v\n%s\n%v", seed, e.Text(), err, query, args.Values())
	}
	return answers
}

func parsed(t *testing.T, kind schema.Kind, text *string) any {
	t.Helper()
	if text == nil {
		return nil
	}
	var value any
	var err error
	switch kind {
	case schema.KindNumber:
		value, err = decimal.NewFromString(*text)
	case schema.KindBoolean:
		value = *text == "true"
	case schema.KindDate:
		value, err = time.Parse(time.DateOnly, *text)
	case schema.KindTime:
		value, err = time.Parse("2006-01-02 15:04:05.999999-07", *text)
	default:
		value = *text
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func shown(value any) string {
	switch value := value.(type) {
	case nil:
		return "null"
	case time.Time:
		return value.UTC().Format(time.RFC3339Nano)
	case []string:
		return "{" + strings.Join(value, ",") + "}"
	}
	return fmt.Sprint(value)
}

// chance makes random records and expressions. Its values are few, so that they meet.
type chance struct{ *rand.Rand }

func pick[T any](c *chance, values ...T) T { return values[c.IntN(len(values))] }

var (
	someTexts   = []string{"a", "A", "ab", "Z", "z", "é", "e\u0301", "上海", "上海市", "海", "😀", "\ufffd", "%", "_", `\`, "'", `"q"`, "won", "lost", " a", "ß", "ﬀ"}
	someNumbers = []string{"0", "1", "-1", "2", "3", "0.5", "0.1", "0.2", "0.3", "-0.0001", "99999.9999", "7", "1200.5", "9007199254740991"}
	someDates   = []string{"2026-01-31", "2026-02-01", "1999-12-31", "0001-01-01", "9999-12-31"}
	someTimes   = []string{"2026-01-31T00:00:00Z", "2026-01-31T00:00:00.000001Z", "2026-01-31T01:00:00+01:00", "1969-12-31T23:59:59.999999Z"}
	someIDs     = []string{someCustomer, otherCustomer}
)

func (c *chance) record(o *schema.Object, place int) map[string]any {
	values := map[string]any{}
	for _, f := range o.AllFields() {
		if c.IntN(4) == 0 && !f.System || f.Type == schema.TypeCurrency {
			continue
		}
		switch f.Kind() {
		case schema.KindText:
			values[f.Name] = pick(c, someTexts...)
		case schema.KindNumber:
			values[f.Name] = c.number(f, place)
		case schema.KindBoolean:
			values[f.Name] = c.IntN(2) == 0
		case schema.KindDate:
			values[f.Name], _ = time.Parse(time.DateOnly, pick(c, someDates...))
		case schema.KindTime:
			values[f.Name], _ = time.Parse(time.RFC3339Nano, pick(c, someTimes...))
		case schema.KindTexts:
			values[f.Name] = pick(c, []string{"a"}, []string{"a", "上海"}, []string{"won", "lost", "A"})
		case schema.KindReference:
			values[f.Name] = pick(c, someIDs...)
		}
	}
	return values
}

func (c *chance) number(f *schema.Field, place int) any {
	switch f.Type {
	case schema.TypeInteger, schema.TypeAutoNumber:
		if f.System {
			return int64(place)
		}
		return pick(c, int64(0), 1, -1, 2, 3, 7, 1<<53-1, -1<<53+1)
	case schema.TypePercent, schema.TypeDecimal:
		return number(pick(c, "0", "1", "-1", "0.3", "0.1", "12.3456", "99.9999", "-0.0001"))
	default:
		return number(pick(c, someNumbers...))
	}
}

// expression is a random expression that compiles, of any kind.
func (c *chance) expression() string {
	if c.IntN(4) == 0 {
		return c.of(pick(c, schema.KindNumber, schema.KindNumber, schema.KindText, schema.KindDate, schema.KindTime, schema.KindReference), 3)
	}
	return c.boolean(4)
}

var fieldsByKind = map[schema.Kind][]string{
	schema.KindText: {"name", "city", "stage", "order"}, schema.KindNumber: {"amount", "rate", "seats", "floor", "share", "number", "version"},
	schema.KindBoolean: {"done", "hot"}, schema.KindDate: {"close_date", "signed_on"}, schema.KindTime: {"called_at", "created_at"},
	schema.KindReference: {"customer", "partner", "owner"},
}

func (c *chance) literal(kind schema.Kind) string {
	switch kind {
	case schema.KindText:
		return strconv.Quote(pick(c, someTexts...))
	case schema.KindNumber:
		return pick(c, someNumbers...)
	case schema.KindBoolean:
		return pick(c, "true", "false")
	case schema.KindDate:
		return `date("` + pick(c, someDates...) + `")`
	case schema.KindTime:
		return `timestamp("` + pick(c, someTimes...) + `")`
	default:
		return `"` + pick(c, someIDs...) + `"`
	}
}

// of is an expression of a kind, nested so deep at most.
func (c *chance) of(kind schema.Kind, depth int) string {
	if depth > 0 && c.IntN(6) == 0 {
		other := c.of(kind, depth-1)
		if kind == schema.KindReference {
			other = pick(c, fieldsByKind[kind]...) // an id is read as one beside a field only
		}
		branches := []string{pick(c, fieldsByKind[kind]...), pick(c, other, "null", c.literal(kind))}
		c.Shuffle(2, func(i, j int) { branches[i], branches[j] = branches[j], branches[i] })
		return "(" + c.boolean(depth-1) + " ? " + branches[0] + " : " + branches[1] + ")"
	}
	switch {
	case kind == schema.KindBoolean && depth > 0:
		return c.boolean(depth - 1)
	case kind == schema.KindNumber && depth > 0 && c.IntN(2) == 0:
		return c.calculation(depth - 1)
	case kind != schema.KindReference && c.IntN(3) == 0:
		return c.literal(kind)
	}
	return pick(c, fieldsByKind[kind]...)
}

func (c *chance) calculation(depth int) string {
	switch c.IntN(8) {
	case 0:
		return "-(" + c.of(schema.KindNumber, depth) + ")"
	case 1:
		return pick(c, "size("+c.of(schema.KindText, depth)+")", "size(topics)", c.of(schema.KindText, 0)+".size()")
	}
	return "(" + c.of(schema.KindNumber, depth) + pick(c, " + ", " - ", " * ", " / ", " / ") + c.of(schema.KindNumber, depth) + ")"
}

func (c *chance) boolean(depth int) string {
	if depth <= 0 {
		return pick(c, "done", "hot", "true", "has(name)", "(stage == \"won\")", "has(topics)")
	}
	ordered := pick(c, schema.KindText, schema.KindNumber, schema.KindNumber, schema.KindDate, schema.KindTime, schema.KindReference)
	switch c.IntN(14) {
	case 0, 1:
		return "(" + c.boolean(depth-1) + pick(c, " && ", " || ") + c.boolean(depth-1) + ")"
	case 2:
		return "!(" + c.boolean(depth-1) + ")"
	case 3:
		return "(" + c.of(schema.KindBoolean, depth-1) + pick(c, " == ", " != ") + c.of(schema.KindBoolean, depth-1) + ")"
	case 4:
		return "(" + c.of(ordered, depth-1) + pick(c, " == null", " != null") + ")"
	case 5:
		return "(" + c.of(ordered, depth-1) + " in " + c.list(ordered) + ")"
	case 6:
		return "(" + c.of(schema.KindBoolean, depth-1) + " in " + c.list(schema.KindBoolean) + ")"
	case 7:
		return "(" + c.of(schema.KindText, depth-1) + " in topics)"
	case 8, 9:
		text := c.of(schema.KindText, depth-1)
		return text + pick(c, ".startsWith(", ".contains(", ".endsWith(") + c.of(schema.KindText, depth-1) + ")"
	}
	return "(" + c.of(ordered, depth-1) + pick(c, " == ", " != ", " < ", " <= ", " > ", " >= ") + c.side(ordered, depth-1) + ")"
}

// side is the second operand of a comparison: a text literal may be one of any written kind.
func (c *chance) side(kind schema.Kind, depth int) string {
	switch {
	case c.IntN(2) == 0:
		return c.of(kind, depth)
	case kind == schema.KindDate:
		return `"` + pick(c, someDates...) + `"`
	case kind == schema.KindTime:
		return `"` + pick(c, someTimes...) + `"`
	}
	return c.literal(kind)
}

func (c *chance) list(kind schema.Kind) string {
	items := make([]string, c.IntN(4))
	for i := range items {
		items[i] = pick(c, c.literal(kind), c.literal(kind), "null")
	}
	return "[" + strings.Join(items, ", ") + "]"
}
