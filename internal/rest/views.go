package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// viewAnswer is a saved view as the API tells it.
type viewAnswer struct {
	ID        string            `json:"id"`
	Version   int64             `json:"version"`
	Object    string            `json:"object"`
	Name      string            `json:"name"`
	Kind      string            `json:"kind"`
	Shared    bool              `json:"shared"`
	Columns   []crm.ViewColumn  `json:"columns"`
	Sort      []string          `json:"sort"`
	Filter    string            `json:"filter"`
	Group     *string           `json:"group"`
	Owner     actorAnswer       `json:"owner"`
	MayChange bool              `json:"mayChange"`
	CreatedAt time.Time         `json:"createdAt"`
	UpdatedAt time.Time         `json:"updatedAt"`
	Problems  []fault.Violation `json:"problems,omitempty"`
}

// views are the tenant's saved views, as the caller may see them.
func (c *call) views(model *tenancy.Model) *crm.SavedViews {
	return &crm.SavedViews{
		Compiler: model.Compiler, Runner: c.runner, Actor: crm.Actor{Principal: c.principal}, Clock: c.options.Clock, NewID: c.options.NewID,
	}
}

func describeView(views *crm.SavedViews, v *crm.SavedView) viewAnswer {
	a := viewAnswer{
		ID: v.ID, Version: v.Version, Object: v.Of.Name, Name: v.Name, Kind: v.Kind, Shared: v.Shared, Columns: v.Columns, Sort: v.Sort, Filter: v.Filter,
		Owner: actorAnswer{ID: v.Owner, Name: v.OwnerName}, MayChange: views.MayChange(v), CreatedAt: v.CreatedAt.UTC(), UpdatedAt: v.UpdatedAt.UTC(), Problems: v.Problems,
	}
	if v.Group != "" {
		a.Group = &v.Group
	}
	if a.Columns == nil {
		a.Columns = []crm.ViewColumn{}
	}
	if a.Sort == nil {
		a.Sort = []string{}
	}
	return a
}

func oneView(status int, views *crm.SavedViews, v *crm.SavedView) (*answer, error) {
	encoded, err := json.Marshal(describeView(views, v))
	if err != nil {
		return nil, err
	}
	a := ok(encoded)
	a.status = status
	a.header.Set("ETag", etag(v.Version))
	return a, nil
}

// listViews answers the caller's views and those that are shared, by name.
func listViews(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	given, err := c.parameters("object", "limit", "after")
	if err != nil {
		return nil, err
	}
	limit := query.MaxViewsLimit
	if given["limit"] != "" {
		if limit, err = wholeNumber("limit", given["limit"], 1, query.MaxViewsLimit); err != nil {
			return nil, err
		}
	}
	views := c.views(model)
	list, next, err := views.List(ctx, given["object"], limit, given["after"])
	if err != nil {
		return nil, err
	}
	page := struct {
		Items []viewAnswer `json:"items"`
		Next  string       `json:"next,omitempty"`
	}{[]viewAnswer{}, next}
	for _, v := range list {
		page.Items = append(page.Items, describeView(views, v))
	}
	encoded, err := json.Marshal(page)
	if err != nil {
		return nil, err
	}
	return ok(encoded), nil
}

// createView keeps a view.
func createView(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	body, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	views := c.views(model)
	made, err := views.Create(ctx, body)
	if err != nil {
		return nil, err
	}
	a, err := oneView(http.StatusCreated, views, made)
	if err == nil {
		a.header.Set("Location", "/api/v1/views/"+made.ID)
	}
	return a, err
}

// getView answers one view.
func getView(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	views := c.views(model)
	v, err := views.Get(ctx, c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return oneView(http.StatusOK, views, v)
}

// patchView changes what the body names of a view.
func patchView(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	body, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	views := c.views(model)
	changed, err := views.Change(ctx, c.PathValue("id"), body, c.ifMatch())
	if err != nil {
		return nil, err
	}
	return oneView(http.StatusOK, views, changed)
}

// deleteView removes a view.
func deleteView(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	if err := c.views(model).Delete(ctx, c.PathValue("id"), c.ifMatch()); err != nil {
		return nil, err
	}
	return &answer{status: http.StatusNoContent, header: http.Header{}}, nil
}
