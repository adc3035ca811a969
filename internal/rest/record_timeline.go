package rest

import (
	"context"
	"encoding/json"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// changeAnswer is one change of a record.
type changeAnswer struct {
	At        json.RawMessage     `json:"at"`
	Version   int64               `json:"version"`
	Operation query.Operation     `json:"operation"`
	Actor     *actorAnswer        `json:"actor"`
	Channel   string              `json:"channel"`
	Changes   []fieldChangeAnswer `json:"changes"`
}

type actorAnswer struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

type fieldChangeAnswer struct {
	Field string          `json:"field"`
	Label string          `json:"label,omitempty"`
	Type  schema.TypeName `json:"type,omitempty"`
	// Gone says that the schema has no such field any more.
	Gone bool            `json:"gone,omitempty"`
	Old  json.RawMessage `json:"old"`
	New  json.RawMessage `json:"new"`
}

// momentAnswer is what stands on a timeline: a change, or a record that tells of something.
type momentAnswer struct {
	At     json.RawMessage `json:"at"`
	Change *changeAnswer   `json:"change,omitempty"`
	Object string          `json:"object,omitempty"`
	Record json.RawMessage `json:"record,omitempty"`
}

// readHistory answers the changes of a record, the newest first.
func readHistory(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	request, err := c.timelineRequest("limit", "after")
	if err != nil {
		return nil, err
	}
	request.Kinds = []string{query.KindChanges}
	happened, err := c.records(model, channelAPI).Timeline(ctx, request)
	if err != nil {
		return nil, err
	}
	items, d := []*changeAnswer{}, c.describer(model.Schema)
	for _, m := range happened.Moments {
		items = append(items, d.change(happened, m))
	}
	return happenedAnswer(items, happened)
}

// readTimeline answers the changes of a record together with the records that tell of it.
func readTimeline(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	request, err := c.timelineRequest("limit", "after", "kinds")
	if err != nil {
		return nil, err
	}
	happened, err := c.records(model, channelAPI).Timeline(ctx, request)
	if err != nil {
		return nil, err
	}
	items, d := []momentAnswer{}, c.describer(model.Schema)
	for _, m := range happened.Moments {
		one := momentAnswer{At: m.At}
		if m.Object == nil {
			one.Change = d.change(happened, m)
		} else if one.Record = happened.Records[m.ID]; one.Record == nil {
			continue // it was deleted meanwhile
		} else {
			one.Object = m.Object.Name
		}
		items = append(items, one)
	}
	return happenedAnswer(items, happened)
}

func (c *call) timelineRequest(parameters ...string) (query.TimelineRequest, error) {
	request := query.TimelineRequest{Object: c.PathValue("object"), ID: c.PathValue("id")}
	given, err := c.parameters(parameters...)
	if err != nil {
		return request, err
	}
	request.After = given["after"]
	if err := readNames(map[string]any{"kinds": given["kinds"]}, "kinds", &request.Kinds); err != nil {
		return request, err
	}
	if given["limit"] != "" {
		request.Limit, err = wholeNumber("limit", given["limit"], 1, query.MaxTimelineLimit)
	}
	return request, err
}

func (d describer) change(happened *crm.Happened, m *query.Moment) *changeAnswer {
	a := &changeAnswer{At: m.At, Version: m.Version, Operation: m.Operation, Channel: m.Channel, Changes: []fieldChangeAnswer{}}
	if m.Actor != "" {
		a.Actor = &actorAnswer{ID: m.Actor, Name: happened.Titles[m.Actor]}
	}
	for _, change := range m.Changes {
		one := fieldChangeAnswer{Field: change.Name, Gone: change.Field == nil, Old: change.Old, New: change.New}
		if f := change.Field; f != nil {
			one.Type, one.Label = f.Type, d.label(f.Label, f.Name)
			if f.Parent != nil {
				one.Label = d.label(f.Parent.Label, f.Parent.Name) + " / " + one.Label
			}
		}
		a.Changes = append(a.Changes, one)
	}
	return a
}

func happenedAnswer(items any, happened *crm.Happened) (*answer, error) {
	encoded, err := json.Marshal(struct {
		Items  any               `json:"items"`
		Titles map[string]string `json:"titles"`
		Next   string            `json:"next,omitempty"`
	}{items, happened.Titles, happened.Next})
	if err != nil {
		return nil, err
	}
	return ok(encoded), nil
}
