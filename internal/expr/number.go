package expr

import (
	"fmt"
	"unicode/utf8"

	"github.com/shopspring/decimal"

	"github.com/kontor-crm/kontor/internal/schema"
)

// quotientScale is the number of digits behind the point to which a quotient is rounded.
const quotientScale = 16

// maxDigits bounds the digits before and behind the point of every number that
// an expression can come to. Far over what fields hold, and so that the longest
// division fits into what PostgreSQL computes exactly (1000 digits behind the point).
const maxDigits = 400

// digits are the most that a number can have before and behind its point. They
// are known before any value is: so no record makes a computation grow.
type digits struct{ before, behind int }

func (d digits) tooMany() bool { return d.before > maxDigits || d.behind > maxDigits }

func digitsOf(n node) digits {
	switch n := n.(type) {
	case literal:
		number, ok := n.value.(decimal.Decimal)
		if !ok {
			return digits{}
		}
		return digitsOfNumber(number)
	case reading:
		return digitsOfField(n.field)
	case related:
		return digitsOf(n.value)
	case computed:
		return n.body.digits
	case aggregate:
		return digitsOfAggregate(n)
	case minus:
		return digitsOf(n.of)
	case counting:
		return digits{before: 10}
	case choice:
		return digitsOf(n.then).or(digitsOf(n.otherwise))
	case call:
		return digitsOfCall(n)
	case arithmetic:
		return digitsOfResult(n.op, digitsOf(n.left), digitsOf(n.right))
	}
	return digits{}
}

// manyRecords is the number of digits of the greatest number of records, which also bounds their sums.
const manyRecords = 10

func digitsOfAggregate(n aggregate) digits {
	if n.how == howMany {
		return digits{before: manyRecords}
	}
	of := digitsOf(n.value)
	switch n.how {
	case sum:
		of.before += manyRecords
	case average:
		of.behind = quotientScale
	default:
	}
	return of
}

func digitsOfCall(n call) digits {
	operands := make([]digits, len(n.operands))
	for i, operand := range n.operands {
		operands[i] = digitsOf(operand)
	}
	if n.of.digits != nil {
		return n.of.digits(operands)
	}
	var most digits
	for _, d := range operands {
		most = most.or(d)
	}
	return most
}

func (d digits) or(other digits) digits {
	return digits{before: max(d.before, other.before), behind: max(d.behind, other.behind)}
}

func digitsOfNumber(number decimal.Decimal) digits {
	exponent := int(number.Exponent())
	return digits{before: max(number.NumDigits()+exponent, 1), behind: max(-exponent, 0)}
}

func digitsOfField(f *schema.Field) digits {
	var precision, scale int
	if n, err := fmt.Sscanf(string(f.Storage()), "numeric(%d,%d)", &precision, &scale); err == nil && n == 2 {
		return digits{before: precision - scale, behind: scale}
	}
	return digits{before: 19} // bigint and integer
}

func digitsOfResult(op operator, left, right digits) digits {
	switch op {
	case times:
		return digits{before: left.before + right.before, behind: left.behind + right.behind}
	case divide:
		// The least divisor has its only digit at the very end.
		return digits{before: left.before + right.behind + 1, behind: quotientScale}
	default:
		both := left.or(right)
		both.before++
		return both
	}
}

// dividendScale is the number of digits behind the point to which PostgreSQL
// must compute a quotient before it is rounded to quotientScale, so that
// rounding twice gives what rounding once does.
//
// It goes wrong only when the quotient q lies so close to a value h half way
// between two results that the first rounding moves it onto h. But with h =
// (2k+1)/(2·10^16), |a/b - h| = |2·10^16·a - (2k+1)·b| / (2·10^16·|b|): what
// stands above is a whole number of units of the last digit of a or b, and not
// 0, and |b| < 10^before. So the distance is more than 10^-(behind+16+before+1).
func dividendScale(left, right digits) int {
	return max(left.behind, right.behind) + quotientScale + right.before + 2
}

// maxTextLength bounds the characters of every text that an expression can come to.
const maxTextLength = 1 << 20

// lengthOf is the most characters that a text can have.
func lengthOf(n node) int {
	switch n := n.(type) {
	case literal:
		text, _ := n.value.(string)
		return utf8.RuneCountInString(text)
	case reading:
		for _, rule := range n.field.Rules() {
			switch rule.Kind { //nolint:exhaustive // the others bound no text
			case schema.RuleMaxLength:
				return rule.Length
			case schema.RuleOneOf:
				return schema.MaxNameLength
			}
		}
		return schema.MaxTextLength // keys, codes and the like
	case related:
		return lengthOf(n.value)
	case computed:
		return n.body.length
	case choice:
		return max(lengthOf(n.then), lengthOf(n.otherwise))
	case call:
		if n.of == numberAsText {
			of := digitsOf(n.operands[0])
			return of.before + of.behind + len("-.")
		}
		operands, longest := make([]int, len(n.operands)), 0
		for i, operand := range n.operands {
			operands[i] = lengthOf(operand)
			longest = max(longest, operands[i])
		}
		if n.of.length != nil {
			return n.of.length(operands)
		}
		return longest
	}
	return 0
}
