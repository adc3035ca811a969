package query_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/query"
)

// TestPagesShowEveryOldRecordOnceWhileOthersAreMade pages through random data in
// random orders, through related records too, while records are inserted.
func TestPagesShowEveryOldRecordOnceWhileOthersAreMade(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, customers := object(t, d.c, "deal"), object(t, d.c, "customer")
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	names := []any{nil, "a", "B", "é", "上", "上海", "上海", "海", "😀"}
	// What the related records are called; a deleted one, or none, has no name.
	called, parents := map[any]any{nil: nil}, map[any]any{nil: nil}
	ids := []any{nil}
	for n := range 9 {
		parent := ids[random.IntN(len(ids))]
		name := names[n]
		id := d.insert(customers, map[string]any{"name": name, "parent": parent})
		called[id], parents[id] = name, called[parent]
		if random.IntN(5) == 0 {
			d.one(d.c.Delete(query.Everything(), customers, id, 1, "", noon))
			called[id], parents[id] = nil, nil
		}
		ids = append(ids, id)
	}
	type row struct{ name, amount, customer, parent any }
	rows := map[string]row{}
	insert := func() {
		r := row{name: names[random.IntN(len(names))]}
		values := map[string]any{"name": r.name}
		if random.IntN(3) > 0 {
			amount := []string{"0", "-1", "10", "9.5"}[random.IntN(4)]
			r.amount, values["amount"] = number(amount), number(amount)
		}
		customer := ids[random.IntN(len(ids))]
		values["customer"], r.customer, r.parent = customer, called[customer], parents[customer]
		rows[d.insert(deal, values)] = r
	}
	for range 100 {
		insert()
	}
	keys := map[string]func(id string) any{
		"name": func(id string) any { return rows[id].name }, "amount": func(id string) any { return rows[id].amount },
		"customer.name": func(id string) any { return rows[id].customer }, "customer.parent.name": func(id string) any { return rows[id].parent },
		"id": func(id string) any { return id },
	}
	for range 25 {
		sortable := []string{"name", "amount", "customer.name", "customer.parent.name"}
		random.Shuffle(len(sortable), func(i, j int) { sortable[i], sortable[j] = sortable[j], sortable[i] })
		sort := slices.Clone(sortable[:1+random.IntN(3)])
		for i := range sort {
			sort[i] = []string{"", "-"}[random.IntN(2)] + sort[i]
		}
		old := map[string]bool{}
		for id := range rows {
			old[id] = true
		}
		request := query.ListRequest{Object: "deal", Sort: sort, Limit: 5 + random.IntN(30), Fields: []string{"id"}}
		var got []string
		for more := true; more; {
			list, err := d.c.List(query.Everything(), request)
			if err != nil {
				t.Fatal(err)
			}
			page := d.listed(list)
			if more = len(page) > list.Limit; more {
				page = page[:list.Limit]
				request.After = list.Next(page[list.Limit-1])
			}
			for _, values := range page {
				got = append(got, string(values[0]))
			}
			if random.IntN(4) == 0 {
				insert()
			}
		}
		seen := map[string]int{}
		for _, id := range got {
			seen[id]++
		}
		for id := range old {
			if seen[id] != 1 {
				t.Fatalf("seed %d, sort %v, limit %d: %v is shown %d times", seed, sort, request.Limit, rows[id], seen[id])
			}
		}
		if !slices.IsSortedFunc(got, func(a, b string) int { return inKeyOrder(sort, keys, a, b) }) {
			t.Fatalf("seed %d: the records are not sorted by %v", seed, sort)
		}
	}
}

// inKeyOrder compares two records as a list with that order should, by the values that the keys give.
func inKeyOrder(sort []string, keys map[string]func(id string) any, a, b string) int {
	last := "id"
	if strings.HasPrefix(sort[len(sort)-1], "-") {
		last = "-id"
	}
	for _, name := range append(slices.Clone(sort), last) {
		bare, descending := strings.CutPrefix(name, "-")
		left, right := keys[bare](a), keys[bare](b)
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

func TestAPageReadsNoMoreThanItNeeds(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	for _, sql := range []string{
		`INSERT INTO crm.x_fleet (id, number, stage, name, amount, version, created_at, updated_at)
			SELECT gen_random_uuid(), n, CASE WHEN n % 50 = 0 THEN 'won' ELSE 'open' END, CASE WHEN n % 5 > 0 THEN 'N' || n % 3000 END, CASE WHEN n % 4 > 0 THEN n % 2000 END, 1, now(), now() FROM generate_series(1, 20000) AS n`,
		`CREATE INDEX ON crm.x_fleet (amount)`, `CREATE INDEX declared ON crm.x_fleet (stage, amount DESC, id DESC) WHERE deleted_at IS NULL`, `CREATE INDEX ON crm.x_fleet (name)`, `CREATE INDEX ON crm.x_fleet (created_at, id)`, `ANALYZE crm.x_fleet`,
	} {
		if _, err := d.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for _, sort := range [][]string{{"amount"}, {"-amount"}, {"name"}, {"-name"}, {"-amount", "name"}, {"-created_at"}, {"created_at"}} {
		request := query.ListRequest{Object: "deal", Sort: sort, Limit: 50, Fields: []string{"name"}}
		for _, page := range []string{"first", "second"} {
			list, err := d.c.List(query.Everything(), request)
			if err != nil {
				t.Fatal(err)
			}
			plan := d.explain(list.Statement)
			if strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "Index") {
				t.Errorf("the %s page by %v reads all:\n%s\n%s", page, sort, list.Statement.SQL, plan)
			}
			rows := d.listed(list)
			request.After = list.Next(rows[list.Limit-1])
		}
	}
	for _, sort := range []string{"-amount", "amount"} { // a declared index, in both directions
		request := query.ListRequest{Object: "deal", Filter: `stage == "won"`, Sort: []string{sort}, Limit: 50, Fields: []string{"name"}}
		for range 2 {
			list, err := d.c.List(query.Everything(), request)
			if err != nil {
				t.Fatal(err)
			}
			plan := d.explain(list.Statement)
			if !strings.Contains(plan, "using declared") || strings.Contains(plan, "Sort") {
				t.Errorf("by %s it is\n%s", sort, plan)
			}
			request.After = list.Next(d.listed(list)[list.Limit-1])
		}
	}
}

// explain is how PostgreSQL would run a statement.
func (d *database) explain(s query.Statement) string {
	d.tb.Helper()
	s.SQL = "EXPLAIN " + s.SQL
	var lines []string
	for _, row := range d.rows(s) {
		lines = append(lines, string(row[0]))
	}
	return strings.Join(lines, "\n")
}

func TestFieldsReachThroughSeveralRelationsInOneStatement(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, customers := object(t, d.c, "deal"), object(t, d.c, "customer")
	top := d.insert(customers, map[string]any{"name": "Top"})
	middle := d.insert(customers, map[string]any{"name": "Middle", "parent": top})
	low := d.insert(customers, map[string]any{"name": "Low", "parent": middle})
	d.insert(deal, map[string]any{"name": "deal", "customer": low})
	request := query.ListRequest{Object: "deal", Fields: []string{
		"customer.parent.name", "name", "customer.name", "customer.parent.parent.name", "customer.parent.parent.parent.name", "customer.parent.name",
	}}
	show := func(want string) {
		t.Helper()
		items, _ := d.list(request)
		if got := fmt.Sprint(items); got != want {
			t.Errorf("the list is\n%s, not\n%s", got, want)
		}
	}
	show(fmt.Sprintf("[map[customer:map[id:%s name:Low parent:map[id:%s name:Middle parent:map[id:%s name:Top parent:<nil>]]] name:deal]]", low, middle, top))
	list, err := d.c.List(query.Everything(), request)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(list.Statement.SQL, "SELECT"); n != 1 || strings.Count(list.Statement.SQL, "JOIN") != 4 {
		t.Errorf("it is %s", list.Statement.SQL)
	}
	d.one(d.c.Delete(query.Everything(), customers, middle, 1, "", noon))
	show(fmt.Sprintf("[map[customer:map[id:%s name:Low parent:<nil>] name:deal]]", low))
	request.Fields = []string{"customer.parent"}
	show(fmt.Sprintf("[map[customer:map[id:%s parent:%s]]]", low, middle))
}
