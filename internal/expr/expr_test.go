package expr_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

func TestAnExpressionMeansWhatItSays(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	full := values{
		"name": "上海 Acme", "city": "Berlin", "stage": "won", "amount": number("1200.50"), "rate": number("0.3"), "seats": int64(7),
		"done": true, "close_date": time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), "topics": []string{"a", "b"},
		"called_at": time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), "customer": someCustomer, "order": "x", "number": int64(5),
	}
	for text, want := range map[string]any{
		`0.1 + 0.2 == 0.3`: true,
		`1.10 == 1.1`:      true,
		`9007199254740993.0 == 9007199254740992.0`: false,
		`-0.5 < -0.25`:                                  true,
		`- 0.5 + 1.0 == 0.5`:                            true,
		`1e3 == 1000`:                                   true,
		`0x10 == 16u`:                                   true,
		`1 / 3 == 0.3333333333333333`:                   true,
		`2 / 3 == 0.6666666666666667`:                   true,
		`-2 / 3 == -0.6666666666666667`:                 true,
		`seats / 2 == 3.5`:                              true,
		`amount / 0 == null`:                            true,
		`amount / 0 > 1`:                                false,
		`amount > 1200`:                                 true,
		`amount * 2 - 1 >= 2400`:                        true,
		`rate == 0.30`:                                  true,
		`share == null`:                                 true,
		`share > 0`:                                     false,
		`!(share > 0)`:                                  true,
		`share != 5`:                                    true,
		`share + 1 == null`:                             true,
		`stage == "won"`:                                true,
		`stage in ["lost", "won"]`:                      true,
		`stage in []`:                                   false,
		`share in [1, null]`:                            true,
		`share in [1]`:                                  false,
		`"a" in topics`:                                 true,
		`"c" in topics`:                                 false,
		`"c" in topics || !("c" in topics)`:             true,
		`size(topics) == 2`:                             true,
		`size(name) == 7`:                               true,
		`name.size() == 7`:                              true,
		`size([1, 2, 3]) == 3`:                          true,
		`name.startsWith("上")`:                          true,
		`name.contains("Acme")`:                         true,
		`name.endsWith("acme")`:                         false,
		`partner == ""`:                                 true,
		`name == ""`:                                    false,
		`"" == null`:                                    true,
		`done && !hot`:                                  true,
		`hot == null`:                                   true,
		`hot == false`:                                  false,
		`hot || done`:                                   true,
		`hot ? "a" == "b" : "a" == "a"`:                 true,
		`(done ? amount : seats) == 1200.5`:             true,
		`(hot ? amount : null) == null`:                 true,
		`close_date == "2026-01-31"`:                    true,
		`"2026-02-01" > close_date`:                     true,
		`close_date < date("2026-02-01")`:               true,
		`close_date in ["2026-01-31"]`:                  true,
		`close_date in [date("2026-01-30")]`:            false,
		`called_at >= "2026-01-31T13:00:00+01:00"`:      true,
		`called_at > timestamp("2026-01-31T12:00:00Z")`: false,
		`customer == "0190A1B2-0000-7000-8000-000000000001"`:   true,
		`customer != "0190a1b2-0000-7000-8000-000000000001"`:   false,
		`customer in ["0190a1b2-0000-7000-8000-000000000001"]`: true,
		`has(customer) && !has(partner)`:                       true,
		`customer != partner`:                                  true,
		`order == "x"`:                                         true,
		`number == 5 && id == null`:                            true,
		`"Z" < "a" && "a" < "é" && "é" < "上" && "上" < "😀"`:     true,
		`hot`:        nil,
		`amount / 7`: number("171.5"),
		`seats`:      number("7"),
		`name`:       "上海 Acme",
	} {
		e, err := expr.Compile(s, o, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := e.Eval(expr.Context{}, record(full))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if !same(got, want) {
			t.Errorf("%s is %v, not %v", text, got, want)
		}
	}
}

func same(got, want any) bool {
	if a, ok := got.(decimal.Decimal); ok {
		b, ok := want.(decimal.Decimal)
		return ok && a.Equal(b)
	}
	return got == want
}

func TestAWrongExpressionIsToldWhatAndWhere(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	for text, want := range map[string]string{
		``:                                `1:1: the expression is empty`,
		`stagee == "x"`:                   `1:1: no field "stagee" in deal; did you mean "stage"?`,
		`zzz == 1`:                        `1:1: no field "zzz" in deal`,
		"done &&\n  amont > 1":            `2:3: no field "amont" in deal; did you mean "amount"?`,
		`"上海" == name && nme == "x"`:      `1:17: no field "nme" in deal; did you mean "name"?`,
		`amount > "big"`:                  `1:8: cannot compare a number with a text`,
		`amount == name`:                  `1:8: cannot compare a number with a text`,
		`close_date > "soon"`:             `1:14: "soon" must be a date, written YYYY-MM-DD`,
		`close_date > "2026-02-30"`:       `1:14: "2026-02-30" must be a date, written YYYY-MM-DD`,
		`called_at > "2026-01-31"`:        `1:13: "2026-01-31" must be a moment, written 2006-01-02T15:04:05Z`,
		`close_date > called_at`:          `1:12: cannot compare a date with a time`,
		`customer == "acme"`:              `1:13: "acme" must be the id of a record, a UUID`,
		`amount`:                          `1:1: a condition is needed here, and this is a number`,
		`amount && done`:                  `1:1: a condition is needed here, and this is a number`,
		`amount + "x" == "y"`:             `1:8: a text is joined with texts, and this is a number; write string(…)`,
		`done + 1 == 2`:                   `1:1: one calculates with numbers, and this is a boolean`,
		`close_date + 3 == close_date`:    `1:12: a date or a time moves by a duration: + days(3)`,
		`close_date + close_date == null`: `1:12: cannot calculate so with a date and a date`,
		`close_date - called_at == 1`:     `1:12: cannot calculate so with a date and a time`,
		`days("x") == null`:               `1:6: days takes a number, and this is a text`,
		`duration("1 day") == null`:       `1:10: "1 day" must be a duration in hours, minutes and seconds`,
		`duration(name) == null`:          `1:9: duration takes one text literal`,
		`timestamp(close_date) == null`:   `a date does not become a time`,
		`date(name) == null`:              `date takes a time or a text literal, and this is a text`,
		`now(1) == null`:                  `now takes nothing`,
		`today() > now()`:                 `cannot compare a date with a time; date(…) is the day of a time`,
		`user() == name`:                  `cannot compare the id of a record with a text`,
		`user().nam == "x"`:               `no field "nam" in user; did you mean "name"?`,
		`name.getMonth() == 1`:            `a text has no getMonth`,
		`close_date.getHours() == 1`:      `a date has no getHours`,
		`called_at.getMonth("UTC") == 1`:  `a time is read in the organisation's time zone`,
		`called_at.getMilli() == 1`:       `there is no method "getMilli"`,
		`string(called_at) == "x"`:        `string(date(…)) writes its day`,
		`string(topics) == "x"`:           `a list of texts is not written as a text`,
		`round(amount, seats) == 1`:       `round takes the number of digits behind the point, from 0 to 16`,
		`round(amount, 17) == 1`:          `from 0 to 16`,
		`round(amount, -1) == 1`:          `from 0 to 16`,
		`abs() == 1`:                      `abs takes one value`,
		`min(amount) == 1`:                `min takes two values or more`,
		`max(amount, name) == 1`:          `cannot compare a number with a text`,
		`max(done, hot)`:                  `there is no max of values of which each is a boolean`,
		`name.substring(seats) == "x"`:    `substring takes whole numbers`,
		`name.substring(3, 1) == "x"`:     `substring takes whole numbers`,
		`name.substring(-1) == "x"`:       `substring takes whole numbers`,
		`name.replace("", "x") == "x"`:    `replace needs a text, and an empty one is none`,
		`name.replace("a", 1) == "x"`:     `replace is for texts, and this is a number`,
		`name.trim(1) == "x"`:             `trim takes nothing`,
		`lowerAscii(name) == "x"`:         `lowerAscii is written behind its text`,
		`name.replace("a", "` + strings.Repeat("b", 5000) + `").size() > 1`: `the result may have more than 1048576 characters`,
		`name.matches("x")`:          `1:13: matches is not offered`,
		`name.upper() == "X"`:        `1:11: there is no method "upper"`,
		`lower(name) == "x"`:         `1:6: there is no function "lower"`,
		`name.startsWith("")`:        `1:17: startsWith needs a text, and an empty one is none`,
		`amount.startsWith("1")`:     `1:1: startsWith is for texts, and this is a number`,
		`name < null`:                `null and the empty text have no order`,
		`name > ""`:                  `null and the empty text have no order`,
		`done > hot`:                 `booleans have no order`,
		`topics == ["a"]`:            `lists are not compared`,
		`stage in ["won", 1]`:        `1:18: cannot compare a text with a number`,
		`stage in [name]`:            `1:11: a list after in holds literals only`,
		`stage in name`:              `1:10: in needs a list, and this is a text`,
		`1 in topics`:                `a list of texts holds texts, and this is a number`,
		`close_date in ["x"]`:        `1:16: "x" must be a date`,
		`customer.nam == "x"`:        `1:9: no field "nam" in customer; did you mean "name"?`,
		`name.first == "x"`:          `1:1: field "name" is a text and has no fields`,
		`customer.name.first == "x"`: `1:9: this is a text and has no fields`,
		`customer.parent.parent.parent.parent.name == "x"`: `1:30: a field may lie behind 4 relations at most`,
		`line.size() > 1`:                                   `1:1: no field "line" in deal; did you mean "lines"?`,
		`lines > 1`:                                         `1:1: "lines" are many records; make one value of them: lines.size()`,
		`customer.deals == null`:                            `1:9: "deals" are many records`,
		`lines.deal.name == "x"`:                            `1:1: "lines" are many records`,
		`lines.exists(x)`:                                   `1:13: exists takes a name for each record, and an expression of it`,
		`lines.exists(x.y, true)`:                           `exists takes a name for each record`,
		`lines.exists(x, x)`:                                `1:17: "x" is a whole record; use one of its fields: x.number`,
		`lines.exists(x, x.pric > 1)`:                       `1:18: no field "pric" in line; did you mean "price"?`,
		`lines.exists(x, x.price)`:                          `1:18: a condition is needed here, and this is a number`,
		`lines.filter(x, x.free)`:                           `"lines" are many records`,
		`lines.sum() > 1`:                                   `1:10: sum needs the values: lines.map(x, x.amount).sum()`,
		`lines.map(x, x.product).sum() == 1`:                `there is no sum of values of which each is a text`,
		`lines.map(x, x.free).min() == true`:                `there is no min of values of which each is a boolean`,
		`lines.map(x, x.due_on).avg() == close_date`:        `there is no avg of values of which each is a date`,
		`lines.map(x, x.price).filter(y, y > 1).size() > 1`: `filter comes before map`,
		`lines.map(x, x.deal.lines).sum() == 1`:             `"lines" are many records`,
		`lines.sort(x, x.price).size() == 1`:                `there is no method "sort" of a list`,
		`lines.size(1) == 1`:                                `size takes nothing`,
		`lines.exists(x, true) && x.price > 1`:              `no field "x" in deal`,
		`customer.deals.exists(a, a.customer.deals.exists(b, b.customer.deals.exists(c, c.lines.exists(d, d.free))))`: `deeper than 3 levels`,
		strings.TrimSuffix(strings.Repeat(`has(customer.name) && `, 33), ` && `):                                      `looks at other records 33 times, and may 32 times`,
		`amount % 2 == 0`:                             `1:8: the remainder % is of whole numbers; round or floor makes them so`,
		`topics[0] == "a"`:                            `values cannot be indexed`,
		`topics.exists(t, t == "a")`:                  `there is no method "exists"`,
		`{"a": 1} == 1`:                               `only values, fields, operators and functions`,
		`b"x" == name`:                                `literals are texts, numbers, true, false and null`,
		`name == "a\u0000b"`:                          `1:9: a text holds no zero character`,
		`amount = 1`:                                  `1:8:`,
		`amount >`:                                    `the expression ends too early`,
		`amount > 1; DROP TABLE deal`:                 `1:11:`,
		`name == 'x' OR 1`:                            `1:13:`,
		`amount > 99999999999999999999`:               `1:10: the whole number is too large`,
		`amount > 1e999`:                              `the number is too large`,
		`amount > 0e99999999`:                         `is too large or too small`,
		`amount > 1e-99999999`:                        `is too large or too small`,
		`amount > 1e-401`:                             `the number has more than 400 digits`,
		`amount > 1e-9999999999`:                      `is too large or too small`,
		`amount > 1e300 * 1e300`:                      `the result may have more than 400 digits`,
		`name == "` + strings.Repeat("x", 9000) + `"`: `longer than 8192 bytes`,
		strings.Repeat("(", 80) + "done" + strings.Repeat(")", 80):  `nested deeper than 64 levels`,
		strings.Repeat("!(", 80) + "done" + strings.Repeat(")", 80): `nested deeper than 64 levels`,
		strings.TrimSuffix(strings.Repeat("done||", 1200), "||"):    `more than 1000 parts`,
		"name == \"\xff\"": `not valid UTF-8`,
	} {
		_, err := expr.CompileCondition(s, o, text)
		if err == nil {
			t.Errorf("%.60s: nothing is said", text)
			continue
		}
		if !fault.Is(err, fault.Malformed) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: says %q, not %q", text, err, want)
		}
	}
}

func TestAnExpressionReachesOtherRecords(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	w := world{
		"customer": {
			{"id": someCustomer, "name": "总公司", "industry": "retail"},
			{"id": otherCustomer, "name": "Acme", "industry": "retail", "parent": someCustomer, "owner": someUser},
			{"id": "gone", "name": "Gone", "deleted": true},
		},
		"user": {{"id": someUser, "name": "王"}},
		"deal": {
			{"id": someDeal, "customer": otherCustomer, "partner": "gone", "amount": number("10"), "owner": "nobody"},
			{"id": "second", "customer": otherCustomer, "amount": number("32"), "stage": "won"},
			{"id": "deleted", "customer": otherCustomer, "amount": number("1000"), "deleted": true},
		},
		"line": {
			{"deal": someDeal, "price": number("2"), "quantity": int64(3), "due_on": day("2026-02-01")},
			{"deal": someDeal, "price": number("1.5"), "free": true},
			{"deal": "second", "price": number("100")},
		},
	}
	for text, want := range map[string]any{
		`customer.industry == "retail"`:    true,
		`customer.parent.name`:             "总公司",
		`customer.parent.parent.name`:      nil,
		`customer.owner.name`:              "王",
		`owner.name`:                       nil,
		`owner == null`:                    false,
		`partner == null`:                  false,
		`partner.name == null`:             true,
		`partner.id == null`:               true,
		`partner.deals.size() == 0`:        true,
		`(done ? partner : customer).name`: "Acme",
		`lines.size()`:                     number("2"),
		`size(lines)`:                      number("2"),
		`lines.filter(x, x.free).size()`:   number("1"),
		`lines.filter(x, !x.free).filter(y, y.price > 5).size()`:                              number("0"),
		`lines.map(x, x.price * x.quantity).sum()`:                                            number("6"),
		`lines.map(x, x.quantity).size()`:                                                     number("2"),
		`lines.map(x, x.price).min()`:                                                         number("1.5"),
		`lines.map(x, x.price).max()`:                                                         number("2"),
		`lines.map(x, x.price).avg()`:                                                         number("1.75"),
		`lines.map(x, x.due_on).max()`:                                                        day("2026-02-01"),
		`lines.filter(x, x.price > 5).map(x, x.price).sum()`:                                  number("0"),
		`lines.filter(x, x.price > 5).map(x, x.price).avg()`:                                  nil,
		`lines.exists(x, x.price < amount)`:                                                   true,
		`lines.all(x, x.price < amount)`:                                                      true,
		`lines.all(x, x.free)`:                                                                false,
		`lines.exists_one(x, x.free)`:                                                         true,
		`customer.deals.map(d, d.amount).sum()`:                                               number("42"),
		`customer.deals.exists(d, d.stage == "won" && d.lines.exists(l, l.price > d.amount))`: true,
		`customer.parent.subsidiaries.exists(c, c.name == "Acme")`:                            true,
		`customer.deals.exists(name, name.amount == 32)`:                                      true,
	} {
		e, err := expr.Compile(s, o, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := e.Eval(expr.Context{Related: w}, record(w["deal"][0]))
		if err != nil || !same(got, want) {
			t.Errorf("%s is %v, %v, not %v", text, got, err, want)
		}
	}
}

func TestAnExpressionKnowsWhenAndWhoAsks(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	around := expr.Context{
		Now: time.Date(2026, 1, 31, 18, 30, 0, 123456789, time.UTC), User: someUser, Zone: shanghai,
		Related: world{"user": {{"id": someUser, "name": "王"}}},
	}
	deal := values{
		"name": " \u3000上海 Acme\u00a0", "city": "Ärger", "amount": number("-2.345"), "seats": int64(-7), "floor": int64(2), "owner": someUser,
		"close_date": day("2026-02-28"), "called_at": time.Date(2025, 12, 31, 16, 0, 1, 5e6, time.UTC),
	}
	for text, want := range map[string]any{
		`now()`:                                        time.Date(2026, 1, 31, 18, 30, 0, 123456000, time.UTC),
		`today()`:                                      day("2026-02-01"),
		`date(now())`:                                  day("2026-02-01"),
		`date(close_date)`:                             day("2026-02-28"),
		`close_date - today()`:                         number("27"),
		`close_date - "2026-02-27"`:                    number("1"),
		`close_date + days(1)`:                         day("2026-03-01"),
		`close_date - days(1.9)`:                       day("2026-02-27"),
		`days(1) + close_date`:                         day("2026-03-01"),
		`close_date + days(1e7)`:                       nil,
		`called_at + hours(8)`:                         time.Date(2026, 1, 1, 0, 0, 1, 5e6, time.UTC),
		`called_at - days(1e9)`:                        nil,
		`now() - called_at > days(31)`:                 true,
		`now() - called_at > duration("800h")`:         false,
		`(now() - called_at).getHours()`:               number("746"),
		`(called_at - now()).getMinutes()`:             number("-44789"),
		`(days(3) / 2).getHours()`:                     number("36"),
		`days(3) / hours(6)`:                           number("12"),
		`-minutes(2) + seconds(90) < duration("-29s")`: true,
		`called_at.getFullYear()`:                      number("2026"),
		`called_at.getMonth()`:                         number("0"),
		`called_at.getHours() + called_at.getSeconds() + called_at.getMilliseconds()`: number("6"),
		`close_date.getDayOfMonth()`:  number("27"),
		`close_date.getDate()`:        number("28"),
		`close_date.getDayOfWeek()`:   number("6"),
		`close_date.getDayOfYear()`:   number("58"),
		`owner == user()`:             true,
		`user().name`:                 "王",
		`user().id == owner`:          true,
		`name.trim()`:                 "上海 Acme",
		`name.trim().size()`:          number("7"),
		`name.trim().substring(1, 4)`: "海 A",
		`name.trim().substring(3)`:    "Acme",
		`name.substring(50)`:          nil,
		`city.lowerAscii()`:           "Ärger",
		`city.upperAscii()`:           "ÄRGER",
		`city.replace("Är", "上")`:     "上ger",
		`city.replace("Ärger", "")`:   nil,
		`city + ", " + stage`:         "Ärger, ",
		`stage + order`:               nil,
		`"" + city`:                   "Ärger",
		`string(amount) + string(true) + string(close_date) + string(owner)`: "-2.345true2026-02-28" + someUser,
		`string(1.50)`:                  "1.5",
		`round(amount, 2)`:              number("-2.35"),
		`round(amount)`:                 number("-2"),
		`floor(amount)`:                 number("-3"),
		`ceil(amount)`:                  number("-2"),
		`abs(amount)`:                   number("2.345"),
		`min(amount, 3, rate)`:          number("-2.345"),
		`max(rate, share)`:              nil,
		`max(close_date, "2027-01-01")`: day("2027-01-01"),
		`seats % 4`:                     number("-3"),
		`seats % (floor - 2)`:           nil,
		`floor % 0`:                     nil,
	} {
		e, err := expr.Compile(s, o, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := e.Eval(around, record(deal))
		if err != nil || !same(got, want) {
			t.Errorf("%s is %v, %v, not %v", text, got, err, want)
		}
	}
	if _, err := expr.Compile(s, o, `owner == user()`, expr.NoAsker); err == nil || !strings.Contains(err.Error(), "1:14: user() cannot be used here") {
		t.Errorf("says %v", err)
	}
}

func TestWithoutAMomentTheDatabasesOwnClockIsAsked(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	e, err := expr.Compile(s, o, `close_date < today() || now() > called_at || user() == owner`)
	if err != nil {
		t.Fatal(err)
	}
	var args expr.Args
	if got := e.SQL(&args, expr.Context{}, "t"); !strings.Contains(got, `(now() AT TIME ZONE $1::text)::date`) || !strings.Contains(got, "now() > ") || !strings.Contains(got, "NULL::uuid") {
		t.Errorf("it is %s", got)
	}
}

func TestWhereThereAreNoOtherRecordsNoneAreRead(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	for text, want := range map[string]string{
		`customer.name == "x"`: `1:1: only the fields of the record itself can be used here, not those of the customer behind field "customer"`,
		`lines.size() > 1`:     `1:1: only the fields of the record itself can be used here, not its lines`,
	} {
		if _, err := expr.CompileCondition(s, o, text, expr.OwnRecord); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: says %v, not %q", text, err, want)
		}
		e, err := expr.CompileCondition(s, o, text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Eval(expr.Context{}, record(values{"id": someDeal, "customer": someCustomer})); err == nil || !e.ReadsOthers() {
			t.Errorf("%s has a value without other records", text)
		}
	}
	if e, err := expr.CompileCondition(s, o, `customer == null`, expr.OwnRecord); err != nil || e.ReadsOthers() {
		t.Errorf("the id of a customer is another record's: %v", err)
	}
}

func TestAnExpressionKnowsWhatItReadsOfOtherObjects(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	e, err := expr.Compile(s, o, `customer.parent.deals.filter(d, d.owner.name == name).map(d, d.amount).sum()`)
	if err != nil {
		t.Fatal(err)
	}
	var reads []string
	for _, use := range e.Fields() {
		reads = append(reads, use.Object.Name+"."+use.Field.Name)
	}
	if got := strings.Join(reads, " "); got != "deal.customer customer.parent deal.owner user.name deal.name deal.amount" {
		t.Errorf("it reads %s", got)
	}
}

func TestAllProblemsAreSaidAtOnce(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	_, err := expr.CompileCondition(s, o, `nam == "x" && amount > "y" && sizee(name) > 1`)
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Violations) != 3 {
		t.Errorf("says %v", err)
	}
}

func TestAnExpressionKnowsItsFieldsAndKind(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	e, err := expr.Compile(s, o, `amount * rate + amount`)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, use := range e.Fields() {
		names = append(names, use.Object.Name+"."+use.Field.Name)
	}
	if strings.Join(names, " ") != "deal.amount deal.rate" || e.Kind() != schema.KindNumber || e.Text() != "amount * rate + amount" {
		t.Errorf("fields %v, kind %s, text %s", names, e.Kind(), e.Text())
	}
}

func TestAConditionIsNeverNull(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	for _, text := range []string{`hot`, `hot ? hot : hot`, `true ? null : hot`} {
		e, err := expr.CompileCondition(s, o, text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Eval(expr.Context{}, record(nil)); got != false || err != nil {
			t.Errorf("%s is %v, %v for a record without values", text, got, err)
		}
	}
}

func TestAValueOfTheWrongTypeIsAnError(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	e, err := expr.CompileCondition(s, o, `amount > 1`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Eval(expr.Context{}, record(values{"amount": "12"})); err == nil || fault.Is(err, fault.Malformed) {
		t.Errorf("says %v", err)
	}
}

func TestSQLHoldsNoValues(t *testing.T) {
	t.Parallel()
	s, o := deals(t)
	for text, want := range map[string]string{
		`name == "x' OR 1=1 --"`: `("t"."name" = $2::text AND "t"."name" IS NOT NULL)`,
		`order != "x"`:           `("t"."x_""odd"" $1" IS DISTINCT FROM $2::text)`,
		`seats >= 5`:             `("t"."seats" >= $2::bigint AND "t"."seats" IS NOT NULL)`,
		`seats >= 5.5`:           `("t"."seats" >= $2::numeric AND "t"."seats" IS NOT NULL)`,
		`number == 5`:            `("t"."number" = $2::bigint)`,
		`name < "b"`:             `("t"."name" < $2::text AND "t"."name" IS NOT NULL)`,
		`stage in ["a", "b"]`:    `("t"."stage" = ANY($2::text[]) AND "t"."stage" IS NOT NULL)`,
		`"a" in topics`:          `("t"."topics" @> ARRAY[$2::text] AND "t"."topics" IS NOT NULL)`,
		`done && !hot`:           `(("t"."done" IS TRUE) AND (NOT ("t"."hot" IS TRUE)))`,
		`customer == null`:       `("t"."customer_id" IS NULL)`,
		`has(customer.name)`:     `((SELECT q1."name" FROM "crm"."customer" AS q1 WHERE q1."id" = "t"."customer_id" AND q1."deleted_at" IS NULL) IS NOT NULL)`,
		`customer.name == "'"`: `EXISTS (SELECT FROM "crm"."customer" AS q1 WHERE q1."id" = "t"."customer_id" AND q1."deleted_at" IS NULL` +
			` AND (q1."name" = $2::text AND q1."name" IS NOT NULL))`,
		`lines.exists(x, x.free)`: `EXISTS (SELECT FROM "crm"."line" AS q1 WHERE q1."deal_id" = "t"."id" AND q1."deleted_at" IS NULL AND (q1."free" IS TRUE))`,
		`lines.size() > 2`:        `((SELECT count(*)::numeric FROM "crm"."line" AS q1 WHERE q1."deal_id" = "t"."id" AND q1."deleted_at" IS NULL) > $2::numeric)`,
	} {
		e, err := expr.CompileCondition(s, o, text)
		if err != nil {
			t.Fatal(err)
		}
		var args expr.Args
		args.Add("before")
		if got := e.SQL(&args, expr.Context{}, "t"); got != want {
			t.Errorf("%s is\n%s, not\n%s", text, got, want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	s, o := deals(f, computing)
	for _, seed := range []string{
		`amount > 1 && name.startsWith("a")`, `stage in ["a", null]`, `-1.5e3 / seats`, `"a" in topics ? 1 : 2`, `date("2026-01-01") < close_date`,
		`((((`, `a.b.c[1]{x: 2}`, "\"\\u00", "`x`", `1e-1`, `!!-1`, `- // x
 5.5 == 1`, `.name == r'x'`, `x{a:1}`, `0x`, `1u`, `'''x'''`, `customer.parent.name != city`, `lines.filter(x, x.free).map(y, y.price * y.quantity).sum() > 1`,
		`customer.deals.all(d, d.lines.exists_one(l, l.price > amount))`, `lines.map(x, x).size()`, `x.exists(x, x.x)`,
		`close_date + days(3) > today() && now() - called_at < duration("1h")`, `name.trim().replace("a", city) + string(round(amount, 2))`,
		`max(seats % 3, floor(amount)) == called_at.getDayOfYear()`, `user().name.substring(1, 2)`, `customer.big && worth > weighted`, `(now() - called_at).getHours() / 24`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			tryAnything(t, s, o, text)
		}()
		patience, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		select {
		case <-done:
		case <-patience.Done():
			t.Fatalf("%q takes too long", text)
		}
	})
}

// tryAnything sees to it that a text is refused as a user's mistake, or works in both backends.
func tryAnything(t *testing.T, s *schema.Schema, o *schema.Object, text string) {
	t.Helper()
	e, err := expr.Compile(s, o, text)
	if err != nil {
		if !fault.Is(err, fault.Malformed) || err.Error() == "" {
			t.Errorf("%q: %v", text, err)
		}
		return
	}
	if _, err := e.Eval(expr.Context{Related: world{}}, record(nil)); err != nil {
		t.Errorf("%q: %v", text, err)
	}
	var args expr.Args
	if sql := e.SQL(&args, expr.Context{}, "t"); sql == "" || strings.Count(sql, "(") != strings.Count(sql, ")") {
		t.Errorf("%q is %s", text, sql)
	}
}

func BenchmarkCompile(b *testing.B) {
	s, o := deals(b)
	for b.Loop() {
		if _, err := expr.CompileCondition(s, o, `stage == "won" && amount > 1000 && name.startsWith("A")`); err != nil {
			b.Fatal(err)
		}
	}
}

func TestAnExpressionReadsTheParts(t *testing.T) {
	t.Parallel()
	s, err := schema.Build(&schema.Schema{Format: schema.Format, Objects: []*schema.Object{{
		Identity: "site", Name: "site", Table: "site", Source: "standard", Fields: []*schema.Field{
			{Identity: "address", Name: "seat", Column: "address", Type: schema.TypeAddress},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	o, _ := s.Object("site")
	city, _ := o.Field("seat.city")
	e, err := expr.CompileCondition(s, o, `seat.city == "Berlin" && !has(seat.latitude)`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Eval(expr.Context{}, func(f *schema.Field) any {
		if f == city {
			return "Berlin"
		}
		return nil
	})
	if err != nil || got != true {
		t.Errorf("got %v, %v", got, err)
	}
	var args expr.Args
	if got := e.SQL(&args, expr.Context{}, "r"); !strings.Contains(got, `"r"."address__city" = $1::text`) {
		t.Errorf("the SQL is %s", got)
	}
	for text, want := range map[string]string{
		`seat == null`:          `1:1: field "seat" has parts; ask for one of them: seat.line`,
		`seat.citty == "x"`:     `1:5: seat has no part "citty"; did you mean "city"?`,
		`seat.latitude == ""+1`: "one calculates with numbers",
		`seat.city.size == 1`:   "1:5: this is a text and has no fields",
	} {
		if _, err := expr.CompileCondition(s, o, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
