package rest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// aggregateParameters are what an aggregate is asked for with.
var aggregateParameters = []string{"groups", "values", "filter", "having", "sort", "limit"}

// aggregateRecords answers figures of groups of records.
func aggregateRecords(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	given, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	request, err := aggregateRequest(c.PathValue("object"), given)
	if err != nil {
		return nil, err
	}
	figures, err := c.records(model, channelAPI).Aggregate(ctx, request)
	if err != nil {
		return nil, err
	}
	body := append([]byte(`{"items":`), figures.Items...)
	body = strconv.AppendBool(append(body, `,"truncated":`...), figures.Truncated)
	return ok(append(body, '}')), nil
}

func aggregateRequest(object string, given map[string]any) (query.AggregateRequest, error) {
	request := query.AggregateRequest{Object: object}
	for name := range given {
		if !slices.Contains(aggregateParameters, name) {
			return request, malformed(name, "is no part of an aggregate; there are "+strings.Join(aggregateParameters, ", "))
		}
	}
	groups, err := readParts(given, "groups", "field", "by", "name")
	if err != nil {
		return request, err
	}
	for _, group := range groups {
		request.Groups = append(request.Groups, query.Group{Field: group["field"], By: group["by"], Name: group["name"]})
	}
	values, err := readParts(given, "values", "function", "field", "name")
	if err != nil {
		return request, err
	}
	for _, value := range values {
		request.Values = append(request.Values, query.Value{Function: value["function"], Field: value["field"], Name: value["name"]})
	}
	for name, target := range map[string]*string{"filter": &request.Filter, "having": &request.Having} {
		if err := readText(given, name, target); err != nil {
			return request, err
		}
	}
	if err := readNames(given, "sort", &request.Sort); err != nil {
		return request, err
	}
	return request, readLimit(given, query.MaxGroups, &request.Limit)
}

// readParts reads a list of objects with those names; a text alone is the first of them.
func readParts(given map[string]any, list string, names ...string) ([]map[string]string, error) {
	items, isList := given[list].([]any)
	if given[list] != nil && !isList {
		return nil, malformed(list, "must be a list")
	}
	read := make([]map[string]string, 0, len(items))
	for i, item := range items {
		path := fmt.Sprintf("%s[%d]", list, i)
		one := map[string]string{}
		switch item := item.(type) {
		case string:
			one[names[0]] = item
		case map[string]any:
			for name, value := range item {
				text, isText := value.(string)
				switch {
				case !slices.Contains(names, name):
					return nil, malformed(path+"."+name, "is not known here; there are "+strings.Join(names, ", "))
				case !isText:
					return nil, malformed(path+"."+name, "must be a text")
				}
				one[name] = text
			}
		default:
			return nil, malformed(path, "must be a text or an object")
		}
		if one[names[0]] == "" {
			return nil, malformed(path+"."+names[0], "is required")
		}
		read = append(read, one)
	}
	return read, nil
}
