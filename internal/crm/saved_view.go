package crm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// The kinds of saved views.
const (
	ViewList  = "list"
	ViewBoard = "board"
)

// The bounds of a saved view.
const (
	maxViewName    = 100
	maxViewColumns = 100
	minColumnWidth = 20
	maxColumnWidth = 2000
	maxViewFilter  = 10_000
)

// SavedView is a list or a board as somebody wants to see it again.
type SavedView struct {
	query.SavedView
	OwnerName string
	// Of is the object whose records it shows.
	Of *schema.Object
	ViewDefinition
	// Problems are what the schema has against it by now.
	Problems []fault.Violation
}

// ViewDefinition is what a view shows.
type ViewDefinition struct {
	Columns []ViewColumn `json:"columns,omitempty"`
	// Sort, Filter and the fields of the columns are as those of a list.
	Sort   []string `json:"sort,omitempty"`
	Filter string   `json:"filter,omitempty"`
	// Group is the field whose options are the columns of a board.
	Group string `json:"group,omitempty"`
}

// ViewColumn is a column of a list.
type ViewColumn struct {
	Field string `json:"field"`
	// Width is in pixels; 0 is left to the page.
	Width int `json:"width,omitempty"`
}

// SavedViews are those of a tenant, as one actor may see and change them: their own, and
// those that others share. A shared one is changed by its owner and by administrators.
type SavedViews struct {
	Compiler *query.Compiler
	Runner   Runner
	Actor    Actor
	Clock    func() time.Time
	NewID    func() (string, error)
}

func (v *SavedViews) access() query.Access {
	return v.Actor.Access().Asking(v.Actor.Principal.UserID, v.Clock())
}

// List are the views of an object, or of all when it is empty, by name. Next is the
// cursor of those that follow; empty when none do.
func (v *SavedViews) List(ctx context.Context, object string, limit int, after string) (views []*SavedView, next string, err error) {
	var o *schema.Object
	if object != "" {
		var ok bool
		if o, ok = v.Compiler.Schema().Object(object); !ok {
			return nil, "", &fault.Error{Kind: fault.Malformed, Violations: []fault.Violation{{Path: "object", Message: "there is no object of that name"}}}
		}
	}
	statement, err := v.Compiler.SavedViews(v.access(), v.Actor.Principal.UserID, o, limit, after)
	if err != nil {
		return nil, "", err
	}
	views = []*SavedView{}
	err = v.Runner.Query(ctx, statement, func(row [][]byte) error {
		view, err := v.readView(row)
		views = append(views, view)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("listing views: %w", err)
	}
	if len(views) > limit {
		views = views[:limit]
		next = v.Compiler.NextSavedView(&views[limit-1].SavedView)
	}
	for _, view := range views {
		view.Problems = v.problems(view)
	}
	return views, next, nil
}

// Get is one view; without it, or when it is private to somebody else, the fault is NotFound.
func (v *SavedViews) Get(ctx context.Context, id string) (*SavedView, error) {
	if _, err := uuid.Parse(id); err != nil || len(id) != len(uuid.Nil.String()) {
		return nil, noView()
	}
	view, err := v.one(ctx, v.Compiler.SavedView(v.access(), v.Actor.Principal.UserID, id))
	if err != nil {
		return nil, fmt.Errorf("reading a view: %w", err)
	}
	if view == nil {
		return nil, noView()
	}
	view.Problems = v.problems(view)
	return view, nil
}

// MayChange says whether the actor may change the view.
func (v *SavedViews) MayChange(view *SavedView) bool {
	return view.Owner == v.Actor.Principal.UserID || view.Shared && v.Actor.Principal.Administrator
}

// Create keeps a view.
func (v *SavedViews) Create(ctx context.Context, body map[string]any) (*SavedView, error) {
	id, err := v.NewID()
	if err != nil {
		return nil, fmt.Errorf("making an id: %w", err)
	}
	view := &SavedView{SavedView: query.SavedView{ID: id, Owner: v.Actor.Principal.UserID, Kind: ViewList, CreatedAt: v.Clock(), UpdatedAt: v.Clock()}}
	w := wishedView{view: view}
	name, _ := body["object"].(string)
	o, ok := v.Compiler.Schema().Object(name)
	if !ok {
		w.refusef("object", "must be the name of an object")
	} else {
		view.Of, view.Object = o, o.Identity
		if _, err := v.Compiler.List(v.access(), query.ListRequest{Object: name}); err != nil { // it may not be read
			return nil, err
		}
	}
	given := maps.Clone(body)
	delete(given, "object")
	if err := v.take(&w, given); err != nil {
		return nil, err
	}
	made, err := v.one(ctx, v.Compiler.InsertSavedView(v.access(), &view.SavedView))
	if err != nil {
		return nil, fmt.Errorf("keeping a view: %w", err)
	}
	if made == nil {
		return nil, tooManyViews()
	}
	return made, nil
}

// Change changes what the body names; null takes it away.
func (v *SavedViews) Change(ctx context.Context, id string, body map[string]any, match Match) (*SavedView, error) {
	view, err := v.changeable(ctx, id, match)
	if err != nil {
		return nil, err
	}
	view.UpdatedAt = v.Clock()
	if err := v.take(&wishedView{view: view}, body); err != nil {
		return nil, err
	}
	changed, err := v.one(ctx, v.Compiler.UpdateSavedView(v.access(), &view.SavedView))
	if err != nil {
		return nil, fmt.Errorf("changing a view: %w", err)
	}
	if changed != nil {
		return changed, nil
	}
	now, err := v.Get(ctx, id)
	if err == nil && now.Version == view.Version {
		err = tooManyViews()
	}
	if err != nil {
		return nil, err
	}
	return nil, changedView()
}

// Delete removes a view.
func (v *SavedViews) Delete(ctx context.Context, id string, match Match) error {
	view, err := v.changeable(ctx, id, match)
	if err != nil {
		return err
	}
	gone := false
	err = v.Runner.Query(ctx, query.DeleteSavedView(view.ID, view.Version), func([][]byte) error {
		gone = true
		return nil
	})
	if err != nil {
		return fmt.Errorf("removing a view: %w", err)
	}
	if !gone {
		return changedView()
	}
	return nil
}

// changeable is a view that the actor may change.
func (v *SavedViews) changeable(ctx context.Context, id string, match Match) (*SavedView, error) {
	view, err := v.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if !v.MayChange(view) {
		return nil, fault.New(fault.Forbidden, "the view is somebody else's, who shares it; make one of your own of it")
	}
	if match != nil && !slices.Contains(match, view.Version) {
		return nil, fault.New(fault.Stale, "the view has changed: its version is %d", view.Version)
	}
	return view, nil
}

func changedView() error {
	return fault.New(fault.Conflict, "the view was changed by somebody else at the same time; try again")
}

func noView() error { return fault.New(fault.NotFound, "there is no such view") }

func tooManyViews() error {
	return fault.New(fault.Invalid, "there are %d views of yours, or %d shared ones of this object; remove one first", query.MaxOwnViews, query.MaxSharedViews)
}

// one is the view of a statement that gives one row at most; nil without a row.
func (v *SavedViews) one(ctx context.Context, statement query.Statement) (*SavedView, error) {
	var view *SavedView
	err := v.Runner.Query(ctx, statement, func(row [][]byte) error {
		var err error
		view, err = v.readView(row)
		return err
	})
	return view, err
}

func (v *SavedViews) readView(row [][]byte) (*SavedView, error) {
	view := &SavedView{OwnerName: string(row[1])}
	if err := json.Unmarshal(row[0], &view.SavedView); err != nil {
		return nil, fmt.Errorf("reading a view: %w", err)
	}
	if err := json.Unmarshal(view.Definition, &view.ViewDefinition); err != nil {
		return nil, fmt.Errorf("reading a view: %w", err)
	}
	view.Of, _ = v.Compiler.Schema().ObjectByIdentity(view.Object)
	return view, nil
}

// problems are what the schema has against a view, at its parts.
func (v *SavedViews) problems(view *SavedView) []fault.Violation {
	var found []fault.Violation
	check := func(path string, request query.ListRequest) {
		request.Object, request.Limit = view.Of.Name, 1
		_, err := v.Compiler.List(v.access(), request)
		refused, ok := errors.AsType[*fault.Error](err)
		switch {
		case err == nil:
		case ok && len(refused.Violations) > 0:
			found = append(found, fault.Violation{Path: path, Message: refused.Violations[0].Message})
		default:
			found = append(found, fault.Violation{Path: path, Message: err.Error()})
		}
	}
	for i, column := range view.Columns {
		check(fmt.Sprintf("columns[%d].field", i), query.ListRequest{Fields: []string{column.Field}})
	}
	if len(view.Sort) > 0 {
		check("sort", query.ListRequest{Sort: view.Sort})
	}
	if view.Filter != "" {
		check("filter", query.ListRequest{Filter: view.Filter})
	}
	if view.Group == "" {
		return found
	}
	check("group", query.ListRequest{Fields: []string{view.Group}})
	if f, ok := view.Of.Field(view.Group); ok && f.Type != schema.TypePicklist {
		found = append(found, fault.Violation{Path: "group", Message: fmt.Sprintf("%q is %s; the columns of a board are the options of a picklist", view.Group, f.Type)})
	}
	return found
}

// take reads a body into the view, and refuses what the schema refuses.
func (v *SavedViews) take(w *wishedView, body map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(body)) {
		w.set(name, body[name])
	}
	if w.view.Name == "" {
		w.refusef("name", "is required")
	}
	if w.view.Kind == ViewBoard && w.view.Group == "" {
		w.refusef("group", "is required: the picklist whose options are the columns of the board")
	}
	if w.view.Of != nil {
		w.violations = append(w.violations, v.problems(w.view)...)
	}
	if err := fault.Refuse(w.violations...); err != nil {
		return err
	}
	definition, err := json.Marshal(w.view.ViewDefinition)
	w.view.Definition = definition
	return err
}

// wishedView is a view that is being read from a body.
type wishedView struct {
	view       *SavedView
	violations []fault.Violation
}

func (w *wishedView) refusef(path, format string, args ...any) {
	if slices.ContainsFunc(w.violations, func(v fault.Violation) bool { return v.Path == path }) {
		return
	}
	w.violations = append(w.violations, fault.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
}

func (w *wishedView) set(name string, value any) {
	switch name {
	case "name":
		w.text(name, value, maxViewName, &w.view.Name)
		w.view.Name = strings.TrimSpace(w.view.Name)
	case "kind":
		w.text(name, value, maxViewName, &w.view.Kind)
		if w.view.Kind != ViewList && w.view.Kind != ViewBoard {
			w.refusef(name, "must be %s or %s", ViewList, ViewBoard)
		}
	case "shared":
		shared, ok := value.(bool)
		if !ok {
			w.refusef(name, "must be true or false")
		}
		w.view.Shared = shared
	case "filter":
		w.text(name, value, maxViewFilter, &w.view.Filter)
	case "group":
		w.text(name, value, maxViewName, &w.view.Group)
	case "sort":
		w.view.Sort = nil
		w.list(name, value, func(path string, item any) {
			var key string
			w.text(path, item, maxViewName*2, &key)
			w.view.Sort = append(w.view.Sort, key)
		})
	case "columns":
		w.view.Columns = nil
		w.list(name, value, w.column)
	case "object":
		w.refusef(name, "stays what it is")
	default:
		w.refusef(name, "there is no such field here; there are object, name, kind, shared, columns, sort, filter and group")
	}
}

// text reads a text; null is none.
func (w *wishedView) text(path string, value any, most int, into *string) {
	text, ok := value.(string)
	switch {
	case value == nil:
	case !ok:
		w.refusef(path, "must be a text")
	case utf8.RuneCountInString(text) > most:
		w.refusef(path, "has more than %d characters", most)
	case strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		w.refusef(path, "must not hold control characters")
	}
	*into = text
}

// list reads a list; null is an empty one.
func (w *wishedView) list(path string, value any, each func(path string, item any)) {
	items, ok := value.([]any)
	switch {
	case value == nil:
	case !ok:
		w.refusef(path, "must be a list")
	case len(items) > maxViewColumns:
		w.refusef(path, "has more than %d items", maxViewColumns)
	default:
		for i, item := range items {
			each(fmt.Sprintf("%s[%d]", path, i), item)
		}
	}
}

func (w *wishedView) column(path string, item any) {
	var column ViewColumn
	given, ok := item.(map[string]any)
	if !ok {
		w.refusef(path, "must be an object with field and width")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		switch value := given[name]; name {
		case "field":
			w.text(path+".field", value, maxViewName*2, &column.Field)
		case "width":
			number, _ := value.(json.Number)
			width, err := number.Int64()
			if value != nil && (err != nil || width < minColumnWidth || width > maxColumnWidth) {
				w.refusef(path+".width", "must be a whole number from %d to %d", minColumnWidth, maxColumnWidth)
			}
			column.Width = int(width)
		default:
			w.refusef(path+"."+name, "there is no such field here; there are field and width")
		}
	}
	if column.Field == "" {
		w.refusef(path+".field", "is required")
	}
	w.view.Columns = append(w.view.Columns, column)
}
