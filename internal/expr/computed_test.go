package expr_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/schema"
)

func formula(name string, returns schema.TypeName, expression string) *schema.Field {
	return field(name, schema.TypeFormula, func(f *schema.Field) { f.Formula = &schema.Formula{Expression: expression, Returns: returns} })
}

func rollup(name string, r schema.Rollup) *schema.Field {
	return field(name, schema.TypeRollup, func(f *schema.Field) { f.Rollup = &r })
}

// with adds fields to an object of the schema.
func with(object string, fields ...*schema.Field) func(*schema.Schema) {
	return func(s *schema.Schema) {
		for _, o := range s.Objects {
			if o.Name == object {
				o.Fields = append(o.Fields, fields...)
			}
		}
	}
}

// computing adds computed fields, some of which are computed from others.
func computing(s *schema.Schema) {
	with("customer",
		formula("heading", schema.TypeText, `name.trim() + " (" + industry + ")"`),
		rollup("deal_count", schema.Rollup{Inverse: "deals", Function: schema.RollupCount}),
		rollup("won_total", schema.Rollup{Inverse: "deals", Function: schema.RollupSum, Field: "amount", Filter: `stage == "won"`}),
		rollup("last_close", schema.Rollup{Inverse: "deals", Function: schema.RollupMax, Field: "close_date", Filter: `done || amount > customer.revenue`}),
		rollup("mean_worth", schema.Rollup{Inverse: "deals", Function: schema.RollupAvg, Field: "worth"}),
		formula("big", schema.TypeBoolean, `won_total > 1000 || parent.deal_count > 2`))(s)
	with("deal",
		formula("weighted", schema.TypeMoney, `amount * share / 100`),
		formula("age", schema.TypeInteger, `today() - close_date`),
		formula("due_on", schema.TypeDate, `close_date + days(floor)`),
		formula("called_again_at", schema.TypeDateTime, `called_at + hours(36)`),
		formula("part_of_total", schema.TypePercent, `amount / customer.won_total * 100`),
		rollup("worth", schema.Rollup{Inverse: "lines", Function: schema.RollupSum, Field: "value"}))(s)
	with("line", formula("value", schema.TypeDecimal, `price * quantity`))(s)
}

func TestComputedFieldsAreReadAsOthers(t *testing.T) {
	t.Parallel()
	s, o := deals(t, computing)
	w := world{
		"customer": {{"id": someCustomer, "name": " 上海 ", "industry": "retail"}},
		"deal": {
			{"id": someDeal, "customer": someCustomer, "amount": number("10"), "share": number("33.3333"), "stage": "won", "close_date": day("2026-01-01"), "floor": int64(2)},
			{"id": "second", "customer": someCustomer, "amount": number("2000"), "stage": "won", "done": true, "close_date": day("2026-03-01")},
			{"id": "third", "customer": someCustomer, "amount": number("7"), "stage": "lost"},
		},
		"line": {{"deal": someDeal, "price": number("1.5"), "quantity": int64(3)}, {"deal": someDeal, "price": number("2")}},
	}
	around := expr.Context{Related: w, Now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
	for text, want := range map[string]any{
		`weighted`:                    number("3.3333"),
		`weighted + 1 > 4.3`:          true,
		`age`:                         number("30"),
		`due_on`:                      day("2026-01-03"),
		`worth`:                       number("4.5"),
		`lines.map(x, x.value).max()`: number("4.5"),
		`part_of_total`:               number("0.4975"),
		`customer.heading`:            "上海 (retail)",
		`customer.deal_count`:         number("3"),
		`customer.won_total`:          number("2010"),
		`customer.last_close`:         day("2026-03-01"),
		`customer.mean_worth`:         number("1.5"),
		`customer.big`:                true,
		`customer.deals.filter(d, d.worth > 0).map(d, d.weighted).sum()`: number("3.3333"),
	} {
		e, err := expr.Compile(s, o, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := e.Eval(around, record(w["deal"][0])); err != nil || !same(got, want) {
			t.Errorf("%s is %v, %v, not %v", text, got, err, want)
		}
	}
	if _, err := expr.Compile(s, o, `worth > 1`, expr.OwnRecord); err == nil || !strings.Contains(err.Error(), `"worth" is computed from others`) {
		t.Errorf("without other records: %v", err)
	}
	if _, err := expr.Compile(s, o, `weighted > 1`, expr.OwnRecord); err != nil {
		t.Errorf("what is computed from the record itself: %v", err)
	}
}

func TestAComputedFieldKnowsAllThatItReads(t *testing.T) {
	t.Parallel()
	s, o := deals(t, computing)
	worth, _ := o.Field("worth")
	e, err := expr.CompileComputed(s, o, worth)
	if err != nil {
		t.Fatal(err)
	}
	var reads []string
	for _, use := range e.Fields() {
		reads = append(reads, use.Object.Name+"."+use.Field.Name)
	}
	if got := strings.Join(reads, " "); got != "line.deal line.value line.price line.quantity" || !e.ReadsOthers() {
		t.Errorf("it reads %s", got)
	}
}

func TestAWrongComputedFieldIsToldWhatAndWhere(t *testing.T) {
	t.Parallel()
	long := "amount"
	var doubling []*schema.Field
	for _, name := range []string{"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12", "f13", "f14"} {
		doubling = append(doubling, formula(name, schema.TypeDecimal, "round("+long+" + "+long+")"))
		long = name
	}
	for want, fields := range map[string][]*schema.Field{
		`formula.expression: 1:1: no field "amont" in deal; did you mean "amount"?`:                  {formula("bad", schema.TypeMoney, `amont * 2`)},
		`formula.expression: 1:14: user() cannot be used here`:                                       {formula("bad", schema.TypeBoolean, `owner == user()`)},
		`formula.returns: the formula returns text, which is a text, but the expression is a number`: {formula("bad", schema.TypeText, `amount`)},
		`formula.expression: 1:1: the computed fields go round in a circle: deal.bad, deal.bad`:      {formula("bad", schema.TypeMoney, `bad + 1`)},
		`the computed fields go round in a circle: deal.bad, deal.b, deal.bad`: {
			formula("bad", schema.TypeMoney, `b + 1`), formula("b", schema.TypeMoney, `bad * 2`),
		},
		`the computed fields go round in a circle: deal.bad, deal.bad`: {formula("bad", schema.TypeMoney, `customer.deals.map(d, d.bad).sum()`)},
		`formula.expression: 1:1: "broken" of deal cannot be computed: formula.expression: 1:1: no field "x" in deal`: {
			formula("bad", schema.TypeMoney, `broken`), formula("broken", schema.TypeMoney, `x`),
		},
		`rollup.inverse: no relation to deal has the inverse "line"; did you mean "lines"?`: {rollup("bad", schema.Rollup{Inverse: "line", Function: schema.RollupCount})},
		`rollup.field: 1:1: no field "pric" in line`:                                        {rollup("bad", schema.Rollup{Inverse: "lines", Function: schema.RollupSum, Field: "pric"})},
		`rollup.field: there is no sum of values of which each is a text`:                   {rollup("bad", schema.Rollup{Inverse: "lines", Function: schema.RollupSum, Field: "product"})},
		`rollup.filter: 1:1: a condition is needed here, and this is a number`:              {rollup("bad", schema.Rollup{Inverse: "lines", Function: schema.RollupCount, Filter: "price"})},
		`have more than 5000 parts`:                                                         append(doubling, formula("bad", schema.TypeDecimal, long)),
	} {
		s, o := deals(t, with("deal", fields...))
		bad, _ := o.Field("bad")
		_, err := expr.CompileComputed(s, o, bad)
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Kind != fault.Malformed || !strings.Contains(err.Error(), want) {
			t.Errorf("says %v, not %q", err, want)
		}
	}
}
