package query_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
)

// figures runs an aggregate and gives its rows in JSON.
func (d *database) figures(r query.AggregateRequest) ([]string, error) {
	d.tb.Helper()
	aggregate, err := d.c.Aggregate(query.Everything(), r)
	if err != nil {
		return nil, err
	}
	var items []string
	for _, row := range d.rows(aggregate.Statement) {
		item, err := aggregate.Encode(nil, row)
		if err != nil {
			return nil, err
		}
		if !json.Valid(item) {
			d.tb.Fatalf("%s is no JSON", item)
		}
		items = append(items, string(item))
	}
	return items, nil
}

func (d *database) mustFigures(r query.AggregateRequest) string {
	d.tb.Helper()
	items, err := d.figures(r)
	if err != nil {
		d.tb.Fatal(err)
	}
	return strings.Join(items, "\n")
}

func TestFiguresAreOfGroups(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, customers := object(t, d.c, "deal"), object(t, d.c, "customer")
	acme := d.insert(customers, map[string]any{"name": "上海 Acme"})
	gone := d.insert(customers, map[string]any{"name": "Gone", "parent": acme})
	for _, one := range []map[string]any{
		{"stage": "won", "amount": number("0.1"), "currency": "EUR", "customer": acme, "close_date": noon, "seats": int64(9007199254740991), "name": "a"},
		{"stage": "won", "amount": number("0.2"), "currency": "EUR", "customer": acme, "close_date": noon.AddDate(0, 0, 1), "seats": int64(9007199254740991), "name": "b"},
		{"stage": "won", "amount": number("10"), "currency": "EUR", "customer": gone, "close_date": noon.AddDate(0, 1, 0), "name": "a"},
		{"stage": "lost", "currency": "USD", "done": true},
		{"done": false, "called_at": time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)},
	} {
		d.insert(deal, one)
	}
	d.one(d.c.Delete(query.Everything(), customers, gone, 1, "", noon))
	for _, c := range []struct {
		request query.AggregateRequest
		want    string
	}{
		{query.AggregateRequest{}, `{"count":5}`},
		{query.AggregateRequest{Filter: "false"}, `{"count":0}`},
		{query.AggregateRequest{Filter: "false", Groups: []query.Group{{Field: "stage"}}}, ``},
		{
			query.AggregateRequest{Groups: []query.Group{{Field: "stage"}}, Values: []query.Value{
				{Function: "count"},
				{Function: "sum", Field: "amount"},
				{Function: "avg", Field: "amount", Name: "mean"},
				{Function: "count_distinct", Field: "name"},
				{Function: "sum", Field: "seats"},
				{Function: "max", Field: "close_date"},
				{Function: "min", Field: "name"},
				{Function: "count", Field: "amount"},
			}},
			`{"stage":"lost","count":1,"sum_amount":null,"sum_amount_currency":null,"mean":null,"mean_currency":null,"count_distinct_name":0,"sum_seats":null,"max_close_date":null,"min_name":null,"count_amount":0}
{"stage":"won","count":3,"sum_amount":"10.30","sum_amount_currency":"EUR","mean":"3.433333","mean_currency":"EUR","count_distinct_name":2,"sum_seats":"18014398509481982","max_close_date":"2026-12-22","min_name":"a","count_amount":3}
{"stage":null,"count":1,"sum_amount":null,"sum_amount_currency":null,"mean":null,"mean_currency":null,"count_distinct_name":0,"sum_seats":null,"max_close_date":null,"min_name":null,"count_amount":0}`,
		},
		{
			query.AggregateRequest{Groups: []query.Group{{Field: "customer"}}, Sort: []string{"-count", "customer"}},
			fmt.Sprintf(`{"customer":{"id":"%s","title":"上海 Acme"},"count":2}
{"customer":null,"count":2}
{"customer":{"id":"%s","title":null},"count":1}`, acme, gone),
		},
		{
			query.AggregateRequest{Groups: []query.Group{{Field: "customer.name"}, {Field: "done"}}, Having: `count > 1 || done == true`},
			`{"customer_name":"上海 Acme","done":null,"count":2}
{"customer_name":null,"done":true,"count":1}`,
		},
		{
			query.AggregateRequest{Groups: []query.Group{{Field: "close_date", By: "month"}}, Filter: "close_date != null", Sort: []string{"-close_date_month"}},
			`{"close_date_month":"2026-12-01","count":1}
{"close_date_month":"2026-11-01","count":2}`,
		},
		{
			query.AggregateRequest{Groups: []query.Group{{Field: "close_date", By: "week"}, {Field: "close_date", By: "quarter", Name: "q"}, {Field: "close_date", By: "year"}}, Filter: "close_date != null"},
			`{"close_date_week":"2026-11-16","q":"2026-10-01","close_date_year":"2026-01-01","count":1}
{"close_date_week":"2026-11-23","q":"2026-10-01","close_date_year":"2026-01-01","count":1}
{"close_date_week":"2026-12-21","q":"2026-10-01","close_date_year":"2026-01-01","count":1}`,
		},
	} {
		c.request.Object = "deal"
		if got := d.mustFigures(c.request); got != c.want {
			t.Errorf("%+v gives\n%s, not\n%s", c.request, got, c.want)
		}
	}
}

func TestDaysAreThoseOfTheOrganisation(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	s := crm(t)
	s.Organisation.TimeZone = "Asia/Shanghai"
	d.c = query.New(s, sealer(t), "acme/acme")
	d.insert(object(t, d.c, "deal"), map[string]any{"called_at": time.Date(2026, 12, 31, 16, 30, 0, 0, time.UTC)})
	for by, want := range map[string]string{"day": "2027-01-01", "week": "2026-12-28", "month": "2027-01-01", "quarter": "2027-01-01", "year": "2027-01-01"} {
		got := d.mustFigures(query.AggregateRequest{Object: "deal", Groups: []query.Group{{Field: "called_at", By: by, Name: "at"}}})
		if got != `{"at":"`+want+`","count":1}` {
			t.Errorf("by %s it is %s", by, got)
		}
	}
}

func TestAmountsInDifferentCurrenciesAreNotMixed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	for _, one := range []map[string]any{
		{"amount": number("1"), "currency": "EUR", "stage": "won"},
		{"amount": number("2"), "currency": "USD", "stage": "won"},
		{"amount": number("3"), "currency": "USD", "stage": "lost"},
		{"currency": "CNY", "stage": "lost"},
	} {
		d.insert(deal, one)
	}
	sum := []query.Value{{Function: "count"}, {Function: "sum", Field: "amount"}}
	_, err := d.figures(query.AggregateRequest{Object: "deal", Values: sum})
	if !fault.Is(err, fault.Malformed) || !strings.Contains(err.Error(), "values[1].field: the amounts are in EUR and in USD; add the currency to the groups") {
		t.Errorf("a mixed sum: %v", err)
	}
	got := d.mustFigures(query.AggregateRequest{Object: "deal", Values: sum, Groups: []query.Group{{Field: "currency"}}, Filter: "amount != null"})
	if want := `{"currency":"EUR","count":1,"sum_amount":"1.00"}` + "\n" + `{"currency":"USD","count":2,"sum_amount":"5.00"}`; got != want {
		t.Errorf("by currency: %s", got)
	}
	got = d.mustFigures(query.AggregateRequest{Object: "deal", Values: sum, Groups: []query.Group{{Field: "stage"}}, Filter: `stage == "lost"`})
	if want := `{"stage":"lost","count":2,"sum_amount":"3.00","sum_amount_currency":"USD"}`; got != want {
		t.Errorf("of one currency: %s", got)
	}
}

func TestMoreGroupsThanTheLimitAreSeen(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for n := range 5 {
		d.insert(object(t, d.c, "deal"), map[string]any{"seats": int64(n)})
	}
	items, err := d.figures(query.AggregateRequest{Object: "deal", Groups: []query.Group{{Field: "seats"}}, Limit: 3, Sort: []string{"-seats"}})
	if err != nil || len(items) != 4 || items[0] != `{"seats":4,"count":1}` {
		t.Errorf("%v, %v", items, err)
	}
}

func TestAWrongAggregateIsToldWhere(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	group := func(g ...query.Group) query.AggregateRequest { return query.AggregateRequest{Groups: g} }
	value := func(v ...query.Value) query.AggregateRequest { return query.AggregateRequest{Values: v} }
	stage := query.Group{Field: "stage"}
	for _, wrong := range []struct {
		request query.AggregateRequest
		message string
	}{
		{group(query.Group{Field: "stag"}), `groups[0].field: no field "stag" in deal; did you mean "stage"?`},
		{group(stage, query.Group{Field: `stage") FROM x; --`}), `groups[1].field: no field`},
		{group(query.Group{Field: "topics"}), `groups[0].field: "topics" is multi_picklist and cannot be grouped by`},
		{group(query.Group{Field: "notes"}), `cannot be grouped by`},
		{group(query.Group{Field: "stage", By: "month"}), `groups[0].by: "stage" is picklist and has no month`},
		{group(query.Group{Field: "close_date", By: "century'"}), `groups[0].by: "century'" is not one of year`},
		{group(query.Group{Field: "stage", Name: `x" FROM`}), `groups[0].name: must be 1 to 63`},
		{group(query.Group{Field: "stage", Name: strings.Repeat("x", 64)}), `groups[0].name: must be 1 to 63`},
		{group(stage, stage), `groups[1].name: "stage" stands twice`},
		{group(query.Group{Field: "deleted_at"}), `no field "deleted_at"`},
		{group(query.Group{Field: strings.Repeat("parent.", 5) + "name"}), `goes through more than 4`},
		{group(slices.Repeat([]query.Group{stage}, 9)...), `groups: at most 8`},
		{value(slices.Repeat([]query.Value{{Function: "count"}}, 31)...), `values: at most 30`},
		{value(query.Value{Function: "sum"}), `values[0].field: is required`},
		{value(query.Value{Function: "median", Field: "amount"}), `values[0].function: "median" is not one of count`},
		{value(query.Value{Function: "pg_sleep(9)"}), `values[0].function`},
		{value(query.Value{Function: "sum", Field: "name"}), `values[0].field: "name" is text and has no sum`},
		{value(query.Value{Function: "max", Field: "done"}), `"done" is boolean and has no max`},
		{value(query.Value{Function: "min", Field: "customer"}), `"customer" is relation and has no min`},
		{value(query.Value{Function: "count_distinct", Field: "topics"}), `has no count_distinct`},
		{value(query.Value{Function: "sum", Field: "amount"}, query.Value{Function: "count", Name: "sum_amount_currency"}), `"sum_amount_currency" stands twice`},
		{query.AggregateRequest{Filter: "nope"}, `filter: 1:1`},
		{query.AggregateRequest{Having: "amount > 1"}, `having: 1:1: no field "amount" in the result`},
		{query.AggregateRequest{Having: "count"}, `having: 1:1: a condition is needed`},
		{query.AggregateRequest{Groups: []query.Group{{Field: "customer"}}, Having: `customer.name == "x"`}, `having: "name" is of another record`},
		{query.AggregateRequest{Sort: []string{"amount"}}, `sort: "amount" is neither a group nor a value`},
		{query.AggregateRequest{Sort: []string{"count", "-count"}}, `sort: "count" stands twice`},
		{query.AggregateRequest{Sort: slices.Repeat([]string{"count"}, 9)}, `sort: at most 8`},
		{query.AggregateRequest{Limit: -1}, `limit: must be from 1 to 10000`},
		{query.AggregateRequest{Limit: 10001}, `limit: must be from 1 to 10000`},
	} {
		wrong.request.Object = "deal"
		_, err := c.Aggregate(query.Everything(), wrong.request)
		if !fault.Is(err, fault.Malformed) || !strings.Contains(err.Error(), wrong.message) {
			t.Errorf("%+v: says %v, not %q", wrong.request, err, wrong.message)
		}
	}
	if _, err := c.Aggregate(query.Everything(), query.AggregateRequest{Object: "nothing"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown object: %v", err)
	}
	if _, err := c.Aggregate(query.Access{}, query.AggregateRequest{Object: "deal"}); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without access: %v", err)
	}
}

// TestFiguresEqualThoseOfANaiveModel compares random aggregates over random
// records with what a loop in Go makes of them.
func TestFiguresEqualThoseOfANaiveModel(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, customers := object(t, d.c, "deal"), object(t, d.c, "customer")
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	titles, ids := map[any]string{}, []any{nil}
	for _, name := range []string{"b", "上海", "a"} {
		id := d.insert(customers, map[string]any{"name": name})
		titles[id], ids = name, append(ids, id)
	}
	type record = map[string]any
	var records []record
	for range 150 {
		r := record{"currency": "EUR", "customer": ids[random.IntN(len(ids))]}
		for name, values := range map[string][]any{
			"stage": {nil, "open", "won", "lost"}, "done": {nil, true, false}, "name": {nil, "x", "Y", "上", "😀"},
			"seats": {nil, int64(0), int64(-3), int64(7)}, "amount": {nil, number("1.5"), number("-0.25"), number("100")},
			"close_date": {nil, time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)},
		} {
			r[name] = values[random.IntN(len(values))]
		}
		d.insert(deal, r)
		records = append(records, r)
	}
	shown := func(value any) string {
		switch v := value.(type) {
		case nil:
			return "null"
		case string:
			if title, ok := titles[value]; ok {
				return fmt.Sprintf(`{"id":%q,"title":%q}`, v, title)
			}
			return `"` + v + `"`
		case time.Time:
			return `"` + v.Format(time.DateOnly) + `"`
		}
		return fmt.Sprint(value)
	}
	groupable := []string{"stage", "done", "name", "seats", "customer", "close_date"}
	for range 60 {
		random.Shuffle(len(groupable), func(i, j int) { groupable[i], groupable[j] = groupable[j], groupable[i] })
		request := query.AggregateRequest{Object: "deal", Limit: query.MaxGroups, Values: []query.Value{
			{Function: "count"},
			{Function: "count", Field: "name"},
			{Function: "count_distinct", Field: "seats"},
			{Function: "sum", Field: "seats"},
			{Function: "avg", Field: "seats"},
			{Function: "min", Field: "name"},
			{Function: "max", Field: "close_date"},
			{Function: "sum", Field: "amount"},
		}}
		if random.IntN(2) == 0 {
			request.Filter = "seats >= 0"
		}
		if random.IntN(2) == 0 {
			request.Having = "count > 3"
		}
		by := random.IntN(2) == 0
		for _, name := range groupable[:random.IntN(3)] {
			group := query.Group{Field: name}
			if name == "close_date" && by {
				group.By, group.Name = "month", name
			}
			request.Groups = append(request.Groups, group)
		}
		rows := map[string][]record{}
		for _, r := range records {
			if seats, ok := r["seats"].(int64); request.Filter != "" && (!ok || seats < 0) {
				continue
			}
			key := "{"
			for _, group := range request.Groups {
				value := r[group.Field]
				if at, ok := value.(time.Time); ok && group.By != "" {
					value = time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
				}
				key += fmt.Sprintf("%q:%s,", group.Field, shown(value))
			}
			rows[key] = append(rows[key], r)
		}
		if len(request.Groups) == 0 && len(rows) == 0 {
			rows["{"] = nil
		}
		var want []string
		for key, group := range rows {
			if request.Having != "" && len(group) <= 3 {
				continue
			}
			want = append(want, key+figuresOf(group, shown))
		}
		got, err := d.figures(request)
		if err != nil {
			t.Fatalf("seed %d: %+v: %v", seed, request, err)
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: %+v gives\n%s\nnot\n%s", seed, request, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// figuresOf are the figures of the property test, computed in a loop.
func figuresOf(group []map[string]any, shown func(any) string) string {
	var named, count int64
	var least, latest any
	seats, sum := decimal.Zero, decimal.Zero
	amount, currency := "null", "null"
	distinct := map[any]bool{}
	for _, r := range group {
		if name, ok := r["name"].(string); ok {
			named++
			if least == nil || cmp.Less(name, least.(string)) {
				least = name
			}
		}
		if n, ok := r["seats"].(int64); ok {
			count++
			distinct[n] = true
			seats = seats.Add(decimal.NewFromInt(n))
		}
		if at, ok := r["close_date"].(time.Time); ok && (latest == nil || at.After(latest.(time.Time))) {
			latest = at
		}
		if n, ok := r["amount"].(decimal.Decimal); ok {
			sum = sum.Add(n)
			amount, currency = `"`+sum.StringFixed(2)+`"`, `"EUR"`
		}
	}
	all, mean := "null", "null"
	if count > 0 {
		all, mean = `"`+seats.String()+`"`, `"`+seats.DivRound(decimal.NewFromInt(count), 6).String()+`"`
	}
	return fmt.Sprintf(`"count":%d,"count_name":%d,"count_distinct_seats":%d,"sum_seats":%s,"avg_seats":%s,"min_name":%s,"max_close_date":%s,"sum_amount":%s,"sum_amount_currency":%s}`,
		len(group), named, len(distinct), all, mean, shown(least), shown(latest), amount, currency)
}
