package expr

import (
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

// function is what a call does with its operands, in both backends. It is null
// when one of its operands is, unless it is lenient.
type function struct {
	result schema.Kind
	// lenient lets nulls through to eval and sql.
	lenient bool
	// mayBeNull says that the result may be null though no operand is.
	mayBeNull bool
	eval      func(c Context, operands []any) any
	sql       func(w *writer, operands []string) string
	// digits and length bound the result by what bounds the operands; nil is that they are all that there is.
	digits func(operands []digits) digits
	length func(operands []int) int
}

// whitespace is what trim takes away: all characters that Unicode calls white space.
const whitespace = "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"

const (
	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// The functions of texts. An empty result is no value.
var (
	lowerASCII = translation(upperLetters, lowerLetters)
	upperASCII = translation(lowerLetters, upperLetters)

	trimmed = &function{
		result: schema.KindText, mayBeNull: true,
		eval: func(_ Context, o []any) any { return orNull(strings.Trim(text(o[0]), whitespace)) },
		sql: func(w *writer, o []string) string {
			return "NULLIF(btrim(" + o[0] + ", " + w.args.Add(whitespace) + "::text), '')"
		},
	}
	// joined takes null for an empty text: so a name without a second part is its first.
	joined = &function{
		result: schema.KindText, lenient: true,
		eval: func(_ Context, o []any) any { return orNull(text(o[0]) + text(o[1])) },
		sql: func(_ *writer, o []string) string {
			return "NULLIF(COALESCE(" + o[0] + ", '') || COALESCE(" + o[1] + ", ''), '')"
		},
		length: func(o []int) int { return o[0] + o[1] },
	}
	numberAsText = &function{
		result: schema.KindText,
		eval: func(_ Context, o []any) any {
			return o[0].(decimal.Decimal).String() //nolint:forcetypeassert // checked
		},
		sql: func(_ *writer, o []string) string { return "trim_scale(" + o[0] + ")::text" },
	}
	booleanAsText = &function{
		result: schema.KindText,
		eval:   func(_ Context, o []any) any { return strconv.FormatBool(o[0] == true) },
		sql:    func(_ *writer, o []string) string { return "(" + o[0] + ")::text" },
		length: func([]int) int { return len("false") },
	}
	dateAsText = &function{
		result: schema.KindText,
		eval: func(_ Context, o []any) any {
			return o[0].(time.Time).Format(time.DateOnly) //nolint:forcetypeassert // checked
		},
		sql:    func(_ *writer, o []string) string { return "to_char(" + o[0] + ", 'YYYY-MM-DD')" },
		length: func([]int) int { return len(time.DateOnly) },
	}
	idAsText = &function{
		result: schema.KindText,
		eval:   func(_ Context, o []any) any { return o[0] },
		sql:    func(_ *writer, o []string) string { return "(" + o[0] + ")::text" },
		length: func([]int) int { return len("00000000-0000-0000-0000-000000000000") },
	}
)

// translation exchanges letters of ASCII. PostgreSQL's own lower depends on the database's locale.
func translation(from, to string) *function {
	pairs := make([]string, 0, 2*len(from))
	for i := range len(from) {
		pairs = append(pairs, from[i:i+1], to[i:i+1])
	}
	replacer := strings.NewReplacer(pairs...)
	return &function{
		result: schema.KindText,
		eval:   func(_ Context, o []any) any { return replacer.Replace(text(o[0])) },
		sql:    func(_ *writer, o []string) string { return "translate(" + o[0] + ", '" + from + "', '" + to + "')" },
	}
}

// replaced exchanges a part of a text, wherever it stands, for another, or for nothing.
func replaced(partLength int) *function {
	return &function{
		result: schema.KindText, lenient: true, mayBeNull: true,
		eval: func(_ Context, o []any) any {
			if o[0] == nil || o[1] == nil {
				return nil
			}
			return orNull(strings.ReplaceAll(text(o[0]), text(o[1]), text(o[2])))
		},
		sql: func(_ *writer, o []string) string {
			return "NULLIF(replace(" + o[0] + ", " + o[1] + ", COALESCE(" + o[2] + ", '')), '')"
		},
		length: func(o []int) int { return max(o[0], o[0]/max(partLength, 1)*o[2]+o[0]) },
	}
}

// substring is the characters from start on, before end; -1 is the last.
func substring(start, end int) *function {
	return &function{
		result: schema.KindText, mayBeNull: true,
		eval: func(_ Context, o []any) any {
			runes := []rune(text(o[0]))
			last := len(runes)
			if end >= 0 {
				last = min(last, end)
			}
			return orNull(string(runes[min(start, last):last]))
		},
		sql: func(_ *writer, o []string) string {
			length := ""
			if end >= 0 {
				length = ", " + strconv.Itoa(end-start)
			}
			return "NULLIF(substr(" + o[0] + ", " + strconv.Itoa(start+1) + length + "), '')"
		},
	}
}

func text(value any) string {
	text, _ := value.(string)
	return text
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// numeric is a function of numbers.
func numeric(eval func(o []decimal.Decimal) decimal.Decimal, sql func(o []string) string, bound func(o []digits) digits) *function {
	return &function{
		result: schema.KindNumber, digits: bound,
		eval: func(_ Context, operands []any) any {
			numbers := make([]decimal.Decimal, len(operands))
			for i := range operands {
				numbers[i], _ = operands[i].(decimal.Decimal)
			}
			return eval(numbers)
		},
		sql: func(_ *writer, o []string) string { return sql(o) },
	}
}

func wholeDigits(o []digits) digits { return digits{before: o[0].before + 1} }

// The functions of numbers.
var (
	absolute = numeric(func(o []decimal.Decimal) decimal.Decimal { return o[0].Abs() },
		func(o []string) string { return "abs(" + o[0] + ")" }, nil)
	floor = numeric(func(o []decimal.Decimal) decimal.Decimal { return o[0].Floor() },
		func(o []string) string { return "floor(" + o[0] + ")" }, wholeDigits)
	ceil = numeric(func(o []decimal.Decimal) decimal.Decimal { return o[0].Ceil() },
		func(o []string) string { return "ceil(" + o[0] + ")" }, wholeDigits)

	// remainder has the sign of the dividend, as in CEL and in SQL.
	remainder = &function{
		result: schema.KindNumber, mayBeNull: true,
		eval: func(_ Context, o []any) any {
			dividend, divisor := o[0].(decimal.Decimal), o[1].(decimal.Decimal) //nolint:forcetypeassert // checked
			if divisor.IsZero() {
				return nil
			}
			return dividend.Mod(divisor)
		},
		sql: func(_ *writer, o []string) string { return "mod(" + o[0] + ", NULLIF(" + o[1] + ", 0))" },
	}
)

// rounded rounds half away from zero.
func rounded(scale int) *function {
	return numeric(func(o []decimal.Decimal) decimal.Decimal { return o[0].Round(int32(scale)) }, //nolint:gosec // at most 16
		func(o []string) string { return "round(" + o[0] + ", " + strconv.Itoa(scale) + ")" },
		func(o []digits) digits { return digits{before: o[0].before + 1, behind: min(o[0].behind, scale)} })
}

// extreme is the least or the greatest of some values, those without one left aside.
func extreme(kind schema.Kind, greatest bool) *function {
	name := "LEAST("
	if greatest {
		name = "GREATEST("
	}
	return &function{
		result: kind, lenient: true,
		eval: func(_ Context, operands []any) any {
			var best any
			for _, value := range operands {
				if value == nil {
					continue
				}
				if best == nil || compareValues(value, best) < 0 != greatest && compareValues(value, best) != 0 {
					best = value
				}
			}
			return best
		},
		sql: func(_ *writer, o []string) string { return name + strings.Join(o, ", ") + ")" },
	}
}
