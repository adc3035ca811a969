package expr

import "fmt"

// cost is what an expression asks of the database for one record.
type cost struct {
	// parts is the number of nodes, and depth how deep they are nested.
	parts, depth int
	// subqueries is how often it looks at other records.
	subqueries int
	// nesting is how deep it goes through records for each of other records.
	nesting int
}

func costOf(n node) cost {
	if c, ok := n.(computed); ok {
		return c.body.cost
	}
	var total cost
	for _, part := range parts(n) {
		total = total.and(costOf(part))
	}
	total.parts++
	total.depth++
	switch n.(type) {
	case related:
		total.subqueries++
	case aggregate:
		total.subqueries++
		total.nesting++
	}
	return total
}

func (c cost) and(other cost) cost {
	return cost{parts: c.parts + other.parts, depth: max(c.depth, other.depth), subqueries: c.subqueries + other.subqueries, nesting: max(c.nesting, other.nesting)}
}

// excess says what is too much, or "".
func (c cost) excess() string {
	switch {
	case c.parts > MaxUnfolded || c.depth > 4*MaxDepth:
		return fmt.Sprintf("the expression and the computed fields in it have more than %d parts, or are nested deeper than %d levels", MaxUnfolded, 4*MaxDepth)
	case c.nesting > MaxNesting:
		return fmt.Sprintf("the expression goes through lists within lists, deeper than %d levels", MaxNesting)
	case c.subqueries > MaxSubqueries:
		return fmt.Sprintf("the expression looks at other records %d times, and may %d times", c.subqueries, MaxSubqueries)
	}
	return ""
}
