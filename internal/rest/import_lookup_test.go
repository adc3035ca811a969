package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
)

// withFlats adds houses that are not deleted while flats are in them.
func withFlats(s *schema.Schema) {
	flat := object("flat", field("name", schema.TypeText), relation("house", "house"))
	flat.Fields[0].Unique = true
	flat.Fields[1].OnDelete = schema.OnDeleteRefuse
	s.Objects = append(s.Objects, object("house", field("name", schema.TypeText)), flat)
}

var flatMapping = mappingOf("flat", "name", fields{{"field": "name", "column": "name"}, {"field": "house", "column": "house", "lookup": "name"}})

// homeless counts the live flats in deleted houses.
func (o *organisation) homeless(t *testing.T) (n int) {
	t.Helper()
	o.sql(t, `SELECT count(*) FROM crm.flat f JOIN crm.house h ON h.id = f.house_id WHERE f.deleted_at IS NULL AND h.deleted_at IS NOT NULL`, &n)
	return n
}

func TestWhatAnImportHasLookedUpIsNotDeletedBeforeItPointsToIt(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withFlats)
	u := o.signedIn(t)
	house := u.create("house", map[string]any{"name": "H"})
	flat := u.create("flat", map[string]any{"name": "F"})
	// The import finds the house, and waits for the flat.
	slow := o.slowly(t, fmt.Sprintf(`SELECT FROM crm.flat WHERE id = '%s' FOR UPDATE`, flat))
	imports := make(chan *imported)
	go func() { imports <- u.imports("flat", flatMapping, "name,house\nF,H\n") }()
	o.somebodyWaits(t)
	deletion := make(chan int)
	go func() { deletion <- u.send("DELETE", "/api/v1/records/house/"+house, nil).status }()
	// It waits for the import, or is through.
	status := 0
	eventually(t, func() bool {
		select {
		case status = <-deletion:
			return true
		default:
		}
		return o.waiting(t) > 1
	})
	must(t, slow.Commit(t.Context()))
	(<-imports).is(t, crm.Report{Updated: 1})
	if status == 0 {
		status = <-deletion
	}
	if status != http.StatusConflict || o.homeless(t) != 0 {
		t.Errorf("the deletion answers %d, and %d flats are in deleted houses", status, o.homeless(t))
	}
}

func TestAnImportDoesNotPointToWhatIsDeletedWhileItLooksItUp(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, withFlats)
	u := o.signedIn(t)
	house := u.create("house", map[string]any{"name": "H"})
	slow := o.slowly(t, fmt.Sprintf(`UPDATE crm.house SET deleted_at = now(), version = version + 1 WHERE id = '%s'`, house))
	done := make(chan *imported)
	go func() { done <- u.imports("flat", flatMapping, "name,house\nF,H\n") }()
	eventually(t, func() bool {
		select {
		case i := <-done:
			t.Fatalf("the import does not wait: it is %s, %+v", i.state, i.report)
		default:
		}
		return o.waiting(t) > 0
	})
	must(t, slow.Commit(t.Context()))
	i := <-done
	i.is(t, crm.Report{Failed: 1})
	if got := i.reasons(2); !strings.Contains(got, `there is no house whose name is "H"`) || o.homeless(t) != 0 {
		t.Errorf("the line fails with %q, and %d flats are in deleted houses", got, o.homeless(t))
	}
}
