package rest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// maxBatchBody is the bound of a batch's body: some kilobytes for each operation.
const maxBatchBody = 8 << 20

// maxBatchProblems ends the list of what is wrong with the form of a batch.
const maxBatchProblems = 20

// batchItem is what became of one operation.
type batchItem struct {
	// Index is the operation's place in the batch.
	Index   int    `json:"index"`
	Outcome string `json:"outcome"`
	// Status is that of the same write alone.
	Status  int             `json:"status"`
	ID      string          `json:"id,omitempty"`
	Version int64           `json:"version,omitempty"`
	Record  json.RawMessage `json:"record,omitempty"`
	Problem *problem        `json:"problem,omitempty"`
}

// batchOutcomes are what an answer calls the outcomes, with the status of the same
// write alone; that of a failure is its problem's.
var batchOutcomes = map[crm.Outcome]batchItem{
	crm.OutcomeFailed:    {Outcome: "failed"},
	crm.OutcomeCreated:   {Outcome: "created", Status: http.StatusCreated},
	crm.OutcomeUpdated:   {Outcome: "updated", Status: http.StatusOK},
	crm.OutcomeUnchanged: {Outcome: "unchanged", Status: http.StatusOK},
	crm.OutcomeDeleted:   {Outcome: "deleted", Status: http.StatusNoContent},
}

// batchParts are what the body of a batch is made of.
var batchParts = []string{"atomic", "fields", "operations"}

// batchRecords does many writes in one transaction. An atomic batch answers as
// a single write does; otherwise the answer says for each operation what became of it.
func batchRecords(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	given, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	request, err := batchRequest(c.PathValue("object"), given)
	if err != nil {
		return nil, err
	}
	done, err := c.records(model, channelAPI).Batch(ctx, request)
	if err != nil {
		return nil, err
	}
	batch := struct {
		Items  []batchItem `json:"items"`
		Failed int         `json:"failed"`
	}{Items: make([]batchItem, 0, len(done))}
	for n, d := range done {
		item := batchOutcomes[d.Outcome]
		item.Index, item.ID, item.Version, item.Record = n, d.ID, d.Version, d.Record
		if d.Problem != nil {
			p := describe(d.Problem, "")
			item.Status, item.Problem = p.Status, &p
			batch.Failed++
		}
		batch.Items = append(batch.Items, item)
	}
	encoded, err := json.Marshal(batch)
	if err != nil {
		return nil, err
	}
	return ok(encoded), nil
}

// batchRequest reads the body of a batch. What is wrong with its form refuses the
// whole of it; what the model has against the fields of an operation does not.
func batchRequest(object string, given map[string]any) (crm.BatchRequest, error) {
	request := crm.BatchRequest{Object: object}
	r := &batchReader{}
	for name := range given {
		if !slices.Contains(batchParts, name) {
			r.refuse(name, "is no part of a batch; there are "+strings.Join(batchParts, ", "))
		}
	}
	if value, isGiven := given["atomic"]; isGiven {
		atomic, isBool := value.(bool)
		if !isBool {
			r.refuse("atomic", "must be true or false")
		}
		request.Atomic = atomic
	}
	request.Records = given["fields"] != nil
	if err := readNames(given, "fields", &request.Fields); err != nil {
		return request, err
	}
	operations, isList := given["operations"].([]any)
	switch {
	case !isList:
		r.refuse("operations", "must be a list of operations")
	case len(operations) == 0 || len(operations) > crm.MaxBatch:
		r.refuse("operations", "must be 1 to "+strconv.Itoa(crm.MaxBatch)+" operations")
		operations = nil
	}
	for n, operation := range operations {
		request.Operations = append(request.Operations, r.operation(fmt.Sprintf("operations[%d]", n), operation))
	}
	return request, r.fault()
}

// batchReader reads operations and collects what is wrong with their form.
type batchReader struct{ violations []fault.Violation }

func (r *batchReader) refuse(path, message string) {
	r.violations = append(r.violations, fault.Violation{Path: path, Message: message})
}

func (r *batchReader) fault() error {
	if len(r.violations) == 0 {
		return nil
	}
	slices.SortStableFunc(r.violations, func(a, b fault.Violation) int { return strings.Compare(a.Path, b.Path) })
	return &fault.Error{Kind: fault.Malformed, Violations: r.violations[:min(len(r.violations), maxBatchProblems)]}
}

// operationParts are what an operation of each kind is made of; false is what it may lack.
var operationParts = map[crm.Verb]map[string]bool{
	crm.VerbCreate: {"external": false, "fields": true},
	crm.VerbUpdate: {"id": false, "external": false, "version": false, "fields": true},
	crm.VerbUpsert: {"key": false, "external": false, "version": false, "fields": true},
	crm.VerbDelete: {"id": false, "external": false, "version": false},
}

func (r *batchReader) operation(path string, value any) crm.Operation {
	var op crm.Operation
	given, isObject := value.(map[string]any)
	if !isObject {
		r.refuse(path, "must be an object")
		return op
	}
	verb, _ := given["op"].(string)
	op.Verb = crm.Verb(verb)
	parts, isKnown := operationParts[op.Verb]
	if !isKnown {
		r.refuse(path+".op", "must be create, update, upsert or delete")
		return op
	}
	for name := range given {
		if _, isPart := parts[name]; !isPart && name != "op" {
			r.refuse(path+"."+name, "is no part of "+verb)
		}
	}
	for name, isNeeded := range parts {
		if given[name] == nil && isNeeded {
			r.refuse(path+"."+name, "is required")
		}
	}
	switch op.Verb {
	case crm.VerbUpdate, crm.VerbDelete:
		if (given["id"] == nil) == (given["external"] == nil) {
			r.refuse(path+".id", "is required, or external in its place")
		}
	case crm.VerbUpsert:
		if given["key"] == nil && given["external"] == nil {
			r.refuse(path+".key", "is required, or external")
		}
	case crm.VerbCreate:
	}
	op.ID, op.Key = r.text(path, given, "id"), r.text(path, given, "key")
	op.External = r.external(path+".external", given["external"])
	op.Match = r.version(path+".version", given["version"])
	if fields := given["fields"]; fields != nil {
		if op.Fields, isObject = fields.(map[string]any); !isObject {
			r.refuse(path+".fields", "must be an object")
		}
	}
	return op
}

func (r *batchReader) text(path string, given map[string]any, name string) string {
	text, isText := given[name].(string)
	if given[name] != nil && (!isText || text == "") {
		r.refuse(path+"."+name, "must be a text")
	}
	return text
}

func (r *batchReader) external(path string, value any) *query.ExternalID {
	if value == nil {
		return nil
	}
	given, isObject := value.(map[string]any)
	if !isObject || len(given) != 2 || given["system"] == nil || given["id"] == nil {
		r.refuse(path, "must be an object of system and id")
		return nil
	}
	return &query.ExternalID{System: r.text(path, given, "system"), ID: r.text(path, given, "id")}
}

func (r *batchReader) version(path string, value any) crm.Match {
	if value == nil {
		return nil
	}
	number, _ := value.(json.Number)
	version, err := strconv.ParseInt(number.String(), 10, 64)
	if err != nil || version < 1 {
		r.refuse(path, "must be the version of a record, a whole number from 1")
		return nil
	}
	return crm.Match{version}
}
