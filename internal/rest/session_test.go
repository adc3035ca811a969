package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestNothingIsToldToWhoIsNotSignedIn(t *testing.T) {
	t.Parallel()
	u := newUser(t, newOrganisation(t))
	for _, path := range []string{"/api/v1/schema", "/api/v1/openapi.json", "/api/v1/records/customer", "/api/v1/records/nothing"} {
		u.get(path).is(http.StatusUnauthorized)
	}
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "A"}).is(http.StatusUnauthorized)
	u.token = "guessed"
	u.get("/api/v1/schema").is(http.StatusUnauthorized)
}

func TestTheCookieIsForThisHostAlone(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := newUser(t, o)
	r := u.send("POST", "/api/v1/login", map[string]any{"email": "Admin@acme.example", "password": adminPassword}).is(http.StatusOK)
	cookies := (&http.Response{Header: r.header}).Cookies()
	if len(cookies) != 1 {
		t.Fatalf("cookies: %v", cookies)
	}
	c := cookies[0]
	if c.Name != "__Host-kontor" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 12*3600 {
		t.Errorf("the cookie: %+v", c)
	}
	u.send("GET", "/api/v1/schema", nil, "Cookie: "+c.Name+"="+c.Value).is(http.StatusOK)
	out := u.send("POST", "/api/v1/logout", nil, "Cookie: "+c.Name+"="+c.Value).is(http.StatusNoContent)
	if gone := (&http.Response{Header: out.header}).Cookies(); len(gone) != 1 || gone[0].MaxAge >= 0 {
		t.Errorf("logout leaves the cookie: %v", gone)
	}
	u.send("GET", "/api/v1/schema", nil, "Cookie: "+c.Name+"="+c.Value).is(http.StatusUnauthorized)
}

func TestLoginRefusesAndThenSlowsDown(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := newUser(t, o)
	u.send("POST", "/api/v1/login", `{"email": "a@b.c"}`).is(http.StatusUnprocessableEntity).names("password", "is required")
	u.send("POST", "/api/v1/login", `{"email": "admin\u0000@acme.example", "password": "x"}`).is(http.StatusUnauthorized)
	u.send("POST", "/api/v1/login", `{"email": 7, "password": "x", "otp": "1"}`).is(http.StatusUnprocessableEntity).names("email", "text").names("otp", "")
	for range 5 {
		u.send("POST", "/api/v1/login", map[string]any{"email": "admin@acme.example", "password": "wrong"}).is(http.StatusUnauthorized)
	}
	r := u.send("POST", "/api/v1/login", map[string]any{"email": "admin@acme.example", "password": adminPassword}).is(http.StatusTooManyRequests)
	if r.header.Get("Retry-After") == "" {
		t.Error("the answer does not say when to try again")
	}
}

func TestAUserWhoIsGoneIsSignedOut(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.get("/api/v1/records/user").items()[0]["id"].(string)
	u.send("DELETE", "/api/v1/records/user/"+id, nil).is(http.StatusConflict)
	u.send("DELETE", "/api/v1/records/user/"+strings.ToUpper(id), nil).is(http.StatusConflict)
	o.sql(t, `UPDATE crm."user" SET deleted_at = now()`)
	u.get("/api/v1/schema").is(http.StatusUnauthorized)
}

func TestWhoIsNoAdministratorMayNothing(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "A"})
	o.sql(t, `UPDATE kontor.credential SET administrator = false`)
	u.get("/api/v1/records/customer").is(http.StatusForbidden)
	u.get("/api/v1/records/customer/" + id).is(http.StatusForbidden)
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "A"}).is(http.StatusForbidden)
	u.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"name": "B"}).is(http.StatusForbidden)
	u.send("DELETE", "/api/v1/records/customer/"+id, nil).is(http.StatusForbidden)
}

func TestTwoTenantsNeverSeeEachOther(t *testing.T) {
	t.Parallel()
	one, other := newOrganisation(t), newOrganisation(t)
	ann, bob := one.signedIn(t), other.signedIn(t)
	id := ann.create("customer", map[string]any{"name": "Of one"})

	// Records: neither listed, nor by id, nor as the target of a relation.
	if items := bob.get("/api/v1/records/customer").items(); len(items) != 0 {
		t.Errorf("the other sees %v", items)
	}
	bob.get("/api/v1/records/customer/" + id).is(http.StatusNotFound)
	bob.send("PATCH", "/api/v1/records/customer/"+id, map[string]any{"name": "Mine"}).is(http.StatusNotFound)
	bob.send("DELETE", "/api/v1/records/customer/"+id, nil).is(http.StatusNotFound)
	bob.send("POST", "/api/v1/records/customer", map[string]any{"name": "C", "parent": id}).is(http.StatusUnprocessableEntity)

	// Sessions: a token of one, as a header or a cookie, is worth nothing at the other.
	thief := newUser(t, other)
	thief.token = ann.token
	thief.get("/api/v1/records/customer").is(http.StatusUnauthorized)
	thief.token = ""
	thief.send("GET", "/api/v1/records/customer", nil, "Cookie: __Host-kontor="+ann.token).is(http.StatusUnauthorized)

	// Database credentials: those of one do not open the other's database.
	c, err := pgx.Connect(t.Context(), one.app.In(other.app.Database).URL())
	if err == nil {
		_ = c.Close(context.WithoutCancel(t.Context()))
		t.Error("the credentials of one open the database of the other")
	}
	if c, err = pgx.Connect(t.Context(), one.app.URL()); err != nil {
		t.Fatalf("the credentials of one do not open its own: %v", err)
	}
	_ = c.Close(context.WithoutCancel(t.Context()))
}
