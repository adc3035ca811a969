package compile

import (
	"cmp"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // which time zones exist must not depend on the machine

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// readTenant takes the settings of the organisation over, and decides which modules there are.
func (c *compiler) readTenant() {
	tenant := c.in.Tenant
	if tenant == nil {
		tenant = &crmv1.Tenant{}
	} else {
		c.tenant = &resource{ref: Ref{KindTenant, tenant.Name}, created: tenant.CreationTimestamp.Time, given: true}
	}
	c.organisation = schema.Organisation{
		Name:        tenant.Name,
		DisplayName: cmp.Or(tenant.Spec.DisplayName, tenant.Name),
		Language:    cmp.Or(tenant.Spec.Language, "en"),
		TimeZone:    cmp.Or(tenant.Spec.TimeZone, "UTC"),
		Currency:    cmp.Or(tenant.Spec.Currency, "EUR"),
		Country:     tenant.Spec.Country,
	}
	if !isTimeZone(c.organisation.TimeZone) && c.tenant != nil {
		c.tenant.refuse(crmv1.ReasonInvalid, Problem{
			Path:    "spec.timeZone",
			Message: fmt.Sprintf("%q is not a time zone of the IANA database; write one like Europe/Berlin or UTC", c.organisation.TimeZone),
		})
		c.organisation.TimeZone = "UTC"
		if c.in.Applied != nil {
			c.organisation.TimeZone = c.in.Applied.Organisation.TimeZone
		}
	}

	modules := map[string]bool{ModuleBase: true}
	for _, module := range tenant.Spec.Modules {
		modules[string(module)] = true
	}
	if c.in.Applied != nil {
		for _, o := range c.in.Applied.Objects {
			if o.Module != "" && !modules[o.Module] && !c.left[moduleRef(o.Module)] {
				modules[o.Module] = true
				c.off = append(c.off, o.Module)
			}
		}
	}
	slices.Sort(c.off)
	c.takeStandard(standardModel(modules))
}

// moduleRef names a module, as Result.Retained does.
func moduleRef(module string) string { return Ref{KindModule, module}.String() }

// isTimeZone refuses "Local" too: it would mean another zone on each machine.
func isTimeZone(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil && name != "Local"
}
