package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// conversion is how the values of one form of a field become those of another, in SQL.
type conversion struct {
	from, to *schema.Field
	turn     schema.Turn
	how      *schema.Conversion
	// zone and language are the organisation's.
	zone, language string
}

// conversionOf is the conversion between two forms; false when there is no way.
func conversionOf(s *schema.Schema, from, to *schema.Field, how *schema.Conversion) (conversion, bool) {
	way := schema.WayOf(from, to, how)
	return conversion{from: from, to: to, turn: way.Turn, how: how, zone: s.Organisation.TimeZone, language: s.Organisation.Language}, way.Refused == ""
}

// of is the value that an expression of the first form becomes: an expression that never
// fails. It is null where there is no value, or the value does not convert.
func (c conversion) of(value string) string {
	var made guarded
	switch c.turn {
	case schema.TurnNone:
		made.value = value
	case schema.TurnNumber:
		made.value = value + "::numeric"
	case schema.TurnFlag:
		made = c.flag(value)
	case schema.TurnDay:
		made = c.day(value)
	case schema.TurnShow:
		made = c.show(value)
	case schema.TurnRead:
		made = c.read(trimmed(value))
	case schema.TurnKey:
		made.value = c.key(trimmed(value))
	case schema.TurnLabel:
		made.value = c.label(value)
	case schema.TurnList:
		made.value = "ARRAY[" + value + "]"
		made.when(value + " IS NOT NULL")
	case schema.TurnOne:
		made = guarded{conditions: []string{"cardinality(" + value + ") = 1"}, value: "(" + value + ")[1]"}
	}
	return c.fitted(made)
}

// guarded is an expression that can be computed where all conditions hold, each of which
// can be where those before it do.
type guarded struct {
	conditions []string
	value      string
}

func (g *guarded) when(condition string) { g.conditions = append(g.conditions, condition) }

func (g guarded) sql() string {
	text := g.value
	for _, condition := range slices.Backward(g.conditions) {
		text = "CASE WHEN " + condition + " THEN " + text + " END"
	}
	return text
}

// fitted is the value where it keeps the rules of the second form.
func (c conversion) fitted(made guarded) string {
	var rules []string
	if c.to.Kind() == schema.KindNumber && c.turn != schema.TurnFlag {
		if _, _, ok := c.to.Storage().Digits(); !ok { // whole numbers
			rules = append(rules, made.value+" = trunc("+made.value+")")
		}
	}
	for _, rule := range c.to.Rules() {
		rules = append(rules, conditionOn("("+made.value+")", rule))
	}
	if len(rules) > 0 {
		made.when(strings.Join(rules, " AND "))
	}
	if c.to.Storage() != schema.StorageText {
		made.value = "(" + made.value + ")::" + string(c.to.Storage())
	}
	return made.sql()
}

// flag goes between true and 1, and false and 0.
func (c conversion) flag(value string) guarded {
	if c.from.Type == schema.TypeBoolean {
		return guarded{value: "CASE " + value + " WHEN true THEN 1 WHEN false THEN 0 END"}
	}
	return guarded{value: "CASE " + value + " WHEN 1 THEN true WHEN 0 THEN false END"}
}

// The days and moments that the API can write.
const (
	soundDay    = " BETWEEN '0001-01-01'::date AND '9999-12-31'::date"
	soundMoment = " BETWEEN '0001-01-01 00:00:00+00'::timestamp with time zone AND '9999-12-31 23:59:59.999999+00'::timestamp with time zone"
)

// day goes between a day and its midnight in the organisation's time zone.
func (c conversion) day(value string) guarded {
	zone, sound, soundThere := quoted(c.zone), soundMoment, soundDay
	made := "(" + value + " AT TIME ZONE " + zone + ")::date"
	if c.from.Type == schema.TypeDate {
		sound, soundThere = soundDay, soundMoment
		made = "(" + value + "::timestamp without time zone AT TIME ZONE " + zone + ")"
	}
	return guarded{conditions: []string{value + sound, made + soundThere}, value: made}
}

// show is the value as the API writes it.
func (c conversion) show(value string) guarded {
	switch c.from.Type { //nolint:exhaustive // the matrix lets no others be shown
	case schema.TypeDecimal, schema.TypeMoney, schema.TypePercent:
		return guarded{value: fmt.Sprintf("round(%s, greatest(min_scale(%s), %d))::text", value, value, shownScale(c.from))}
	case schema.TypeDuration:
		unit := func(amount, letter, more string) string {
			return "CASE WHEN " + amount + " <> 0" + more + " THEN (" + amount + ")::text || '" + letter + "' ELSE '' END"
		}
		return guarded{value: "('PT' || " + unit(value+" / 3600", "H", "") + " || " + unit(value+" / 60 % 60", "M", "") + " || " + unit(value+" % 60", "S", " OR "+value+" = 0") + ")"}
	case schema.TypeBoolean:
		yes, no := c.how.Words(true)[0], c.how.Words(false)[0]
		return guarded{value: "CASE " + value + " WHEN true THEN " + quoted(yes) + " WHEN false THEN " + quoted(no) + " END"}
	case schema.TypeDate:
		return guarded{conditions: []string{value + soundDay}, value: c.written(value)}
	case schema.TypeDateTime:
		moment := "(" + value + " AT TIME ZONE 'UTC')"
		plain := conversion{from: c.from, to: c.to}
		return guarded{conditions: []string{value + soundMoment}, value: "(" + plain.written(moment) + " || 'T' || " + moment + "::time::text || 'Z')"}
	case schema.TypeMultiPicklist:
		return guarded{value: "array_to_string(" + value + ", ';')"}
	}
	return guarded{value: value + "::text"}
}

// shownScale is the number of digits behind the point that the API writes at least.
func shownScale(f *schema.Field) int {
	switch {
	case f.Scale != nil && f.Type != schema.TypePercent:
		return *f.Scale
	case f.Type == schema.TypeMoney:
		return 2
	}
	return 0
}

// written is a day in the format of dates.
func (c conversion) written(day string) string {
	var parts []string
	for _, place := range c.how.DateLayout() {
		unit, digits := strings.ToLower(map[string]string{"YYYY": "year", "MM": "month", "DD": "day"}[place.Part]), len(place.Part)
		parts = append(parts, fmt.Sprintf("lpad(extract(%s FROM %s)::integer::text, %d, '0')", unit, day, digits))
		if place.Behind != "" {
			parts = append(parts, quoted(place.Behind))
		}
	}
	return "(" + strings.Join(parts, " || ") + ")"
}

// The white space that does not count around a text.
func trimmed(value string) string { return "btrim(" + value + `, E' \t\r\n')` }

// The texts that can be read.
const (
	// numberText is what schema.ParseDecimal reads, but for its length.
	numberText = `'^-?([0-9]+[.]?[0-9]*|[.][0-9]+)$'`
	spanText   = `'^P([0-9]{1,9}W)?([0-9]{1,9}D)?(T([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,12}S)?)?$'`
	clockText  = `'^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?$'`
	momentText = `'T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?(Z|[+-]([01][0-9]|2[0-4]):([0-5][0-9]|60))$'`
	keysText   = `'^[a-z][a-z0-9_]*([ ]*;[ ]*[a-z][a-z0-9_]*)*$'`
)

// read is the value of a text that the API would read.
func (c conversion) read(text string) guarded {
	isNumber := text + " ~ " + numberText + fmt.Sprintf(" AND char_length(ltrim(%s, '-')) <= %d", text, schema.MaxDigits)
	switch c.to.Type { //nolint:exhaustive // the matrix lets no others be read
	case schema.TypeDuration:
		seconds := "CASE WHEN " + text + " ~ " + numberText + " THEN " + text + "::numeric ELSE " + spanOf(text) + " END"
		return guarded{conditions: []string{"CASE WHEN " + text + " ~ " + spanText + " THEN " + text + " !~ '[PT]$' ELSE " + isNumber + " END"}, value: "(" + seconds + ")"}
	case schema.TypeBoolean:
		var cases []string
		for _, meaning := range []bool{true, false} {
			for _, word := range c.how.Words(meaning) {
				cases = append(cases, fmt.Sprintf("WHEN %s THEN %t", quoted(strings.ToLower(word)), meaning))
			}
		}
		return guarded{value: "CASE lower(" + text + ") " + strings.Join(cases, " ") + " END"}
	case schema.TypeDate:
		return c.readDay(text, "$")
	case schema.TypeDateTime:
		return c.readMoment(text)
	case schema.TypeTime:
		return guarded{conditions: []string{text + " ~ " + clockText}, value: clockOf(text, "^")}
	case schema.TypeMultiPicklist:
		keys := "regexp_replace(" + text + ", '[ ]*;[ ]*', ';', 'g')"
		return guarded{
			conditions: []string{text + " ~ " + keysText + " AND " + keys + ` !~ '(^|;)([^;]+);(.*;)?\2($|;)'`},
			value:      "string_to_array(" + keys + ", ';')",
		}
	}
	return guarded{conditions: []string{isNumber}, value: text + "::numeric"}
}

// spanOf are the seconds of a duration of ISO 8601.
func spanOf(text string) string {
	var sum []string
	for _, unit := range []struct {
		letter  string
		seconds int
	}{{"W", 604_800}, {"D", 86_400}, {"H", 3600}, {"M", 60}, {"S", 1}} {
		sum = append(sum, fmt.Sprintf("coalesce(substring(%s FROM '([0-9]+)%s')::numeric, 0) * %d", text, unit.letter, unit.seconds))
	}
	return strings.Join(sum, " + ")
}

// readDay reads the day at the beginning of a text that goes on with a pattern.
func (c conversion) readDay(text, rest string) guarded {
	group := map[string]string{}
	pattern := "^"
	for _, part := range []string{"", "YYYY", "MM", "DD"} {
		var whole strings.Builder
		for _, place := range c.how.DateLayout() {
			open := "(?:"
			if place.Part == part {
				open = "("
			}
			whole.WriteString(open + map[string]string{
				"YYYY": "(?!0000)[0-9]{4}", "MM": "0[1-9]|1[0-2]", "DD": "0[1-9]|[12][0-9]|3[01]",
			}[place.Part] + ")")
			for _, sign := range place.Behind {
				whole.WriteString("[" + string(sign) + "]")
			}
		}
		group[part] = pattern + whole.String()
	}
	of := func(part string) string {
		return "substring(" + text + " FROM " + quoted(group[part]) + ")::integer"
	}
	first := "make_date(" + of("YYYY") + ", " + of("MM") + ", 1)"
	day := "(" + first + " + (" + of("DD") + " - 1))"
	return guarded{
		conditions: []string{text + " ~ " + quoted(group[""]+rest), "extract(month FROM " + day + ") = " + of("MM")},
		value:      day,
	}
}

// readMoment reads a moment of RFC 3339.
func (c conversion) readMoment(text string) guarded {
	plain := conversion{from: c.from, to: c.to}
	made := plain.readDay(text, "T")
	made.conditions = append([]string{text + " ~ " + momentText}, made.conditions...)
	offset := "substring(" + text + " FROM '[+-][0-9]{2}:[0-9]{2}$')"
	minutes := "(substring(" + offset + " FROM '^[+-][0-9]{2}')::integer * 60 + (substring(" + offset + " FROM '^[+-]') || right(" + offset + ", 2))::integer)"
	made.value = "((" + made.value + " + " + clockOf(text, "T") + " - make_interval(mins => coalesce(" + minutes + ", 0))) AT TIME ZONE 'UTC')"
	made.when(made.value + soundMoment)
	return made
}

// clockOf is the time of the day behind a pattern, to the microsecond.
func clockOf(text, behind string) string {
	group := func(pattern string) string { return "substring(" + text + " FROM '" + behind + pattern + "')" }
	return "make_time(" + group("([0-9]{2})") + "::integer, " + group("[0-9]{2}:([0-9]{2})") + "::integer, coalesce(" +
		group("[0-9:]{5}:([0-9]{2}(?:[.][0-9]{1,6})?)") + "::double precision, 0))"
}

// key is the option of that key or, regardless of case, of that label.
func (c conversion) key(text string) string {
	var cases []string
	seen := map[string]bool{}
	add := func(text, key string) {
		if text = strings.ToLower(strings.TrimSpace(text)); text != "" && !seen[text] {
			seen[text] = true
			cases = append(cases, "WHEN "+quoted(text)+" THEN "+quoted(key))
		}
	}
	for _, option := range c.to.Options {
		add(option.Key, option.Key)
	}
	for _, option := range c.to.Options {
		for _, language := range slices.Sorted(maps.Keys(option.Label)) {
			add(option.Label[language], option.Key)
		}
	}
	if len(cases) == 0 {
		return "NULL::text"
	}
	return "CASE lower(" + text + ") " + strings.Join(cases, " ") + " END"
}

// label is the label of an option, or its key when it has none.
func (c conversion) label(value string) string {
	var cases []string
	for _, option := range c.from.Options {
		if label := option.Label.In(c.language); label != "" {
			cases = append(cases, "WHEN "+quoted(option.Key)+" THEN "+quoted(label))
		}
	}
	if len(cases) == 0 {
		return value
	}
	return "CASE " + value + " " + strings.Join(cases, " ") + " ELSE " + value + " END"
}
