package rest_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

func TestARecordStartsInTheFirstStage(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	record := u.get("/api/v1/records/opportunity/" + u.create("opportunity", map[string]any{"name": "A"})).object()
	if record["stage"] != "prospecting" || record["probability"] != "10" || record["entered_stage_at"] == nil {
		t.Errorf("a new record: stage %v, probability %v, entered at %v", record["stage"], record["probability"], record["entered_stage_at"])
	}
}

func TestAStageIsEnteredThroughItsGateWhicheverWay(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	id := u.create("opportunity", map[string]any{"name": "A", "amount": 5})
	path := "/api/v1/records/opportunity/" + id
	for what, r := range map[string]*reply{
		"create": u.send("POST", "/api/v1/records/opportunity", map[string]any{"name": "A", "amount": 5, "stage": "won"}),
		"move":   u.send("POST", path+"/move", map[string]any{"stage": "won"}),
		"patch":  u.send("PATCH", path, map[string]any{"stage": "won"}),
	} {
		t.Log(what)
		r.is(http.StatusUnprocessableEntity).names("close_date", `before the record enters the stage "won"`)
	}
	u.send("PATCH", path, map[string]any{"stage": "won", "amount": nil}).is(http.StatusUnprocessableEntity).
		names("amount", `the stage "won"`).names("close_date", `the stage "won"`)
	if got := u.get(path).text("stage"); got != "prospecting" {
		t.Fatalf("the stage is %q", got)
	}
	won := u.send("PATCH", path, map[string]any{"stage": "won", "close_date": "2026-05-06"}).is(http.StatusOK).object()
	if won["stage"] != "won" || won["probability"] != "100" {
		t.Errorf("the record is in %v with %v", won["stage"], won["probability"])
	}
}

func TestOnlyAllowedMovesAreMade(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	id := u.create("opportunity", map[string]any{"name": "A", "amount": 5, "stage": "won", "close_date": "2026-05-06"})
	path := "/api/v1/records/opportunity/" + id
	u.send("POST", path+"/move", map[string]any{"stage": "prospecting"}).is(http.StatusUnprocessableEntity).
		names("stage", `cannot move from "won" to "prospecting"; allowed: engaging`)
	u.send("PATCH", path, map[string]any{"stage": "prospecting"}).is(http.StatusUnprocessableEntity).names("stage", "cannot move")
	u.send("PATCH", path, map[string]any{"stage": nil}).is(http.StatusUnprocessableEntity).names("stage", "")
	u.send("POST", path+"/move", map[string]any{"stage": "wonn"}).is(http.StatusUnprocessableEntity).names("stage", `did you mean "won"`)
	u.send("POST", path+"/move", map[string]any{}).is(http.StatusUnprocessableEntity).names("stage", "is required")
	u.send("POST", path+"/move", map[string]any{"stage": "won", "amount": 7}).is(http.StatusUnprocessableEntity).names("amount", "")
	moved := u.send("POST", path+"/move", map[string]any{"stage": "engaging"}, `If-Match: "1"`).is(http.StatusOK)
	if moved.header.Get("ETag") != `"2"` || moved.text("stage") != "engaging" {
		t.Errorf("moved: %s %s", moved.header.Get("ETag"), moved.body)
	}
	u.send("POST", path+"/move", map[string]any{"stage": "lost"}, `If-Match: "1"`).is(http.StatusPreconditionFailed)
	customer := u.create("customer", map[string]any{"name": "C"})
	u.send("POST", "/api/v1/records/customer/"+customer+"/move", map[string]any{"stage": "won"}).is(http.StatusUnprocessableEntity)
}

func TestWhatARequestGivesWinsOverWhatFollowsTheStage(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	id := u.create("opportunity", map[string]any{"name": "A", "probability": 33, "entered_stage_at": "2026-01-01T00:00:00Z"})
	record := u.get("/api/v1/records/opportunity/" + id).object()
	if record["probability"] != "33" || record["entered_stage_at"] != "2026-01-01T00:00:00Z" {
		t.Errorf("given and lost: %v, %v", record["probability"], record["entered_stage_at"])
	}
	before := now().Add(-time.Minute)
	moved := u.send("POST", "/api/v1/records/opportunity/"+id+"/move", map[string]any{"stage": "engaging"}).is(http.StatusOK).object()
	entered, err := time.Parse(time.RFC3339Nano, moved["entered_stage_at"].(string))
	if err != nil || entered.Before(before) || moved["probability"] != "40" || moved["version"] != json.Number("2") {
		t.Errorf("after the move: %v, %v (%v)", moved["entered_stage_at"], moved["probability"], err)
	}
}
