package query

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// SavedView is a row of a list or a board as somebody wants to see it again.
type SavedView struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	// Owner is the id of the user who keeps it.
	Owner string `json:"owner"`
	// Object is the identity of the object.
	Object string `json:"object"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	// Shared views are seen by all who may read the object.
	Shared     bool            `json:"shared"`
	Definition json.RawMessage `json:"definition"`
	CreatedAt  time.Time       `json:"created_at"`
	UpdatedAt  time.Time       `json:"updated_at"`
}

// The bounds of saved views: of a user's own, and of the shared ones of an object.
const (
	MaxOwnViews    = 500
	MaxSharedViews = 500
	MaxViewsLimit  = 200
)

// A view's row is read as one JSON object with the columns' names, and the owner's name.
const viewTable = `kontor.saved_view AS v`

func (c *Compiler) viewColumns(a Access) string {
	name := "NULL::text"
	if users, ok := c.schema.ObjectByIdentity(schema.ObjectUser); ok && a.mayRead(users) {
		name = "(SELECT " + titleOf(a, "u", users) + " FROM " + users.QualifiedTable() + " AS u WHERE " + idOf("u") + " = v.owner)"
	}
	return `to_jsonb(v)::text, ` + name
}

// seen lets the views through that the user sees, of objects that may be read.
func (c *Compiler) seen(a Access, user string, args *expr.Args) string {
	readable := []string{}
	for _, o := range c.schema.Objects {
		if a.mayRead(o) {
			readable = append(readable, o.Identity)
		}
	}
	return `(v.owner = ` + args.Add(user) + `::uuid OR v.shared) AND v.object = ANY (` + args.Add(readable) + `::text[])`
}

// SavedViews are the views that a user sees, of one object or of all, by name. It gives
// one row more than limit when there are more; NextSavedView is the cursor of those.
func (c *Compiler) SavedViews(a Access, user string, o *schema.Object, limit int, after string) (Statement, error) {
	var args expr.Args
	where := c.seen(a, user, &args)
	if o != nil {
		where += ` AND v.object = ` + args.Add(o.Identity) + `::text`
	}
	if after != "" {
		last, err := c.openCursor(after, c.viewsContext())
		if err != nil {
			return Statement{}, err
		}
		where += ` AND (v.name, v.id) > (` + args.Add(*last[0]) + `::text, ` + args.Add(*last[1]) + `::uuid)`
	}
	return Statement{
		SQL:  `SELECT ` + c.viewColumns(a) + ` FROM ` + viewTable + ` WHERE ` + where + ` ORDER BY v.name, v.id LIMIT ` + strconv.Itoa(limit+1),
		Args: args.Values(),
	}, nil
}

func (c *Compiler) viewsContext() string { return "views " + c.tenant }

// NextSavedView is the cursor of the views that follow that one.
func (c *Compiler) NextSavedView(last *SavedView) string {
	plain, err := json.Marshal([]string{last.Name, last.ID})
	if err != nil { // texts have no form that JSON cannot say
		return ""
	}
	return c.sealCursor(plain, c.viewsContext())
}

// SavedView is one view that the user sees.
func (c *Compiler) SavedView(a Access, user, id string) Statement {
	var args expr.Args
	return Statement{
		SQL:  `SELECT ` + c.viewColumns(a) + ` FROM ` + viewTable + ` WHERE v.id = ` + args.Add(id) + `::uuid AND ` + c.seen(a, user, &args),
		Args: args.Values(),
	}
}

// InsertSavedView keeps a view, and returns its row; none when there are too many.
func (c *Compiler) InsertSavedView(a Access, v *SavedView) Statement {
	var args expr.Args
	return Statement{
		SQL: `INSERT INTO kontor.saved_view AS v (id, owner, object, name, kind, shared, definition, created_at, updated_at)
			SELECT n.* FROM (VALUES (` + args.Add(v.ID) + `::uuid, ` + args.Add(v.Owner) + `::uuid, ` + args.Add(v.Object) + `::text, ` + args.Add(v.Name) + `::text, ` +
			args.Add(v.Kind) + `::text, ` + args.Add(v.Shared) + `::boolean, ` + args.Add(string(v.Definition)) + `::jsonb, ` + args.Add(moment(v.CreatedAt)) + `::timestamptz, ` +
			args.Add(moment(v.UpdatedAt)) + `::timestamptz)) AS n WHERE ` + room(v, &args) + ` RETURNING ` + c.viewColumns(a),
		Args: args.Values(),
	}
}

// UpdateSavedView writes what has changed of the view that has this version, and returns
// its row; none when it has another one, or when too many are shared.
func (c *Compiler) UpdateSavedView(a Access, v *SavedView) Statement {
	var args expr.Args
	return Statement{
		SQL: `UPDATE kontor.saved_view AS v SET version = version + 1, name = ` + args.Add(v.Name) + `::text, kind = ` + args.Add(v.Kind) + `::text, shared = ` +
			args.Add(v.Shared) + `::boolean, definition = ` + args.Add(string(v.Definition)) + `::jsonb, updated_at = ` + args.Add(moment(v.UpdatedAt)) +
			`::timestamptz WHERE v.id = ` + args.Add(v.ID) + `::uuid AND v.version = ` + args.Add(v.Version) + `::integer AND ` + room(v, &args) + ` RETURNING ` + c.viewColumns(a),
		Args: args.Values(),
	}
}

// room says whether there is room for the view beside the others.
func room(v *SavedView, args *expr.Args) string {
	id := args.Add(v.ID) + `::uuid`
	return `(SELECT count(*) FROM kontor.saved_view WHERE owner = ` + args.Add(v.Owner) + `::uuid AND id <> ` + id + `) < ` + strconv.Itoa(MaxOwnViews) +
		` AND (NOT ` + args.Add(v.Shared) + `::boolean OR (SELECT count(*) FROM kontor.saved_view WHERE object = ` + args.Add(v.Object) + `::text AND shared AND id <> ` +
		id + `) < ` + strconv.Itoa(MaxSharedViews) + `)`
}

// DeleteSavedView removes the view that has this version, and returns its id.
func DeleteSavedView(id string, version int64) Statement {
	var args expr.Args
	return Statement{
		SQL:  `DELETE FROM kontor.saved_view WHERE id = ` + args.Add(id) + `::uuid AND version = ` + args.Add(version) + `::integer RETURNING id`,
		Args: args.Values(),
	}
}
