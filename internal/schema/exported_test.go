package schema

// MatrixCell is what the matrix says of a pair of types; "" where it says nothing.
func MatrixCell(from, to TypeName) string { return cells[from][to] }

// IsCell says whether the word stands for a turn or a reason.
func IsCell(word string) bool {
	_, refused := whyNot[word]
	switch Turn(word) {
	case TurnNone, TurnNumber, TurnFlag, TurnDay, TurnShow, TurnRead, TurnKey, TurnLabel, TurnList, TurnOne:
		return true
	}
	return refused
}
