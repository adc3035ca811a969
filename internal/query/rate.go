package query

import (
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Rates are the rates of exchange of some currencies that are valid on a day: a
// row for each, its currency and its rate. False when the model has no rates.
// They are no secret: whoever writes an amount sees what it is worth.
func (c *Compiler) Rates(currencies []string, day time.Time) (Statement, bool) {
	o, ok := c.schema.ObjectByIdentity(schema.ObjectExchangeRate)
	if !ok || o.Custom {
		return Statement{}, false
	}
	currency, hasCurrency := o.FieldByIdentity(schema.FieldCurrencyCode)
	rate, hasRate := o.FieldByIdentity(schema.FieldRate)
	from, hasFrom := o.FieldByIdentity(schema.FieldValidFrom)
	if !hasCurrency || !hasRate || !hasFrom {
		return Statement{}, false
	}
	id, _ := o.Field(schema.FieldID)
	selected := c.selectOwn(Access{}, o, currency, rate)
	var args expr.Args
	return Statement{
		SQL: "SELECT DISTINCT ON (" + column(record, currency) + ") " + selected.list(&args) + selected.from() +
			" WHERE " + column(record, currency) + " = ANY(" + args.Add(currencies) + "::text[]) AND " + column(record, from) + " <= " +
			args.Add(day.Format(time.DateOnly)) + "::date AND " + live(record) +
			" ORDER BY " + column(record, currency) + ", " + column(record, from) + " DESC, " + column(record, id) + " DESC",
		Args:    args.Values(),
		Columns: selected.columns,
	}, true
}
