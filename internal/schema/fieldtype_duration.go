package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// MaxDuration is the longest duration, a hundred years of 365.25 days, in seconds.
const MaxDuration = 100 * 36525 * 24 * 36

// durationType is a span of time in whole seconds. It is stored and reckoned
// with as their number, which has no month of unknown length in it.
type durationType struct{}

func (durationType) Name() TypeName         { return TypeDuration }
func (durationType) Kind() Kind             { return KindNumber }
func (durationType) Form() Form             { return Form{Type: "string", Format: "duration"} }
func (durationType) Storage(*Field) Storage { return StorageBigInt }
func (durationType) Check(*Field) []Problem { return nil }

func (durationType) Rules(*Field) []Rule {
	return []Rule{{Kind: RuleMin}, {Kind: RuleMax, Number: decimal.NewFromInt(MaxDuration)}}
}

func (t durationType) Decode(f *Field, value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		return t.Parse(f, v.String())
	case string:
		if v == "" {
			return nil, nil //nolint:nilnil // an empty text is no value
		}
		return t.Parse(f, v)
	}
	return nil, errNotA(aDuration)
}

const aDuration = "a duration, written PT1H30M, 1h30m or as a number of seconds"

// Parse reads a duration of ISO 8601 without years and months, whose length
// depends on where they begin, or one as Go writes it, or seconds.
func (durationType) Parse(f *Field, text string) (any, error) {
	if len(text) > MaxDigits {
		return nil, errNotA(aDuration)
	}
	seconds, ok := isoSeconds(text)
	if !ok {
		seconds, ok = plainSeconds(text)
	}
	if !ok {
		return nil, errNotA(aDuration)
	}
	if _, err := checkRules(f, seconds); err != nil {
		return nil, fmt.Errorf("must be from 0 seconds to 100 years")
	}
	if !seconds.IsInteger() {
		return nil, fmt.Errorf("must be whole seconds")
	}
	return seconds.IntPart(), nil
}

// plainSeconds reads seconds, or a duration as Go writes it.
func plainSeconds(text string) (decimal.Decimal, bool) {
	if number, err := ParseDecimal(text); err == nil {
		return number, true
	}
	d, err := time.ParseDuration(text)
	return decimal.New(int64(d), -9), err == nil
}

var isoDuration = regexp.MustCompile(`^P(?:(\d+)W)?(?:(\d+)D)?(T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

func isoSeconds(text string) (decimal.Decimal, bool) {
	found := isoDuration.FindStringSubmatch(text)
	if found == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return decimal.Decimal{}, false
	}
	sum := decimal.Decimal{}
	for i, length := range map[int]int64{1: 7 * 24 * 3600, 2: 24 * 3600, 4: 3600, 5: 60, 6: 1} {
		if found[i] == "" {
			continue
		}
		number, err := ParseDecimal(found[i])
		if err != nil {
			return sum, false
		}
		sum = sum.Add(number.Mul(decimal.NewFromInt(length)))
	}
	return sum, true
}

// AppendJSON appends ISO 8601 with hours as its greatest unit: a day of the
// calendar is not always twenty-four of them.
func (durationType) AppendJSON(dst []byte, _ *Field, text []byte) []byte {
	seconds, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil { // PostgreSQL's own integer
		return append(dst, "null"...)
	}
	dst = append(dst, `"PT`...)
	hours, minutes, rest := seconds/3600, seconds/60%60, seconds%60
	for _, unit := range []struct {
		number int64
		sign   byte
	}{{hours, 'H'}, {minutes, 'M'}, {rest, 'S'}} {
		if unit.number != 0 || unit.sign == 'S' && seconds == 0 {
			dst = append(strconv.AppendInt(dst, unit.number, 10), unit.sign)
		}
	}
	return append(dst, '"')
}
