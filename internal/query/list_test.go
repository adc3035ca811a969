package query_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

func TestAListIsOneStatementOrTwo(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	list, err := c.List(query.Everything(), query.ListRequest{
		Object: "deal", Filter: `stage == "won" && amount > 10`, Sort: []string{"-amount", "name"}, Fields: []string{"name", "customer.name", "order"},
		Limit: 10, Count: query.CountExact,
	})
	if err != nil {
		t.Fatal(err)
	}
	selected := `SELECT r."name", e0."id", e0."name", r."x_""odd"" $1", r."amount", r."id" FROM "crm"."x_fleet" AS r` +
		` LEFT JOIN "crm"."customer" AS e0 ON e0."id" = r."customer_id" AND e0."deleted_at" IS NULL` +
		` WHERE r."deleted_at" IS NULL AND (("r"."stage" = $1::text AND "r"."stage" IS NOT NULL) AND ("r"."amount" > $2::numeric AND "r"."amount" IS NOT NULL))`
	// What has no amount comes last, and is asked for when what has one does not fill the page.
	for _, is := range []struct{ sql, want string }{
		{list.Statement.SQL, selected + ` AND r."amount" IS NOT NULL ORDER BY r."amount" DESC, r."name", r."id" LIMIT 11`},
		{list.Rest.SQL, selected + ` AND r."amount" IS NULL ORDER BY r."name", r."id" LIMIT 11`},
	} {
		if is.sql != is.want {
			t.Errorf("it is\n%s, not\n%s", is.sql, is.want)
		}
	}
	if want := `SELECT count(*) FROM "crm"."x_fleet" AS r WHERE r."deleted_at" IS NULL AND (("r"."stage" = $1::text AND "r"."stage" IS NOT NULL) AND` +
		` ("r"."amount" > $2::numeric AND "r"."amount" IS NOT NULL))`; list.Count.SQL != want {
		t.Errorf("the count is\n%s, not\n%s", list.Count.SQL, want)
	}
	if len(list.Statement.Columns) != 4 || fmt.Sprint(list.Statement.Args, list.Count.Args) != "[won 10] [won 10]" {
		t.Errorf("%d columns, arguments %v and %v", len(list.Statement.Columns), list.Statement.Args, list.Count.Args)
	}
}

func TestPagesShowEveryRecordOnceAndInOrder(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	orNil := func(value any) any {
		if random.IntN(3) == 0 {
			return nil
		}
		return value
	}
	const count = 120
	records := map[string]query.Values{}
	for range count {
		id := d.insert(deal, map[string]any{
			"name":   orNil([]string{"a", "B", "é", "上海", "😀"}[random.IntN(5)]),
			"amount": orNil(number([]string{"0", "-1", "10", "9.5"}[random.IntN(4)])),
			"done":   orNil(random.IntN(2) == 0), "close_date": orNil(noon.Truncate(24*time.Hour).AddDate(0, 0, random.IntN(3))),
			"called_at": orNil(noon.Add(time.Duration(random.IntN(3)) * time.Microsecond)),
			"customer":  orNil([]string{somebody, "0190a1b2-0000-7000-8000-00000000000a"}[random.IntN(2)]),
			"seats":     orNil(int64(random.IntN(4))),
		})
		records[id] = d.one(d.c.Get(query.Everything(), deal, id, nil))
	}
	sortable := []string{"name", "amount", "done", "close_date", "called_at", "customer", "seats", "number", "created_at", "id"}
	for range 40 {
		random.Shuffle(len(sortable), func(i, j int) { sortable[i], sortable[j] = sortable[j], sortable[i] })
		sort := slices.Clone(sortable[:random.IntN(4)])
		for i := range sort {
			if random.IntN(2) == 0 {
				sort[i] = "-" + sort[i]
			}
		}
		request := query.ListRequest{Object: "deal", Sort: sort, Limit: 1 + random.IntN(40), Fields: []string{"id"}}
		var got []query.Values
		seen := map[string]bool{}
		for pages := 0; ; pages++ {
			list, err := d.c.List(query.Everything(), request)
			if err != nil {
				t.Fatal(err)
			}
			rows := d.listed(list)
			more := len(rows) > list.Limit
			for _, row := range rows[:min(len(rows), list.Limit)] {
				got = append(got, records[string(row[0])])
				seen[string(row[0])] = true
			}
			if !more {
				break
			}
			request.After = list.Next(rows[list.Limit-1])
			if pages > count {
				t.Fatalf("seed %d, sort %v: the pages do not end", seed, sort)
			}
		}
		if len(got) != count || len(seen) != count {
			t.Fatalf("seed %d, sort %v, limit %d: %d records, %d of them different", seed, sort, request.Limit, len(got), len(seen))
		}
		if !slices.IsSortedFunc(got, func(a, b query.Values) int { return inOrder(t, deal, sort, a, b) }) {
			t.Fatalf("seed %d: the records are not sorted by %v", seed, sort)
		}
	}
}

// inOrder compares two records as a list with that order should: no value comes
// last, and the id decides in the direction of the last field.
func inOrder(t *testing.T, o *schema.Object, sort []string, a, b query.Values) int {
	t.Helper()
	if len(sort) > 0 && strings.HasPrefix(sort[len(sort)-1], "-") {
		sort = append(slices.Clone(sort), "-id")
	} else {
		sort = append(slices.Clone(sort), "id")
	}
	for _, name := range sort {
		bare, descending := strings.CutPrefix(name, "-")
		left, right := a[field(t, o, bare)], b[field(t, o, bare)]
		switch {
		case left == nil && right == nil:
			continue
		case left == nil:
			return 1
		case right == nil:
			return -1
		}
		order := compare(left, right)
		if descending {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func compare(a, b any) int {
	switch a := a.(type) {
	case decimal.Decimal:
		return a.Cmp(b.(decimal.Decimal))
	case int64:
		return cmp.Compare(a, b.(int64))
	case string:
		return cmp.Compare(a, b.(string))
	case time.Time:
		return a.Compare(b.(time.Time))
	case bool:
		if a == b.(bool) {
			return 0
		}
		if a {
			return 1
		}
		return -1
	}
	return 0
}

func TestAFilterLetsThroughWhatItSays(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	for _, named := range []map[string]any{
		{"name": "a", "stage": "won", "amount": number("10"), "topics": []string{"x"}},
		{"name": "b", "stage": "lost", "amount": number("20"), "close_date": time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)},
		{"name": "上海", "amount": nil, "topics": []string{"x", "y"}, "order": "' OR true --"},
	} {
		d.insert(deal, named)
	}
	for filter, want := range map[string]string{
		"":                                 "a b 上海",
		`stage == "won"`:                   "a",
		`stage != "won"`:                   "b 上海",
		`!(amount > 15)`:                   "a 上海",
		`amount + 5 in [15, 25]`:           "a b",
		`"x" in topics`:                    "a 上海",
		`name.startsWith("上")`:             "上海",
		`close_date <= "2026-01-31"`:       "b",
		`order == "' OR true --"`:          "上海",
		`order == "' OR '1'='1"`:           "",
		`version == 1 && customer == null`: "a b 上海",
	} {
		items, _ := d.list(query.ListRequest{Object: "deal", Filter: filter, Sort: []string{"name"}})
		if got := names(items); got != want {
			t.Errorf("%s lets through %q, not %q", filter, got, want)
		}
		list, err := d.c.List(query.Everything(), query.ListRequest{Object: "deal", Filter: filter, Limit: 1, Count: query.CountExact})
		if err != nil {
			t.Fatal(err)
		}
		if got := string(d.rows(*list.Count)[0][0]); got != fmt.Sprint(len(items)) {
			t.Errorf("%s counts %s, not %d", filter, got, len(items))
		}
	}
}

func TestRelationsAreExpandedInTheSameStatement(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, customers := object(t, d.c, "deal"), object(t, d.c, "customer")
	acme := d.insert(customers, map[string]any{"name": "Acme", "email": "a@example.com"})
	parent := d.insert(deal, map[string]any{"name": "parent"})
	d.insert(deal, map[string]any{"name": "child", "customer": acme, "parent": parent})
	items, _ := d.list(query.ListRequest{
		Object: "deal", Fields: []string{"customer", "name", "customer.name", "parent.name", "customer.email", "customer.id", "owner.name"}, Sort: []string{"name"},
	})
	want := fmt.Sprintf("[map[customer:map[email:a@example.com id:%s name:Acme] name:child owner:<nil> parent:map[id:%s name:parent]]"+
		" map[customer:<nil> name:parent owner:<nil> parent:<nil>]]", acme, parent)
	if got := fmt.Sprint(items); got != want {
		t.Errorf("the list is\n%s, not\n%s", got, want)
	}
}

func TestACursorFitsOnlyTheListThatGaveIt(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	customers := object(t, d.c, "customer")
	for range 3 {
		d.insert(customers, map[string]any{"name": "x"})
	}
	base := query.ListRequest{Object: "customer", Filter: `name == "x"`, Sort: []string{"name"}, Limit: 1}
	_, next := d.list(base)
	base.After = next
	if items, _ := d.list(base); len(items) != 1 {
		t.Fatal("the cursor does not fit its own list")
	}
	more := base
	more.Limit, more.Fields = 2, []string{"email"}
	if items, _ := d.list(more); len(items) != 2 {
		t.Error("the cursor is bound to the limit or the fields")
	}
	foreign := map[string]func(r *query.ListRequest){
		"another filter": func(r *query.ListRequest) { r.Filter = `name != "x"` },
		"another order":  func(r *query.ListRequest) { r.Sort = []string{"-name"} },
		"another object": func(r *query.ListRequest) { r.Object, r.Filter = "user", `name == "x"` },
		"a changed cursor": func(r *query.ListRequest) {
			first := "A"
			if r.After[:1] == first {
				first = "B"
			}
			r.After = first + r.After[1:]
		},
		"garbage":           func(r *query.ListRequest) { r.After = "../../etc" },
		"a shortened one":   func(r *query.ListRequest) { r.After = r.After[:20] },
		"a very long one":   func(r *query.ListRequest) { r.After = strings.Repeat("A", 1<<20) },
		"an injected value": func(r *query.ListRequest) { r.After = `["x' OR true --"]` },
	}
	for what, change := range foreign {
		r := base
		change(&r)
		_, err := d.c.List(query.Everything(), r)
		if !fault.Is(err, fault.Malformed) || !strings.HasPrefix(err.Error(), "after: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := query.New(crm(t), sealer(t), "globex/globex").List(query.Everything(), base); !fault.Is(err, fault.Malformed) {
		t.Errorf("another key: %v", err)
	}
}

func TestACursorOfAnotherTenantIsRefused(t *testing.T) {
	t.Parallel()
	s, cursors := crm(t), sealer(t)
	request := query.ListRequest{Object: "customer"}
	list, err := query.New(s, cursors, "acme/acme").List(query.Everything(), request)
	if err != nil {
		t.Fatal(err)
	}
	row := make([][]byte, len(s.Objects[2].AllFields()))
	row[0] = []byte(somebody)
	request.After = list.Next(row)
	if _, err := query.New(s, cursors, "acme/acme").List(query.Everything(), request); err != nil {
		t.Errorf("its own tenant refuses it: %v", err)
	}
	if _, err := query.New(s, cursors, "globex/globex").List(query.Everything(), request); !fault.Is(err, fault.Malformed) {
		t.Errorf("another tenant says %v", err)
	}
}

func TestAWrongRequestIsToldWhere(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	for _, wrong := range []struct {
		request query.ListRequest
		kind    fault.Kind
		message string
	}{
		{query.ListRequest{Object: "nothing"}, fault.NotFound, `there is no object "nothing"`},
		{query.ListRequest{Object: "fleet"}, fault.NotFound, `there is no object "fleet"`},
		{query.ListRequest{Object: `deal"; DROP TABLE x; --`}, fault.NotFound, `there is no object`},
		{query.ListRequest{Object: "deal", Filter: "amount >"}, fault.Malformed, `filter: 1:9: the expression ends too early`},
		{query.ListRequest{Object: "deal", Filter: `amont > 1`}, fault.Malformed, `filter: 1:1: no field "amont" in deal; did you mean "amount"?`},
		{query.ListRequest{Object: "deal", Filter: `amount > "x"`}, fault.Malformed, `filter: 1:8: cannot compare a number with a text`},
		{query.ListRequest{Object: "deal", Filter: `amount`}, fault.Malformed, `filter: 1:1: a condition is needed`},
		{query.ListRequest{Object: "deal", Filter: `1=1) OR (1=1`}, fault.Malformed, `filter: 1:`},
		{query.ListRequest{Object: "deal", Filter: `deleted_at == null`}, fault.Malformed, `filter: 1:1: no field "deleted_at"`},
		{query.ListRequest{Object: "deal", Sort: []string{"amont"}}, fault.Malformed, `sort: no field "amont" in deal; did you mean "amount"?`},
		{query.ListRequest{Object: "deal", Sort: []string{`name"; DROP TABLE x; --`}}, fault.Malformed, `sort: no field`},
		{query.ListRequest{Object: "deal", Sort: []string{"--name"}}, fault.Malformed, `sort: no field`},
		{query.ListRequest{Object: "deal", Sort: []string{""}}, fault.Malformed, `sort: no field`},
		{query.ListRequest{Object: "deal", Sort: []string{"name", "-name"}}, fault.Malformed, `sort: "name" stands twice`},
		{query.ListRequest{Object: "deal", Sort: []string{"topics"}}, fault.Malformed, `sort: "topics" is multi_picklist and has no order`},
		{query.ListRequest{Object: "deal", Sort: []string{"customer.nam"}}, fault.Malformed, `sort: no field "nam" in customer; did you mean "name"?`},
		{query.ListRequest{Object: "deal", Sort: []string{"-name.first"}}, fault.Malformed, `sort: "name" is no relation`},
		{query.ListRequest{Object: "deal", Sort: []string{"customer.name", "-customer.name"}}, fault.Malformed, `sort: "customer.name" stands twice`},
		{query.ListRequest{Object: "deal", Sort: []string{"parent.parent.parent.parent.parent.name"}}, fault.Malformed, `sort: "parent.parent.parent.parent.parent" goes through more than 4`},
		{query.ListRequest{Object: "deal", Sort: []string{strings.Repeat("parent.", 1000)}}, fault.Malformed, `goes through more than 4`},
		{query.ListRequest{Object: "deal", Fields: []string{"nam"}}, fault.Malformed, `fields: no field "nam" in deal; did you mean "name"?`},
		{query.ListRequest{Object: "deal", Fields: []string{"deleted_at"}}, fault.Malformed, `fields: no field "deleted_at"`},
		{query.ListRequest{Object: "deal", Fields: []string{`*, (SELECT password_hash FROM kontor.credential)`}}, fault.Malformed, `fields: no field`},
		{query.ListRequest{Object: "deal", Fields: []string{"name.first"}}, fault.Malformed, `fields: "name" is no relation`},
		{query.ListRequest{Object: "deal", Fields: []string{"customer.nam"}}, fault.Malformed, `fields: no field "nam" in customer`},
		{query.ListRequest{Object: "deal", Fields: []string{"customer."}}, fault.Malformed, `fields: no field "" in customer`},
		{query.ListRequest{Object: "deal", Fields: []string{"customer.parent.nam"}}, fault.Malformed, `fields: no field "nam" in customer`},
		{query.ListRequest{Object: "deal", Fields: []string{"customer..name"}}, fault.Malformed, `fields: no field "" in customer`},
		{query.ListRequest{Object: "deal", Fields: []string{"parent.parent.parent.parent.parent.name"}}, fault.Malformed, `fields: "parent.parent.parent.parent.parent" goes through more than 4`},
		{query.ListRequest{Object: "deal", Limit: -1}, fault.Malformed, `limit: must be from 1 to 1000`},
		{query.ListRequest{Object: "deal", Limit: 1001}, fault.Malformed, `limit: must be from 1 to 1000`},
		{query.ListRequest{Object: "deal", Count: "some"}, fault.Malformed, `count: "some" is not a way to count`},
	} {
		_, err := c.List(query.Everything(), wrong.request)
		if !fault.Is(err, wrong.kind) || !strings.Contains(err.Error(), wrong.message) {
			t.Errorf("%+v: says %v, not %q", wrong.request, err, wrong.message)
		}
	}
}

func BenchmarkList(b *testing.B) {
	c := compiler(b)
	for b.Loop() {
		_, err := c.List(query.Everything(), query.ListRequest{
			Object: "deal", Filter: `stage == "won" && amount > 1000`, Sort: []string{"-amount", "name"}, Fields: []string{"name", "amount", "customer.name"},
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeRow(b *testing.B) {
	d := newDatabase(b)
	deal := object(b, d.c, "deal")
	id := d.insert(deal, full(somebody))
	s := must(d.c.Get(query.Everything(), deal, id, nil))
	row := d.rows(s)[0]
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = query.EncodeRow(dst[:0], s.Columns, row)
	}
	b.SetBytes(int64(len(dst)))
}
