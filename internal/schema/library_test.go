package schema_test

import (
	"runtime"
	"testing"

	"github.com/kontor-crm/kontor/internal/schema"
)

// documentOf is the stored schema of a tenant with one object.
func documentOf(t *testing.T, tenant string, revision int64, object string) []byte {
	t.Helper()
	s := schema.Schema{
		Format: schema.Format, Revision: revision, Organisation: schema.Organisation{Name: tenant},
		Objects: []*schema.Object{
			{Identity: "user", Name: "user", Table: "user", Source: "standard"},
			{Identity: "department", Name: "department", Table: "department", Source: "standard"},
			{Identity: object, Name: object, Table: object, Source: "standard"},
		},
	}
	document, err := s.Document()
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestTenantsWithTheSameModelShareItAndNothingElse(t *testing.T) {
	t.Parallel()
	var library schema.Library
	load := func(document []byte) *schema.Schema {
		t.Helper()
		s, err := library.Load(document)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := load(documentOf(t, "acme", 3, "deal"))
	second := load(documentOf(t, "globex", 5, "deal"))
	other := load(documentOf(t, "initech", 3, "lead"))
	if first.Organisation.Name != "acme" || first.Revision != 3 || second.Organisation.Name != "globex" || second.Revision != 5 {
		t.Errorf("what is a tenant's own is lost: %+v %d, %+v %d", first.Organisation, first.Revision, second.Organisation, second.Revision)
	}
	ours, _ := first.Object("deal")
	theirs, ok := second.Object("deal")
	if !ok || ours != theirs {
		t.Error("two tenants with the same model hold it twice")
	}
	if _, ok := other.Object("deal"); ok {
		t.Error("a tenant has the model of another")
	}
	plain, err := schema.Load(documentOf(t, "globex", 5, "deal"))
	if err != nil {
		t.Fatal(err)
	}
	if second.Digest() != plain.Digest() {
		t.Error("a shared schema says something else than one that is alone")
	}
}

func TestAModelThatNoTenantUsesIsLetGo(t *testing.T) {
	t.Parallel()
	var library schema.Library
	gone := make(chan struct{})
	func() {
		s, err := library.Load(documentOf(t, "acme", 1, "deal"))
		if err != nil {
			t.Fatal(err)
		}
		deal, _ := s.Object("deal")
		runtime.AddCleanup(deal, func(done chan struct{}) { close(done) }, gone)
	}()
	for collected := false; !collected; {
		runtime.GC()
		select {
		case <-gone:
			collected = true
		default:
			runtime.Gosched()
		}
	}
	if s, err := library.Load(documentOf(t, "acme", 1, "deal")); err != nil || len(s.Objects) != 3 {
		t.Errorf("the model is not read again: %+v, %v", s, err)
	}
}

func TestALibraryRefusesABrokenDocument(t *testing.T) {
	t.Parallel()
	var library schema.Library
	for _, document := range []string{`{`, `{"format": 99}`, `{"format":1,"objects":[{"identity":"a","name":"a"},{"identity":"b","name":"a"}]}`} {
		for range 2 {
			if _, err := library.Load([]byte(document)); err == nil {
				t.Errorf("%s is loaded", document)
			}
		}
	}
}

func TestWhatATenantHasRetiredIsItsOwn(t *testing.T) {
	t.Parallel()
	alike, err := schema.Load(documentOf(t, "acme", 3, "deal"))
	if err != nil {
		t.Fatal(err)
	}
	alike.Retired.Fields = []schema.RetiredField{{Object: "deal", Form: &schema.Field{Identity: "seat", Name: "seat", Column: "x_seat", Type: schema.TypeText}}}
	retiring, err := alike.Document()
	if err != nil {
		t.Fatal(err)
	}
	var library schema.Library
	first, err := library.Load(retiring)
	if err != nil {
		t.Fatal(err)
	}
	second, err := library.Load(documentOf(t, "globex", 5, "deal"))
	if err != nil {
		t.Fatal(err)
	}
	if len(first.Retired.Fields) != 1 || len(second.Retired.Fields) != 0 {
		t.Errorf("the one has retired %d fields, and the other, which has retired none, %d", len(first.Retired.Fields), len(second.Retired.Fields))
	}
	runtime.KeepAlive(first)
}
