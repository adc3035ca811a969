package rest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/schema"
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

func TestAFieldHoldsAFileOrAnImage(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t, func(s *schema.Schema) {
		s.Objects[0].Fields = append(s.Objects[0].Fields, field("photo", schema.TypeImage, custom), field("contract", schema.TypeFile, custom))
	})
	u := o.signedIn(t)
	put := func(content string) string {
		return u.send("POST", "/api/v1/files?name=x", strings.NewReader(content)).is(http.StatusCreated).text("id")
	}
	photo, page := put(aPicture), put("<html>")
	id := u.create("customer", map[string]any{"name": "A", "photo": photo, "contract": page})
	record := u.get("/api/v1/records/customer/" + id + "?fields=photo,contract").object()
	if record["photo"] != photo || record["contract"] != page {
		t.Errorf("the record holds %v", record)
	}
	if items := u.get("/api/v1/records/customer?filter=" + url.QueryEscape("photo != null && contract == '"+page+"'")).items(); len(items) != 1 {
		t.Errorf("found: %v", items)
	}
	const gone = "01890000-0000-7000-8000-000000000000"
	large := put(aPicture + strings.Repeat("x", schema.MaxImageBytes))
	unfinished := put(aPicture)
	o.sql(t, `UPDATE kontor.file SET sha256 = NULL WHERE id = '`+unfinished+`'`)
	for value, words := range map[any]string{page: "there is no image", gone: "there is no image", large: "there is no image", unfinished: "there is no image", "x": "UUID", 7: "the id of a file"} {
		u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"photo": value}).is(http.StatusUnprocessableEntity).names("photo", words)
	}
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "B", "contract": gone}).is(http.StatusUnprocessableEntity).names("contract", "there is no file")
	u.imports("customer", mappingOf("customer", "", fields{{"field": "name", "column": "n"}, {"field": "photo", "column": "p"}}), "n,p\nC,"+photo+"\nD,"+page+"\n").
		is(t, crm.Report{Created: 1, Failed: 1})
	// What a record names stays.
	if err := tryExec(t, o, `DELETE FROM kontor.file WHERE id = '`+photo+`'`); err == nil {
		t.Error("a file went although a record names it")
	}
	u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"photo": nil, "contract": nil}).is(http.StatusOK)
	if err := tryExec(t, o, `DELETE FROM kontor.file WHERE id = '`+page+`'`); err != nil {
		t.Errorf("a file that no record names: %v", err)
	}
}

// tryExec runs a statement in the tenant's database, which may fail.
func tryExec(t *testing.T, o *organisation, statement string) error {
	t.Helper()
	c, err := pgx.Connect(t.Context(), o.database.URL())
	must(t, err)
	defer c.Close(context.WithoutCancel(t.Context()))
	_, err = c.Exec(t.Context(), statement)
	return err
}
