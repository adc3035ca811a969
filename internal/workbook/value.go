package workbook

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// The days that a spreadsheet knows: to the end of the year 9999, and the 60th of
// 1900, the 29th of February, which there was none of.
const (
	afterLastDay = 2_958_466
	noDay        = 60
)

// dates turn the numbers of a workbook into texts.
type dates struct {
	from1904 bool
	zone     *time.Location
}

// number is the text of a number that is shown so. What is shown as a date or time and
// cannot be one stays a number.
func (d dates) number(text string, shown look) string {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		return text
	}
	switch shown {
	case lookPercent:
		return plain(value*100, "")
	case lookNumber:
		return plain(value, text)
	case lookDuration:
		if value < 0 || value >= afterLastDay {
			return plain(value, text)
		}
		return "PT" + strconv.FormatFloat(math.Round(value*secondsOfDay), 'f', 0, 64) + "S"
	case lookDate, lookMoment, lookTime:
	}
	at, ok := d.moment(value)
	switch {
	case !ok:
		return plain(value, text)
	case shown == lookTime && value < 1:
		return at.Format("15:04:05.999")
	case shown == lookDate:
		return at.Format(time.DateOnly)
	}
	// The sheet says what a clock showed where the organisation is.
	local := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), d.zone)
	return local.Format(time.RFC3339Nano)
}

const (
	secondsOfDay = 24 * 60 * 60
	millisOfDay  = 1000 * secondsOfDay
)

// moment is what a clock shows at the number of days.
func (d dates) moment(value float64) (time.Time, bool) {
	if value < 0 || value >= afterLastDay {
		return time.Time{}, false
	}
	day := math.Floor(value)
	millis := math.Round((value - day) * millisOfDay)
	first := time.Date(1899, time.December, 30, 0, 0, 0, 0, time.UTC)
	switch {
	case d.from1904:
		first = time.Date(1904, time.January, 1, 0, 0, 0, 0, time.UTC)
	case day == noDay:
		return time.Time{}, false
	case day < noDay:
		first = time.Date(1899, time.December, 31, 0, 0, 0, 0, time.UTC)
	}
	at := first.AddDate(0, 0, int(day)).Add(time.Duration(millis) * time.Millisecond)
	return at, at.Year() <= 9999
}

// plain is a number without an exponent, in the 15 digits that a spreadsheet shows.
// A whole number stays as it is written.
func plain(value float64, text string) string {
	if text != "" && strings.Trim(text, "0123456789-") == "" {
		return text
	}
	number, err := decimal.NewFromString(strconv.FormatFloat(value, 'e', 14, 64))
	if err != nil {
		return text
	}
	return number.String()
}
