package rest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// aPicture is a PNG of one point.
const aPicture = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"

func TestAFileComesBackAsItWasAndBringsNoPageWithIt(t *testing.T) {
	t.Parallel()
	u := newOrganisation(t).signedIn(t)
	for name, c := range map[string]struct{ content, mediaType, servedAs string }{
		"a.png":        {aPicture, "image/png", "image/png"},
		"page.html":    {"<!DOCTYPE html><script>alert(1)</script>", "text/html; charset=utf-8", "application/octet-stream"},
		"picture.svg":  {`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`, "text/xml; charset=utf-8", "application/octet-stream"},
		"liar.png":     {"<html><script>alert(1)</script>", "text/html; charset=utf-8", "application/octet-stream"},
		"notes 备注.txt": {"plain", "text/plain; charset=utf-8", "text/plain; charset=utf-8"},
		"empty":        {"", "text/plain; charset=utf-8", "text/plain; charset=utf-8"},
		"long.bin":     {strings.Repeat("\x00\x01\x02", 300_000), "application/octet-stream", "application/octet-stream"},
	} {
		r := u.send("POST", "/api/v1/files?name="+url.QueryEscape(name), strings.NewReader(c.content), "Content-Type: text/html").is(http.StatusCreated)
		sum := sha256.Sum256([]byte(c.content))
		if r.text("name") != name || r.text("mediaType") != c.mediaType || r.text("sha256") != hex.EncodeToString(sum[:]) {
			t.Errorf("%s was taken as %s", name, r.body)
		}
		if got := r.header.Get("Location"); got != "/api/v1/files/"+r.text("id") {
			t.Errorf("%s is at %s", name, got)
		}
		d := u.get("/api/v1/files/" + r.text("id")).is(http.StatusOK)
		if string(d.body) != c.content {
			t.Errorf("%s came back with %d bytes", name, len(d.body))
		}
		disposition := d.header.Get("Content-Disposition")
		if d.header.Get("Content-Type") != c.servedAs || !strings.HasPrefix(disposition, "attachment; filename") || d.header.Get("X-Content-Type-Options") != "nosniff" ||
			!strings.Contains(d.header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s is given out with %v", name, d.header)
		}
		u.send("GET", "/api/v1/files/"+r.text("id"), nil, "If-None-Match: "+d.header.Get("ETag")).is(http.StatusNotModified)
	}
}

func TestAFileThatIsNotThereOrNotOnesOwnIsNotFound(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.send("POST", "/api/v1/files?name=x", strings.NewReader("x")).is(http.StatusCreated).text("id")
	for _, path := range []string{"/api/v1/files/x", "/api/v1/files/01890000-0000-7000-8000-000000000000", "/api/v1/files/%00"} {
		u.get(path).is(http.StatusNotFound)
	}
	other := newOrganisation(t).signedIn(t)
	other.get("/api/v1/files/" + id).is(http.StatusNotFound)
	newUser(t, o).get("/api/v1/files/" + id).is(http.StatusUnauthorized)
	o.sql(t, `UPDATE kontor.credential SET administrator = false`)
	u.get("/api/v1/files/" + id).is(http.StatusOK)
	o.sql(t, `UPDATE kontor.file SET created_by = gen_random_uuid()`)
	u.get("/api/v1/files/" + id).is(http.StatusNotFound)
	u.send("POST", "/api/v1/files?nome=x", strings.NewReader("x")).is(http.StatusBadRequest)
	r := u.send("POST", "/api/v1/files", strings.NewReader(strings.Repeat("x", 64<<20+1)))
	r.is(http.StatusRequestEntityTooLarge)
	var files int
	o.sql(t, `SELECT count(*) FROM kontor.file`, &files)
	if files != 1 {
		t.Errorf("%d files", files)
	}
}
