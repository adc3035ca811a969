package crm

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// rates are what one unit of each currency is worth in the organisation's own, on the day of a write.
// A currency without a rate is known, too: by none.
type rates map[string]decimal.NullDecimal

// learnRates adds the rates of those currencies that are not known yet.
func (r *Records) learnRates(ctx context.Context, tx Tx, at time.Time, known rates, currencies []string) error {
	organisation := r.Compiler.Schema().Organisation
	currencies = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(currencies))), func(currency string) bool {
		_, isKnown := known[currency]
		return isKnown || currency == organisation.Currency
	})
	if len(currencies) == 0 {
		return nil
	}
	zone, err := time.LoadLocation(organisation.TimeZone)
	if err != nil {
		zone = time.UTC // the compiler has refused it
	}
	statement, ok := r.Compiler.Rates(currencies, at.In(zone))
	if !ok {
		return nil
	}
	for _, currency := range currencies {
		known[currency] = decimal.NullDecimal{}
	}
	err = tx.Query(ctx, statement, func(row [][]byte) error {
		rate, err := decimal.NewFromString(string(row[1]))
		known[string(row[0])] = decimal.NewNullDecimal(rate)
		return err
	})
	if err != nil {
		return fmt.Errorf("looking up rates of exchange: %w", err)
	}
	return nil
}

// currenciesOf are the currencies whose rates the amounts of a record may need when it is written.
func currenciesOf(o *schema.Object, given, before query.Values) []string {
	f, ok := o.Field(schema.FieldCurrency)
	if !ok || !f.System {
		return nil
	}
	value, isGiven := given[f]
	if !isGiven && !slices.ContainsFunc(o.Fields, func(f *schema.Field) bool { return f.Type == schema.TypeMoney && given[f] != nil }) {
		return nil
	}
	if value == nil {
		value = before[f]
	}
	if currency, ok := value.(string); ok {
		return []string{currency}
	}
	return nil
}

// fillBase writes the amount in the organisation's currency, when the amount or
// its currency is another. Without a rate there is none.
func (d *decision) fillBase(f, beside *schema.Field, currency value) {
	if !d.isNew() && !currency.changed && equal(d.before[f], d.after[f]) {
		return
	}
	d.after[beside] = nil
	amount, ok := d.after[f].(decimal.Decimal)
	known := d.rates[currency.text]
	rate, isKnown := known.Decimal, known.Valid
	if currency.text == d.schema.Organisation.Currency {
		rate, isKnown = decimal.New(1, 0), true
	}
	if !ok || !isKnown {
		return
	}
	base, err := beside.Parse(amount.Mul(rate).Round(schema.MoneyScale).String())
	if err != nil {
		d.wish.refusef(f, "is too large in %s: at the rate of %s it %s", d.schema.Organisation.Currency, rate, err)
		return
	}
	d.after[beside] = base
}

// currency is that of the record's amounts.
func (d *decision) currency() (currency value) {
	f, ok := d.object.Field(schema.FieldCurrency)
	if !ok || !f.System {
		return currency
	}
	currency.text, _ = d.after[f].(string)
	currency.changed = !equal(d.before[f], d.after[f])
	return currency
}
