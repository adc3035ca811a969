package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kontor-crm/kontor/internal/web"
)

// built is a page as the build leaves it.
var built = fstest.MapFS{
	"index.html":             {Data: []byte("<p>the page")},
	"index.html.gz":          {Data: []byte("the page, by gzip")},
	"theme.js":               {Data: []byte("theme()")},
	"assets/main-1a2b.js":    {Data: []byte("main()")},
	"assets/main-1a2b.js.br": {Data: []byte("main, by brotli")},
}

// answer is what the page answered.
type answer struct {
	StatusCode int
	Header     http.Header
}

// get asks a page for an address; headers are pairs of name and value.
func get(t *testing.T, page http.Handler, method, address string, headers ...string) (answer, string) {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, address, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	page.ServeHTTP(recorder, request)
	return answer{recorder.Code, recorder.Header()}, recorder.Body.String()
}

func TestEveryAddressOfThePageIsItsDocument(t *testing.T) {
	t.Parallel()
	page := web.New(built)
	for _, address := range []string{"/", "/index.html", "/o/customer", "/o/customer/42", "/a.file.that.is.not.there", "/index.html.gz", "/../../etc/passwd"} {
		response, body := get(t, page, http.MethodGet, address)
		if response.StatusCode != http.StatusOK || body != "<p>the page" {
			t.Errorf("%s: %d %q, want the document", address, response.StatusCode, body)
		}
		if got := response.Header.Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s: content type %q", address, got)
		}
		if got := response.Header.Get("Cache-Control"); got != "no-cache" {
			t.Errorf("%s: cache control %q: browsers would keep a page that the next release replaces", address, got)
		}
	}
}

func TestHashedFilesAreKeptForEverAndThoseThatAreGoneAreNotFound(t *testing.T) {
	t.Parallel()
	page := web.New(built)
	response, body := get(t, page, http.MethodGet, "/assets/main-1a2b.js")
	if body != "main()" || !strings.Contains(response.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("a hashed file: %q, %v", body, response.Header)
	}
	if got := response.Header.Get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("content type %q: browsers run no script of another one", got)
	}
	response, _ = get(t, page, http.MethodGet, "/assets/main-0000.js")
	if response.StatusCode != http.StatusNotFound || response.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a file that is gone: %d, %v; a document in its place would run as a script", response.StatusCode, response.Header)
	}
}

func TestAFileIsSentInTheBestEncodingThatTheClientReads(t *testing.T) {
	t.Parallel()
	page := web.New(built)
	for _, c := range []struct{ address, accept, encoding, body string }{
		{"/assets/main-1a2b.js", "gzip, br", "br", "main, by brotli"},
		{"/assets/main-1a2b.js", "gzip, br;q=0", "", "main()"},
		{"/assets/main-1a2b.js", "", "", "main()"},
		{"/o/customer", "gzip, br", "gzip", "the page, by gzip"},
		{"/theme.js", "gzip, br", "", "theme()"},
	} {
		response, body := get(t, page, http.MethodGet, c.address, "Accept-Encoding", c.accept)
		if got := response.Header.Get("Content-Encoding"); got != c.encoding || body != c.body {
			t.Errorf("%s for %q: encoding %q and %q, want %q and %q", c.address, c.accept, got, body, c.encoding, c.body)
		}
		if response.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: a cache would hand one encoding to everybody", c.address)
		}
	}
}

func TestAClientThatHasTheFileIsToldSo(t *testing.T) {
	t.Parallel()
	page := web.New(built)
	first, _ := get(t, page, http.MethodGet, "/")
	again, body := get(t, page, http.MethodGet, "/", "If-None-Match", first.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("got %d %q", again.StatusCode, body)
	}
}

func TestThePageMayRunNothingButItsOwnFiles(t *testing.T) {
	t.Parallel()
	response, _ := get(t, web.New(built), http.MethodGet, "/")
	policy := response.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy %q lacks %s", policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy %q allows what is unsafe", policy)
	}
}

func TestThePageIsOnlyRead(t *testing.T) {
	t.Parallel()
	response, _ := get(t, web.New(built), http.MethodPost, "/o/customer")
	if response.StatusCode != http.StatusMethodNotAllowed || response.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("got %d, %v", response.StatusCode, response.Header)
	}
}

func TestAProgramWithoutThePageSaysSo(t *testing.T) {
	t.Parallel()
	_, body := get(t, web.New(fstest.MapFS{}), http.MethodGet, "/")
	if !strings.Contains(body, "was not built") {
		t.Errorf("got %q", body)
	}
}
