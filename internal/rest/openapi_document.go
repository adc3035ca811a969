package rest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
)

// The parts of an OpenAPI 3.1 document that ours needs.
type (
	apiDocument struct {
		OpenAPI    string                `json:"openapi"`
		Info       apiInfo               `json:"info"`
		Servers    []apiServer           `json:"servers"`
		Security   []map[string][]string `json:"security"`
		Tags       []apiTag              `json:"tags"`
		Paths      map[string]apiPath    `json:"paths"`
		Components apiComponents         `json:"components"`
	}
	apiInfo struct {
		Title   string `json:"title"`
		Version string `json:"version"`
	}
	apiServer struct {
		URL string `json:"url"`
	}
	apiTag struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
	}
	// apiPath is operations by method in lower case.
	apiPath      map[string]*apiOperation
	apiOperation struct {
		ID          string                  `json:"operationId"`
		Summary     string                  `json:"summary"`
		Deprecated  bool                    `json:"deprecated,omitempty"`
		Tags        []string                `json:"tags,omitempty"`
		Security    *[]map[string][]string  `json:"security,omitempty"`
		Parameters  []apiParameter          `json:"parameters,omitempty"`
		RequestBody *apiBody                `json:"requestBody,omitempty"`
		Responses   map[string]*apiResponse `json:"responses"`
	}
	apiParameter struct {
		Name        string     `json:"name"`
		In          string     `json:"in"`
		Required    bool       `json:"required,omitempty"`
		Description string     `json:"description,omitempty"`
		Schema      *apiSchema `json:"schema"`
	}
	apiBody struct {
		Required bool                `json:"required"`
		Content  map[string]apiMedia `json:"content"`
	}
	apiMedia struct {
		Schema *apiSchema `json:"schema"`
	}
	apiResponse struct {
		Ref         string               `json:"$ref,omitempty"`
		Description string               `json:"description,omitempty"`
		Headers     map[string]apiHeader `json:"headers,omitempty"`
		Content     map[string]apiMedia  `json:"content,omitempty"`
	}
	apiHeader struct {
		Description string     `json:"description"`
		Schema      *apiSchema `json:"schema"`
	}
	apiComponents struct {
		Schemas         map[string]*apiSchema     `json:"schemas"`
		Responses       map[string]*apiResponse   `json:"responses"`
		SecuritySchemes map[string]map[string]any `json:"securitySchemes"`
	}
	// apiSchema is a JSON Schema of the 2020-12 dialect.
	apiSchema struct {
		Ref         string                `json:"$ref,omitempty"`
		Type        any                   `json:"type,omitempty"` // a text, or a list of texts
		Format      string                `json:"format,omitempty"`
		Title       string                `json:"title,omitempty"`
		Description string                `json:"description,omitempty"`
		ReadOnly    bool                  `json:"readOnly,omitempty"`
		Deprecated  bool                  `json:"deprecated,omitempty"`
		Enum        []any                 `json:"enum,omitempty"`
		Default     any                   `json:"default,omitempty"`
		MaxLength   int                   `json:"maxLength,omitempty"`
		Pattern     string                `json:"pattern,omitempty"`
		Minimum     json.Number           `json:"minimum,omitempty"`
		Maximum     json.Number           `json:"maximum,omitempty"`
		Items       *apiSchema            `json:"items,omitempty"`
		MinItems    int                   `json:"minItems,omitempty"`
		MaxItems    int                   `json:"maxItems,omitempty"`
		OneOf       []*apiSchema          `json:"oneOf,omitempty"`
		Properties  map[string]*apiSchema `json:"properties,omitempty"`
		Required    []string              `json:"required,omitempty"`
		Additional  *bool                 `json:"additionalProperties,omitempty"`
		Target      string                `json:"x-kontor-target,omitempty"`
	}
)

func schemaRef(name string) *apiSchema { return &apiSchema{Ref: "#/components/schemas/" + name} }

func responseRef(name string) *apiResponse {
	return &apiResponse{Ref: "#/components/responses/" + name}
}

func jsonOf(s *apiSchema) map[string]apiMedia { return map[string]apiMedia{contentJSON: {Schema: s}} }

func text() *apiSchema { return &apiSchema{Type: "string"} }

func whole() *apiSchema { return &apiSchema{Type: "integer"} }

func listOf(s *apiSchema) *apiSchema { return &apiSchema{Type: "array", Items: s} }

// closed is an object with exactly these properties.
func closed(properties map[string]*apiSchema, required ...string) *apiSchema {
	no := false
	return &apiSchema{Type: "object", Properties: properties, Required: required, Additional: &no}
}

// describeAPI is the description of the API of one tenant.
func describeAPI(s *schema.Schema) *apiDocument {
	d := &apiDocument{
		OpenAPI: "3.1.0", Info: apiInfo{Title: s.Organisation.DisplayName, Version: strconv.FormatInt(s.Revision, 10)},
		Servers: []apiServer{{URL: "/"}}, Security: []map[string][]string{{"bearer": {}}, {"cookie": {}}},
		Paths: map[string]apiPath{}, Components: commonComponents(),
	}
	if d.Info.Title == "" {
		d.Info.Title = s.Organisation.Name
	}
	describeSessions(d)
	describeMe(d)
	describeTimelines(d)
	describeViews(d)
	describeConfiguration(d)
	describeSearch(d)
	describeJobs(d)
	describeFiles(d)
	for _, object := range s.Objects {
		describeObject(d, s, object)
	}
	return d
}

func commonComponents() apiComponents {
	problemSchema := &apiSchema{Type: "object", Description: "What went wrong, as RFC 9457 has it.", Properties: map[string]*apiSchema{
		"type": text(), "title": text(), "status": whole(), "detail": text(), "reason": text(), "requestId": text(),
		"errors": listOf(closed(map[string]*apiSchema{"path": text(), "message": text()}, "path", "message")),
	}, Required: []string{"type", "title", "status"}}
	responses := map[string]*apiResponse{}
	for name, description := range map[string]string{
		"malformed": "The request cannot be read, or names what does not exist.", "unauthenticated": "Nobody is signed in.",
		"notFound": "There is no such record.", "conflict": "Another record has a value that must be unique.",
		"stale": "The record has another version than If-Match says.", "invalid": "The model refuses the values; errors say which.",
		"tooMany": "Too many attempts; Retry-After says when to try again.",
	} {
		responses[name] = &apiResponse{
			Description: description, Content: map[string]apiMedia{contentProblem: {Schema: schemaRef("problem")}},
		}
	}
	return apiComponents{
		Schemas: map[string]*apiSchema{"problem": problemSchema}, Responses: responses,
		SecuritySchemes: map[string]map[string]any{
			"bearer": {"type": "http", "scheme": "bearer"},
			"cookie": {"type": "apiKey", "in": "cookie", "name": cookieName},
		},
	}
}

func describeSessions(d *apiDocument) {
	nobody := []map[string][]string{}
	user := describePerson()
	d.Paths["/api/v1/login"] = apiPath{"post": {
		ID: "login", Summary: "Sign in", Security: &nobody,
		RequestBody: &apiBody{Required: true, Content: jsonOf(closed(map[string]*apiSchema{"email": text(), "password": text()}, "email", "password"))},
		Responses: map[string]*apiResponse{
			"200": {Description: "A session, also as a cookie.", Content: jsonOf(closed(map[string]*apiSchema{
				"token": text(), "expires": {Type: "string", Format: "date-time"}, "user": user,
			}, "token", "expires", "user"))},
			"400": responseRef("malformed"), "401": responseRef("unauthenticated"), "422": responseRef("invalid"), "429": responseRef("tooMany"),
		},
	}}
	d.Paths["/api/v1/logout"] = apiPath{"post": {
		ID: "logout", Summary: "End the session", Security: &nobody, Responses: map[string]*apiResponse{"204": {Description: "The session has ended."}},
	}}
	anything := &apiSchema{Type: "object"}
	d.Paths["/api/v1/schema"] = apiPath{"get": {
		ID: "readSchema", Summary: "The objects, fields and pipelines, with labels in the language of Accept-Language",
		Responses: map[string]*apiResponse{"200": {
			Description: "The schema. Every answer of the API says its revision in the header Kontor-Revision; If-None-Match asks whether it has changed.", Content: jsonOf(anything),
			Headers: map[string]apiHeader{"ETag": {Description: "For If-None-Match.", Schema: text()}, "Kontor-Revision": {Description: "The revision.", Schema: whole()}},
		}, "304": {Description: "It has not changed."}, "401": responseRef("unauthenticated")},
	}}
	d.Paths["/api/v1/openapi.json"] = apiPath{"get": {
		ID: "readOpenAPI", Summary: "This description",
		Responses: map[string]*apiResponse{"200": {Description: "The description.", Content: jsonOf(anything)}, "401": responseRef("unauthenticated")},
	}}
}

func describeSearch(d *apiDocument) {
	limit := &apiSchema{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(query.MaxSearchLimit))}
	hit := closed(map[string]*apiSchema{
		"object": text(), "id": {Type: "string", Format: "uuid"}, "number": whole(), "title": text(),
		"matched": listOf(closed(map[string]*apiSchema{"field": text(), "snippet": text()}, "field", "snippet")),
	}, "object", "id", "number", "title", "matched")
	d.Paths["/api/v1/search"] = apiPath{"get": {
		ID: "search", Summary: "Records of all objects that hold what somebody typed, the best first",
		Parameters: []apiParameter{
			{Name: "q", In: "query", Required: true, Schema: &apiSchema{Type: "string", MaxLength: search.MaxLength}, Description: "Words, each of which must be found, " +
				"in any order: parts of at least two Chinese or three other characters, beginnings of words, pinyin, digits of phone numbers, the number of a record."},
			{Name: "objects", In: "query", Description: "Names of objects, separated by commas; all without it.", Schema: text()},
			{Name: "limit", In: "query", Schema: limit},
		},
		Responses: map[string]*apiResponse{
			"200": {Description: "What was found. It is not complete while records are still being made searchable.", Content: jsonOf(closed(map[string]*apiSchema{
				"items": listOf(hit), "complete": {Type: "boolean"},
			}, "items", "complete"))},
			"400": responseRef("malformed"), "401": responseRef("unauthenticated"),
		},
	}}
}

// objectCalls adds the calls of one object, by the name that it has or had.
type objectCalls struct {
	document *apiDocument
	schema   *schema.Schema
	object   *schema.Object
	name     string
	label    string
}

// describeObject adds an object's schemas and calls.
func describeObject(d *apiDocument, s *schema.Schema, o *schema.Object) {
	label := o.Label.In(s.Organisation.Language)
	if label == "" {
		label = o.Name
	}
	d.Tags = append(d.Tags, apiTag{Name: o.Name, Description: label})
	describeRecord(d, s, o)
	objectCalls{document: d, schema: s, object: o, name: o.Name, label: label}.describe()
	for _, former := range o.Former {
		objectCalls{document: d, schema: s, object: o, name: former.Name, label: label}.describe()
	}
}

// describe adds all calls of the object by one of its names.
func (b objectCalls) describe() {
	b.list()
	b.single()
	if pipelines := b.schema.PipelinesOf(b.object); len(pipelines) > 0 {
		b.move(pipelines[0])
	}
	b.aggregate()
	b.batch()
	b.exports()
	b.imports()
}

// describeRecord adds what a record looks like when it is read, made and changed.
func describeRecord(d *apiDocument, s *schema.Schema, o *schema.Object) {
	read, written := map[string]*apiSchema{}, map[string]*apiSchema{}
	var required []string
	for _, f := range o.AllFields() {
		read[f.Name] = valueSchema(s, f, false)
		read[f.Name].ReadOnly = f.SetBySystem()
		formerly := o.FormerNames(f)
		for _, former := range formerly {
			read[former.Name] = deprecated(s, f, former, false)
			read[former.Name].ReadOnly = f.SetBySystem()
			if !f.SetBySystem() {
				written[former.Name] = deprecated(s, f, former, true)
			}
		}
		if f.SetBySystem() {
			continue
		}
		written[f.Name] = valueSchema(s, f, true)
		if _, isStage := s.PipelineOf(o, f); f.Required && f.Default == nil && !isStage && len(formerly) == 0 {
			required = append(required, f.Name)
		}
	}
	d.Components.Schemas["record."+o.Name] = &apiSchema{Type: "object", Properties: read}
	d.Components.Schemas["new."+o.Name] = closed(written, required...)
	d.Components.Schemas["change."+o.Name] = closed(written)
	d.Components.Schemas["list."+o.Name] = closed(map[string]*apiSchema{
		"items": listOf(schemaRef("record." + o.Name)), "next": text(), "count": whole(), "estimated": {Type: "boolean"},
	}, "items")
}

// deprecated is the value under a name that the field had before.
func deprecated(s *schema.Schema, f *schema.Field, former schema.FormerName, written bool) *apiSchema {
	v := valueSchema(s, f, written)
	v.Deprecated = true
	v.Description = "Called " + f.Name + " now; this name is answered until " + former.Until.Format(time.DateOnly) + "."
	return v
}

// valueSchema is the JSON Schema of a field's value; written ones may also be numbers where a text holds one.
func valueSchema(s *schema.Schema, f *schema.Field, written bool) *apiSchema {
	form := f.FieldType().Form()
	v := &apiSchema{Format: form.Format, Title: f.Label.In(s.Organisation.Language), Description: f.Description.In(s.Organisation.Language)}
	types := []string{form.Type}
	if written && form.Format == "decimal" {
		types = append(types, "number")
	}
	if written && form.Format == "duration" {
		types = append(types, "integer")
	}
	if form.Type == "array" {
		v.Items = text()
	}
	if parts := f.Parts(); len(parts) > 0 {
		no := false
		v.Additional, v.Properties = &no, map[string]*apiSchema{}
		for _, part := range parts {
			v.Properties[part.Name] = valueSchema(s, part, written)
		}
		if _, ok := f.TextPart(); ok && written {
			types = append(types, "string")
		}
	}
	for _, rule := range f.Rules() {
		if written && len(f.Options) > 0 {
			rule.Values = f.Choices()
		}
		applyRule(v, form, rule)
	}
	if f.Type == schema.TypeObjectName {
		v.Enum = anyOf(f.TargetNames())
	}
	if !f.Required && (f.Name != schema.FieldID || f.Parent != nil) {
		types = append(types, "null")
		if v.Enum != nil {
			v.Enum = append(v.Enum, nil)
		}
	}
	v.Type = types
	if form.Type == "" {
		v.Type, v.MaxLength = nil, 0
		return v
	}
	if len(types) == 1 {
		v.Type = types[0]
	}
	if target, ok := s.ObjectByIdentity(f.Target); ok && f.Type == schema.TypeRelation {
		v.Target = target.Name
	}
	return v
}

func applyRule(v *apiSchema, form schema.Form, rule schema.Rule) {
	switch rule.Kind {
	case schema.RuleMaxLength:
		v.MaxLength = rule.Length
	case schema.RuleOneOf:
		v.Enum = anyOf(rule.Values)
	case schema.RuleEachOneOf:
		v.Items = &apiSchema{Type: "string", Enum: anyOf(rule.Values)}
	case schema.RuleMin:
		if form.Type == "integer" {
			v.Minimum = json.Number(rule.Number.String())
		}
	case schema.RuleMax:
		if form.Type == "integer" {
			v.Maximum = json.Number(rule.Number.String())
		}
	case schema.RulePattern, schema.RuleScale: // PostgreSQL's classes are no JSON Schema; the format says it
	}
}

func anyOf(values []string) []any {
	enum := make([]any, 0, len(values))
	for _, value := range values {
		enum = append(enum, value)
	}
	return enum
}

func (b objectCalls) path() string { return "/api/v1/records/" + b.name }

func (b objectCalls) operation(verb, summary string, responses map[string]*apiResponse) *apiOperation {
	all := map[string]*apiResponse{"401": responseRef("unauthenticated")}
	maps.Copy(all, responses)
	return &apiOperation{
		ID: verb + "_" + b.name, Summary: b.label + ": " + summary, Tags: []string{b.object.Name}, Responses: all, Deprecated: b.name != b.object.Name,
	}
}

func (b objectCalls) record(description string) *apiResponse {
	return &apiResponse{
		Description: description, Content: jsonOf(schemaRef("record." + b.object.Name)),
		Headers: map[string]apiHeader{"ETag": {Description: "The version, for If-Match.", Schema: text()}},
	}
}

func (b objectCalls) list() {
	page := map[string]*apiResponse{
		"200": {Description: "A page.", Content: jsonOf(schemaRef("list." + b.object.Name))}, "400": responseRef("malformed"),
	}
	limit := &apiSchema{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(query.MaxLimit))}
	count := &apiSchema{Type: "string", Enum: anyOf([]string{string(query.CountNone), string(query.CountEstimate), string(query.CountExact)})}
	deleted := &apiSchema{Type: "string", Enum: anyOf([]string{string(query.DeletedNone), string(query.DeletedOnly)})}
	parameters := []apiParameter{
		{Name: "filter", Description: "A condition in CEL, also over related records (customer.name) and lists of them (sales_records.size()).", Schema: text()},
		{Name: "sort", Description: "Names of fields, separated by commas; a leading - sorts from the greatest; relation.field sorts by a related record.", Schema: text()},
		{Name: "fields", Description: "Names of fields, separated by commas; relation.field expands a relation, up to four deep.", Schema: text()},
		{Name: "limit", Schema: limit},
		{Name: "after", Description: "The next of the page before.", Schema: text()},
		{Name: "count", Description: "Whether to count all records; an estimate is the database's guess and is marked estimated.", Schema: count},
		{Name: "deleted", Description: "only: the deleted records alone; their updated_at and updated_by say when, and by whom.", Schema: deleted},
	}
	body := map[string]*apiSchema{}
	for i := range parameters {
		parameters[i].In = "query"
		body[parameters[i].Name] = parameters[i].Schema
	}
	body["sort"], body["fields"] = listOf(text()), listOf(text())
	listing := b.operation("list", "list", page)
	listing.Parameters = parameters
	querying := b.operation("query", "list, asked for in a body", page)
	querying.RequestBody = &apiBody{Required: true, Content: jsonOf(closed(body))}
	b.document.Paths[b.path()] = apiPath{"get": listing}
	b.document.Paths[b.path()+"/query"] = apiPath{"post": querying}
}

func (b objectCalls) single() {
	id := apiParameter{Name: "id", In: "path", Required: true, Schema: &apiSchema{Type: "string", Format: "uuid"}}
	ifMatch := apiParameter{Name: "If-Match", In: "header", Description: "Only when the record has this version.", Schema: text()}
	create := b.operation("create", "make one", map[string]*apiResponse{
		"201": b.record("The record."), "400": responseRef("malformed"), "409": responseRef("conflict"), "422": responseRef("invalid"),
	})
	create.RequestBody = &apiBody{Required: true, Content: jsonOf(schemaRef("new." + b.object.Name))}
	b.document.Paths[b.path()]["post"] = create

	get := b.operation("get", "read one", map[string]*apiResponse{"200": b.record("The record."), "404": responseRef("notFound")})
	get.Parameters = []apiParameter{id, {Name: "fields", In: "query", Schema: text()}}
	change := b.operation("change", "change fields; null takes a value away", map[string]*apiResponse{
		"200": b.record("The record afterwards."), "400": responseRef("malformed"), "404": responseRef("notFound"),
		"409": responseRef("conflict"), "412": responseRef("stale"), "422": responseRef("invalid"),
	})
	change.Parameters = []apiParameter{id, ifMatch}
	change.RequestBody = &apiBody{Required: true, Content: map[string]apiMedia{
		"application/merge-patch+json": {Schema: schemaRef("change." + b.object.Name)}, contentJSON: {Schema: schemaRef("change." + b.object.Name)},
	}}
	remove := b.operation("delete", "take one out of use", map[string]*apiResponse{
		"204": {Description: "It is gone."}, "404": responseRef("notFound"), "412": responseRef("stale"),
	})
	remove.Parameters = []apiParameter{id, ifMatch}
	b.document.Paths[b.path()+"/{id}"] = apiPath{"get": get, "patch": change, "delete": remove}
	b.external(id, get.Parameters[1])
	b.timeline(id)
	restore := b.operation("restore", "bring a deleted one back", map[string]*apiResponse{
		"200": b.record("The record."), "404": responseRef("notFound"), "409": responseRef("conflict"), "412": responseRef("stale"),
	})
	restore.Parameters = []apiParameter{id, ifMatch}
	b.document.Paths[b.path()+"/{id}/restore"] = apiPath{"post": restore}
}

// external adds the calls about what other systems call a record.
func (b objectCalls) external(id, fields apiParameter) {
	place := func(name string) apiParameter {
		return apiParameter{Name: name, In: "path", Required: true, Schema: text()}
	}
	get := b.operation("getExternal", "read the one that another system calls so", map[string]*apiResponse{"200": b.record("The record."), "404": responseRef("notFound")})
	get.Parameters = []apiParameter{place("system"), place("external"), fields}
	b.document.Paths[b.path()+"/external/{system}/{external}"] = apiPath{"get": get}
	list := b.operation("listExternal", "what other systems call one", map[string]*apiResponse{
		"200": {Description: "The ids.", Content: jsonOf(closed(map[string]*apiSchema{
			"items": listOf(closed(map[string]*apiSchema{"system": text(), "id": text()}, "system", "id")),
		}, "items"))}, "404": responseRef("notFound"),
	})
	list.Parameters = []apiParameter{id}
	b.document.Paths[b.path()+"/{id}/external"] = apiPath{"get": list}
}

func (b objectCalls) move(p *schema.Pipeline) {
	var stages []string
	for _, stage := range p.Choices() {
		stages = append(stages, stage.Key)
	}
	move := b.operation("move", "move one into a stage", map[string]*apiResponse{
		"200": b.record("The record afterwards."), "404": responseRef("notFound"), "412": responseRef("stale"), "422": responseRef("invalid"),
	})
	move.Parameters = []apiParameter{{Name: "id", In: "path", Required: true, Schema: &apiSchema{Type: "string", Format: "uuid"}}}
	move.RequestBody = &apiBody{Required: true, Content: jsonOf(closed(map[string]*apiSchema{
		"stage": {Type: "string", Enum: anyOf(slices.Clone(stages))},
	}, "stage"))}
	b.document.Paths[b.path()+"/{id}/move"] = apiPath{"post": move}
}

func (b objectCalls) aggregate() {
	field := func(properties map[string]*apiSchema, required string) *apiSchema {
		properties["field"] = &apiSchema{Type: "string", Description: "The name of a field; relation.field is one of a related record."}
		properties["name"] = &apiSchema{Type: "string", Description: "What the answer calls it; made of the rest by default."}
		return &apiSchema{OneOf: []*apiSchema{text(), closed(properties, required)}}
	}
	limit := &apiSchema{Type: "integer", Minimum: "1", Maximum: json.Number(strconv.Itoa(query.MaxGroups))}
	aggregate := b.operation("aggregate", "figures of groups of records", map[string]*apiResponse{
		"200": {Description: "A row for each group; truncated says that there are more. A relation is an object of id and title. An amount has its currency " +
			"beside it, as name_currency, and a row that would add up several currencies is refused.", Content: jsonOf(closed(map[string]*apiSchema{
			"items": listOf(&apiSchema{Type: "object"}), "truncated": {Type: "boolean"},
		}, "items", "truncated"))},
		"400": responseRef("malformed"),
	})
	aggregate.RequestBody = &apiBody{Required: true, Content: jsonOf(closed(map[string]*apiSchema{
		"groups": listOf(field(map[string]*apiSchema{"by": {
			Type: "string", Enum: anyOf([]string{"year", "quarter", "month", "week", "day"}), Description: "Of a date or a time, in the organisation's time zone.",
		}}, "field")),
		"values": listOf(field(map[string]*apiSchema{
			"function": {Type: "string", Enum: anyOf([]string{"count", "count_distinct", "sum", "avg", "min", "max"})},
		}, "function")),
		"filter": {Type: "string", Description: "A condition in CEL."}, "having": {Type: "string", Description: "A condition in CEL over the names of groups and values."},
		"sort": listOf(text()), "limit": limit,
	}))}
	b.document.Paths[b.path()+"/aggregate"] = apiPath{"post": aggregate}
}

func (b objectCalls) batch() {
	id := &apiSchema{Type: "string", Format: "uuid"}
	version := &apiSchema{Type: "integer", Minimum: "1", Description: "Only when the record has this version."}
	external := closed(map[string]*apiSchema{"system": text(), "id": text()}, "system", "id")
	external.Description = "What another system calls the record."
	operation := func(verb crm.Verb, fields string, parts map[string]*apiSchema) *apiSchema {
		parts["op"] = &apiSchema{Type: "string", Enum: []any{string(verb)}}
		required := []string{"op"}
		if fields != "" {
			parts["fields"] = schemaRef(fields + "." + b.object.Name)
			required = append(required, "fields")
		}
		return closed(parts, required...)
	}
	operations := listOf(&apiSchema{OneOf: []*apiSchema{
		operation(crm.VerbCreate, "new", map[string]*apiSchema{"external": external}),
		operation(crm.VerbUpdate, "change", map[string]*apiSchema{"id": id, "external": external, "version": version}),
		operation(crm.VerbUpsert, "change", map[string]*apiSchema{
			"key": {Type: "string", Description: "The unique field that finds the record."}, "external": external, "version": version,
		}),
		operation(crm.VerbDelete, "", map[string]*apiSchema{"id": id, "external": external, "version": version}),
	}})
	operations.MinItems, operations.MaxItems = 1, crm.MaxBatch
	operations.Description = "They are done in order; a later one sees what an earlier one has done."
	record := schemaRef("record." + b.object.Name)
	record.Description = "The record as it is after the whole batch, when fields are asked for and it is not deleted."
	item := closed(map[string]*apiSchema{
		"index": whole(), "outcome": {Type: "string", Enum: anyOf([]string{"created", "updated", "unchanged", "deleted", "failed"})}, "status": whole(), "id": id, "version": whole(),
		"record": record, "problem": schemaRef("problem"),
	}, "index", "outcome", "status")
	batch := b.operation("batch", "many writes in one transaction", map[string]*apiResponse{
		"200": {Description: "What became of each operation, in order; its status is that of the same write alone.", Content: jsonOf(closed(map[string]*apiSchema{
			"items": listOf(item), "failed": whole(),
		}, "items", "failed"))},
		"400": responseRef("malformed"), "404": responseRef("notFound"), "409": responseRef("conflict"),
		"412": responseRef("stale"), "422": responseRef("invalid"),
	})
	batch.RequestBody = &apiBody{Required: true, Content: jsonOf(closed(map[string]*apiSchema{
		"atomic": {Type: "boolean", Description: "All operations or none; otherwise each is done for itself, and the answer is always 200."},
		"fields": {
			Type: "array", Items: text(),
			Description: "Asks for the records as they are afterwards, with these fields as in a list; an empty list is all of them. Without it the answer has no records.",
		},
		"operations": operations,
	}, "operations"))}
	b.document.Paths[b.path()+"/batch"] = apiPath{"post": batch}
}

func (b objectCalls) exports() {
	const workbook = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	file := b.operation("export", "all records that a list would show, as a table", map[string]*apiResponse{
		"200": {
			Description: "The file, streamed. When something goes wrong midway the connection breaks off. In CSV a text that a spreadsheet " +
				"would compute has an apostrophe before it, which an import takes away.",
			Content: map[string]apiMedia{"text/csv": {Schema: text()}, workbook: {Schema: &apiSchema{Type: "string", Format: "binary"}}},
		},
		"400": responseRef("malformed"),
	})
	for _, p := range b.document.Paths[b.path()]["get"].Parameters {
		if slices.Contains(exportParameters, p.Name) {
			file.Parameters = append(file.Parameters, p)
		}
	}
	file.Parameters = append(file.Parameters,
		apiParameter{Name: "format", In: "query", Description: "csv by default.", Schema: &apiSchema{Type: "string", Enum: []any{"csv", "xlsx"}}},
		apiParameter{
			Name: "header", In: "query", Description: "The names of the fields by default, or their labels in the language of Accept-Language.",
			Schema: &apiSchema{Type: "string", Enum: []any{"names", "labels"}},
		})
	job := b.operation("startExport", "all records that a list would show, written into a file of CSV in the background", map[string]*apiResponse{
		"202": jobResponse("The job that writes the file."), "400": responseRef("malformed"),
	})
	job.RequestBody = &apiBody{Required: true, Content: jsonOf(closed(map[string]*apiSchema{
		"filter": text(), "sort": listOf(text()), "fields": listOf(text()), "deleted": {Type: "string", Enum: []any{"none", "only"}},
	}))}
	b.document.Paths[b.path()+"/export"] = apiPath{"get": file, "post": job}
}

func (b objectCalls) imports() {
	file := b.operation("import", "import a file of CSV, or a sheet of a workbook (XLSX), in the background", map[string]*apiResponse{
		"202": jobResponse("The job that imports the file."), "400": responseRef("malformed"), "422": responseRef("invalid"),
	})
	file.Parameters = []apiParameter{{Name: "dryRun", In: "query", Description: "Decide everything and write nothing.", Schema: &apiSchema{Type: "boolean"}}}
	mapping := &apiSchema{Type: "object", Description: "Which column becomes which field. Of a workbook, sheet names the one to import; without it the first that is not hidden."}
	sent := &apiSchema{
		Type: "string", Format: "binary",
		Description: "CSV in UTF-8, or a workbook: its bytes tell which. Cells of a workbook count as the texts that they show: dates as YYYY-MM-DD, " +
			"times in the organisation's time zone, percents as the number before the sign, formulas as what they came to.",
	}
	form := closed(map[string]*apiSchema{"mapping": mapping, "file": sent}, "mapping", "file")
	named := closed(map[string]*apiSchema{
		"mapping": mapping, "file": {Type: "string", Format: "uuid"}, "dryRun": {Type: "boolean"},
	}, "mapping", "file")
	file.RequestBody = &apiBody{Required: true, Content: map[string]apiMedia{"multipart/form-data": {Schema: form}, contentJSON: {Schema: named}}}
	b.document.Paths[b.path()+"/import"] = apiPath{"post": file}
	b.preview(mapping)
}
