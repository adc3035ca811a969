package cmd

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// service answers a login, takes an import, and tells of a job that ended so.
func service(t *testing.T, report importReport, failed string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/login", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"token": "t"}`) })
	mux.HandleFunc("POST /api/v1/records/product/import", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"id": "7", "state": "queued"}`)
	})
	asked := 0
	mux.HandleFunc("GET /api/v1/jobs/7", func(w http.ResponseWriter, _ *http.Request) {
		now := job{ID: "7", State: "running"}
		asked++
		if asked > 1 {
			now.State, now.Errors = "done", "/api/v1/jobs/7/errors"
			now.Report, _ = json.Marshal(report)
		}
		_ = json.NewEncoder(w).Encode(now)
	})
	mux.HandleFunc("GET /api/v1/jobs/7/errors", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, failed) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// write makes a file and gives its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (o *importOptions) on(ctx context.Context, path string) error {
	return o.run(ctx, path, io.Discard, io.Discard)
}

func TestAnImportFollowsItsJobAndFetchesWhatFailed(t *testing.T) {
	t.Parallel()
	const failed = "name,code,failure\nB,b,\"line 3: name: is taken\"\n"
	o := &importOptions{
		url:  service(t, importReport{Created: 20, Failed: 12, Failures: []failedLine{{3, []string{"name: is taken", "code: too"}}}}, failed),
		user: "a@b.c", passwordFile: write(t, "password", "x"), failed: filepath.Join(t.TempDir(), "failed.csv"),
		mapping: write(t, "mapping.yaml", "object: product\nfields: [{field: name, column: name}, {field: code, column: code}]\n"),
	}
	var out, told strings.Builder
	err := o.run(t.Context(), write(t, "in.csv", "name,code\nA,a\nB,b\n"), &out, &told)
	if err == nil || err.Error() != "12 of 32 lines failed" {
		t.Errorf("the end: %v", err)
	}
	if out.String() != "product: 20 created, 0 updated, 0 unchanged, 12 failed\n" {
		t.Errorf("said %q", out.String())
	}
	if told.String() != "job 7\nline 3: name: is taken; code: too\nand 11 more lines\n" {
		t.Errorf("told %q", told.String())
	}
	if got, err := os.ReadFile(o.failed); err != nil || string(got) != failed {
		t.Errorf("the file of failed lines holds %q, %v", got, err)
	}
	o.allowFailures = true
	if err := o.on(t.Context(), write(t, "in.csv", "name,code\n")); err != nil {
		t.Errorf("failures that are allowed: %v", err)
	}
}

func TestTheFileOfFailedLinesIsNotTheImportedOne(t *testing.T) {
	t.Parallel()
	const text = "name;code\nA;a\n"
	path := write(t, "failed.csv", text)
	o := &importOptions{
		url: service(t, importReport{}, ""), user: "a@b.c", passwordFile: write(t, "password", "x"), failed: path, mapping: write(t, "mapping.yaml", "object: product\n"),
	}
	if err := o.on(t.Context(), path); err == nil || !strings.Contains(err.Error(), "--failed") {
		t.Errorf("importing a file and writing it at once: %v", err)
	}
	if left, err := os.ReadFile(path); err != nil || string(left) != text {
		t.Errorf("the file holds %q now, %v", left, err)
	}
}

func TestNamesBelowLocalhostAreDialledWithoutAProxy(t *testing.T) {
	t.Parallel()
	for address, direct := range map[string]bool{"http://acme.localhost:8080": true, "http://localhost:8080": true, "http://acme.example": false} {
		asked := false
		proxy := exceptLocal(func(*http.Request) (proxy *url.URL, err error) { asked = true; return proxy, err })
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proxy(request); err != nil || asked == direct {
			t.Errorf("%s: the proxy was asked: %v, %v", address, asked, err)
		}
	}
}
