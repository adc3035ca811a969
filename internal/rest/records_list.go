package rest

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// listParameters are those of a list, in its address or in a body.
var listParameters = []string{"filter", "sort", "fields", "limit", "after", "count", "deleted"}

// listRecords answers a list that is asked for in the address.
func listRecords(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	given, err := c.given()
	if err != nil {
		return nil, err
	}
	return list(ctx, c, model, given)
}

// given are the parameters in the address, each once.
func (c *call) given() (map[string]any, error) {
	values, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the query string cannot be read")
	}
	given := map[string]any{}
	for name, texts := range values {
		if len(texts) > 1 {
			return nil, malformed(name, "stands twice")
		}
		given[name] = texts[0]
	}
	return given, nil
}

// queryRecords answers a list that is asked for in a body.
func queryRecords(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	given, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	return list(ctx, c, model, given)
}

func list(ctx context.Context, c *call, model *tenancy.Model, given map[string]any) (*answer, error) {
	request, err := listRequest(c.PathValue("object"), given)
	if err != nil {
		return nil, err
	}
	page, err := c.records(model, channelAPI).List(ctx, request)
	if err != nil {
		return nil, err
	}
	body := append([]byte(`{"items":`), page.Items...)
	if page.Next != "" {
		next, err := json.Marshal(page.Next)
		if err != nil {
			return nil, err
		}
		body = append(append(body, `,"next":`...), next...)
	}
	if page.Count != nil {
		body = strconv.AppendInt(append(body, `,"count":`...), *page.Count, 10)
	}
	if page.Estimated {
		body = append(body, `,"estimated":true`...)
	}
	return ok(append(body, '}')), nil
}

func listRequest(object string, given map[string]any) (query.ListRequest, error) {
	request := query.ListRequest{Object: object}
	for name := range given {
		if !slices.Contains(listParameters, name) {
			return request, malformed(name, "is no parameter of a list; there are "+strings.Join(listParameters, ", "))
		}
	}
	var count, deleted string
	for name, target := range map[string]*string{"filter": &request.Filter, "after": &request.After, "count": &count, "deleted": &deleted} {
		if err := readText(given, name, target); err != nil {
			return request, err
		}
	}
	request.Count, request.Deleted = query.CountMode(count), query.DeletedMode(deleted)
	for name, target := range map[string]*[]string{"sort": &request.Sort, "fields": &request.Fields} {
		if err := readNames(given, name, target); err != nil {
			return request, err
		}
	}
	return request, readLimit(given, query.MaxLimit, &request.Limit)
}

func malformed(path, message string) error {
	return &fault.Error{Kind: fault.Malformed, Violations: []fault.Violation{{Path: path, Message: message}}}
}

func readText(given map[string]any, name string, target *string) error {
	value, isGiven := given[name]
	if !isGiven || value == nil {
		return nil
	}
	text, isText := value.(string)
	if !isText {
		return malformed(name, "must be a text")
	}
	*target = text
	return nil
}

// readNames reads names, as a list or separated by commas.
func readNames(given map[string]any, name string, target *[]string) error {
	switch value := given[name].(type) {
	case nil:
		return nil
	case string:
		if value == "" {
			return nil
		}
		for part := range strings.SplitSeq(value, ",") {
			*target = append(*target, strings.TrimSpace(part))
		}
		return nil
	case []any:
		for _, item := range value {
			text, isText := item.(string)
			if !isText {
				return malformed(name, "must be a list of names")
			}
			*target = append(*target, text)
		}
		return nil
	}
	return malformed(name, "must be a list of names")
}

func readLimit(given map[string]any, most int, target *int) error {
	var text string
	switch value := given["limit"].(type) {
	case nil:
		return nil
	case string:
		text = value
	case json.Number:
		text = value.String()
	}
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > most {
		return malformed("limit", "must be a whole number from 1 to "+strconv.Itoa(most))
	}
	*target = limit
	return nil
}
