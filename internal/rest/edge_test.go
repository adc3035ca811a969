package rest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kontor-crm/kontor/internal/rest"
)

func TestABodyThatIsNoJSONObjectIsRefused(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for body, status := range map[string]int{
		"":                                http.StatusBadRequest,
		"name: Acme":                      http.StatusBadRequest,
		`{"name": "Acme"`:                 http.StatusBadRequest,
		`{"name": "Acme"} {}`:             http.StatusBadRequest,
		`["Acme"]`:                        http.StatusBadRequest,
		`null`:                            http.StatusBadRequest,
		"{\"name\": \"K\xe4se\"}":         http.StatusBadRequest,
		`{"name": "A", "name": "B"}`:      http.StatusBadRequest,
		`{"name": ` + deep + `}`:          http.StatusBadRequest,
		`{"name": "a\u0000b"}`:            http.StatusUnprocessableEntity,
		`{"name": {"first": "A"}}`:        http.StatusUnprocessableEntity,
		`{"name": "A", "employees": 1e9}`: http.StatusUnprocessableEntity,
		`{"name": "A", "revenue": ` + strings.Repeat("9", 100_000) + `}`: http.StatusUnprocessableEntity,
	} {
		r := u.send("POST", "/api/v1/records/customer", body)
		if r.status != status {
			t.Errorf("%.60s: status %d, want %d: %s", body, r.status, status, r.body)
		}
	}
	u.send("POST", "/api/v1/records/customer", `{"name":"A"}`, "Content-Type: text/plain").is(http.StatusUnsupportedMediaType)
	u.send("PATCH", "/api/v1/records/customer/"+u.create("customer", map[string]any{"name": "A"}), `{"name":"B"}`,
		"Content-Type: application/merge-patch+json").is(http.StatusOK)
}

// endless is a body that goes on for so many bytes. The transport may still read it after the answer.
type endless struct{ left atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	n := min(int64(len(p)), e.left.Load())
	if n == 0 {
		return 0, io.EOF
	}
	e.left.Add(-n)
	return copy(p[:n], bytes.Repeat([]byte("a"), int(n))), nil
}

func TestABodyOf100MBIsRefusedWithoutBeingRead(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	// A length that is told, and one that is not.
	u.send("POST", "/api/v1/records/customer", `{"name":"`+strings.Repeat("a", 2<<20)+`"}`).is(http.StatusRequestEntityTooLarge)
	body := &endless{}
	body.left.Store(100 << 20)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.o.api.URL+"/api/v1/records/customer", io.MultiReader(strings.NewReader(`{"name":"`), body))
	must(t, err)
	request.Host = u.o.host
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+u.token)
	response, err := http.DefaultClient.Do(request)
	if err == nil {
		defer response.Body.Close()
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("status %d", response.StatusCode)
		}
	}
	if left := body.left.Load(); left < 90<<20 {
		t.Errorf("%d MB were taken", (100<<20-left)>>20)
	}
}

func TestWhatNoRouteTakesIsAProblem(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for _, path := range []string{"/", "/api", "/api/v2/records/customer", "/api/v1/records", "/../etc/passwd"} {
		r := u.get(path)
		if r.status != http.StatusNotFound || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, r.status, r.header.Get("Content-Type"))
		}
	}
	r := u.send("PUT", "/api/v1/records/customer", map[string]any{}).is(http.StatusMethodNotAllowed)
	if r.header.Get("Allow") == "" || r.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("405: %v", r.header)
	}
}

func TestARequestFromAnotherSiteIsRefused(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "A"}, "Sec-Fetch-Site: cross-site").is(http.StatusForbidden)
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "A"}, "Origin: https://evil.example").is(http.StatusForbidden)
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "A"}, "Sec-Fetch-Site: same-origin").is(http.StatusCreated)
}

func TestAnUnknownHostServesNobody(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	newOrganisation(t) // of two tenants none answers on every host
	u := o.signedIn(t)
	served := o.host
	o.host = "nobody.localhost"
	r := u.get("/api/v1/schema").is(http.StatusNotFound)
	if !strings.Contains(r.text("detail"), "no tenant is served at this host") {
		t.Errorf("the answer: %s", r.body)
	}
	o.host = strings.ToUpper(served) + ".:8080"
	u.get("/api/v1/schema").is(http.StatusOK)
}

func TestTheLogHoldsNeitherQueriesNorSecrets(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	u.get("/api/v1/records/customer?filter=name+%3D%3D+%22Secret%22").is(http.StatusOK)
	r := u.get("/api/v1/records/customer?filter=%28%28").is(http.StatusBadRequest)
	log := o.log.String()
	if !strings.Contains(log, r.header.Get("X-Request-Id")) {
		t.Error("the log lacks the request")
	}
	for _, word := range []string{"Secret", "filter=", adminPassword, u.token, o.app.Password} {
		if strings.Contains(log, word) {
			t.Errorf("the log holds %q", word)
		}
	}
}

func TestAPanicIsAnAnswerWithoutInnerWords(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	// A table that is not what the model says makes the database fail in a way that nobody planned.
	o.sql(t, `ALTER TABLE crm.customer ADD CONSTRAINT boom CHECK (1 / (length(name) - 4) IS NOT NULL)`)
	r := u.send("POST", "/api/v1/records/customer", map[string]any{"name": "Boom"})
	if r.status < 400 || bytes.Contains(r.body, []byte("division")) || bytes.Contains(r.body, []byte("SQLSTATE")) {
		t.Errorf("status %d: %s", r.status, r.body)
	}
}

func TestTheSystemPortTellsHealthReadinessAndMetrics(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	o.signedIn(t).get("/api/v1/schema").is(http.StatusOK)
	ready := errors.New("the directory has not been read")
	system := httptest.NewServer(rest.System(rest.SystemOptions{Ready: func(context.Context) error { return ready }, Metrics: o.registry}))
	t.Cleanup(system.Close)
	get := func(path string) (int, string) {
		response, err := http.Get(system.URL + path)
		must(t, err)
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		must(t, err)
		return response.StatusCode, string(body)
	}
	if status, _ := get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	if status, text := get("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "directory") {
		t.Errorf("/readyz before: %d %s", status, text)
	}
	ready = nil
	if status, _ := get("/readyz"); status != http.StatusOK {
		t.Errorf("/readyz after: %d", status)
	}
	if _, text := get("/metrics"); !strings.Contains(text, `route="GET /api/v1/schema"`) {
		t.Errorf("/metrics lacks the request")
	}
}

func TestF85TheSchemaSpeaksTheLanguageAskedFor(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	label := func(language string) string {
		r := u.send("GET", "/api/v1/schema", nil, "Accept-Language: "+language).is(http.StatusOK)
		var s struct {
			Objects []struct {
				Name   string `json:"name"`
				Fields []struct {
					Name  string `json:"name"`
					Label string `json:"label"`
				} `json:"fields"`
			} `json:"objects"`
			Pipelines []struct {
				Stages []struct {
					Key      string   `json:"key"`
					Kind     string   `json:"kind"`
					Required []string `json:"required"`
				} `json:"stages"`
			} `json:"pipelines"`
			User struct {
				Email string `json:"email"`
			} `json:"user"`
		}
		must(t, json.Unmarshal(r.body, &s))
		if len(s.Pipelines) != 1 || len(s.Pipelines[0].Stages) != 4 || s.Pipelines[0].Stages[2].Kind != "won" || len(s.Pipelines[0].Stages[2].Required) != 2 {
			t.Errorf("the pipelines: %+v", s.Pipelines)
		}
		if s.User.Email != "admin@acme.example" {
			t.Errorf("the user: %+v", s.User)
		}
		for _, o := range s.Objects {
			for _, f := range o.Fields {
				if o.Name == "customer" && f.Name == "name" {
					return f.Label
				}
			}
		}
		return ""
	}
	for language, want := range map[string]string{"zh-CN,zh;q=0.9,en;q=0.8": "名称", "en": "Name", "fr": "Name", "": "Name", "!!": "Name"} {
		if got := label(language); got != want {
			t.Errorf("in %q the name is %q, want %q", language, got, want)
		}
	}
	r := u.get("/api/v1/schema")
	if again := u.send("GET", "/api/v1/schema", nil, "If-None-Match: "+r.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("the same again: %d", again.status)
	}
}
