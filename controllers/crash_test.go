package controllers_test

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/kontor-crm/kontor/controllers"
	"github.com/kontor-crm/kontor/controllers/tenant"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/secret"
)

var errDied = errors.New("the process died here")

// crash fails every call to the outside after the n-th one: what a killed
// process does, seen from the outside.
type crash struct {
	after int64
	calls atomic.Int64
	died  atomic.Bool
}

func (c *crash) decorate(parts controllers.Parts) controllers.Parts {
	parts.Databases = crashingDatabases{parts.Databases, c}
	parts.Schemas = crashingSchemas{parts.Schemas, c}
	parts.Directory = crashingDirectory{parts.Directory, c}
	return parts
}

// step says whether the process still lives.
func (c *crash) step() error {
	if c.calls.Add(1) > c.after {
		c.died.Store(true)
		return errDied
	}
	return nil
}

// The calls that change something outside. A process dies before one of them or
// after it; dying after is dying before the next.
type crashingDatabases struct {
	tenant.Databases
	*crash
}

func (d crashingDatabases) Find(ctx context.Context, server secret.Connection, id tenant.Identity) (tenant.Ownership, bool, error) {
	if d.died.Load() {
		return "", false, errDied
	}
	return d.Databases.Find(ctx, server, id)
}

func (d crashingDatabases) Ensure(ctx context.Context, server secret.Connection, id tenant.Identity, standard *schema.Schema) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.Databases.Ensure(ctx, server, id, standard)
}

func (d crashingDatabases) Login(ctx context.Context, server secret.Connection, id tenant.Identity, role tenant.Role, password string) (secret.Connection, error) {
	if err := d.step(); err != nil {
		return secret.Connection{}, err
	}
	return d.Databases.Login(ctx, server, id, role, password)
}

type crashingSchemas struct {
	tenant.Schemas
	*crash
}

func (s crashingSchemas) Apply(ctx context.Context, database secret.Connection, p *plan.Plan, wanted *schema.Schema) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.Schemas.Apply(ctx, database, p, wanted)
}

func (s crashingSchemas) Run(ctx context.Context, database secret.Connection, p *plan.Plan, wanted *schema.Schema, tell func(plan.Progress)) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.Schemas.Run(ctx, database, p, wanted, tell)
}

func (s crashingSchemas) EnsureAdministrator(ctx context.Context, database secret.Connection, email, name, passwordHash string) (bool, error) {
	if err := s.step(); err != nil {
		return false, err
	}
	return s.Schemas.EnsureAdministrator(ctx, database, email, name, passwordHash)
}

type crashingDirectory struct {
	tenant.Directory
	*crash
}

func (d crashingDirectory) Publish(ctx context.Context, entry tenant.Entry) error {
	if err := d.step(); err != nil {
		return err
	}
	return d.Directory.Publish(ctx, entry)
}
