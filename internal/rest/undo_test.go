package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// trees have a relation to their own kind, one object for each thing that a deletion may bring with it.
func trees(s *schema.Schema) {
	for _, rule := range []schema.OnDelete{schema.OnDeleteRefuse, schema.OnDeleteClear, schema.OnDeleteDelete} {
		name := "tree_" + string(rule)
		tree := object(name, field("name", schema.TypeText), field("code", schema.TypeText), relation("parent", name))
		tree.Fields[1].Unique = true
		tree.Fields[2].OnDelete = rule
		s.Objects = append(s.Objects, tree)
	}
}

func TestAnImportOfATreeIsUndoneWhateverDeletionsBringWithThem(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, trees)
	u := o.signedIn(t)
	for _, rule := range []string{"refuse", "clear", "delete"} {
		kind := "tree_" + rule
		old := u.create(kind, map[string]any{"code": "old", "name": "Old"})
		var file strings.Builder
		file.WriteString("code,name,parent\n")
		for i := range 6000 {
			parent := ""
			if i >= 2000 {
				parent = fmt.Sprintf("c%d", i-2000)
			}
			fmt.Fprintf(&file, "c%d,N%d,%s\n", i, i, parent)
		}
		file.WriteString("old,Old,c1\n") // what was there points to what is made
		if rule != "refuse" {
			file.WriteString("c1,N1,c5999\n") // and what is made first to what is made last
		}
		mapping := mappingOf(kind, "code", fields{
			{"field": "code", "column": "code"}, {"field": "name", "column": "name"}, {"field": "parent", "column": "parent", "lookup": "code"},
		})
		id := u.imports(kind, mapping, file.String()).id
		undo := u.send("POST", "/api/v1/jobs/"+id+"/undo", nil).is(http.StatusAccepted).text("id")
		u.follows(undo)
		var report, left string
		o.sql(t, `SELECT concat_ws(' ', report->>'deleted', report->>'restored', report->>'unchanged', report->>'failed') FROM kontor.job WHERE id = '`+undo+`'`, &report)
		o.sql(t, fmt.Sprintf(`SELECT coalesce(string_agg(concat(id, parent_id), ' '), '') FROM crm.%s WHERE deleted_at IS NULL`, kind), &left)
		if report != "6000 1 0 0" || left != old {
			t.Errorf("%s: it tells %s (deleted, restored, unchanged, failed), and %.200s is left", rule, report, left)
		}
	}
}
