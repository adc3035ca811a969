package expr_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

func indexed(f *schema.Field) *schema.Field {
	f.Indexed = true
	return f
}

// sourcesOf says what a field of deals follows from: its own fields, then those of each list.
func sourcesOf(t *testing.T, f *schema.Field) (string, error) {
	t.Helper()
	s, o := deals(t,
		with("customer", indexed(rollup("total", schema.Rollup{Inverse: "deals", Function: schema.RollupSum, Field: "amount"})), indexed(formula("half", schema.TypeMoney, "total / 2")),
			indexed(formula("staff", schema.TypeInteger, "employees + 1"))),
		with("line", formula("value", schema.TypeDecimal, `price * quantity`), indexed(formula("kept_value", schema.TypeDecimal, `price * quantity`))),
		with("deal", formula("weighted", schema.TypeMoney, `amount * share / 100`), indexed(formula("kept_weighted", schema.TypeMoney, `amount * share / 100`)), f))
	e, err := expr.CompileComputed(s, o, f)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := e.Sources()
	if err != nil {
		return "", err
	}
	names := func(fields []*schema.Field) string {
		all := make([]string, 0, len(fields))
		for _, f := range fields {
			all = append(all, f.Name)
		}
		return strings.Join(all, " ")
	}
	text := names(sources.Own)
	for _, reference := range sources.References {
		text += fmt.Sprintf(", %s by %s: %s", reference.Object.Name, reference.Relation.Name, names(reference.Fields))
	}
	for _, list := range sources.Lists {
		text += fmt.Sprintf(", %s by %s: %s", list.Object.Name, list.Relation.Name, names(list.Fields))
	}
	return text, nil
}

func TestAKeptFieldFollowsFromItsRecordAndThoseThatPointToIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`weighted + amount`: "amount share",
		`kept_weighted + 1`: "kept_weighted",
		`customer.staff`:    "customer, customer by customer: staff",
		`customer.revenue + partner.revenue + customer.employees`:     "customer partner, customer by customer: revenue employees, customer by partner: revenue",
		`lines.filter(x, !x.free).map(x, x.value).sum() + seats`:      "seats, line by deal: free price quantity",
		`lines.map(x, x.kept_value).max() + lines.size() + amount`:    "amount, line by deal: kept_value",
		`lines.filter(x, x.price > amount).size() - lines.size() + 1`: "amount, line by deal: price",
	} {
		if got, err := sourcesOf(t, indexed(formula("f", schema.TypeDecimal, text))); got != want || err != nil {
			t.Errorf("%s follows from %q, not %q: %v", text, got, want, err)
		}
	}
}

func TestWhatNoWriteKeepsRightIsNotKept(t *testing.T) {
	t.Parallel()
	for text, words := range map[string]string{
		`close_date - today()`:                            "depends on when it is asked for",
		`(now() > called_at) ? 1 : 2`:                     "depends on when it is asked for",
		`amount / customer.half`:                          "what changes with every deal beside it",
		`customer.parent.revenue`:                         "reads fields of the customer that another record",
		`lines.filter(x, x.deal.hot).size()`:              "reads fields of the deal that another record",
		`(hot ? customer : partner).revenue`:              "reads fields of the customer that another record",
		`customer.deals.size()`:                           "of other records than its own",
		`lines.filter(x, x.due_on == today()).size() + 1`: "depends on when",
	} {
		if got, err := sourcesOf(t, indexed(formula("f", schema.TypeDecimal, text))); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s follows from %q: %v", text, got, err)
		}
	}
}
