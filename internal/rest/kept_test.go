package rest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// kept says that a computed field is indexed.
func kept(f *schema.Field) *schema.Field {
	f.Indexed = true
	f.Column += schema.KeptSuffix
	return f
}

// keeping adds indexed computed fields to customers and opportunities, some of which follow from others.
func keeping(s *schema.Schema) {
	keepingRelations(s)
	for _, o := range s.Objects {
		switch o.Name {
		case "customer":
			o.Fields = append(o.Fields,
				kept(rollup("won_total", schema.Rollup{Inverse: "opportunities", Function: schema.RollupSum, Field: "amount", Filter: `stage == "won"`})),
				kept(rollup("deals", schema.Rollup{Inverse: "opportunities", Function: schema.RollupCount})),
				kept(rollup("last_close", schema.Rollup{Inverse: "opportunities", Function: schema.RollupMax, Field: "close_date"})),
				kept(rollup("expected", schema.Rollup{Inverse: "opportunities", Function: schema.RollupSum, Field: "weighted_amount"})),
				kept(rollup("family_total", schema.Rollup{Inverse: "subsidiaries", Function: schema.RollupSum, Field: "won_total"})),
				kept(formula("heading", schema.TypeText, `name + " (" + kind + ") " + string(deals)`)),
				kept(formula("big", schema.TypeBoolean, `opportunities.filter(o, o.amount > employees).size() > 1`)))
		case "opportunity":
			o.Fields = append(o.Fields,
				kept(formula("weighted_amount", schema.TypeMoney, `amount * probability / 100`)),
				kept(formula("of", schema.TypeText, `name + " of " + customer.name + " " + customer.kind`)))
		}
	}
}

// keepingRelations gives customers their subsidiaries, and lets go of the opportunities of one that is deleted.
func keepingRelations(s *schema.Schema) {
	for _, o := range s.Objects {
		for _, f := range o.Fields {
			switch o.Name + "." + f.Name {
			case "customer.parent":
				f.Inverse = "subsidiaries"
			case "opportunity.customer":
				f.OnDelete = schema.OnDeleteClear
			}
		}
	}
}

// keptAreRight compares the columns of all kept fields with what is computed from the records as they are.
func (o *organisation) keptAreRight(t *testing.T) {
	t.Helper()
	zone, err := time.LoadLocation(o.schema.Organisation.TimeZone)
	must(t, err)
	for _, object := range o.schema.Objects {
		for _, f := range object.Fields {
			if !f.Kept() {
				continue
			}
			e, err := expr.CompileComputed(o.schema, object, f)
			must(t, err)
			var wrong string
			value := e.Definition(zone, "r")
			o.sql(t, fmt.Sprintf(`SELECT coalesce(string_agg(concat_ws(' ', r.id, r.%[1]s, 'instead of', %[2]s), ', '), '') FROM %[3]s AS r WHERE r.%[1]s IS DISTINCT FROM %[2]s`,
				schema.QuoteIdent(f.Column), value, object.QualifiedTable()), &wrong)
			if wrong != "" {
				t.Errorf("%s of %s is wrong: %.300s", f.Name, object.Name, wrong)
			}
		}
	}
}

func TestF80ARollUpThatIsIndexedIsRightAfterEveryWritePath(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, keeping)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "上海", "employees": 100})
	other := u.create("customer", map[string]any{"name": "Other", "parent": customer})
	is := func(want string) {
		t.Helper()
		got := u.get("/api/v1/records/customer/" + customer).is(http.StatusOK).object()
		if shown := fmt.Sprint(got["won_total"], " ", got["deals"], " ", got["last_close"], " ", got["expected"], " ", got["family_total"], " ", got["heading"], " ", got["big"], " ", got["version"]); shown != want {
			t.Errorf("the customer is %s, not %s", shown, want)
		}
		o.keptAreRight(t)
	}
	deal := func(method, path string, fields map[string]any, status int) map[string]any {
		t.Helper()
		var body any
		if fields != nil {
			body = fields
		}
		r := u.send(method, "/api/v1/records/opportunity"+path, body).is(status)
		if status == http.StatusNoContent {
			return nil
		}
		return r.object()
	}
	is("0 0 <nil> 0 0 上海 (company) 0 false 1")
	first := deal("POST", "", map[string]any{
		"name": "a", "customer": customer, "amount": 300, "probability": "33.3333", "stage": "engaging", "close_date": "2026-02-01",
	}, http.StatusCreated)
	if got := fmt.Sprint(first["weighted_amount"]); got != "99.9999" {
		t.Errorf("the new opportunity has %s", got)
	}
	is("0 1 2026-02-01 99.9999 0 上海 (company) 1 false 1")
	id := "/" + fmt.Sprint(first["id"])
	deal("POST", "", map[string]any{"name": "b", "customer": customer, "amount": 200, "stage": "won", "close_date": "2026-03-01"}, http.StatusCreated)
	is("200 2 2026-03-01 299.9999 0 上海 (company) 2 true 1")
	if got := fmt.Sprint(deal("PATCH", id, map[string]any{"probability": 50}, http.StatusOK)["weighted_amount"]); got != "150.00" {
		t.Errorf("the changed opportunity has %s", got)
	}
	is("200 2 2026-03-01 350.00 0 上海 (company) 2 true 1")
	deal("POST", id+"/move", map[string]any{"stage": "won"}, http.StatusOK)
	is("500 2 2026-03-01 500.00 0 上海 (company) 2 true 1")
	deal("PATCH", id, map[string]any{"customer": other}, http.StatusOK)
	is("200 1 2026-03-01 200.00 300 上海 (company) 1 false 1")
	deal("DELETE", id, nil, http.StatusNoContent)
	is("200 1 2026-03-01 200.00 0 上海 (company) 1 false 1")
	deal("POST", id+"/restore", nil, http.StatusOK)
	is("200 1 2026-03-01 200.00 300 上海 (company) 1 false 1")
	u.send("PATCH", "/api/v1/records/customer/"+customer, map[string]any{"name": "北京", "employees": 1}).is(http.StatusOK)
	is("200 1 2026-03-01 200.00 300 北京 (company) 1 false 2")

	u.send("POST", "/api/v1/records/opportunity/batch", map[string]any{"atomic": true, "operations": []any{
		map[string]any{"op": "create", "fields": map[string]any{"name": "c", "customer": customer, "amount": 7, "stage": "won", "close_date": "2026-05-01"}},
		map[string]any{"op": "update", "id": id[1:], "fields": map[string]any{"customer": customer}},
		map[string]any{"op": "create", "fields": map[string]any{"name": "d", "customer": other, "amount": 9, "stage": "won", "close_date": "2026-05-01"}},
	}}).is(http.StatusOK)
	is("507 3 2026-05-01 507.00 9 北京 (company) 3 true 2")

	mapping := mappingOf("opportunity", "deal_id", fields{
		{"field": "deal_id", "column": "id"},
		{"field": "name", "column": "id"},
		{"field": "customer", "column": "customer", "lookup": "name"},
		{"field": "stage", "column": "stage"},
		{"field": "close_date", "column": "closed"},
		{"field": "amount", "column": "amount"},
	})
	var file strings.Builder
	file.WriteString("id,customer,stage,closed,amount\n")
	for i := range 600 {
		fmt.Fprintf(&file, "d%d,%s,won,2026-06-01,2\n", i, []string{"北京", "Other"}[i%2])
	}
	imported := u.imports("opportunity", mapping, file.String())
	is("1107 303 2026-06-01 1107.00 609 北京 (company) 303 true 2")
	u.follows(u.send("POST", "/api/v1/jobs/"+imported.id+"/undo", nil).is(http.StatusAccepted).text("id"))
	is("507 3 2026-05-01 507.00 9 北京 (company) 3 true 2")

	app, err := pgx.Connect(t.Context(), o.app.URL())
	must(t, err)
	defer app.Close(context.WithoutCancel(t.Context()))
	var rows [][]any
	for i := range 10 {
		rows = append(rows, []any{uuid.New(), "copied", uuid.MustParse([]string{customer, other}[i%2]), "1", "won"})
	}
	_, err = app.CopyFrom(t.Context(), pgx.Identifier{"crm", "opportunity"}, []string{"id", "name", "customer_id", "amount", "stage"}, pgx.CopyFromRows(rows))
	must(t, err)
	is("512 8 2026-05-01 507.00 14 北京 (company) 8 true 2")
	_, err = app.Exec(t.Context(), "DELETE FROM crm.opportunity WHERE name = 'copied'")
	must(t, err)
	is("507 3 2026-05-01 507.00 9 北京 (company) 3 true 2")

	u.send("DELETE", "/api/v1/records/customer/"+other, nil).is(http.StatusNoContent)
	is("507 3 2026-05-01 507.00 0 北京 (company) 3 true 2")
	u.send("POST", "/api/v1/records/customer/"+other+"/restore", nil).is(http.StatusOK)
	is("507 3 2026-05-01 507.00 0 北京 (company) 3 true 2") // the deletion has let go of its opportunities
	var told int
	o.sql(t, `SELECT (SELECT count(*) FROM kontor.history WHERE record_id = '`+customer+`') + (SELECT count(*) FROM kontor.outbox WHERE record_id = '`+customer+`')`, &told)
	if told != 4 {
		t.Errorf("history and outbox have %d entries of a customer that was made and changed once", told)
	}
}

// explained is how PostgreSQL answers a query where it reads no whole table that it need not.
func (o *organisation) explained(t *testing.T, query string) string {
	t.Helper()
	c, err := pgx.Connect(t.Context(), o.database.URL())
	must(t, err)
	defer c.Close(context.WithoutCancel(t.Context()))
	_, err = c.Exec(t.Context(), "SET enable_seqscan = off")
	must(t, err)
	rows, err := c.Query(t.Context(), "EXPLAIN "+query)
	must(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	return strings.Join(lines, "\n")
}

func TestFiltersAndSortsByWhatIsKeptReadItsIndex(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, keeping)
	u := o.signedIn(t)
	for i, name := range []string{"b", "a", "c"} {
		customer := u.create("customer", map[string]any{"name": name})
		for range i {
			u.create("opportunity", map[string]any{"name": "d", "customer": customer, "amount": 5, "stage": "won", "close_date": "2026-02-01"})
		}
	}
	for want, parameters := range map[string][]string{
		"c a b": {"sort=-deals"}, "b a c": {"sort=won_total,name"}, "a c": {"filter=won_total >= 5 && !big", "sort=heading"}, "c": {`filter=heading == "c (company) 2"`},
	} {
		if got := u.listed("customer", parameters...); got != want {
			t.Errorf("%v lists %q, not %q", parameters, got, want)
		}
	}
	if got := u.listed("opportunity", `filter=of == "d of c company"`); got != "d d" {
		t.Errorf("it lists %q", got)
	}
	customer, _ := o.schema.Object("customer")
	for _, filter := range []string{`won_total > 100`, `deals == 3`, `last_close < date("2026-01-01")`, `heading == "x"`, `deals in [1, 2]`} {
		e, err := expr.CompileCondition(o.schema, customer, filter)
		must(t, err)
		if plan := o.explained(t, "SELECT FROM crm.customer AS r WHERE r.deleted_at IS NULL AND "+e.Definition(time.UTC, "r")); !strings.Contains(plan, ".kept_ix_") {
			t.Errorf("%s is answered by %s", filter, plan)
		}
	}
}

func TestF80ARollUpThatIsIndexedIsRightUnderConcurrentWriters(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, keeping)
	u := o.signedIn(t)
	customer := u.create("customer", map[string]any{"name": "Busy"})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 5 {
				u.send("POST", "/api/v1/records/opportunity", map[string]any{
					"name": "x", "customer": customer, "amount": 10, "stage": "won", "close_date": "2026-02-01",
				}).is(http.StatusCreated)
			}
		})
	}
	group.Wait()
	got := u.get("/api/v1/records/customer/" + customer + "?fields=won_total,deals,version").is(http.StatusOK).object()
	if fmt.Sprint(got["won_total"], " ", got["deals"], " ", got["version"]) != "400 40 1" {
		t.Errorf("the customer is %v", got)
	}
	o.keptAreRight(t)
}

// anyKept are random computed fields, all of them indexed.
func anyKept(random *rand.Rand) func(*schema.Schema) {
	one := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	deal := func() string {
		return one(`stage == "won"`, `amount > 50`, `probability == null`, `hot`, `close_date < date("2026-06-01")`, `"mail" in channels`, `name.contains("a")`,
			`worth >= 10`, `entered_stage_at > timestamp("2026-01-01T00:00:00Z")`)
	}
	functions := []schema.RollupFunction{schema.RollupSum, schema.RollupMin, schema.RollupMax, schema.RollupAvg}
	return func(s *schema.Schema) {
		keepingRelations(s)
		for _, o := range s.Objects {
			switch o.Name {
			case "opportunity":
				o.Fields = append(o.Fields, kept(formula("worth", schema.TypeDecimal, one("amount", "amount * 2", "amount / probability", "probability + number % 7", "size(name) - amount"))))
				o.Fields = append(o.Fields,
					kept(formula("whose", schema.TypeText, `customer.name + product.name + string(`+one("number", "customer.employees", "customer.parent_size", "worth")+`)`)),
					kept(formula("part", schema.TypeDecimal, "worth / customer."+one("employees", "parent_size"))))
				for i := range 3 {
					o.Fields = append(o.Fields, kept(formula(fmt.Sprintf("own_%d", i), schema.TypeBoolean, "("+deal()+one(" && ", " || ")+"!("+deal()+"))")))
				}
			case "customer":
				for i := range 4 {
					r := schema.Rollup{Inverse: "opportunities", Function: schema.RollupCount, Filter: one("", deal(), deal()+one(" && ", " || ")+deal(), one("own_0", "own_1"))}
					if i > 0 {
						r.Function, r.Field = functions[random.IntN(len(functions))], one("amount", "worth", "probability")
					}
					o.Fields = append(o.Fields, kept(rollup(fmt.Sprintf("over_%d", i), r)))
				}
				o.Fields = append(o.Fields,
					kept(formula("parent_size", schema.TypeInteger, `parent.employees + employees`)),
					kept(rollup("above", schema.Rollup{Inverse: "subsidiaries", Function: functions[random.IntN(len(functions))], Field: one("over_1", "over_2", "employees")})),
					kept(formula("mixed", schema.TypeDecimal, "employees "+one("+", "-", "*")+" opportunities.filter(o, o."+one("amount", "worth")+" > employees).map(o, o."+one("amount", "worth", "probability")+").sum()")),
					kept(formula("text", schema.TypeText, `name + "/" + string(`+one("over_0", "above", "over_3")+`)`)),
					kept(formula("behind", schema.TypeDecimal, one("over_0", "mixed", "above")+" + "+one("size(name)", "employees", "over_2", "mixed"))))
			}
		}
	}
}

// TestF79WhatIsKeptIsWhatIsComputedWhateverIsWrittenAndByWhom lets several people
// write at random at once, and compares.
func TestF79WhatIsKeptIsWhatIsComputedWhateverIsWrittenAndByWhom(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	o := newOrganisation(t, anyKept(random))
	u := o.signedIn(t)
	var customers []string
	for i := range 5 {
		customer := map[string]any{"name": fmt.Sprint("c", i), "employees": random.IntN(100)}
		if i > 0 && random.IntN(2) == 0 {
			customer["parent"] = customers[random.IntN(i)]
		}
		customers = append(customers, u.create("customer", customer))
	}
	var group sync.WaitGroup
	for writer := range 3 {
		w := &writing{user: u, Rand: rand.New(rand.NewPCG(seed, uint64(writer)+1)), customers: customers, name: fmt.Sprint("w", writer)}
		group.Go(func() {
			for range 40 {
				w.write()
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	o.keptAreRight(t)
	for _, name := range []string{"over_1", "above", "text", "mixed"} {
		forward, back := u.listed("customer", "sort="+name), u.listed("customer", "sort=-"+name)
		if len(forward) != len(back) {
			t.Errorf("sorted by %s there are %q and %q", name, forward, back)
		}
	}
}

// writing is a person who writes at random.
type writing struct {
	*user
	*rand.Rand
	name      string
	customers []string
	deals     []string
}

func (w *writing) fields() map[string]any {
	all := map[string]any{
		"name": fmt.Sprint(w.name, "a"[:w.IntN(2)]), "customer": w.customers[w.IntN(len(w.customers))], "amount": 1 + w.IntN(100), "probability": w.IntN(101),
		"hot": w.IntN(2) == 0, "close_date": fmt.Sprintf("2026-%02d-01", 1+w.IntN(12)), "channels": []string{"mail", "phone"}[:w.IntN(3)],
	}
	for _, name := range []string{"customer", "amount", "probability", "hot", "channels"} {
		if w.IntN(6) == 0 {
			all[name] = nil
		}
	}
	return all
}

// some are some of the fields, as a change has them.
func (w *writing) some() map[string]any {
	all := w.fields()
	for name := range all {
		if w.IntN(2) == 0 {
			delete(all, name)
		}
	}
	return all
}

// tries sends until the database was not the victim of a deadlock.
func (w *writing) tries(method, path string, body any) *reply {
	for {
		if r := w.send(method, "/api/v1/records/"+path, body); r.status != http.StatusServiceUnavailable {
			if r.status >= 500 {
				w.t.Errorf("%s: %d %s", r.what, r.status, r.body)
			}
			return r
		}
	}
}

func (w *writing) deal() string {
	for len(w.deals) == 0 {
		w.make()
	}
	return w.deals[w.IntN(len(w.deals))]
}

// make makes a deal, unless its customer is deleted just then.
func (w *writing) make() {
	if r := w.tries("POST", "opportunity", w.fields()); r.status == http.StatusCreated {
		w.deals = append(w.deals, r.text("id"))
	}
}

func (w *writing) write() {
	switch w.IntN(9) {
	case 0, 1:
		w.make()
	case 2, 3:
		w.tries("PATCH", "opportunity/"+w.deal(), w.some())
	case 4:
		w.tries("POST", "opportunity/"+w.deal()+"/move", map[string]any{"stage": []string{"won", "engaging", "prospecting"}[w.IntN(3)]})
	case 5:
		deal := w.deal()
		w.tries("DELETE", "opportunity/"+deal, nil)
		if w.IntN(2) == 0 {
			w.tries("POST", "opportunity/"+deal+"/restore", nil)
		}
	case 6:
		customer := w.customers[w.IntN(len(w.customers))]
		if w.IntN(3) == 0 {
			w.tries("DELETE", "customer/"+customer, nil)
			w.tries("POST", "customer/"+customer+"/restore", nil)
			return
		}
		w.tries("PATCH", "customer/"+customer, map[string]any{"name": fmt.Sprint("c", w.IntN(9)), "employees": w.IntN(100), "parent": w.customers[w.IntN(len(w.customers))]})
	case 7:
		var operations []any
		for range 2 + w.IntN(20) {
			switch w.IntN(3) {
			case 0:
				operations = append(operations, map[string]any{"op": "update", "id": w.deal(), "fields": w.some()})
			default:
				operations = append(operations, map[string]any{"op": "create", "fields": w.fields()})
			}
		}
		w.tries("POST", "opportunity/batch", map[string]any{"atomic": w.IntN(2) == 0, "operations": operations})
	case 8:
		w.importOrUndo()
	}
}

func (w *writing) importOrUndo() {
	var file strings.Builder
	file.WriteString("id,customer,amount\n")
	for range 20 {
		fmt.Fprintf(&file, "%s-%d,c%d,%d\n", w.name, w.IntN(30), w.IntN(9), 1+w.IntN(100))
	}
	done := w.imports("opportunity", mappingOf("opportunity", "deal_id", fields{
		{"field": "deal_id", "column": "id"}, {"field": "name", "column": "id"}, {"field": "customer", "column": "customer", "lookup": "name"}, {"field": "amount", "column": "amount"},
	}), file.String())
	if w.IntN(2) == 0 && done.id != "" {
		if r := w.send("POST", "/api/v1/jobs/"+done.id+"/undo", nil); r.status == http.StatusAccepted {
			w.follows(r.text("id"))
		}
	}
}
