package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/schema"
)

func TestF81ADeletionObeysWhatTheRelationsSay(t *testing.T) {
	t.Parallel()
	on := func(rule schema.OnDelete) func(*schema.Field) {
		return func(f *schema.Field) { f.OnDelete = rule }
	}
	o := newOrganisation(t, func(s *schema.Schema) {
		house := object("house", field("name", schema.TypeText))
		flat, door, key := object("flat", field("name", schema.TypeText)), object("door", field("name", schema.TypeText)), object("key", field("name", schema.TypeText))
		flat.Fields = append(flat.Fields, relation("house", "house"))
		on(schema.OnDeleteDelete)(flat.Fields[1])
		door.Fields = append(door.Fields, relation("flat", "flat"))
		on(schema.OnDeleteClear)(door.Fields[1])
		key.Fields = append(key.Fields, relation("flat", "flat"))
		on(schema.OnDeleteRefuse)(key.Fields[1])
		s.Objects = append(s.Objects, house, flat, door, key)
	})
	u := o.signedIn(t)
	house := u.create("house", map[string]any{"name": "H"})
	flat := u.create("flat", map[string]any{"name": "F", "house": house})
	door := u.create("door", map[string]any{"name": "D", "flat": flat})
	key := u.create("key", map[string]any{"name": "K", "flat": flat})

	u.send("DELETE", "/api/v1/records/house/"+house, nil).is(http.StatusConflict)
	u.get("/api/v1/records/flat/" + flat).is(http.StatusOK)
	u.send("DELETE", "/api/v1/records/key/"+key, nil).is(http.StatusNoContent)
	u.send("DELETE", "/api/v1/records/house/"+house, nil).is(http.StatusNoContent)
	u.get("/api/v1/records/flat/" + flat).is(http.StatusNotFound)
	if got := u.get("/api/v1/records/door/" + door).is(http.StatusOK).object()["flat"]; got != nil {
		t.Errorf("the door points to %v", got)
	}
	var changes string
	o.sql(t, `SELECT string_agg(object || ' ' || operation, ', ' ORDER BY object) FROM kontor.history WHERE version = 2`, &changes)
	if changes != "door update, flat delete, house delete, key delete" {
		t.Errorf("the history has %s", changes)
	}

	crowded := u.create("house", map[string]any{"name": "Crowded"})
	o.sql(t, fmt.Sprintf(`INSERT INTO crm.flat (id, name, house_id) SELECT gen_random_uuid(), 'F', '%s' FROM generate_series(1, 1001)`, crowded))
	u.send("DELETE", "/api/v1/records/house/"+crowded, nil).is(http.StatusConflict)
	u.get("/api/v1/records/house/" + crowded).is(http.StatusOK)
}

// withTrees adds an object for each rule whose records point to their parent.
func withTrees(s *schema.Schema) {
	for _, rule := range []schema.OnDelete{schema.OnDeleteRefuse, schema.OnDeleteClear, schema.OnDeleteDelete} {
		name := "tree_" + string(rule)
		tree := object(name, field("name", schema.TypeText), relation("parent", name))
		tree.Fields[1].OnDelete = rule
		s.Objects = append(s.Objects, tree)
	}
}

// orphans counts the live records of a tree that point to deleted ones.
func (o *organisation) orphans(t *testing.T, tree string) (n int) {
	t.Helper()
	o.sql(t, fmt.Sprintf(`SELECT count(*) FROM crm.%s c JOIN crm.%s p ON p.id = c.parent_id WHERE c.deleted_at IS NULL AND p.deleted_at IS NOT NULL`, tree, tree), &n)
	return n
}

func TestABatchObeysTheRelationsThatItMakes(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withTrees)
	u := o.signedIn(t)
	for rule, want := range map[string]string{"refuse": "200 409 200", "clear": "200 204 200", "delete": "200 204 404"} {
		tree := "tree_" + rule
		a, b := u.create(tree, map[string]any{"name": "A"}), u.create(tree, map[string]any{"name": "B"})
		got := u.batch(tree, op{"op": "update", "id": b, "fields": op{"parent": a}}, op{"op": "delete", "id": a}, op{"op": "update", "id": b, "fields": op{"name": "C"}})
		if got.statuses() != want || o.orphans(t, tree) != 0 {
			t.Errorf("%s: %v, and %d orphans", rule, got.statuses(), o.orphans(t, tree))
		}
	}
}

func TestARecordThatMovesAwayDuringADeletionStays(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withTrees)
	u := o.signedIn(t)
	a, b := u.create("tree_delete", map[string]any{"name": "A"}), u.create("tree_delete", map[string]any{"name": "B"})
	c := u.create("tree_delete", map[string]any{"name": "C", "parent": a})
	slow := o.slowly(t, fmt.Sprintf(`UPDATE crm.tree_delete SET parent_id = '%s', version = version + 1 WHERE id = '%s'`, b, c))
	done := make(chan int)
	go func() { done <- u.send("DELETE", "/api/v1/records/tree_delete/"+a, nil).status }()
	o.somebodyWaits(t)
	must(t, slow.Commit(t.Context()))
	if status := <-done; status != http.StatusNoContent {
		t.Errorf("the deletion answers %d", status)
	}
	u.get("/api/v1/records/tree_delete/" + c).is(http.StatusOK)
}

func TestNobodyPointsToWhatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withTrees)
	u := o.signedIn(t)
	a := u.create("tree_refuse", map[string]any{"name": "A"})
	slow := o.slowly(t, fmt.Sprintf(`UPDATE crm.tree_refuse SET deleted_at = now(), version = version + 1 WHERE id = '%s'`, a))
	done := make(chan int)
	go func() {
		done <- u.send("POST", "/api/v1/records/tree_refuse", map[string]any{"name": "B", "parent": a}).status
	}()
	o.somebodyWaits(t)
	must(t, slow.Commit(t.Context()))
	if status := <-done; status != http.StatusUnprocessableEntity || o.orphans(t, "tree_refuse") != 0 {
		t.Errorf("the creation answers %d", status)
	}
}

// slowly does something in a transaction that is not committed yet.
func (o *organisation) slowly(t *testing.T, sql string) pgx.Tx {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), o.database.URL())
	must(t, err)
	t.Cleanup(func() { _ = connection.Close(t.Context()) })
	tx, err := connection.Begin(t.Context())
	must(t, err)
	_, err = tx.Exec(t.Context(), sql)
	must(t, err)
	return tx
}

// somebodyWaits waits until a transaction of the tenant waits for another.
func (o *organisation) somebodyWaits(t *testing.T) {
	t.Helper()
	eventually(t, func() bool { return o.waiting(t) > 0 })
}

// waiting is how many transactions of the tenant wait for another.
func (o *organisation) waiting(t *testing.T) (n int) {
	t.Helper()
	o.sql(t, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`, &n)
	return n
}

func TestARecordIsDeletedByItsIDInCapitals(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withTrees).signedIn(t)
	a := u.create("tree_delete", map[string]any{"name": "A"})
	path := "/api/v1/records/tree_delete/" + strings.ToUpper(a)
	u.send("PATCH", path, map[string]any{"parent": a}).is(http.StatusOK)
	u.send("DELETE", path, nil).is(http.StatusNoContent)
	u.get(path).is(http.StatusNotFound)
}

func TestWhatIsAskedToBeEmptyGetsNoDefault(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, func(s *schema.Schema) {
		s.Objects = append(s.Objects, object("thing", field("name", schema.TypeText), field("tier", schema.TypeText, func(f *schema.Field) { f.Default = new("gold") })))
	}).signedIn(t)
	single := u.send("POST", "/api/v1/records/thing", map[string]any{"name": "A", "tier": nil}).is(http.StatusCreated)
	if single.object()["tier"] != nil {
		t.Errorf("the record is %s", single.body)
	}
	u.batch("thing", op{"op": "create", "fields": op{"name": "B", "tier": nil}}, op{"op": "create", "fields": op{"name": "C", "tier": nil}})
	u.create("thing", map[string]any{"name": "D"})
	tiers := ""
	for _, item := range u.get("/api/v1/records/thing?sort=name").is(http.StatusOK).items() {
		tiers += fmt.Sprint(item["tier"], " ")
	}
	if tiers != "<nil> <nil> <nil> gold " {
		t.Errorf("the tiers are %s", tiers)
	}
}

func TestWhatIsComputedIsNeverTakenForUnchanged(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t, withTrees, func(s *schema.Schema) {
		tree := s.Objects[len(s.Objects)-1]
		tree.Fields[1].Inverse = "kids"
		tree.Fields = append(tree.Fields, field("kid_count", schema.TypeRollup, func(f *schema.Field) {
			f.Rollup = &schema.Rollup{Inverse: "kids", Function: schema.RollupCount}
		}))
	}).signedIn(t)
	a := u.create("tree_delete", map[string]any{"name": "A"})
	tag := u.get("/api/v1/records/tree_delete/" + a).header.Get("ETag")
	u.create("tree_delete", map[string]any{"name": "B", "parent": a})
	again := u.send("GET", "/api/v1/records/tree_delete/"+a, nil, "If-None-Match: "+tag).is(http.StatusOK)
	if fmt.Sprint(again.object()["kid_count"]) != "1" {
		t.Errorf("the record is %s", again.body)
	}
}
