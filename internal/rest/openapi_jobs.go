package rest

import (
	"encoding/json"
	"strconv"

	"github.com/kontor-crm/kontor/internal/crm"
)

func moment() *apiSchema { return &apiSchema{Type: "string", Format: "date-time"} }

func identifier() *apiSchema { return &apiSchema{Type: "string", Format: "uuid"} }

func inPath(name string) apiParameter {
	return apiParameter{Name: name, In: "path", Required: true, Schema: identifier()}
}

func jobResponse(description string) *apiResponse {
	return &apiResponse{Description: description, Content: jsonOf(schemaRef("job"))}
}

// describeJobs adds the calls about background work.
func describeJobs(d *apiDocument) {
	states := []string{string(crm.JobQueued), string(crm.JobRunning), string(crm.JobDone), string(crm.JobFailed), string(crm.JobCancelled)}
	d.Components.Schemas["job"] = closed(map[string]*apiSchema{
		"id": identifier(), "kind": text(), "state": {Type: "string", Enum: anyOf(states)}, "object": text(), "dryRun": {Type: "boolean"},
		"cancelling": {Type: "boolean", Description: "It ends after its present step."}, "undoes": identifier(),
		"createdAt": moment(), "createdBy": identifier(), "startedAt": moment(), "finishedAt": moment(),
		"done": whole(), "total": whole(), "report": {Type: "object", Description: "Counts, as the kind of the job has them."},
		"error":  closed(map[string]*apiSchema{"message": text(), "violations": listOf(closed(map[string]*apiSchema{"path": text(), "message": text()}))}),
		"errors": {Type: "string", Description: "The address of the file with what failed."},
		"result": {Type: "string", Description: "The address of the file that an export has written."},
	}, "id", "kind", "state", "createdAt", "done", "total", "report")
	operation := func(id, summary string, parameters []apiParameter, responses map[string]*apiResponse) *apiOperation {
		responses["401"] = responseRef("unauthenticated")
		return &apiOperation{ID: id, Summary: summary, Parameters: parameters, Responses: responses}
	}
	between := func(least, most int) *apiSchema {
		return &apiSchema{Type: "integer", Minimum: json.Number(strconv.Itoa(least)), Maximum: json.Number(strconv.Itoa(most))}
	}
	one := []apiParameter{inPath("id")}
	conflict := &apiResponse{Description: "The job's state forbids it.", Content: map[string]apiMedia{contentProblem: {Schema: schemaRef("problem")}}}
	d.Paths["/api/v1/jobs"] = apiPath{"get": operation("listJobs", "The background work, the newest first", []apiParameter{
		{Name: "limit", In: "query", Schema: between(1, maxJobs)}, {Name: "after", In: "query", Description: "The next of the page before.", Schema: identifier()},
	}, map[string]*apiResponse{
		"200": {Description: "A page.", Content: jsonOf(closed(map[string]*apiSchema{"items": listOf(schemaRef("job")), "next": identifier()}, "items"))},
		"400": responseRef("malformed"),
	})}
	d.Paths["/api/v1/jobs/{id}"] = apiPath{"get": operation("getJob", "One job", append([]apiParameter{
		{Name: "wait", In: "query", Description: "Seconds to wait for its end.", Schema: between(0, maxWait)},
	}, one...), map[string]*apiResponse{"200": jobResponse("The job."), "400": responseRef("malformed"), "404": responseRef("notFound")})}
	d.Paths["/api/v1/jobs/{id}/cancel"] = apiPath{"post": operation("cancelJob", "End a job; what is done stays done", one,
		map[string]*apiResponse{"200": jobResponse("The job."), "404": responseRef("notFound"), "409": conflict})}
	d.Paths["/api/v1/jobs/{id}/undo"] = apiPath{"post": operation("undoJob", "Take an import back", one,
		map[string]*apiResponse{"202": jobResponse("The job that does so."), "404": responseRef("notFound"), "409": conflict})}
	d.Paths["/api/v1/jobs/{id}/errors"] = apiPath{"get": operation("jobErrors", "What failed, in the form of the imported file, with the reasons; what a spreadsheet would compute has an apostrophe before it", one,
		map[string]*apiResponse{
			"200": {Description: "The file.", Content: map[string]apiMedia{"text/csv": {Schema: text()}}}, "404": responseRef("notFound"), "409": conflict,
		})}
	d.Paths["/api/v1/jobs/{id}/result"] = apiPath{"get": operation("jobResult", "The file that an export has written", one,
		map[string]*apiResponse{
			"200": {Description: "The file.", Content: map[string]apiMedia{"text/csv": {Schema: text()}}}, "404": responseRef("notFound"), "409": conflict,
		})}
}

// describeFiles adds the calls about files.
func describeFiles(d *apiDocument) {
	d.Components.Schemas["file"] = closed(map[string]*apiSchema{
		"id": identifier(), "name": text(), "mediaType": text(), "size": whole(), "sha256": text(), "createdAt": moment(),
	}, "id", "name", "mediaType", "size", "sha256", "createdAt")
	bytes := map[string]apiMedia{"application/octet-stream": {Schema: &apiSchema{}}}
	d.Paths["/api/v1/files"] = apiPath{"post": &apiOperation{
		ID: "uploadFile", Summary: "Keep a file; after a day it goes unless something refers to it",
		Parameters:  []apiParameter{{Name: "name", In: "query", Schema: text()}},
		RequestBody: &apiBody{Required: true, Content: bytes},
		Responses: map[string]*apiResponse{
			"201": {Description: "The file.", Content: jsonOf(schemaRef("file"))}, "400": responseRef("malformed"), "401": responseRef("unauthenticated"),
		},
	}}
	d.Paths["/api/v1/files/{id}"] = apiPath{"get": &apiOperation{
		ID: "downloadFile", Summary: "The bytes of a file", Parameters: []apiParameter{inPath("id")},
		Responses: map[string]*apiResponse{"200": {Description: "The bytes.", Content: bytes}, "401": responseRef("unauthenticated"), "404": responseRef("notFound")},
	}}
}
