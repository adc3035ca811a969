//go:build long

package long

import (
	"testing"

	"github.com/kontor-crm/kontor/internal/plan"
	"github.com/kontor-crm/kontor/internal/schema"
)

func TestOfAHundredThousandRecordsJustThoseThatAreTooLongAreCounted(t *testing.T) {
	schemas, database, c := tenantOf(t, "narrow")
	apply(t, schemas, database, withFields(t, 1, func(f *schema.Field) { f.Length = 100 }))
	const insert = `INSERT INTO crm.customer (id, name, x_code_0) SELECT gen_random_uuid(), 'Customer ' || n, repeat('x', $2) FROM generate_series(1, $1::integer) AS n`
	for many, length := range map[int]int{99_963: 50, 37: 51} {
		_, err := c.Exec(t.Context(), insert, many, length)
		must(t, err)
	}
	narrower := withFields(t, 1, func(f *schema.Field) { f.Length = 50 })
	measured := func() *plan.Plan {
		applied, live, err := schemas.Observe(t.Context(), database)
		must(t, err)
		p := plan.Make(applied, narrower, live, plan.Policy{HealDrift: true})
		must(t, schemas.Measure(t.Context(), database, p))
		return p
	}
	impact := func(p *plan.Plan) *plan.Impact {
		if len(p.Changes) != 1 || p.Changes[0].Impact == nil {
			t.Fatalf("the plan is %+v", p.Changes)
		}
		return p.Changes[0].Impact
	}
	read := measured()
	told := impact(read)
	t.Logf("%d of %d records fail, and %d are named", told.Failing, told.Rows, len(told.IDs))
	if told.Rows != 100_000 || told.Failing != 37 || len(told.IDs) != 10 {
		t.Errorf("the impact is %+v", told)
	}
	if measured().ApprovalDigest() != read.ApprovalDigest() {
		t.Error("the same rows are another digest")
	}
	_, err := c.Exec(t.Context(), insert, 1, 51)
	must(t, err)
	if again := measured(); impact(again).Failing != 38 || again.ApprovalDigest() == read.ApprovalDigest() {
		t.Errorf("with one more the impact is %+v, and an approval of what was read still holds", impact(again))
	}
}
