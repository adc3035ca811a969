package expr_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// A failure names its seed, with which the same run can be had again.
var seedFlag = flag.Uint64("seed", 0, "the seed of the random expressions; 0 is a random one")

// The sizes of the comparison between Go and PostgreSQL.
const (
	sameRecords     = 40
	sameExpressions = 2000
)

// TestGoAndPostgreSQLGiveTheSameAnswer is what the package is for: whatever an
// expression says of a record in memory, it says of the same record in a table.
func TestGoAndPostgreSQLGiveTheSameAnswer(t *testing.T) {
	t.Parallel()
	s, o := deals(t, computing)
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	random := newChance(s, o, rand.NewPCG(seed, 0))
	connection := connect(t)
	w := random.world()
	fill(t, connection, s, w)
	around := expr.Context{Related: w, Now: time.Date(2026, 1, 31, 23, 30, 0, 987654321, time.UTC), User: random.ids["user"][1]}

	answered, compiled := map[string]int{}, 0
	for range sameExpressions {
		text := random.expression()
		e, err := expr.Compile(s, o, text)
		if err != nil {
			if slices.ContainsFunc([]string{"digits", "other records", "lists within lists", "characters", "deeper", "parts"}, func(bound string) bool { return strings.Contains(err.Error(), bound) }) {
				continue // one of the random expressions is too long
			}
			t.Fatalf("seed %d: %s: %v", seed, text, err)
		}
		compiled++
		around.Zone = zone(t, pick(random, "UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York"))
		answers := ask(t, connection, e, around, seed)
		for i, deal := range w["deal"] {
			got, err := e.Eval(around, record(deal))
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, text, err)
			}
			answered[fmt.Sprintf("%s %v", e.Kind(), got == nil)]++
			if shown(got) != shown(parsed(t, e.Kind(), answers[i])) {
				var args expr.Args
				t.Fatalf("seed %d: %s\nof %v\nis %s in Go and %s in PostgreSQL, from\n%s\n%v", seed, text, deal,
					shown(got), shown(parsed(t, e.Kind(), answers[i])), e.SQL(&args, around, "t"), args.Values())
			}
		}
	}
	t.Logf("%d expressions, answers by kind and null: %v", compiled, answered)
	if compiled < sameExpressions*9/10 {
		t.Errorf("only %d of %d expressions were compared", compiled, sameExpressions)
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	location, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return location
}

// TestQuotientsAreRoundedOnce goes to where rounding twice would show.
func TestQuotientsAreRoundedOnce(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	connection := connect(t)
	fill(t, connection, s, world{"deal": {{}}})
	texts := []string{
		// Half way, and a little beside it.
		`1 / 20000000000000000.0`, `-1 / 20000000000000000.0`, `3 / 20000000000000000.0`,
		`0.9999999999999999999999999999999999999 / 20000000000000000.0`,
		`99999999999999999999999999999999999999.0 / 200000000000000000000000000000000000000.0 / 1e16`,
		`1e38 / 3`, `1 / 3e38`, `1e-18 / 1e18`, `1e18 / 1e-18`, `1e300 / 7`, `1 / 7e-300`, `(1 / 3) / (1 / 7)`, `2 / 3 * 3 / 2`,
		`1 / 0`, `0 / 0`, `0 / -7`, `1e300 / 3e-80`,
	}
	random := rand.New(rand.NewPCG(1, 2))
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
		got, err := e.Eval(expr.Context{}, record(nil))
		if err != nil {
			t.Fatal(err)
		}
		if want := parsed(t, e.Kind(), ask(t, connection, e, expr.Context{}, 0)[0]); shown(got) != shown(want) {
			t.Errorf("%s is %s in Go and %s in PostgreSQL", text, shown(got), shown(want))
		}
	}
}

// TestAChainOfMovesIsPlannedAsFarAsItIsLong would take minutes and gigabytes if
// PostgreSQL wrote a moved day out wherever it is named.
func TestAChainOfMovesIsPlannedAsFarAsItIsLong(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	connection := connect(t)
	fill(t, connection, s, world{"deal": {{}}})
	for _, text := range []string{
		"close_date" + strings.Repeat(" + days(1)", 60) + " > date('2026-01-31')",
		"called_at" + strings.Repeat(" + duration('1h')", 60) + " > now()",
	} {
		e, err := expr.Compile(s, o, text)
		if err != nil {
			t.Fatal(err)
		}
		if answer := ask(t, connection, e, expr.Context{}, 0)[0]; answer == nil || *answer != "false" {
			t.Errorf("%.30s…: the answer is %v", text, answer)
		}
	}
}

func fraction(number decimal.Decimal) string {
	if number.IsInteger() {
		return number.String() + ".0"
	}
	return number.String()
}

func parsed(t *testing.T, kind schema.Kind, text *string) any {
	t.Helper()
	if text == nil {
		return nil
	}
	var value any
	var err error
	switch kind {
	case schema.KindNumber, kindDuration:
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
type chance struct {
	*rand.Rand
	schema *schema.Schema
	// ids are those of the records of each object; some of them are of none.
	ids map[string][]string
	// scopes are the records that the fields of an expression are taken from, the innermost last.
	scopes []scope
}

// scope is a record with what stands before its fields.
type scope struct {
	prefix string
	object *schema.Object
}

func newChance(s *schema.Schema, o *schema.Object, source rand.Source) *chance {
	c := &chance{Rand: rand.New(source), schema: s, ids: map[string][]string{}, scopes: []scope{{object: o}}}
	for kind, object := range s.Objects {
		for i := range 8 {
			c.ids[object.Name] = append(c.ids[object.Name], fmt.Sprintf("0190a1b2-0000-7000-8000-%04x%08x", kind, i))
		}
	}
	return c
}

// world has more deals than ids are pointed to, and no record for the last id of each object.
func (c *chance) world() world {
	w := world{}
	for kind, o := range c.schema.Objects {
		ids := c.ids[o.Name][:7]
		count := map[string]int{"deal": sameRecords, "line": 2 * sameRecords}[o.Name]
		for i := range max(count, len(ids)) {
			v := c.record(o, i)
			v["id"] = fmt.Sprintf("0190a1b2-0000-7000-8000-%04x%08x", kind, i)
			if c.IntN(6) == 0 {
				v["deleted"] = true
			}
			w[o.Name] = append(w[o.Name], v)
		}
	}
	return w
}

func pick[T any](c *chance, values ...T) T { return values[c.IntN(len(values))] }

var (
	someTexts   = []string{"a", "A", "ab", "Z", "z", "é", "e\u0301", "上海", "上海市", "海", "😀", "\ufffd", "%", "_", `\`, "'", `"q"`, "won", "lost", " a", "ß", "ﬀ", "\u3000a\u00a0", "aaa"}
	someNumbers = []string{"0", "1", "-1", "2", "3", "0.5", "0.1", "0.2", "0.3", "-0.0001", "99999.9999", "7", "1200.5", "9007199254740991"}
	someDates   = []string{"2026-01-31", "2026-02-01", "1999-12-31", "0001-01-01", "9999-12-31"}
	someTimes   = []string{"2026-01-31T00:00:00Z", "2026-01-31T00:00:00.000001Z", "2026-01-31T01:00:00+01:00", "1969-12-31T23:59:59.999999Z", "2026-03-29T01:00:00Z", "2026-10-25T00:30:00Z", "1890-06-01T12:00:00.123Z", "2100-07-01T00:00:00Z"}
	someIDs     = []string{someCustomer, otherCustomer}
)

func (c *chance) record(o *schema.Object, place int) values {
	values := values{}
	for _, f := range o.Leaves() {
		if c.IntN(4) == 0 && !f.System || f.Type == schema.TypeCurrency || f.Target == schema.ObjectDepartment {
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
			values[f.Name] = pick(c, c.ids[cmp.Or(f.Target, o.Name)]...)
		default: // types_test.go asks of them
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

// kindDuration is the kind that no field has.
const kindDuration schema.Kind = "duration"

// expression is a random expression that compiles, of any kind.
func (c *chance) expression() string {
	if c.IntN(4) == 0 {
		return c.of(pick(c, schema.KindNumber, schema.KindNumber, schema.KindText, schema.KindText, schema.KindDate, schema.KindTime, schema.KindReference, kindDuration), 3)
	}
	return c.boolean(4)
}

// field is a field of one of the records in scope, or behind their relations.
func (c *chance) field(kind schema.Kind) string {
	at := c.scopes[max(c.IntN(len(c.scopes)), c.IntN(len(c.scopes)))] // the inner ones more often
	for range 2 {
		if c.IntN(4) == 0 {
			at = c.behind(at)
		}
	}
	var names []string
	for _, f := range at.object.AllFields() {
		if f.Kind() == kind && f.Type != schema.TypeCurrency && (f.Target == "" || f.Target == "customer" || f.Target == "user") && f.Name != "id" && f.Name != "tags" {
			names = append(names, at.prefix+f.Name)
		}
	}
	if len(names) == 0 {
		return c.field(kind)
	}
	return pick(c, names...)
}

// behind is the record behind one of the relations of another.
func (c *chance) behind(at scope) scope {
	var found []scope
	for _, f := range at.object.AllFields() {
		if target, ok := c.schema.ObjectByIdentity(f.Target); ok {
			found = append(found, scope{prefix: at.prefix + f.Name + ".", object: target})
		}
	}
	return pick(c, found...)
}

// records is a list of records, perhaps fewer than all, with the scope of each.
func (c *chance) records(depth int) (string, scope) {
	at := pick(c, c.scopes...)
	for c.IntN(4) == 0 || len(at.object.Inverses()) == 0 {
		at = c.behind(pick(c, c.scopes...))
	}
	inverse := pick(c, at.object.Inverses()...)
	name := pick(c, "x", "y", "name")
	text, each := at.prefix+inverse.Name, scope{prefix: name + ".", object: inverse.Object}
	for c.IntN(2) == 0 {
		text += ".filter(" + name + ", " + c.within(each, func() string { return c.boolean(depth - 1) }) + ")"
	}
	return text, each
}

// within makes an expression in which the record of a scope can be used, and
// those cannot that its name hides.
func (c *chance) within(each scope, of func() string) string {
	before := c.scopes
	defer func() { c.scopes = before }()
	hides := strings.TrimSuffix(each.prefix, ".")
	c.scopes = nil
	for _, outer := range before {
		if hides != "name" && strings.HasPrefix(outer.prefix, hides+".") || outer.prefix == each.prefix || outer.prefix == "" && hides == "name" {
			continue // a field that is called name is hidden too
		}
		c.scopes = append(c.scopes, outer)
	}
	c.scopes = append(c.scopes, each)
	return of()
}

// reduced is a value of a list.
func (c *chance) reduced(kind schema.Kind, depth int) string {
	text, each := c.records(depth)
	if kind == schema.KindNumber && c.IntN(3) == 0 {
		return text + ".size()"
	}
	how := pick(c, "min", "max")
	if kind == schema.KindNumber {
		how = pick(c, "sum", "avg", "min", "max")
	}
	name := strings.TrimSuffix(each.prefix, ".")
	return text + ".map(" + name + ", " + c.within(each, func() string { return c.of(kind, depth-1) }) + ")." + how + "()"
}

// quantified is whether some or all of a list are so.
func (c *chance) quantified(depth int) string {
	text, each := c.records(depth)
	name := strings.TrimSuffix(each.prefix, ".")
	return text + pick(c, ".exists(", ".all(", ".exists_one(") + name + ", " + c.within(each, func() string { return c.boolean(depth - 1) }) + ")"
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
	case kindDuration:
		return `duration("` + pick(c, "24h", "-1h30m", "0s", "1.5s", "36h0.000001s", "1ns") + `")`
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
			other = c.field(kind) // an id is read as one beside a field only
		}
		first := other
		if kind != kindDuration {
			first = c.field(kind)
		}
		branches := []string{first, pick(c, other, "null", c.literal(kind))}
		c.Shuffle(2, func(i, j int) { branches[i], branches[j] = branches[j], branches[i] })
		return "(" + c.boolean(depth-1) + " ? " + branches[0] + " : " + branches[1] + ")"
	}
	switch {
	case kind == kindDuration:
		return c.duration(depth - 1)
	case kind == schema.KindBoolean && depth > 0:
		return c.boolean(depth - 1)
	case (kind == schema.KindNumber || kind == schema.KindDate || kind == schema.KindTime) && depth > 0 && c.IntN(6) == 0:
		return c.reduced(kind, depth-1)
	case kind == schema.KindNumber && depth > 0 && c.IntN(2) == 0:
		return c.calculation(depth - 1)
	case kind == schema.KindText && depth > 0 && c.IntN(3) == 0:
		return c.text(depth - 1)
	case (kind == schema.KindDate || kind == schema.KindTime) && depth > 0 && c.IntN(3) == 0:
		return c.moment(kind, depth-1)
	case kind == schema.KindReference && c.IntN(6) == 0:
		return "user()"
	case kind != schema.KindReference && c.IntN(3) == 0:
		return c.literal(kind)
	}
	return c.field(kind)
}

// text is a text that a function makes.
func (c *chance) text(depth int) string {
	of := func(kind schema.Kind) string { return c.of(kind, depth) }
	text := "(" + of(schema.KindText) + ")"
	switch c.IntN(7) {
	case 0:
		return text + pick(c, ".lowerAscii()", ".upperAscii()", ".trim()")
	case 1:
		return text + pick(c, ".substring(0, 1)", ".substring(1)", ".substring(1, 3)", ".substring(2, 2)")
	case 2:
		return text + ".replace(" + pick(c, `"a"`, `"海"`, `"aa"`, c.field(schema.KindText)) + ", " + pick(c, `""`, `"上"`, `"aa"`, c.field(schema.KindText)) + ")"
	case 3:
		kind := pick(c, schema.KindNumber, schema.KindDate, schema.KindReference, schema.KindBoolean)
		if kind == schema.KindReference {
			return "string(" + c.field(kind) + ")"
		}
		return "string(" + of(kind) + ")"
	default:
		return "(" + text + " + " + pick(c, of(schema.KindText), `" "`) + ")"
	}
}

// moment is a date or a time that a function makes.
func (c *chance) moment(kind schema.Kind, depth int) string {
	switch c.IntN(4) {
	case 0:
		if kind == schema.KindDate {
			return pick(c, "today()", "date("+c.of(schema.KindTime, depth)+")")
		}
		return "now()"
	case 1:
		return pick(c, "min(", "max(") + c.of(kind, depth) + ", " + c.of(kind, depth) + ")"
	}
	return "(" + c.of(kind, depth) + pick(c, " + ", " - ") + c.duration(depth) + ")"
}

func (c *chance) duration(depth int) string {
	if depth <= 0 {
		return pick(c, c.literal(kindDuration), "days("+pick(c, someNumbers...)+")", "hours("+c.field(schema.KindNumber)+")")
	}
	switch c.IntN(6) {
	case 0:
		return "(" + c.duration(depth-1) + pick(c, " + ", " - ") + c.duration(depth-1) + ")"
	case 1:
		return "(" + c.duration(depth-1) + pick(c, " * ", " / ") + c.of(schema.KindNumber, depth-1) + ")"
	case 2:
		return "-(" + c.duration(depth-1) + ")"
	case 3:
		return pick(c, "days(", "minutes(", "seconds(") + c.of(schema.KindNumber, depth-1) + ")"
	}
	return "(" + c.of(schema.KindTime, depth-1) + " - " + c.of(schema.KindTime, depth-1) + ")"
}

// counted is a number that a function makes.
func (c *chance) counted(depth int) string {
	of := func() string { return c.of(schema.KindNumber, depth) }
	switch c.IntN(7) {
	case 0:
		return pick(c, "abs(", "floor(", "ceil(", "round(") + of() + ")"
	case 1:
		return "round(" + of() + ", " + pick(c, "0", "2", "16") + ")"
	case 2:
		return pick(c, "min(", "max(") + of() + ", " + of() + ")"
	case 3:
		return "(floor(" + of() + ") % " + pick(c, "seats", "3", "-2", "0", "round("+of()+")") + ")"
	case 4:
		return "(" + c.of(schema.KindDate, depth) + " - " + c.of(schema.KindDate, depth) + ")"
	case 5:
		return c.duration(depth) + pick(c, ".getHours()", ".getMinutes()", ".getSeconds()")
	}
	if c.IntN(2) == 0 {
		return c.of(schema.KindDate, depth) + pick(c, ".getFullYear()", ".getMonth()", ".getDate()", ".getDayOfMonth()", ".getDayOfWeek()", ".getDayOfYear()")
	}
	return c.of(schema.KindTime, depth) + pick(c, ".getFullYear()", ".getMonth()", ".getDate()", ".getDayOfWeek()", ".getDayOfYear()",
		".getHours()", ".getMinutes()", ".getSeconds()", ".getMilliseconds()")
}

func (c *chance) calculation(depth int) string {
	switch c.IntN(11) {
	case 2, 3, 4:
		return c.counted(depth)
	case 0:
		return "-(" + c.of(schema.KindNumber, depth) + ")"
	case 1:
		return pick(c, "size("+c.of(schema.KindText, depth)+")", "size("+c.field(schema.KindTexts)+")", c.of(schema.KindText, 0)+".size()")
	}
	return "(" + c.of(schema.KindNumber, depth) + pick(c, " + ", " - ", " * ", " / ", " / ") + c.of(schema.KindNumber, depth) + ")"
}

func (c *chance) boolean(depth int) string {
	if depth <= 0 {
		return pick(c, c.field(schema.KindBoolean), "true", "has("+c.field(schema.KindText)+")", "("+c.field(schema.KindText)+" == \"won\")", "has("+c.field(schema.KindNumber)+")")
	}
	ordered := pick(c, schema.KindText, schema.KindNumber, schema.KindNumber, schema.KindDate, schema.KindTime, schema.KindReference, kindDuration)
	switch c.IntN(15) {
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
		return "(" + c.of(schema.KindText, depth-1) + " in " + c.field(schema.KindTexts) + ")"
	case 8, 9:
		text := c.of(schema.KindText, depth-1)
		return text + pick(c, ".startsWith(", ".contains(", ".endsWith(") + c.of(schema.KindText, depth-1) + ")"
	}
	if c.IntN(8) == 0 {
		return c.quantified(depth - 1)
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
