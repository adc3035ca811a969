package provision_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/test/gen"
)

func input(c *gen.Configuration) compile.Input {
	return compile.Input{Tenant: c.Tenant, Objects: c.Objects, Fields: c.Fields, Pipelines: c.Pipelines, Rules: c.Rules, Indexes: c.Indexes}
}

func TestAnExportPlansNothingForItsTenantAndMakesTheSameDatabaseOfAnEmptyOne(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			c := gen.Sound(rand.New(rand.NewPCG(seed, 13)))
			text, err := c.Exported()
			if err != nil {
				t.Fatal(err)
			}
			again, err := gen.Applied(text)
			if err != nil {
				t.Fatal(err)
			}
			h := newHouse(t, admin(t))
			build := func(wanted *schema.Schema) (*schema.Schema, *plan.Live) {
				id := identity(t)
				if err := h.databases.Ensure(t.Context(), h.server, id, compile.Standard([]string{"sales"})); err != nil {
					t.Fatal(err)
				}
				conn := h.server.In(id.Database())
				apply(t, h.schemas, conn, wanted)
				applied, live, err := h.schemas.Observe(t.Context(), conn)
				if err != nil {
					t.Fatal(err)
				}
				return applied, live
			}
			applied, live := build(mustCompile(t, input(&c)))
			over := input(again)
			over.Applied = applied
			if p := plan.Make(applied, mustCompile(t, over), live, plan.Policy{HealDrift: true}); !p.Empty() || len(p.Drift)+len(p.Refused) > 0 {
				t.Errorf("the export plans %+v, drift %+v, refused %+v for its own tenant", p.Changes, p.Drift, p.Refused)
			}
			if copied, same := build(mustCompile(t, input(again))); copied.Digest() != applied.Digest() || !reflect.DeepEqual(same, live) {
				t.Errorf("the export makes another database of an empty one:\n%s", text)
			}
		})
	}
}
