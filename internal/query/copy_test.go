package query_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
)

// copy sends the rows, one after the other.
func (d *database) copy(c query.Copy, err error) {
	d.tb.Helper()
	if err != nil {
		d.tb.Fatal(err)
	}
	var stream []byte
	for n := range c.Rows {
		if stream, err = c.Append(stream, n); err != nil {
			d.tb.Fatal(err)
		}
	}
	if _, err := d.PgConn().CopyFrom(d.tb.Context(), bytes.NewReader(stream), c.SQL); err != nil {
		d.tb.Fatalf("%s: %v", c.SQL, err)
	}
}

func TestCopiedRecordsAreThoseThatAnInsertMakes(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal, everything := object(t, d.c, "deal"), query.Everything()
	customer := d.insert(object(t, d.c, "customer"), map[string]any{"name": "Acme"})
	odd := map[string]any{"name": "\\N", "notes": "a\tb\r\nc\\.\n\\.", "tags": []string{"a\tb", `\N`, `{"`}, "seats": nil, "done": true}
	for _, named := range []map[string]any{full(customer), odd, {"name": "nothing else"}} {
		one, other := uuid.Must(uuid.NewV7()).String(), uuid.Must(uuid.NewV7()).String()
		d.one(d.c.Insert(everything, deal, one, values(t, deal, named), somebody, noon))
		d.copy(d.c.CopyRecords(everything, deal, []query.NewRecord{{ID: other, Values: values(t, deal, named)}}, somebody, noon))
		want, got := d.one(d.c.Lock(everything, deal, one)), d.one(d.c.Lock(everything, deal, other))
		for _, own := range []string{"id", "number", "ticket"} {
			delete(want, field(t, deal, own))
			delete(got, field(t, deal, own))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("copied: %v, want %v", got, want)
		}
	}
}

func TestCopiedRecordsMayHaveDifferentFields(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	deal := object(t, d.c, "deal")
	records := []query.NewRecord{
		{ID: uuid.Must(uuid.NewV7()).String(), Values: values(t, deal, map[string]any{"name": "a", "seats": int64(1)})},
		{ID: uuid.Must(uuid.NewV7()).String(), Values: values(t, deal, map[string]any{"name": "b", "phone": "1"})},
	}
	d.copy(d.c.CopyRecords(query.Everything(), deal, records, "", noon))
	for n, want := range []map[string]any{{"name": "a", "seats": int64(1), "phone": nil}, {"name": "b", "seats": nil, "phone": "1"}} {
		got := d.one(d.c.Lock(query.Everything(), deal, records[n].ID))
		for name, value := range want {
			if got[field(t, deal, name)] != value {
				t.Errorf("record %d: %s is %v, not %v", n, name, got[field(t, deal, name)], value)
			}
		}
	}
}

func TestACopyRefusesWhatAnInsertDoes(t *testing.T) {
	t.Parallel()
	c := compiler(t)
	deal, customers := object(t, c, "deal"), object(t, c, "customer")
	copying := func(a query.Access, v query.Values) error {
		made, err := c.CopyRecords(a, deal, []query.NewRecord{{ID: somebody, Values: v}}, "", noon)
		if err == nil {
			_, err = made.Append(nil, 0)
		}
		return err
	}
	for name, value := range map[string]any{"id": somebody, "number": int64(1), "ticket": int64(1), "created_at": noon, "name": 12.5} {
		if copying(query.Everything(), values(t, deal, map[string]any{name: value})) == nil {
			t.Errorf("a copy sets %s to %v", name, value)
		}
	}
	if copying(query.Everything(), values(t, customers, map[string]any{"name": "x"})) == nil {
		t.Error("a deal takes a field of a customer")
	}
	if err := copying(query.Access{}, nil); !fault.Is(err, fault.Forbidden) {
		t.Errorf("without access: %v", err)
	}
}

func TestCopiedChangesAreThoseThatAnInsertKeeps(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	change := query.Change{
		At: noon, Object: object(t, d.c, "deal"), ID: somebody, Version: 1, Operation: query.OperationCreate, Actor: somebody, Channel: "import", RequestID: "r-1",
		Changes: json.RawMessage(`{"name":["'\\\t\"", null]}`),
	}
	bare := query.Change{At: noon, Object: change.Object, ID: somebody, Version: 1, Operation: query.OperationDelete, Channel: "import"}
	both := []query.Change{change, bare}
	for range 2 {
		d.rows(d.c.History(both...))
		d.rows(d.c.Outbox(both...))
		at := func(n int) query.Change { return both[n] }
		d.copy(d.c.CopyHistory(2, at), nil)
		d.copy(d.c.CopyOutbox(2, at), nil)
	}
	for table, kinds := range map[string]string{"history": "h", "outbox": "(h.at, h.object, h.record_id, h.version, h.operation)"} {
		var different, rows int
		if err := d.QueryRow(t.Context(), "SELECT count(DISTINCT "+kinds+"::text), count(*) FROM kontor."+table+" AS h").Scan(&different, &rows); err != nil {
			t.Fatal(err)
		}
		if different != 2 || rows != 8 {
			t.Errorf("%s: %d rows of %d kinds", table, rows, different)
		}
	}
}
