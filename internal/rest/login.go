package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// cookieName has the prefix __Host-: browsers then keep it to this very host, over HTTPS (or localhost).
const cookieName = "__Host-kontor"

type loginAnswer struct {
	Token   string     `json:"token"`
	Expires time.Time  `json:"expires"`
	User    userAnswer `json:"user"`
}

type userAnswer struct {
	ID            string `json:"id"`
	Name          string `json:"name"`
	Email         string `json:"email"`
	Administrator bool   `json:"administrator"`
}

func describeUser(p schema.Principal) userAnswer {
	return userAnswer{ID: p.UserID, Name: p.Name, Email: p.Email, Administrator: p.Administrator}
}

// login makes a session: a cookie for browsers, a token for programs.
func login(gate *auth.Gate) handler {
	return func(ctx context.Context, c *call, _ *tenancy.Model) (*answer, error) {
		var email, password string
		if err := c.body.texts(map[string]*string{"email": &email, "password": &password}); err != nil {
			return nil, err
		}
		session, err := gate.Login(ctx, c.tenant.Database(), auth.Login{
			Tenant: c.tenant.Key, Address: clientAddress(c.Request, c.options.TrustedProxies), Email: email, Password: password,
		})
		if err != nil {
			return nil, err
		}
		encoded, err := json.Marshal(loginAnswer{Token: session.Token, Expires: session.Expires.UTC(), User: describeUser(session.Principal)})
		if err != nil {
			return nil, err
		}
		a := ok(encoded)
		a.header.Add("Set-Cookie", cookie(session.Token, int(auth.SessionLength.Seconds())).String())
		return a, nil
	}
}

// cookie holds the token; an age below 0 removes it.
func cookie(token string, age int) *http.Cookie {
	return &http.Cookie{
		Name: cookieName, Value: token, Path: "/", MaxAge: age, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode,
	}
}

// sessionToken is what the request shows: a bearer token, else the cookie, else nothing.
func sessionToken(r *http.Request) string {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if strings.EqualFold(scheme, "Bearer") {
			return strings.TrimSpace(token)
		}
		return ""
	}
	if kept, err := r.Cookie(cookieName); err == nil {
		return kept.Value
	}
	return ""
}
