package rest

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
