// Package house holds the plan of the house: which rooms there are, on which
// floor each stands, and the fences between them. Its test checks the imports of
// the whole product against it. A new room is added to the table here first.
package house

import (
	"fmt"
	"slices"
	"strings"
)

const module = "github.com/kontor-crm/kontor"

// wing is one half of the house. The two never import each other; they meet in
// the rooms that belong to neither.
type wing string

const (
	bothWings    wing = ""
	controlPlane wing = "control plane"
	dataPlane    wing = "data plane"
)

// room is a folder and what lies in it.
type room struct {
	path  string // in the module; the root package's is empty
	floor int    // a room imports only lower floors
	wing  wing
	// pure rooms compute: no client, no driver, no HTTP.
	pure bool
	// forCmdAlone rooms implement what lower rooms declare; nobody else knows them.
	forCmdAlone bool
	// only, where it is not nil, lists all that the room may import besides the
	// standard library and lower rooms. A listed path allows what is below it.
	only []string
}

// values are libraries of plain values: decimals, ids, phone numbers.
var values = []string{"github.com/shopspring/decimal", "github.com/google/uuid", "github.com/nyaruka/phonenumbers"}

// rooms is the plan of the house, from the roof down.
var rooms = []room{
	{path: "", floor: 8},

	{path: "internal/cmd", floor: 7},

	{path: "internal/provision", floor: 6, wing: controlPlane, forCmdAlone: true},
	{path: "internal/rollout", floor: 6, wing: controlPlane, forCmdAlone: true},
	{path: "internal/store", floor: 6, wing: dataPlane, forCmdAlone: true},
	{path: "internal/directory", floor: 6, wing: dataPlane, forCmdAlone: true},
	{path: "internal/local", floor: 6, forCmdAlone: true},

	{path: "internal/rest", floor: 5, wing: dataPlane},
	{path: "internal/web", floor: 5, wing: dataPlane},
	{path: "internal/sync", floor: 5, wing: dataPlane},
	{path: "internal/jobs", floor: 5, wing: dataPlane},
	{path: "internal/backup", floor: 5, wing: controlPlane},

	{path: "controllers", floor: 4, wing: controlPlane},
	{path: "internal/crm", floor: 4, wing: dataPlane},
	{path: "internal/tenancy", floor: 4, wing: dataPlane},

	{path: "internal/reconcile", floor: 3, wing: controlPlane},
	{path: "internal/compile", floor: 3, wing: controlPlane, pure: true},
	{path: "internal/plan", floor: 3, wing: controlPlane, pure: true},
	{path: "internal/workload", floor: 3, wing: controlPlane, pure: true},
	{path: "internal/query", floor: 3, wing: dataPlane, pure: true},

	{path: "internal/expr", floor: 2, pure: true},
	{path: "internal/manifest", floor: 2, wing: controlPlane, pure: true},
	{path: "internal/search", floor: 2, pure: true, only: []string{"golang.org/x/text", "github.com/mozillazg/go-pinyin"}},
	{path: "internal/workbook", floor: 2, pure: true, only: []string{"github.com/shopspring/decimal"}},
	{path: "internal/auth", floor: 2, wing: dataPlane},
	{path: "internal/erp", floor: 2, wing: dataPlane},

	{path: "api", floor: 1, wing: controlPlane, only: []string{"k8s.io/apimachinery"}},
	{path: "config", floor: 1, wing: controlPlane, only: []string{}}, // the manifests, embedded
	{path: "internal/schema", floor: 1, only: values},
	{path: "internal/secret", floor: 1, only: append([]string{"golang.org/x/crypto"}, values...)},
	{path: "internal/fault", floor: 1, only: values},
}

// What a fence keeps out. A path stands for itself and what is below it.
var (
	kubernetes = []string{"k8s.io", "sigs.k8s.io"}
	outside    = []string{
		"database/sql", "github.com/jackc/pgx", "github.com/jackc/pgconn", "github.com/pressly/goose",
		"k8s.io/client-go", "sigs.k8s.io/controller-runtime",
	}
	// Types for SQL values; decimals and ids implement them.
	sqlTypes = "database/sql/driver"
	// Kubernetes' types reach it too, so only our own packages are asked.
	web = []string{"net/http"}
)

// Package is what the check needs to know of a package; go list says it under these names.
type Package struct {
	ImportPath string   `json:"ImportPath"`
	Imports    []string `json:"Imports"`
	// Standard says that it belongs to Go's own library.
	Standard bool `json:"Standard"`
}

// Violations are the sentences that say where packages do not keep to the plan,
// sorted. Packages are those of the product and all that they reach; packages
// below test/ are no part of the product.
func Violations(packages []Package) []string {
	g := make(graph, len(packages))
	for _, p := range packages {
		g[p.ImportPath] = p
	}
	var found []string
	for path := range g {
		if isOurs(path) && !isTest(path) {
			found = append(found, g.violationsOf(path)...)
		}
	}
	slices.Sort(found)
	return found
}

type graph map[string]Package

func (g graph) violationsOf(path string) []string {
	own, ok := roomOf(path)
	if !ok {
		return []string{fmt.Sprintf("%s is in no room: add one to the plan of the house", short(path))}
	}
	var found []string
	for _, imported := range g[path].Imports {
		if isOurs(imported) {
			found = append(found, violationsOfDoor(path, own, imported)...)
		} else if own.only != nil && !g[imported].Standard && !isUnder(imported, own.only) {
			found = append(found, fmt.Sprintf("%s imports %s: besides the standard library it may import only %s", short(path), imported, strings.Join(own.only, ", ")))
		}
	}
	return append(found, g.violationsOfFences(path, own)...)
}

// violationsOfDoor judges one import of a room by a room.
func violationsOfDoor(path string, own room, imported string) []string {
	if isTest(imported) {
		return []string{fmt.Sprintf("%s imports %s: tests are no part of the product", short(path), short(imported))}
	}
	other, ok := roomOf(imported)
	if !ok {
		return nil // said where the other is looked at
	}
	if other.path == own.path {
		if isUnder(path, []string{imported}) || isUnder(imported, []string{path}) {
			return nil
		}
		return []string{fmt.Sprintf("%s imports %s: folders that stand beside each other in a room never do", short(path), short(imported))}
	}
	var found []string
	if other.floor >= own.floor {
		found = append(found, fmt.Sprintf("%s (floor %d) imports %s (floor %d): a room imports only lower floors", short(path), own.floor, short(imported), other.floor))
	}
	if other.forCmdAlone && own.path != "internal/cmd" {
		found = append(found, fmt.Sprintf("%s imports %s, which is for internal/cmd alone: declare the interface that is needed", short(path), short(imported)))
	}
	return found
}

// violationsOfFences looks at all that a package reaches.
func (g graph) violationsOfFences(path string, own room) []string {
	var found []string
	refuse := func(why string, way []string) {
		if way != nil {
			found = append(found, fmt.Sprintf("%s: %s", strings.Join(way, " -> "), why))
		}
	}
	if own.wing != bothWings {
		refuse(fmt.Sprintf("the %s never imports the other wing", own.wing), g.way(path, func(p string) bool {
			other, ok := roomOf(p)
			return ok && other.wing != bothWings && other.wing != own.wing
		}))
	}
	if own.wing == dataPlane {
		refuse("the data plane imports nothing of Kubernetes", g.way(path, func(p string) bool { return isUnder(p, kubernetes) }))
	}
	if own.pure {
		refuse("a pure room imports no client and no driver", g.way(path, func(p string) bool { return isUnder(p, outside) && p != sqlTypes }))
		refuse("a pure room imports no HTTP", g.ourWay(path, func(p string) bool { return isUnder(p, web) }))
	}
	return found
}

// way is a shortest chain of imports from a package to one that is wanted, nil
// when there is none.
func (g graph) way(from string, wanted func(string) bool) []string {
	return g.search(from, wanted, func(string) bool { return true })
}

// ourWay is a way whose imports are all written in our own packages.
func (g graph) ourWay(from string, wanted func(string) bool) []string {
	return g.search(from, wanted, isOurs)
}

func (g graph) search(from string, wanted, through func(string) bool) []string {
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g[queue[0]].Imports {
			if _, seen := cameFrom[next]; seen {
				continue
			}
			cameFrom[next] = queue[0]
			if wanted(next) {
				return chain(cameFrom, next)
			}
			if through(next) {
				queue = append(queue, next)
			}
		}
	}
	return nil
}

func chain(cameFrom map[string]string, end string) []string {
	var way []string
	for p := end; p != ""; p = cameFrom[p] {
		way = append(way, short(p))
	}
	slices.Reverse(way)
	return way
}

// roomOf finds the room of a package. The root package alone is in the root's
// room: what lies in a folder that nobody planned is in none.
func roomOf(path string) (room, bool) {
	if path == module {
		path += "/"
	}
	inside, ours := strings.CutPrefix(path, module+"/")
	if !ours {
		return room{}, false
	}
	for _, r := range rooms {
		if inside == r.path || r.path != "" && isUnder(inside, []string{r.path}) {
			return r, true
		}
	}
	return room{}, false
}

func isOurs(path string) bool { return isUnder(path, []string{module}) }

func isTest(path string) bool { return isUnder(path, []string{module + "/test"}) }

// isUnder tells whether path is one of the folders or below one.
func isUnder(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		return path == folder || strings.HasPrefix(path, folder+"/")
	})
}

// short is a package's path as people of the house say it.
func short(path string) string {
	if path == module {
		return "main"
	}
	return strings.TrimPrefix(path, module+"/")
}
