package rest

import (
	"context"
	"net/http"

	"github.com/kontor-crm/kontor/internal/auth"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// logout ends the session that the request shows. Whoever has none is out already.
func logout(gate *auth.Gate) handler {
	return func(ctx context.Context, c *call, _ *tenancy.Model) (*answer, error) {
		if err := gate.Logout(ctx, c.tenant.Database(), sessionToken(c.Request)); err != nil {
			return nil, err
		}
		a := &answer{status: http.StatusNoContent, header: http.Header{}}
		a.header.Add("Set-Cookie", cookie("", -1).String())
		return a, nil
	}
}
