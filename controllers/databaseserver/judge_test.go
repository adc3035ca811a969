package databaseserver

import (
	"strings"
	"testing"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/fault"
)

// Servers that are too old or lack the locale cannot be had on one machine, so
// what they would answer is made up here; all else is tested on a real one.
func TestAServerThatCannotHoldTenantsIsToldWhy(t *testing.T) {
	t.Parallel()
	good := Observed{Version: "15.1", VersionNumber: 150001, UnicodeLocale: true, CreateDatabases: true, CreateRoles: true, MaxConnections: 110}
	server := &crmv1.DatabaseServer{}
	server.Spec.Connections = crmv1.ConnectionLimits{Operator: 10, Service: 80, Worker: 20}
	if err := judge(server, good); err != nil {
		t.Errorf("a good server is refused: %s", err)
	}
	for name, c := range map[string]struct {
		change       func(*Observed)
		reason, path string
	}{
		"too old":                    {func(o *Observed) { o.Version, o.VersionNumber = "14.9", 140009 }, crmv1.ReasonVersionTooOld, "spec.address: the server is PostgreSQL 14.9"},
		"without the locale":         {func(o *Observed) { o.UnicodeLocale = false }, crmv1.ReasonLocaleUnsupported, "spec.address: "},
		"without right to databases": {func(o *Observed) { o.CreateDatabases = false }, crmv1.ReasonInsufficientRights, "spec.adminSecretRef: "},
		"without right to roles":     {func(o *Observed) { o.CreateRoles = false }, crmv1.ReasonInsufficientRights, "spec.adminSecretRef: "},
		"with too few connections":   {func(o *Observed) { o.MaxConnections = 109 }, crmv1.ReasonConnectionBudgetExceeded, "spec.connections: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			observed := good
			c.change(&observed)
			err := judge(server, observed)
			if !fault.Is(err, fault.Stalled) || fault.ReasonOf(err) != c.reason || !strings.HasPrefix(err.Error(), c.path) {
				t.Errorf("got %v, want %s at %s", err, c.reason, c.path)
			}
		})
	}
}
