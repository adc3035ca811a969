package compile

import (
	"fmt"
	"maps"
	"slices"
)

// keysOf are the keys of a map in order.
func keysOf[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// suggest is `; did you mean "customer"?` when one of the words is near, else "".
// Words are compared in their order, so that the answer is always the same.
func suggest(word string, words []string) string {
	best, least := "", max(1, len(word)/3)
	for _, candidate := range words {
		if distance := editDistance(word, candidate); distance <= least && (best == "" || distance < least) {
			best, least = candidate, distance
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// editDistance counts the letters to insert, delete or replace (Levenshtein).
// Words that no name can be are far from everything.
func editDistance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
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
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
