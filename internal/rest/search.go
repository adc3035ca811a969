package rest

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

type searchAnswer struct {
	Items []hitAnswer `json:"items"`
	// Complete is false while the index is being filled: older records may be missing.
	Complete bool `json:"complete"`
}

type hitAnswer struct {
	Object  string          `json:"object"`
	ID      string          `json:"id"`
	Number  int64           `json:"number"`
	Title   string          `json:"title"`
	Matched []matchedAnswer `json:"matched"`
}

type matchedAnswer struct {
	Field   string `json:"field"`
	Snippet string `json:"snippet"`
}

// searchRecords answers what somebody typed with the records that hold it, over all objects.
func searchRecords(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	request, err := searchRequest(c.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	found, err := c.records(model, channelAPI).Search(ctx, request)
	if err != nil {
		return nil, err
	}
	a := searchAnswer{Items: make([]hitAnswer, 0, len(found.Hits)), Complete: found.Complete}
	for _, hit := range found.Hits {
		one := hitAnswer{Object: hit.Object.Name, ID: hit.ID, Number: hit.Number, Title: hit.Title, Matched: []matchedAnswer{}}
		for _, m := range hit.Matched {
			one.Matched = append(one.Matched, matchedAnswer{Field: m.Field.Path(), Snippet: m.Snippet})
		}
		a.Items = append(a.Items, one)
	}
	body, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	return ok(body), nil
}

func searchRequest(rawQuery string) (query.SearchRequest, error) {
	var request query.SearchRequest
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return request, fault.Wrap(fault.Malformed, err, "the query string cannot be read")
	}
	for name, texts := range values {
		switch {
		case !slices.Contains([]string{"q", "objects", "limit"}, name):
			return request, malformed(name, "is no parameter of a search; there are q, objects, limit")
		case len(texts) > 1:
			return request, malformed(name, "stands twice")
		}
	}
	request.Text = values.Get("q")
	if err := readNames(map[string]any{"objects": values.Get("objects")}, "objects", &request.Objects); err != nil {
		return request, err
	}
	if values.Has("limit") {
		request.Limit, err = strconv.Atoi(values.Get("limit"))
		if err != nil || request.Limit < 1 || request.Limit > query.MaxSearchLimit {
			return request, malformed("limit", "must be a whole number from 1 to "+strconv.Itoa(query.MaxSearchLimit))
		}
	}
	return request, nil
}
