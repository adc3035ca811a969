package jobs

import (
	"context"
	"time"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

const (
	// fillAtOnce is how many records one step makes findable.
	fillAtOnce = 1000
	// fillTime is how long a visit does so: the tenant comes up again for the rest, and
	// other tenants have their turn.
	fillTime = 20 * time.Second
)

// fillSearch makes records findable, a step at a time, until there is nothing to do or
// the visit has lasted long enough. Jobs that somebody asks for meanwhile do not wait
// until then: they are done between two steps. It says how soon the tenant has to be looked at
// again; less than 0 when there is no need.
func (w *Worker[D]) fillSearch(ctx context.Context, tenant *tenancy.Tenant[D]) (again time.Duration, err error) {
	for until := w.options.Clock().Add(fillTime); ctx.Err() == nil && w.options.Clock().Before(until); {
		var state crm.Filling
		err := tenant.Do(ctx, func(ctx context.Context, model *tenancy.Model) error {
			if err := tenant.Writable(); err != nil {
				return err
			}
			state, err = crm.FillSearch(ctx, model.Compiler, tenant.Database(), fillAtOnce)
			return err
		})
		switch {
		case err != nil:
			return 0, err
		case state == crm.Filled:
			return -1, nil
		case state == crm.FillingWaits:
			return tenancy.RenewEvery, nil
		}
		if err := w.doAll(ctx, tenant); err != nil {
			return 0, err
		}
	}
	return 0, nil
}
