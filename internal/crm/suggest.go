package crm

import (
	"fmt"
	"unicode/utf8"
)

// shortened keeps what a person typed from flooding a message.
func shortened(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// didYouMean suggests the name that is nearest to a mistyped one: `; did you mean "amount"?`, or "".
func didYouMean(typed string, names []string) string {
	best, distance := "", 3
	if len(typed) > 60 {
		return ""
	}
	for _, name := range names {
		if d := editDistance(typed, name); d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance is the number of letters to insert, remove or replace.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
