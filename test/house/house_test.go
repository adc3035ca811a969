package house_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/test/env"
	"github.com/kontor-crm/kontor/test/house"
)

const module = "github.com/kontor-crm/kontor/"

func TestTheHouseKeepsItsFloorsAndFences(t *testing.T) {
	t.Parallel()
	packages := list(t)
	for _, violation := range house.Violations(packages) {
		t.Error(violation)
	}
	if !slices.ContainsFunc(packages, func(p house.Package) bool { return p.ImportPath == module+"internal/schema" }) {
		t.Error("the list of packages has no internal/schema: nothing was checked")
	}
}

// list asks Go for the product's packages and all that they reach.
func list(t *testing.T) []house.Package {
	t.Helper()
	noticeSources(t)
	command := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Standard", module+"...")
	var said bytes.Buffer
	command.Stderr = &said
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v: %s", err, said.String())
	}
	var packages []house.Package
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var next house.Package
		err := decoder.Decode(&next)
		if errors.Is(err, io.EOF) {
			return packages
		}
		if err != nil {
			t.Fatalf("reading go list: %v", err)
		}
		packages = append(packages, next)
	}
}

// noticeSources reads all folders of the source. Go repeats a test whose result it
// knows only when files that the test itself looked at have changed; it does not
// see what go list looks at.
func noticeSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(env.Root(t), func(_ string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // somebody else's temporary file
		}
		if err == nil && entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "bin" || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each case is a house of a few packages, "importer: imported imported".
func TestEachFloorAndFenceFires(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		imports []string
		want    string
	}{
		"a package in no room": {
			[]string{"~internal/attic:"},
			"internal/attic is in no room",
		},
		"a package in a folder that nobody planned": {
			[]string{"~internal/schemas: ~internal/fault"},
			"internal/schemas is in no room",
		},
		"a room that imports a higher one": {
			[]string{"~internal/tenancy: ~internal/rest"},
			"internal/tenancy (floor 4) imports internal/rest (floor 5)",
		},
		"a room that imports one beside it": {
			[]string{"~internal/rest: ~internal/jobs"},
			"internal/rest (floor 5) imports internal/jobs (floor 5)",
		},
		"a folder that imports the one beside it in its room": {
			[]string{"~controllers/tenant: ~controllers/pipeline"},
			"controllers/tenant imports controllers/pipeline: folders that stand beside each other",
		},
		"the control plane that imports the data plane": {
			[]string{"~controllers/tenant: ~internal/query"},
			"controllers/tenant -> internal/query: the control plane never imports the other wing",
		},
		"the data plane that imports the control plane": {
			[]string{"~internal/crm: ~internal/compile"},
			"internal/crm -> internal/compile: the data plane never imports the other wing",
		},
		"the data plane that reaches the control plane through a room of both": {
			[]string{"~internal/crm: ~internal/expr", "~internal/expr: ~api/v1alpha1"},
			"internal/crm -> internal/expr -> api/v1alpha1: the data plane never imports the other wing",
		},
		"the data plane that imports Kubernetes": {
			[]string{"~internal/auth: k8s.io/api/core/v1"},
			"internal/auth -> k8s.io/api/core/v1: the data plane imports nothing of Kubernetes",
		},
		"the data plane that reaches Kubernetes through a library": {
			[]string{"~internal/auth: example.com/tokens", "example.com/tokens: sigs.k8s.io/yaml"},
			"internal/auth -> example.com/tokens -> sigs.k8s.io/yaml: the data plane imports nothing of Kubernetes",
		},
		"a pure room that imports a driver": {
			[]string{"~internal/query: github.com/jackc/pgx/v5"},
			"internal/query -> github.com/jackc/pgx/v5: a pure room imports no client and no driver",
		},
		"a pure room that reaches a client through a library": {
			[]string{"~internal/compile: example.com/model", "example.com/model: k8s.io/client-go/rest"},
			"internal/compile -> example.com/model -> k8s.io/client-go/rest: a pure room imports no client and no driver",
		},
		"a pure room that imports HTTP": {
			[]string{"~internal/plan: net/http"},
			"internal/plan -> net/http: a pure room imports no HTTP",
		},
		"a pure room that reaches HTTP through a room of ours": {
			[]string{"~internal/plan: ~internal/fault", "~internal/fault: net/http"},
			"internal/plan -> internal/fault -> net/http: a pure room imports no HTTP",
		},
		"a room that knows one that is for cmd alone": {
			[]string{"~main: ~internal/store"},
			"main imports internal/store, which is for internal/cmd alone",
		},
		"an api that imports more than apimachinery": {
			[]string{"~api/v1alpha1: k8s.io/api/core/v1"},
			"api/v1alpha1 imports k8s.io/api/core/v1: besides the standard library it may import only k8s.io/apimachinery",
		},
		"a schema that imports a library that is none of values": {
			[]string{"~internal/schema: golang.org/x/crypto/bcrypt"},
			"internal/schema imports golang.org/x/crypto/bcrypt: besides the standard library",
		},
		"a product that imports its tests": {
			[]string{"~internal/cmd: ~test/env"},
			"internal/cmd imports test/env: tests are no part of the product",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := house.Violations(madeUp(c.imports))
			if !slices.ContainsFunc(found, func(v string) bool { return strings.HasPrefix(v, c.want) }) {
				t.Errorf("want %q, got %q", c.want, found)
			}
		})
	}
}

func TestWhatThePlanAllowsIsNoViolation(t *testing.T) {
	t.Parallel()
	found := house.Violations(madeUp([]string{
		"~main: ~internal/cmd",
		"~internal/cmd: ~internal/store ~internal/provision ~internal/local ~controllers ~internal/rest net/http",
		"~internal/store: ~internal/query ~internal/fault github.com/jackc/pgx/v5",
		"~internal/provision: ~internal/plan github.com/jackc/pgx/v5",
		"~internal/local: k8s.io/client-go/rest",
		"~controllers: ~controllers/tenant",
		"~controllers/tenant: ~internal/reconcile ~api/v1alpha1 sigs.k8s.io/controller-runtime",
		"~internal/erp/odoo: ~internal/erp",
		"~internal/rest: ~internal/crm net/http",
		"~internal/plan: ~internal/expr ~internal/schema",
		"~internal/compile: ~api/v1alpha1",
		"~api/v1alpha1: k8s.io/apimachinery/pkg/apis/meta/v1",
		"k8s.io/apimachinery/pkg/apis/meta/v1: net/http",
		"~internal/secret: golang.org/x/crypto/chacha20poly1305",
		"~internal/schema: github.com/shopspring/decimal strings",
		"github.com/shopspring/decimal: database/sql/driver",
		"~test/env: ~internal/local",
	}))
	for _, violation := range found {
		t.Error(violation)
	}
}

// madeUp reads lines of "importer: imported imported"; ~ is our module, and
// ~main its root. Whatever has no dot in its first part is of the standard library.
func madeUp(lines []string) []house.Package {
	var packages []house.Package
	known := map[string]bool{}
	add := func(path string, imports []string) {
		first, _, _ := strings.Cut(path, "/")
		packages = append(packages, house.Package{ImportPath: path, Imports: imports, Standard: !strings.Contains(first, ".")})
		known[path] = true
	}
	expand := strings.NewReplacer("~main", strings.TrimSuffix(module, "/"), "~", module)
	var mentioned []string
	for _, line := range lines {
		importer, imported, _ := strings.Cut(expand.Replace(line), ":")
		imports := strings.Fields(imported)
		add(importer, imports)
		mentioned = append(mentioned, imports...)
	}
	for _, path := range mentioned {
		if !known[path] {
			add(path, nil)
		}
	}
	return packages
}
