package query_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

const somebody = "0190a1b2-0000-7000-8000-000000000001"

// full has a value for every field that can be set.
func full(customer string) map[string]any {
	return map[string]any{
		"name": `上海 "Acme" \ '; DROP TABLE crm.x_fleet; --`, "notes": "two\nlines\t😀", "stage": "won", "amount": number("1200.5"),
		"rate": number("-0.000001"), "seats": int64(1<<53 - 1), "share": number("33.3333"), "done": false,
		"close_date": time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC), "called_at": noon, "topics": []string{"a", `b "c" \,{}`, "上"},
		"website": "https://example.com/?a=1&b=2", "phone": "+49 30 1", "customer": customer, "order": "x", "tags": []string{"NULL", ""},
		"currency": "EUR", "owner": somebody,
	}
}

func TestARecordComesBackAsItWasWritten(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, everything := object(t, d.c, "deal"), query.Everything()
	customer := d.insert(object(t, d.c, "customer"), map[string]any{"name": "Acme"})
	id := uuid.Must(uuid.NewV7()).String()
	want := full(customer)
	inserted := d.one(d.c.Insert(everything, deal, id, values(t, deal, want), somebody, noon))
	maps.Copy(want, map[string]any{
		"id": id, "version": int64(1), "number": int64(1), "ticket": int64(1), "created_at": noon, "updated_at": noon,
		"created_by": somebody, "updated_by": somebody, "department": nil, "parent": nil,
	})
	check := func(what string, got query.Values) {
		t.Helper()
		if len(got) != len(deal.AllFields()) {
			t.Errorf("%s has %d fields of %d", what, len(got), len(deal.AllFields()))
		}
		for f, value := range got {
			expected := want[f.Name]
			if n, ok := expected.(decimal.Decimal); ok && n.Equal(value.(decimal.Decimal)) {
				continue
			}
			if !reflect.DeepEqual(value, expected) {
				t.Errorf("%s: %s is %#v, not %#v", what, f.Name, value, expected)
			}
		}
	}
	check("what was inserted", inserted)
	check("what is got", d.one(d.c.Get(everything, deal, id, nil)))
	check("what is locked", d.one(d.c.Lock(everything, deal, strings.ToUpper(id))))
}

func TestManyRecordsAreMadeAsOneIs(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, everything := object(t, d.c, "deal"), query.Everything()
	customer := d.insert(object(t, d.c, "customer"), map[string]any{"name": "Acme"})
	one := d.insert(deal, full(customer))
	var records []query.NewRecord
	for n := range 3 {
		named := full(customer)
		if n == 1 {
			named = map[string]any{"name": "bare", "amount": nil}
		}
		records = append(records, query.NewRecord{ID: uuid.Must(uuid.NewV7()).String(), Values: values(t, deal, named)})
	}
	slices.Reverse(records) // the order is that of the list, not of the ids
	s, err := d.c.InsertMany(everything, deal, records, somebody, noon)
	if err != nil {
		t.Fatal(err)
	}
	if rows := d.rows(s); len(rows) != 3 {
		t.Fatalf("%d rows are returned", len(rows))
	}
	want := d.one(d.c.Get(everything, deal, one, nil))
	for n, record := range records {
		got := d.one(d.c.Get(everything, deal, record.ID, nil))
		for f, value := range got {
			expected := want[f]
			switch {
			case f.Name == "id":
				expected = record.ID
			case f.Name == "number" || f.Name == "ticket":
				expected = int64(n + 2)
			case strings.HasSuffix(f.Name, "ed_by"):
				expected = somebody
			case n == 1 && f.Name == "name":
				expected = "bare"
			case n == 1 && !f.System:
				expected = nil
			case n == 1 && (f.Name == "tags" || f.Name == "currency" || f.Name == "owner"):
				expected = nil
			}
			if a, ok := value.(decimal.Decimal); ok && expected != nil && a.Equal(expected.(decimal.Decimal)) {
				continue
			}
			if !reflect.DeepEqual(value, expected) {
				t.Errorf("record %d: %s is %#v, not %#v", n, f.Path(), value, expected)
			}
		}
	}
	if _, err := d.c.InsertMany(everything, deal, []query.NewRecord{{ID: one, Values: values(t, deal, map[string]any{"version": int64(7)})}}, "", noon); err == nil {
		t.Error("the version can be set")
	}
	if _, err := d.c.InsertMany(query.Access{}, deal, records, "", noon); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without access: %v", err)
	}
}

func TestARecordInJSONHasTheFormsOfItsTypes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	id := d.insert(deal, full(somebody))
	s, err := d.c.Get(query.Everything(), deal, id, []string{"name", "notes", "amount", "rate", "seats", "done", "close_date", "called_at", "topics", "phone", "parent"})
	if err != nil {
		t.Fatal(err)
	}
	got := string(query.EncodeRow(nil, s.Columns, d.rows(s)[0]))
	want := `{"name":"上海 \"Acme\" \\ '; DROP TABLE crm.x_fleet; --","notes":"two\nlines\t😀","amount":"1200.50","rate":"-0.000001",` +
		`"seats":9007199254740991,"done":false,"close_date":"2026-01-31","called_at":"2026-11-22T12:00:00.123456Z","topics":["a","b \"c\" \\,{}","上"],` +
		`"phone":"+49 30 1","parent":null}`
	if got != want {
		t.Errorf("the record is\n%s, not\n%s", got, want)
	}
}

func TestAWriteNamesTheVersionThatItChanges(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, everything := object(t, d.c, "deal"), query.Everything()
	id := d.insert(deal, map[string]any{"name": "first", "seats": int64(3)})
	later := noon.Add(time.Hour)
	changed := values(t, deal, map[string]any{"name": "second", "seats": nil})

	got := d.one(d.c.Update(everything, deal, id, 1, changed, somebody, later))
	for name, want := range map[string]any{
		"name": "second", "seats": nil, "version": int64(2), "updated_at": later, "updated_by": somebody, "created_at": noon, "created_by": nil,
	} {
		if !reflect.DeepEqual(got[field(t, deal, name)], want) {
			t.Errorf("%s is %v, not %v", name, got[field(t, deal, name)], want)
		}
	}
	for what, statement := range map[string]func() (query.Statement, error){
		"an update of a stale version":  func() (query.Statement, error) { return d.c.Update(everything, deal, id, 1, changed, "", later) },
		"a deletion of a stale version": func() (query.Statement, error) { return d.c.Delete(everything, deal, id, 1, "", later) },
		"an update of no record":        func() (query.Statement, error) { return d.c.Update(everything, deal, somebody, 2, changed, "", later) },
	} {
		s, err := statement()
		if err != nil {
			t.Fatal(err)
		}
		if rows := d.rows(s); len(rows) != 0 {
			t.Errorf("%s gives %d rows", what, len(rows))
		}
	}
	if got := d.one(d.c.Delete(everything, deal, id, 2, "", later)); got[field(t, deal, "version")] != int64(3) {
		t.Errorf("the deletion leaves version %v", got[field(t, deal, "version")])
	}
}

func TestManyRecordsAreDeletedInTheVersionsThatTheyHave(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	a, b, c := d.insert(deal, map[string]any{"name": "a"}), d.insert(deal, map[string]any{"name": "b"}), d.insert(deal, map[string]any{"name": "c"})
	d.one(d.c.Update(query.Everything(), deal, b, 1, values(t, deal, map[string]any{"name": "changed since"}), "", noon))
	many := []query.OldRecord{{ID: c, Version: 1}, {ID: b, Version: 1}, {ID: a, Version: 1}, {ID: somebody, Version: 1}}
	s := must(d.c.DeleteMany(query.Everything(), deal, many, somebody, noon))
	deleted := map[string]any{}
	for _, row := range d.rows(s) {
		got, err := query.DecodeRow(s.Columns, row)
		if err != nil {
			t.Fatal(err)
		}
		if got[field(t, deal, "version")] != int64(2) || got[field(t, deal, "updated_by")] != somebody {
			t.Errorf("it leaves %v", got)
		}
		deleted[string(row[0])] = true
	}
	if len(deleted) != 2 || deleted[a] == nil || deleted[c] == nil {
		t.Errorf("deleted are %v", deleted)
	}
	if rows := d.rows(must(d.c.LockMany(query.Everything(), deal, []string{a, b, c}))); len(rows) != 1 || string(rows[0][0]) != b {
		t.Errorf("%d are left", len(rows))
	}
	if _, err := d.c.DeleteMany(query.Everything(), deal, []query.OldRecord{{ID: "1"}}, "", noon); !fault.Is(err, fault.NotFound) {
		t.Errorf("an id that is none: %v", err)
	}
}

func TestADeletedRecordIsNowhere(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, customers, everything := object(t, d.c, "deal"), object(t, d.c, "customer"), query.Everything()
	customer := d.insert(customers, map[string]any{"name": "gone"})
	d.insert(deal, map[string]any{"name": "stays", "customer": customer})
	d.one(d.c.Delete(everything, customers, customer, 1, "", noon))
	for what, statement := range map[string]func() (query.Statement, error){
		"Get":      func() (query.Statement, error) { return d.c.Get(everything, customers, customer, nil) },
		"Lock":     func() (query.Statement, error) { return d.c.Lock(everything, customers, customer) },
		"LockMany": func() (query.Statement, error) { return d.c.LockMany(everything, customers, []string{customer}) },
		"FindBy": func() (query.Statement, error) {
			return d.c.FindBy(everything, customers, field(t, customers, "name"), []any{"gone"})
		},
		"Update": func() (query.Statement, error) { return d.c.Update(everything, customers, customer, 2, nil, "", noon) },
		"Delete": func() (query.Statement, error) { return d.c.Delete(everything, customers, customer, 2, "", noon) },
	} {
		s, err := statement()
		if err != nil {
			t.Fatal(err)
		}
		if rows := d.rows(s); len(rows) != 0 {
			t.Errorf("%s finds it", what)
		}
	}
	if items, _ := d.list(query.ListRequest{Object: "customer"}); len(items) != 0 {
		t.Error("the list shows it")
	}
	if items, _ := d.list(query.ListRequest{Object: "customer", Deleted: query.DeletedOnly}); len(items) != 1 {
		t.Error("the list of the deleted ones does not show it")
	}
	items, _ := d.list(query.ListRequest{Object: "deal", Fields: []string{"customer.name"}})
	if len(items) != 1 || items[0]["customer"] != nil {
		t.Errorf("a record that points to it shows %v", items)
	}
}

func TestRecordsAreFoundByEveryKindOfValue(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	id := d.insert(deal, full(somebody))
	d.insert(deal, map[string]any{"name": "another"})
	for name, value := range full(somebody) {
		if f := field(t, deal, name); f.Kind() == schema.KindTexts {
			continue
		}
		got := d.one(d.c.FindBy(query.Everything(), deal, field(t, deal, name), []any{nil, value}))
		if got[field(t, deal, "id")] != id {
			t.Errorf("by %s it finds %v", name, got)
		}
	}
	s, err := d.c.FindBy(query.Everything(), deal, field(t, deal, "amount"), []any{number("1200.50001")})
	if err != nil {
		t.Fatal(err)
	}
	if rows := d.rows(s); len(rows) != 0 {
		t.Error("a number is found by one that only rounds to it")
	}
	if rows := d.rows(must(d.c.FindBy(query.Everything(), deal, field(t, deal, "name"), nil))); len(rows) != 0 {
		t.Error("no values find a record")
	}
}

func must(s query.Statement, err error) query.Statement {
	if err != nil {
		panic(err)
	}
	return s
}

func TestLockedRecordsWait(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	first, second := d.insert(deal, map[string]any{"name": "a"}), d.insert(deal, map[string]any{"name": "b"})
	s := must(d.c.LockMany(query.Everything(), deal, []string{second, "nonsense", first, somebody}))
	tx, err := d.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if rows := d.rows(s); len(rows) != 2 || string(rows[0][0]) != first || string(rows[1][0]) != second {
		t.Errorf("%d rows are locked, or not in order", len(rows))
	}
	other, err := pgx.ConnectConfig(t.Context(), d.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	var free int
	if err := other.QueryRow(t.Context(), `SELECT count(*) FROM (SELECT FROM crm.x_fleet FOR NO KEY UPDATE SKIP LOCKED) AS free`).Scan(&free); err != nil {
		t.Fatal(err)
	}
	if free != 0 {
		t.Errorf("%d records are free for another writer", free)
	}
}

func TestWritesRefuseWhatTheSystemSets(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	deal, customers := object(t, c, "deal"), object(t, c, "customer")
	for name, value := range map[string]any{"id": somebody, "number": int64(1), "version": int64(1), "ticket": int64(1), "created_at": noon} {
		if _, err := c.Insert(query.Everything(), deal, somebody, values(t, deal, map[string]any{name: value}), "", noon); err == nil {
			t.Errorf("an insert sets %s", name)
		}
		if _, err := c.Update(query.Everything(), deal, somebody, 1, values(t, deal, map[string]any{name: value}), "", noon); err == nil {
			t.Errorf("an update sets %s", name)
		}
	}
	if _, err := c.Insert(query.Everything(), deal, somebody, values(t, customers, map[string]any{"name": "x"}), "", noon); err == nil {
		t.Error("a deal takes a field of a customer")
	}
	if _, err := c.Insert(query.Everything(), deal, somebody, values(t, deal, map[string]any{"name": 12.5}), "", noon); err == nil {
		t.Error("a text takes a float")
	}
}

func TestAnIDThatIsNoneIsNotFound(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	deal := object(t, c, "deal")
	for _, id := range []string{"", "1", "' OR true --", "{0190a1b2-0000-7000-8000-000000000001}", strings.Repeat("x", 1000)} {
		_, got := c.Get(query.Everything(), deal, id, nil)
		_, locked := c.Lock(query.Everything(), deal, id)
		_, deleted := c.Delete(query.Everything(), deal, id, 1, "", noon)
		for _, err := range []error{got, locked, deleted} {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("the id %.20q gives %v", id, err)
			}
		}
	}
}

func TestWhoHasNoAccessGetsNoStatement(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	deal := object(t, c, "deal")
	var nobody query.Access
	_, list := c.List(nobody, query.ListRequest{Object: "deal"})
	_, get := c.Get(nobody, deal, somebody, nil)
	_, lock := c.Lock(nobody, deal, somebody)
	_, lockMany := c.LockMany(nobody, deal, nil)
	_, insert := c.Insert(nobody, deal, somebody, nil, "", noon)
	_, update := c.Update(nobody, deal, somebody, 1, nil, "", noon)
	_, remove := c.Delete(nobody, deal, somebody, 1, "", noon)
	_, removeMany := c.DeleteMany(nobody, deal, nil, "", noon)
	_, find := c.FindBy(nobody, deal, field(t, deal, "name"), []any{"x"})
	_, search := c.Search(nobody, query.SearchRequest{Text: "x", Objects: []string{"deal"}})
	for i, err := range []error{list, get, lock, lockMany, insert, update, remove, removeMany, find, search} {
		if !fault.Is(err, fault.Forbidden) {
			t.Errorf("statement %d: %v", i, err)
		}
	}
	s, err := c.Search(nobody, query.SearchRequest{Text: "x 7"})
	if err != nil {
		t.Fatal(err)
	}
	if candidates := s.Candidates([]string{deal.Identity}); len(candidates) != 0 {
		t.Errorf("a search over all objects looks at %d", len(candidates))
	}
}

func TestHistoryAndOutboxKeepEveryChange(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	changes := []query.Change{
		{
			At: noon, Object: deal, ID: somebody, Version: 1, Operation: query.OperationCreate, Actor: somebody, Channel: "api", RequestID: "r-1",
			Changes: json.RawMessage(`{"name":["'", null]}`),
		},
		{At: noon, Object: deal, ID: somebody, Version: 2, Operation: query.OperationDelete, Channel: "import"},
	}
	d.rows(d.c.History(changes...))
	d.rows(d.c.Outbox(changes...))
	for sql, want := range map[string]string{
		"SELECT string_agg(h::text, ' ' ORDER BY version) FROM kontor.history AS h": `("2026-11-22 12:00:00.123456+00",fleet,` + somebody + `,1,create,` + somebody +
			`,api,r-1,7,"{""name"": [""'"", null]}") ("2026-11-22 12:00:00.123456+00",fleet,` + somebody + `,2,delete,,import,,7,)`,
		"SELECT string_agg(o::text, ' ' ORDER BY id) FROM kontor.outbox AS o": `(1,"2026-11-22 12:00:00.123456+00",fleet,` + somebody +
			`,1,create) (2,"2026-11-22 12:00:00.123456+00",fleet,` + somebody + `,2,delete)`,
	} {
		var got string
		if err := d.QueryRow(t.Context(), sql).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("there is\n%s, not\n%s", got, want)
		}
	}
}
