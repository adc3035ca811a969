package rest_test

import (
	"fmt"
	"net/http"
	"testing"

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
