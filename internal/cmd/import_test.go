package cmd

import (
	"context"
	"encoding/csv"
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

// service answers a login, and an import with the failed lines.
func service(t *testing.T, failed ...failedLine) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/login", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"token": "t"}`) })
	mux.HandleFunc("POST /api/v1/records/product/import", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for _, line := range failed {
			_ = json.NewEncoder(w).Encode(importEvent{Failed: &line})
		}
		_ = json.NewEncoder(w).Encode(importEvent{Report: &importReport{Failed: len(failed)}})
	})
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

func TestTheFileOfFailedLinesHasTheFormOfTheImportedOne(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<", 1<<20)
	o := &importOptions{
		url: service(t,
			failedLine{Line: 3, Text: `B;"x;y"`, Reasons: []string{`name: "B" is; taken`}},
			failedLine{Line: 4, Text: long + ";z", Reasons: []string{"too long"}}),
		user: "a@b.c", passwordFile: write(t, "password", "x"), failed: filepath.Join(t.TempDir(), "failed.csv"), allowFailures: true,
		mapping: write(t, "mapping.yaml", "object: product\ndelimiter: ;\nfields: [{field: name, column: name}, {field: code, column: code}]\n"),
	}
	if err := o.on(t.Context(), write(t, "in.csv", "name;code\nA;a\nB;\"x;y\"\n"+long+";z\n")); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(o.failed)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.Comma = ';'
	lines, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"name", "code", "failure"}, {"B", "x;y", `line 3: name: "B" is; taken`}, {long, "z", "line 4: too long"}}
	for i, line := range want {
		if len(lines) != len(want) || strings.Join(lines[i], "|") != strings.Join(line, "|") {
			t.Fatalf("the file holds %.300q", lines)
		}
	}
}

func TestTheFileOfFailedLinesIsNotTheImportedOne(t *testing.T) {
	t.Parallel()
	const text = "name;code\nA;a\n"
	path := write(t, "failed.csv", text)
	o := &importOptions{
		url: service(t), user: "a@b.c", passwordFile: write(t, "password", "x"), failed: path, mapping: write(t, "mapping.yaml", "object: product\n"),
	}
	if err := o.on(t.Context(), path); err == nil || !strings.Contains(err.Error(), "--failed") {
		t.Errorf("importing a file and writing it at once: %v", err)
	}
	if left, err := os.ReadFile(path); err != nil || string(left) != text { //nolint:gosec // the test's own file
		t.Errorf("the file holds %q now, %v", left, err)
	}
}

func TestNamesBelowLocalhostAreDialledWithoutAProxy(t *testing.T) {
	t.Parallel()
	for address, direct := range map[string]bool{"http://acme.localhost:8080": true, "http://localhost:8080": true, "http://acme.example": false} {
		asked := false
		proxy := exceptLocal(func(*http.Request) (proxy *url.URL, err error) { asked = true; return proxy, err })
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := proxy(request); err != nil || asked == direct {
			t.Errorf("%s: the proxy was asked: %v, %v", address, asked, err)
		}
	}
}
