package rest

import (
	"encoding/json"
	"testing"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
)

func FuzzBatchBodyIsReadOrRefused(f *testing.F) {
	for _, body := range []string{
		`{"operations":[{"op":"create","fields":{"name":"A"}},{"op":"delete","id":"x","version":3}],"atomic":true}`,
		`{"operations":[{"op":"upsert","key":"code","fields":{}}]}`, `{"operations":[null,[],{},{"op":[]}]}`, `{"operations":{}}`, `[1,]`, `{"a":1,}`,
		`{"operations":[{"op":"update","id":"x","version":1e999,"fields":null}]}`, `{"a":{"b":1,"b":2}}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{}{}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		object, err := decodeObject(body)
		if err != nil {
			if !fault.Is(err, fault.Malformed) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if !json.Valid(body) {
			t.Fatalf("%q is no JSON and was read as %v", body, object)
		}
		request, err := batchRequest("product", object)
		if err != nil {
			if !fault.Is(err, fault.Malformed) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		if n := len(request.Operations); n < 1 || n > crm.MaxBatch {
			t.Fatalf("%q: %d operations", body, n)
		}
		for _, op := range request.Operations {
			if (op.Verb == crm.VerbUpdate || op.Verb == crm.VerbDelete) == (op.ID == "" && op.External == nil) || (op.Verb == crm.VerbDelete) == (op.Fields != nil) {
				t.Fatalf("%q: %+v", body, op)
			}
		}
	})
}
