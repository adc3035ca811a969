// Package controllers is the table of contents of the control plane: every
// controller, and what it is given.
package controllers

import (
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/kontor-crm/kontor/controllers/customfield"
	"github.com/kontor-crm/kontor/controllers/customobject"
	"github.com/kontor-crm/kontor/controllers/databaseserver"
	"github.com/kontor-crm/kontor/controllers/objectindex"
	"github.com/kontor-crm/kontor/controllers/pipeline"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/controllers/validationrule"
	"github.com/kontor-crm/kontor/internal/reconcile"
)

// Parts are what the controllers need from outside the cluster.
type Parts struct {
	Prober    databaseserver.Prober
	Databases tenant.Databases
	Schemas   tenant.Schemas
	Rollouts  tenant.Rollouts
	Directory tenant.Directory
	// Now is the clock.
	Now func() time.Time
	// Pace is how often the controllers look at the world.
	Pace reconcile.Pace
	// Settings are those of the installation.
	Settings tenant.Settings
}

// Setup makes the manager run every controller.
func Setup(m ctrl.Manager, parts Parts) error {
	c, verdicts := m.GetClient(), reconcile.NewVerdicts()
	tenants := &tenant.Controller{
		Client: c, Events: m.GetEventRecorder("kontor"), Pace: parts.Pace, Verdicts: verdicts,
		Settling:  reconcile.NewSettling(parts.Now),
		Databases: parts.Databases, Schemas: parts.Schemas, Rollouts: parts.Rollouts, Directory: parts.Directory,
		Now: parts.Now, Settings: parts.Settings,
	}
	for name, setup := range map[string]func() error{
		"DatabaseServer": func() error {
			return (&databaseserver.Controller{
				Client: c, Pace: parts.Pace, Prober: parts.Prober, Namespace: parts.Settings.Namespace,
			}).SetupWithManager(m)
		},
		"Tenant":            func() error { return tenants.SetupWithManager(m) },
		"ChangePlan":        func() error { return (&tenant.Answers{Controller: tenants}).SetupWithManager(m) },
		customobject.Kind:   func() error { return customobject.New(c, parts.Pace, verdicts).SetupWithManager(m) },
		customfield.Kind:    func() error { return customfield.New(c, parts.Pace, verdicts).SetupWithManager(m) },
		pipeline.Kind:       func() error { return pipeline.New(c, parts.Pace, verdicts).SetupWithManager(m) },
		validationrule.Kind: func() error { return validationrule.New(c, parts.Pace, verdicts).SetupWithManager(m) },
		objectindex.Kind:    func() error { return objectindex.New(c, parts.Pace, verdicts).SetupWithManager(m) },
	} {
		if err := setup(); err != nil {
			return fmt.Errorf("setting up the controller of %s: %w", name, err)
		}
	}
	return nil
}
