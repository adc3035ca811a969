package rest_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
)

// naive compares a tenant with its model.
type naive struct {
	chance
	t       *testing.T
	u       *user
	objects []*naiveObject
}

// naiveSeed repeats one run; -count makes more of them.
var naiveSeed = flag.Uint64("seed", 0, "the seed of a random model that shall be made again")

// TestEveryAnswerEqualsThatOfANaiveModel makes random models with random records
// and compares what random requests answer with what loops in Go make of them.
func TestEveryAnswerEqualsThatOfANaiveModel(t *testing.T) {
	t.Parallel()
	seeds := []uint64{rand.Uint64(), rand.Uint64()}
	if *naiveSeed != 0 {
		seeds = []uint64{*naiveSeed}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprintf("-seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			c := chance{rand.New(rand.NewPCG(seed, 0))}
			objects := newNaive(c)
			d := &naive{chance: c, t: t, objects: objects, u: declared(t, documents(objects)).signedIn(t)}
			d.fill()
			for range 60 {
				o := oneOf(c, objects...)
				d.lists(o)
				d.aggregates(o)
				d.exports(o)
			}
			d.searches()
			d.changes()
			for range 20 {
				d.lists(oneOf(c, objects...))
			}
		})
	}
}

// fill makes records, some of them in batches, and deletes some.
func (d *naive) fill() {
	for _, o := range d.objects {
		for range 40 + d.IntN(40) {
			body := map[string]any{}
			r := &naiveRecord{values: map[string]any{}}
			for _, f := range o.fields {
				d.give(r, body, f)
			}
			r.id = d.u.create(o.name, body)
			o.records = append(o.records, r)
		}
		d.deletes(o)
	}
}

// give gives a record a random value of the field, in the model and in the body of a request.
func (d *naive) give(r *naiveRecord, body map[string]any, f *naiveField) {
	value := any(nil)
	switch {
	case f.target == nil:
		value = oneOf(d.chance, f.values...)
	case d.IntN(3) > 0:
		if live := f.target.live(false); len(live) > 0 {
			value = oneOf(d.chance, live...).id
		}
	}
	r.values[f.name] = value
	if value != nil || d.IntN(2) == 0 {
		body[f.name] = value
	}
}

func (d *naive) deletes(o *naiveObject) {
	for _, r := range o.live(false) {
		if d.IntN(8) == 0 {
			d.u.send("DELETE", "/api/v1/records/"+o.name+"/"+r.id, nil).is(http.StatusNoContent)
			r.deleted = true
		}
	}
}

// changes changes, deletes and restores some records.
func (d *naive) changes() {
	for _, o := range d.objects {
		for _, r := range o.live(false) {
			f := oneOf(d.chance, o.fields[1:]...)
			body := map[string]any{f.name: nil}
			d.give(r, body, f)
			d.u.send("PATCH", "/api/v1/records/"+o.name+"/"+r.id, body).is(http.StatusOK)
		}
		for _, r := range o.live(true) {
			if d.IntN(2) == 0 {
				d.u.send("POST", "/api/v1/records/"+o.name+"/"+r.id+"/restore", nil).is(http.StatusOK)
				r.deleted = false
			}
		}
		d.deletes(o)
	}
}

// asked is a random part of a request: which records, in which order.
type asked struct {
	filter  string
	sort    []string
	deleted bool
	want    []*naiveRecord
}

func (d *naive) ask(o *naiveObject, deleted bool) asked {
	a := asked{deleted: deleted}
	a.want = o.live(a.deleted)
	if d.IntN(5) > 0 {
		filter := o.condition(d.chance, "", 3)
		a.filter = filter.text
		a.want = slices.DeleteFunc(a.want, func(r *naiveRecord) bool { return !filter.holds(r) })
	}
	for range d.IntN(4) {
		path := o.paths(d.chance)
		if _, f := o.at(&naiveRecord{values: map[string]any{}}, path); strings.Contains(f.document, "long_text") ||
			slices.ContainsFunc(a.sort, func(key string) bool { return strings.TrimPrefix(key, "-") == path }) {
			continue
		}
		a.sort = append(a.sort, oneOf(d.chance, "", "-")+path)
	}
	a.want = o.sorted(a.want, a.sort)
	return a
}

func (a asked) parameters() url.Values {
	parameters := url.Values{}
	if a.filter != "" {
		parameters.Set("filter", a.filter)
	}
	if len(a.sort) > 0 {
		parameters.Set("sort", strings.Join(a.sort, ","))
	}
	if a.deleted {
		parameters.Set("deleted", "only")
	}
	return parameters
}

// shown is a value as the API and a file show it.
func shown(value any) string {
	if number, err := decimal.NewFromString(fmt.Sprint(value)); err == nil {
		return number.String()
	}
	return fmt.Sprint(value)
}

// lists pages through a list to its end.
func (d *naive) lists(o *naiveObject) {
	d.t.Helper()
	a := d.ask(o, d.IntN(6) == 0)
	paths := []string{"id"}
	for range 1 + d.IntN(4) {
		if path := o.paths(d.chance); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	parameters := a.parameters()
	parameters.Set("fields", strings.Join(paths, ","))
	parameters.Set("limit", fmt.Sprint(1+d.IntN(30)))
	counted := d.IntN(3) == 0
	if counted {
		parameters.Set("count", "exact")
	}
	var got []string
	for range len(a.want) + 2 {
		page := d.u.get("/api/v1/records/" + o.name + "?" + parameters.Encode())
		for _, item := range page.items() {
			got = append(got, d.row(item, paths))
		}
		if count := page.object()["count"]; counted && fmt.Sprint(count) != fmt.Sprint(len(a.want)) {
			d.t.Fatalf("%v counts %v, not %d", parameters, count, len(a.want))
		}
		if page.text("next") == "" {
			break
		}
		parameters.Set("after", page.text("next"))
	}
	var want []string
	for _, r := range a.want {
		want = append(want, o.row(r, paths))
	}
	d.equal(o, parameters, got, want)
}

// row is a record of an answer as a text.
func (d *naive) row(item map[string]any, paths []string) string {
	row := make([]string, 0, len(paths))
	for _, path := range paths {
		row = append(row, shown(at(item, "/"+strings.ReplaceAll(path, ".", "/"))))
	}
	return strings.Join(row, "|")
}

func (o *naiveObject) row(r *naiveRecord, paths []string) string {
	row := make([]string, 0, len(paths))
	for _, path := range paths {
		if path == "id" {
			row = append(row, r.id)
			continue
		}
		value, _ := o.at(r, path)
		row = append(row, shown(value))
	}
	return strings.Join(row, "|")
}

func (d *naive) equal(o *naiveObject, parameters any, got, want []string) {
	d.t.Helper()
	if !slices.Equal(got, want) {
		d.t.Fatalf("%s with %v answers\n%s\nnot\n%s", o.name, parameters, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// exports reads a file of all that a list would show.
func (d *naive) exports(o *naiveObject) {
	d.t.Helper()
	a := d.ask(o, d.IntN(6) == 0)
	var paths []string
	for range 1 + d.IntN(4) {
		if path := o.paths(d.chance); !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	parameters := a.parameters()
	parameters.Set("fields", strings.Join(paths, ","))
	want := []string{strings.Join(paths, "|")}
	for _, r := range a.want {
		want = append(want, strings.ReplaceAll("|"+o.row(r, paths)+"|", "|<nil>", "|"))
	}
	var got []string
	for n, line := range d.u.exported(o.name, parameters.Encode()) {
		for i, cell := range line {
			if n > 0 {
				line[i] = shown(strings.TrimPrefix(cell, "'")) // which keeps a spreadsheet from computing "-1"
			}
		}
		got = append(got, strings.Join(line, "|"))
	}
	for i := range want[1:] {
		want[i+1] = strings.TrimSuffix(strings.TrimPrefix(want[i+1], "|"), "|")
	}
	d.equal(o, parameters, got, want)
}

// aggregates asks for figures of groups.
func (d *naive) aggregates(o *naiveObject) {
	d.t.Helper()
	a := d.ask(o, false)
	type group struct{ path, by, name string }
	var groups []group
	var asked []any
	for n := range d.IntN(3) {
		g := group{path: o.paths(d.chance), name: fmt.Sprint("g", n)}
		if d.IntN(4) == 0 {
			g.path = "up"
		}
		_, f := o.at(&naiveRecord{values: map[string]any{}}, g.path)
		if strings.Contains(f.document, "long_text") || f.kind == "moment" {
			continue
		}
		part := map[string]any{"field": g.path, "name": g.name}
		if f.kind == "date" && d.IntN(3) > 0 {
			g.by = oneOf(d.chance, "year", "quarter", "month", "week", "day")
			part["by"] = g.by
		}
		groups, asked = append(groups, g), append(asked, part)
	}
	number := ""
	for _, f := range o.fields {
		if f.kind == "number" {
			number = f.name
		}
	}
	values := []any{map[string]any{"function": "count", "name": "n"}}
	if number != "" {
		for _, function := range []string{"sum", "min", "max", "avg"} {
			values = append(values, map[string]any{"function": function, "field": number, "name": function})
		}
	}
	body := map[string]any{"groups": asked, "values": values, "filter": a.filter, "limit": 1000}
	if a.filter == "" {
		delete(body, "filter")
	}
	rows := map[string][]*naiveRecord{}
	if len(groups) == 0 {
		rows[""] = nil
	}
	for _, r := range a.want {
		var key []string
		for _, g := range groups {
			value, _ := o.at(r, g.path)
			if day, ok := value.(string); ok && g.by != "" {
				value = begins(g.by, day)
			}
			key = append(key, shown(value))
		}
		rows[strings.Join(key, "|")] = append(rows[strings.Join(key, "|")], r)
	}
	var want, got []string
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		want = append(want, key+" "+figures(rows[key], number))
	}
	for _, item := range d.u.send("POST", "/api/v1/records/"+o.name+"/aggregate", body).items() {
		var key []string
		for _, g := range groups {
			value := item[g.name]
			if related, ok := value.(map[string]any); ok {
				value = related["id"]
			}
			key = append(key, shown(value))
		}
		line := strings.Join(key, "|") + " " + shown(item["n"])
		if number != "" {
			for _, function := range []string{"sum", "min", "max"} {
				line += " " + shown(item[function])
			}
			line += " " + rounded(item["avg"])
		}
		got = append(got, line)
	}
	slices.Sort(got)
	slices.Sort(want)
	text, err := json.Marshal(body)
	must(d.t, err)
	d.equal(o, string(text), got, want)
}

func figures(records []*naiveRecord, number string) string {
	line := fmt.Sprint(len(records))
	if number == "" {
		return line
	}
	sum, n := decimal.Zero, int64(0)
	var least, most any
	for _, r := range records {
		value, ok := r.values[number].(decimal.Decimal)
		if !ok {
			continue
		}
		sum, n = sum.Add(value), n+1
		if least == nil || compareValues(value, least) < 0 {
			least = value
		}
		if most == nil || compareValues(value, most) > 0 {
			most = value
		}
	}
	if n == 0 {
		return line + " <nil> <nil> <nil> <nil>"
	}
	return strings.Join([]string{line, shown(sum), shown(least), shown(most), rounded(sum.DivRound(decimal.NewFromInt(n), 12))}, " ")
}

// rounded is an average to three digits, which both sides have.
func rounded(value any) string {
	number, err := decimal.NewFromString(fmt.Sprint(value))
	if err != nil {
		return fmt.Sprint(value)
	}
	return number.Round(3).String()
}

// searches finds records by words and parts of words of their titles.
func (d *naive) searches() {
	d.t.Helper()
	for _, typed := range []string{"上海", "有限", "公司", "alpha", "lph", "gamma", "beta gam", "uote"} {
		for _, o := range d.objects {
			var want, got []string
			for _, r := range o.live(false) {
				title := strings.ToLower(fmt.Sprint(r.values["title"]))
				if strings.Contains(title, typed) {
					want = append(want, r.id)
				}
			}
			for _, item := range d.u.get("/api/v1/search?limit=100&objects=" + o.name + "&q=" + url.QueryEscape(typed)).items() {
				got = append(got, fmt.Sprint(item["id"]))
			}
			slices.Sort(want)
			slices.Sort(got)
			d.equal(o, typed, got, want)
		}
	}
}
