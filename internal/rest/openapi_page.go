package rest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/query"
)

// describePerson is who has signed in.
func describePerson() *apiSchema {
	return closed(map[string]*apiSchema{"id": identifier(), "name": text(), "email": text(), "administrator": {Type: "boolean"}},
		"id", "name", "email", "administrator")
}

// orNothing is a schema of a text that may be null.
func orNothing(description string) *apiSchema {
	return &apiSchema{Type: []string{"string", "null"}, Description: description}
}

// describeMe adds the calls about who is signed in.
func describeMe(d *apiDocument) {
	settings := func() map[string]*apiSchema {
		return map[string]*apiSchema{
			"language": orNothing("A tag such as en or zh-CN."),
			"theme":    {Type: []string{"string", "null"}, Enum: []any{"light", "dark", "system", nil}},
			"timeZone": orNothing("A name such as Europe/Berlin."),
			"page":     {Type: "object", Description: "What a page keeps of its own affairs, any JSON under keys of its own."},
		}
	}
	me := closed(map[string]*apiSchema{
		"user": describePerson(), "organisation": closed(map[string]*apiSchema{
			"name": text(), "displayName": text(), "language": text(), "timeZone": text(), "currency": text(), "country": text(),
		}, "name", "displayName", "language", "timeZone", "currency"),
		"settings": closed(settings(), "language", "theme", "timeZone", "page"), "revision": whole(),
	}, "user", "organisation", "settings", "revision")
	d.Components.Schemas["me"] = me
	answers := func(more map[string]*apiResponse) map[string]*apiResponse {
		more["200"] = &apiResponse{Description: "Who is signed in, where, and what they have set; null is not set.", Content: jsonOf(schemaRef("me"))}
		more["400"], more["401"] = responseRef("malformed"), responseRef("unauthenticated")
		return more
	}
	changed := settings()
	changed["page"] = &apiSchema{Type: []string{"object", "null"}, Description: "The keys that are named are set, or taken away by null; the others stay."}
	d.Paths["/api/v1/me"] = apiPath{
		"get": {ID: "readMe", Summary: "Who is signed in, and what they have set", Responses: answers(map[string]*apiResponse{})},
		"patch": {
			ID: "changeMe", Summary: "Change what one has set; null takes it away", Responses: answers(map[string]*apiResponse{"422": responseRef("invalid")}),
			RequestBody: &apiBody{Required: true, Content: map[string]apiMedia{
				"application/merge-patch+json": {Schema: closed(changed)}, contentJSON: {Schema: closed(changed)},
			}},
		},
	}
}

// describeTimelines adds what happened to records.
func describeTimelines(d *apiDocument) {
	anything := func(description string) *apiSchema { return &apiSchema{Description: description} }
	d.Components.Schemas["recordChange"] = closed(map[string]*apiSchema{
		"at": moment(), "version": whole(), "channel": text(),
		"operation": {Type: "string", Enum: anyOf([]string{"create", "update", "move", "delete", "restore"})},
		"actor":     {OneOf: []*apiSchema{closed(map[string]*apiSchema{"id": identifier(), "name": text()}, "id"), {Type: "null"}}},
		"changes": listOf(closed(map[string]*apiSchema{
			"field": text(), "label": text(), "type": text(), "gone": {Type: "boolean", Description: "The schema has no such field any more."},
			"old": anything("As it was written."), "new": anything("As it was written."),
		}, "field", "old", "new")),
	}, "at", "version", "operation", "actor", "channel", "changes")
	d.Components.Schemas["moment"] = closed(map[string]*apiSchema{
		"at": moment(), "change": schemaRef("recordChange"), "object": text(), "record": {Type: "object"},
	}, "at")
}

// timeline adds the calls about what happened to a record.
func (b objectCalls) timeline(id apiParameter) {
	page := func(item string) map[string]*apiResponse {
		return map[string]*apiResponse{
			"200": {Description: "A page. titles are what people call those who acted, and the records that relations point to, by id.", Content: jsonOf(closed(map[string]*apiSchema{
				"items": listOf(schemaRef(item)), "titles": {Type: "object"}, "next": text(),
			}, "items", "titles"))},
			"400": responseRef("malformed"), "404": responseRef("notFound"),
		}
	}
	parameters := []apiParameter{
		id,
		{Name: "limit", In: "query", Schema: &apiSchema{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(query.MaxTimelineLimit))}},
		{Name: "after", In: "query", Description: "The next of the page before.", Schema: text()},
	}
	history := b.operation("history", "the changes of one, deleted or not, the newest first", page("recordChange"))
	history.Parameters = parameters
	b.document.Paths[b.path()+"/{id}/history"] = apiPath{"get": history}
	timeline := b.operation("timeline", "the changes of one, with the records that tell of it: activities, calls, messages, documents", page("moment"))
	timeline.Parameters = append(slices.Clone(parameters), apiParameter{
		Name: "kinds", In: "query", Description: "changes and names of objects, separated by commas; all without it.", Schema: text(),
	})
	b.document.Paths[b.path()+"/{id}/timeline"] = apiPath{"get": timeline}
}

// describeViews adds the calls about saved views.
func describeViews(d *apiDocument) {
	const filter = "As that of a list; empty shows all."
	writable := func() map[string]*apiSchema {
		return map[string]*apiSchema{
			"name": {Type: "string", MaxLength: 100}, "kind": {Type: "string", Enum: []any{crm.ViewList, crm.ViewBoard}},
			"shared": {Type: "boolean", Description: "Seen by all who may read the object, and changed by its owner and administrators."},
			"columns": listOf(closed(map[string]*apiSchema{
				"field": text(), "width": {Type: "integer", Minimum: "20", Maximum: "2000", Description: "In pixels."},
			}, "field")),
			"sort": listOf(text()), "filter": {Type: "string", Description: filter}, "group": orNothing("The picklist whose options are the columns of a board."),
		}
	}
	made := writable()
	made["object"] = text()
	view := writable()
	maps.Copy(view, map[string]*apiSchema{
		"id": identifier(), "version": whole(), "object": text(), "owner": closed(map[string]*apiSchema{"id": identifier(), "name": text()}, "id"),
		"mayChange": {Type: "boolean"}, "createdAt": moment(), "updatedAt": moment(),
		"problems": listOf(closed(map[string]*apiSchema{"path": text(), "message": text()}, "path", "message")),
	})
	view["problems"].Description = "What the schema has against it since it was written."
	d.Components.Schemas["view"] = closed(view, "id", "version", "object", "name", "kind", "shared", "columns", "sort", "filter", "group", "owner", "mayChange", "createdAt", "updatedAt")
	one := func(description string) *apiResponse {
		return &apiResponse{
			Description: description, Content: jsonOf(schemaRef("view")),
			Headers: map[string]apiHeader{"ETag": {Description: "The version, for If-Match.", Schema: text()}},
		}
	}
	forbidden := &apiResponse{Description: "It is somebody else's.", Content: map[string]apiMedia{contentProblem: {Schema: schemaRef("problem")}}}
	id, ifMatch := inPath("id"), apiParameter{Name: "If-Match", In: "header", Description: "Only when the view has this version.", Schema: text()}
	d.Paths["/api/v1/views"] = apiPath{
		"get": {
			ID: "listViews", Summary: "One's own views and those that are shared, by name", Parameters: []apiParameter{
				{Name: "object", In: "query", Description: "Those of this object alone.", Schema: text()},
				{Name: "limit", In: "query", Schema: &apiSchema{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(query.MaxViewsLimit))}},
				{Name: "after", In: "query", Description: "The next of the page before.", Schema: text()},
			}, Responses: map[string]*apiResponse{
				"200": {Description: "A page.", Content: jsonOf(closed(map[string]*apiSchema{"items": listOf(schemaRef("view")), "next": text()}, "items"))},
				"400": responseRef("malformed"), "401": responseRef("unauthenticated"),
			},
		},
		"post": {
			ID: "createView", Summary: "Keep a view", RequestBody: &apiBody{Required: true, Content: jsonOf(closed(made, "object", "name"))},
			Responses: map[string]*apiResponse{
				"201": one("The view."), "400": responseRef("malformed"), "401": responseRef("unauthenticated"), "422": responseRef("invalid"),
			},
		},
	}
	d.Paths["/api/v1/views/{id}"] = apiPath{
		"get": {ID: "getView", Summary: "One view", Parameters: []apiParameter{id}, Responses: map[string]*apiResponse{
			"200": one("The view."), "401": responseRef("unauthenticated"), "404": responseRef("notFound"),
		}},
		"patch": {
			ID: "changeView", Summary: "Change a view; null takes a part away", Parameters: []apiParameter{id, ifMatch},
			RequestBody: &apiBody{Required: true, Content: map[string]apiMedia{
				"application/merge-patch+json": {Schema: closed(writable())}, contentJSON: {Schema: closed(writable())},
			}},
			Responses: map[string]*apiResponse{
				"200": one("The view afterwards."), "400": responseRef("malformed"), "401": responseRef("unauthenticated"), "403": forbidden,
				"404": responseRef("notFound"), "409": responseRef("conflict"), "412": responseRef("stale"), "422": responseRef("invalid"),
			},
		},
		"delete": {ID: "deleteView", Summary: "Remove a view", Parameters: []apiParameter{id, ifMatch}, Responses: map[string]*apiResponse{
			"204": {Description: "It is gone."}, "401": responseRef("unauthenticated"), "403": forbidden, "404": responseRef("notFound"), "412": responseRef("stale"),
		}},
	}
}

// preview adds the call that shows what an import would do.
func (b objectCalls) preview(mapping *apiSchema) {
	b.document.Components.Schemas["importPreview"] = closed(map[string]*apiSchema{
		"file":   {Type: "string", Format: "uuid", Description: "What the import is told, which needs the bytes no second time. It is kept for a day."},
		"format": {Type: "string", Enum: []any{"csv", "xlsx"}}, "sheets": listOf(text()), "sheet": text(),
		"columns": listOf(closed(map[string]*apiSchema{"name": text(), "samples": listOf(text()), "field": orNothing("The field that it fills.")}, "name", "samples", "field")),
		"mapping": mapping, "keys": {Type: "array", Items: text(), Description: "The mapped fields by which an import can find the records that are there."},
		"missing": {Type: "array", Items: text(), Description: "The required fields that nothing fills."},
		"rows": listOf(closed(map[string]*apiSchema{
			"line": whole(), "cells": listOf(text()), "outcome": orNothing("created, updated, unchanged or failed."),
			"problems": listOf(closed(map[string]*apiSchema{"column": text(), "field": text(), "message": text()}, "message")),
		}, "line", "cells", "outcome", "problems")),
	}, "file", "format", "columns", "mapping", "keys", "missing", "rows")
	preview := b.operation("previewImport", "what an import would make of the first lines of a file; it writes no records", map[string]*apiResponse{
		"200": {Description: "The columns with a mapping, guessed from their names when none is given, and the first lines.", Content: jsonOf(schemaRef("importPreview"))},
		"400": responseRef("malformed"), "422": responseRef("invalid"),
	})
	preview.RequestBody = &apiBody{Required: true, Content: map[string]apiMedia{
		"multipart/form-data": {Schema: closed(map[string]*apiSchema{"file": {Type: "string", Format: "binary"}}, "file")},
		contentJSON:           {Schema: closed(map[string]*apiSchema{"file": {Type: "string", Format: "uuid"}, "mapping": mapping}, "file")},
	}}
	b.document.Paths[b.path()+"/import/preview"] = apiPath{"post": preview}
}

// describeConfiguration adds the calls about where the schema comes from.
func describeConfiguration(d *apiDocument) {
	source := &apiSchema{
		OneOf:       []*apiSchema{closed(map[string]*apiSchema{"kind": text(), "name": text()}, "kind", "name"), {Type: "null"}},
		Description: "The resource that declares it; null is the standard model, or what every record has.",
	}
	declared := listOf(closed(map[string]*apiSchema{"name": text(), "source": source}, "name", "source"))
	d.Components.Schemas["resource"] = closed(map[string]*apiSchema{
		"kind": text(), "name": text(), "object": text(), "generation": whole(), "updatedAt": moment(),
		"ready": {Type: "boolean", Description: "This form of it is in force."}, "reason": text(), "message": text(), "yaml": text(),
	}, "kind", "name", "generation", "ready", "reason", "message", "updatedAt")
	answers := func(content *apiSchema, more map[string]*apiResponse) map[string]*apiResponse {
		more["200"] = &apiResponse{Description: "The configuration, as the operator saw it last.", Content: jsonOf(content)}
		more["400"], more["401"] = responseRef("malformed"), responseRef("unauthenticated")
		return more
	}
	d.Paths["/api/v1/configuration"] = apiPath{"get": {
		ID: "readConfiguration", Summary: "The resources that declare the schema, and whether they are in force; without their YAML",
		Responses: answers(closed(map[string]*apiSchema{"namespace": text(), "resources": listOf(schemaRef("resource"))}, "namespace", "resources"), map[string]*apiResponse{}),
	}}
	d.Paths["/api/v1/configuration/{object}"] = apiPath{"get": {
		ID: "readObjectConfiguration", Summary: "What declares an object and each of its parts",
		Parameters: []apiParameter{{Name: "object", In: "path", Required: true, Schema: text()}},
		Responses: answers(closed(map[string]*apiSchema{
			"namespace": text(), "object": text(), "source": source, "fields": declared, "pipelines": declared, "rules": declared, "indexes": declared,
			"resources": listOf(schemaRef("resource")),
		}, "namespace", "object", "source", "fields", "pipelines", "rules", "indexes", "resources"), map[string]*apiResponse{"404": responseRef("notFound")}),
	}}
}
