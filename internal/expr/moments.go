package expr

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

// A duration is a number of seconds in both backends: an interval of PostgreSQL
// has days, whose length depends on the time zone. Dates and times outside of
// the years 1 to 9999 are null.

const (
	secondsOfDay = 24 * 60 * 60
	// firstSecond and endOfTime bound the moments, in seconds since 1970; lastDay the days since 0001-01-01.
	firstSecond = -62135596800
	endOfTime   = 253402300800
	lastDay     = 3652058
)

var firstDay = time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)

// zone is the context's time zone.
func (c Context) zone() *time.Location {
	if c.Zone == nil {
		return time.UTC
	}
	return c.Zone
}

// now is the context's moment as PostgreSQL keeps it.
func (c Context) now() time.Time { return c.Now.UTC().Truncate(time.Microsecond) }

// Arguments are the values that now(), today() and user() add to the arguments of SQL.
func (c Context) Arguments() (now, today, user any) {
	return written(schema.KindTime, c.now()), written(schema.KindDate, c.dayOf(c.now())), c.User
}

// dayOf is the day of a moment in the context's time zone.
func (c Context) dayOf(moment time.Time) time.Time {
	year, month, day := moment.In(c.zone()).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// local is the moment in the context's time zone, as a timestamp without one.
func (w *writer) local(moment string) string {
	return "(" + moment + " AT TIME ZONE " + w.args.Add(w.context.zone().String()) + "::text)"
}

// The values of the context. They have no operands.
var (
	now = &function{
		result: schema.KindTime,
		eval:   func(c Context, _ []any) any { return c.now() },
		sql: func(w *writer, _ []string) string {
			if w.context.Now.IsZero() {
				return "now()"
			}
			return w.literal(schema.KindTime, w.context.now())
		},
	}
	today = &function{
		result: schema.KindDate,
		eval:   func(c Context, _ []any) any { return c.dayOf(c.now()) },
		sql: func(w *writer, _ []string) string {
			if w.context.Now.IsZero() {
				return w.local("now()") + "::date"
			}
			return w.literal(schema.KindDate, w.context.dayOf(w.context.now()))
		},
	}
	asker = &function{
		result: schema.KindReference, mayBeNull: true,
		eval: func(c Context, _ []any) any { return orNull(c.User) },
		sql: func(w *writer, _ []string) string {
			if w.context.User == "" {
				return "NULL::uuid"
			}
			return w.literal(schema.KindReference, w.context.User)
		},
	}
)

// dayIn is the day of a moment in the organisation's time zone.
var dayIn = &function{
	result: schema.KindDate,
	eval: func(c Context, o []any) any {
		return c.dayOf(o[0].(time.Time)) //nolint:forcetypeassert // checked
	},
	sql: func(w *writer, o []string) string { return w.local(o[0]) + "::date" },
}

// part is one of the numbers of which a date or a time consists, as CEL counts it.
type part struct {
	of  func(t time.Time) int
	sql string // of the value %s
	// clock says that a date has none.
	clock bool
}

var momentParts = map[string]part{
	"getFullYear":     {of: time.Time.Year, sql: "EXTRACT(year FROM %s)"},
	"getMonth":        {of: func(t time.Time) int { return int(t.Month()) - 1 }, sql: "(EXTRACT(month FROM %s) - 1)"},
	"getDate":         {of: time.Time.Day, sql: "EXTRACT(day FROM %s)"},
	"getDayOfMonth":   {of: func(t time.Time) int { return t.Day() - 1 }, sql: "(EXTRACT(day FROM %s) - 1)"},
	"getDayOfWeek":    {of: func(t time.Time) int { return int(t.Weekday()) }, sql: "EXTRACT(dow FROM %s)"},
	"getDayOfYear":    {of: func(t time.Time) int { return t.YearDay() - 1 }, sql: "(EXTRACT(doy FROM %s) - 1)"},
	"getHours":        {of: time.Time.Hour, sql: "EXTRACT(hour FROM %s)", clock: true},
	"getMinutes":      {of: time.Time.Minute, sql: "EXTRACT(minute FROM %s)", clock: true},
	"getSeconds":      {of: time.Time.Second, sql: "trunc(EXTRACT(second FROM %s))", clock: true},
	"getMilliseconds": {of: func(t time.Time) int { return t.Nanosecond() / 1e6 }, sql: "mod(trunc(EXTRACT(milliseconds FROM %s)), 1000)", clock: true},
}

// partOf takes a part of a date, or of a time in the organisation's time zone.
func partOf(p part, kind schema.Kind) *function {
	return &function{
		result: schema.KindNumber,
		eval: func(c Context, o []any) any {
			moment, _ := o[0].(time.Time)
			if kind == schema.KindTime {
				moment = moment.In(c.zone())
			}
			return decimal.NewFromInt(int64(p.of(moment)))
		},
		sql: func(w *writer, o []string) string {
			value := o[0]
			if kind == schema.KindTime {
				value = w.local(value)
			}
			return fmt.Sprintf(p.sql, value)
		},
		digits: func([]digits) digits { return digits{before: 5} },
	}
}

// durationUnits are the seconds that a duration is counted in; what is left over is dropped.
var durationUnits = map[string]int64{"getHours": 60 * 60, "getMinutes": 60, "getSeconds": 1}

func countOf(unit int64) *function {
	return numeric(func(o []decimal.Decimal) decimal.Decimal { return timesIn(o[0], unit) },
		func(o []string) string { return "div(" + o[0] + ", " + strconv.FormatInt(unit, 10) + ")" },
		func(o []digits) digits { return digits{before: o[0].before} })
}

// timesIn is how often a unit of seconds goes into a duration, without the rest.
func timesIn(seconds decimal.Decimal, unit int64) decimal.Decimal {
	times, _ := seconds.QuoRem(decimal.NewFromInt(unit), 0)
	return times
}

// The differences of two dates, in days, and of two times.
var (
	daysBetween = &function{
		result: schema.KindNumber,
		eval: func(_ Context, o []any) any {
			return decimal.NewFromInt(dayNumber(o[0]) - dayNumber(o[1]))
		},
		sql:    func(_ *writer, o []string) string { return "(" + o[0] + " - " + o[1] + ")::numeric" },
		digits: func([]digits) digits { return digits{before: 7} },
	}
	timeBetween = &function{
		result: kindDuration,
		eval:   func(_ Context, o []any) any { return secondsSince1970(o[0]).Sub(secondsSince1970(o[1])) },
		sql: func(_ *writer, o []string) string {
			return "(EXTRACT(epoch FROM " + o[0] + ") - EXTRACT(epoch FROM " + o[1] + "))"
		},
		digits: func([]digits) digits { return digits{before: 12, behind: 6} },
	}
)

func dayNumber(value any) int64 {
	day, _ := value.(time.Time)
	return (day.Unix() - firstDay.Unix()) / secondsOfDay
}

func secondsSince1970(value any) decimal.Decimal {
	moment, _ := value.(time.Time)
	return decimal.NewFromInt(moment.Unix()).Add(decimal.New(int64(moment.Nanosecond()/1000), -6))
}

// once keeps PostgreSQL from writing a subselect's value out wherever it is named:
// in a chain of moves that would double, or worse, with each of them.
const once = " OFFSET 0"

// moved is a date or a time with a duration added or taken away. A date moves by whole days.
func moved(kind schema.Kind, op operator) *function {
	sign := " + "
	if op == subtract {
		sign = " - "
	}
	f := &function{result: kind, mayBeNull: true}
	by := func(o []any) decimal.Decimal {
		duration, _ := o[1].(decimal.Decimal)
		if op == subtract {
			return duration.Neg()
		}
		return duration
	}
	if kind == schema.KindDate {
		f.eval = func(_ Context, o []any) any {
			to := timesIn(by(o), secondsOfDay).Add(decimal.NewFromInt(dayNumber(o[0])))
			if to.IsNegative() || to.GreaterThan(decimal.NewFromInt(lastDay)) {
				return nil
			}
			return firstDay.AddDate(0, 0, int(to.IntPart()))
		}
		f.sql = func(_ *writer, o []string) string {
			return "(SELECT CASE WHEN v.v BETWEEN 0 AND " + strconv.Itoa(lastDay) + " THEN '0001-01-01'::date + v.v::integer END" +
				" FROM (SELECT (" + o[0] + " - '0001-01-01'::date)" + sign + "div(" + o[1] + ", " + strconv.Itoa(secondsOfDay) + ") AS v" + once + ") AS v)"
		}
		return f
	}
	f.eval = func(_ Context, o []any) any {
		to := secondsSince1970(o[0]).Add(by(o)).Round(6)
		if to.LessThan(decimal.NewFromInt(firstSecond)) || to.GreaterThanOrEqual(decimal.NewFromInt(endOfTime)) {
			return nil
		}
		return time.UnixMicro(to.Shift(6).IntPart()).UTC()
	}
	f.sql = func(_ *writer, o []string) string {
		return "(SELECT CASE WHEN v.v >= " + strconv.Itoa(firstSecond) + " AND v.v < " + strconv.Itoa(endOfTime) + " THEN" +
			" ('1970-01-01'::timestamp + make_interval(days => div(v.v, 86400)::integer, secs => mod(v.v, 86400)::double precision)) AT TIME ZONE 'UTC' END" +
			" FROM (SELECT round(EXTRACT(epoch FROM " + o[0] + ")" + sign + o[1] + ", 6) AS v" + once + ") AS v)"
	}
	return f
}

// parseDuration reads a duration as CEL writes it: 24h, 1h30m, 1.5s.
func parseDuration(text string) (decimal.Decimal, bool) {
	duration, err := time.ParseDuration(text)
	if err != nil || strings.HasPrefix(text, "+") {
		return decimal.Decimal{}, false
	}
	return decimal.New(int64(duration), -9), true
}
