package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Turn is how the values of a field become those of another type. Each is offered
// where there is a way back too, so that a change can be undone and servers that still
// hold the older schema go on.
type Turn string

// The turns. What does not convert under one of them is never rounded, cut or guessed:
// it fails, and is counted.
const (
	// TurnNone leaves the values as they are, in the same column; the rules of the new
	// type are proven.
	TurnNone Turn = "="
	// TurnNumber keeps a number that fits into the other's digits and bounds.
	TurnNumber Turn = "num"
	// TurnFlag makes 1 of true and 0 of false, and back.
	TurnFlag Turn = "flag"
	// TurnDay makes a moment of a day, midnight in the organisation's time zone, and the
	// day in that zone of a moment.
	TurnDay Turn = "day"
	// TurnShow writes a value as the API does.
	TurnShow Turn = "show"
	// TurnRead reads a text as the API does, white space around it apart.
	TurnRead Turn = "read"
	// TurnKey finds an option by its key, or by its label in any language.
	TurnKey Turn = "key"
	// TurnLabel writes an option by its label in the organisation's language.
	TurnLabel Turn = "labl"
	// TurnList makes a list of one option.
	TurnList Turn = "list"
	// TurnOne takes the only option of a list.
	TurnOne Turn = "one"
)

// whyNot are the reasons for which a type does not become another, by their word in the
// matrix.
var whyNot = map[string]string{
	"calc": "one of them is computed and the other stored",
	"auto": "the database numbers the one, and people fill the other in",
	"rel":  "a relation points to records, and nothing else does",
	"file": "a file is checked when it is uploaded for its field",
	"part": "the value of one of them has parts",
	"json": "a json may hold anything, and nobody can say beforehand what it means as another type",
	"mean": "the values of the one mean nothing as the other",
	"back": "there would be no way back",
}

// matrix says what becomes of the values of a field (rows) whose type becomes another
// one (columns): a turn, or the word of a reason why it does not. A turn of types that
// are stored alike needs no conversion, see WayOf.
//
//nolint:dupword // it is a table
const matrix = `
               text long rich mail phon url  curr pick mult bool int  deci mony perc rate dura date dtim time json auto rel  file imag addr name geo  form roll
text           =    =    =    =    =    =    =    key  read read read read read read read read read read read json auto rel  file file part part part calc calc
long_text      =    =    =    =    =    =    =    key  read read read read read read read read read read read json auto rel  file file part part part calc calc
rich_text      =    =    =    =    =    =    =    key  read read read read read read read read read read read json auto rel  file file part part part calc calc
email          =    =    =    =    =    =    =    =    mean mean mean mean mean mean mean mean mean mean mean json auto rel  file file part part part calc calc
phone          =    =    =    =    =    =    =    =    mean mean mean mean mean mean mean mean mean mean mean json auto rel  file file part part part calc calc
url            =    =    =    =    =    =    =    =    mean mean mean mean mean mean mean mean mean mean mean json auto rel  file file part part part calc calc
currency       =    =    =    =    =    =    =    =    mean mean mean mean mean mean mean mean mean mean mean json auto rel  file file part part part calc calc
picklist       labl labl labl =    =    =    =    =    list read mean mean mean mean mean mean mean mean mean json auto rel  file file part part part calc calc
multi_picklist show show show mean mean mean mean one  =    mean mean mean mean mean mean mean mean mean mean json auto rel  file file part part part calc calc
boolean        show show show mean mean mean mean show mean =    flag flag mean mean mean mean mean mean mean json auto rel  file file part part part calc calc
integer        show show show mean mean mean mean mean mean flag =    num  num  num  num  num  mean mean mean json auto rel  file file part part part calc calc
decimal        show show show mean mean mean mean mean mean flag num  num  num  num  num  num  mean mean mean json auto rel  file file part part part calc calc
money          show show show mean mean mean mean mean mean mean num  num  =    num  mean mean mean mean mean json auto rel  file file part part part calc calc
percent        show show show mean mean mean mean mean mean mean num  num  num  =    mean mean mean mean mean json auto rel  file file part part part calc calc
rating         show show show mean mean mean mean mean mean mean num  num  mean mean =    mean mean mean mean json auto rel  file file part part part calc calc
duration       show show show mean mean mean mean mean mean mean num  num  mean mean mean =    mean mean mean json auto rel  file file part part part calc calc
date           show show show mean mean mean mean mean mean mean mean mean mean mean mean mean =    day  mean json auto rel  file file part part part calc calc
datetime       show show show mean mean mean mean mean mean mean mean mean mean mean mean mean day  =    back json auto rel  file file part part part calc calc
time           show show show mean mean mean mean mean mean mean mean mean mean mean mean mean mean mean =    json auto rel  file file part part part calc calc
json           json json json json json json json json json json json json json json json json json json json =    auto rel  file file part part part calc calc
auto_number    auto auto auto auto auto auto auto auto auto auto auto auto auto auto auto auto auto auto auto auto =    rel  file file part part part calc calc
relation       rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  rel  =    rel  rel  part part part calc calc
file           file file file file file file file file file file file file file file file file file file file file file rel  =    file part part part calc calc
image          file file file file file file file file file file file file file file file file file file file file file rel  =    =    part part part calc calc
address        part part part part part part part part part part part part part part part part part part part part part part part part =    part part calc calc
person_name    part part part part part part part part part part part part part part part part part part part part part part part part part =    part calc calc
geo            part part part part part part part part part part part part part part part part part part part part part part part part part part =    calc calc
formula        calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc =    =
rollup         calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc calc =    =
`

// cells is the matrix by both types. The columns are in the order of the rows.
var cells = readMatrix(matrix)

func readMatrix(text string) map[TypeName]map[TypeName]string {
	rows := make([][]string, 0, len(types))
	for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
		rows = append(rows, strings.Fields(line))
	}
	read := map[TypeName]map[TypeName]string{}
	for _, row := range rows {
		from := TypeName(row[0])
		read[from] = map[TypeName]string{}
		for i, cell := range row[1:] {
			read[from][TypeName(rows[i][0])] = cell
		}
	}
	return read
}

// Way is what becomes of the values of a field whose definition becomes another.
type Way struct {
	// Turn is how each value becomes another.
	Turn Turn
	// Refused says why there is no way; empty when there is one.
	Refused string
	// Loses says what the values lose although they convert; empty when nothing.
	Loses string
}

// InPlace says whether the values stay as they are, in their column.
func (w Way) InPlace() bool { return w.Refused == "" && w.Turn == TurnNone }

// Converts says whether the values become others, in a column of their own.
func (w Way) Converts() bool { return w.Refused == "" && w.Turn != TurnNone }

// WayOf is the way from one definition of a field to another of the same field, or back;
// both belong to a built schema, or have no parts. The conversion may be nil.
//
// Values that are stored alike stay where they are: a text becomes a long_text, a
// decimal one of more digits before the point, an integer a duration. All others get a
// column of their own beside the old one (see Previous), which holds what the turn makes
// of them. What fits is decided by the rules of the new definition: no value is rounded
// or cut. Only a datetime that becomes a date loses something, the time of the day. A
// number that was written "007" is the number 7; how it was written is kept with the old
// column.
func WayOf(from, to *Field, c *Conversion) Way {
	cell, known := cells[from.Type][to.Type]
	if why, refused := whyNot[cell]; refused {
		return Way{Refused: why}
	}
	turn := Turn(cell)
	switch {
	case !known, from.Computed(): // types of system fields and parts stay what they are; what is computed is computed anew
		return Way{Turn: TurnNone}
	case turn == TurnKey || turn == TurnLabel:
		if c == nil || !c.ByLabel {
			turn = TurnNone
		}
	case isStoredAlike(from, to):
		turn = TurnNone
	case turn == TurnNone:
		return Way{Refused: "the values of the one are stored in another way than those of the other"}
	}
	way := Way{Turn: turn}
	if from.Type == TypeDateTime && to.Type == TypeDate {
		way.Loses = "the time of the day"
	}
	return way
}

// isStoredAlike says whether the values of the one can stand in the column of the other.
func isStoredAlike(from, to *Field) bool {
	return from.Kind() == to.Kind() && (from.Storage() == to.Storage() || from.Storage().Widens(to.Storage()))
}

// Digits reads numeric(precision,scale); false for other storages.
func (s Storage) Digits() (precision, scale int, ok bool) {
	n, err := fmt.Sscanf(string(s), "numeric(%d,%d)", &precision, &scale)
	return precision, scale, err == nil && n == 2
}

// Widens says whether the other is a number with more digits before the point and as
// many behind it: PostgreSQL changes to it without touching the rows.
func (s Storage) Widens(to Storage) bool {
	precision, scale, ok := s.Digits()
	toPrecision, toScale, also := to.Digits()
	return ok && also && scale == toScale && toPrecision > precision
}

// Conversion says how values become those of another type where that is not plain.
type Conversion struct {
	// DateFormat is how dates and the days of moments are written in texts, such as
	// "DD.MM.YYYY"; empty: "YYYY-MM-DD".
	DateFormat string `json:"dateFormat,omitempty"`
	// True and False are words in texts and options that mean true and false, beside
	// those of the API; the first of each is written for it.
	True  []string `json:"true,omitempty"`
	False []string `json:"false,omitempty"`
	// ByLabel finds options by their labels, too.
	ByLabel bool `json:"byLabel,omitempty"`
}

// The placeholders of a date format.
const (
	placeYear  = "YYYY"
	placeMonth = "MM"
	placeDay   = "DD"
)

// MaxWords is how many words can mean true, or false.
const MaxWords = 10

// Check finds what is wrong with a conversion, with paths below it.
func (c *Conversion) Check() []Problem {
	var problems []Problem
	if c.DateFormat != "" && len(c.DateLayout()) != 3 {
		problems = append(problems, Problem{Path: "dateFormat", Message: `must hold YYYY, MM and DD once each, and points, dashes, slashes or spaces, as in "DD.MM.YYYY"`})
	}
	for _, word := range slices.Concat(c.True, c.False) {
		if word == "" || strings.TrimSpace(word) != word || checkText(word, false) != nil {
			problems = append(problems, Problem{Path: "trueWords", Message: fmt.Sprintf("%s is not a word without white space around it", quote(word))})
		}
	}
	for _, word := range c.Words(true) {
		if slices.ContainsFunc(c.Words(false), func(other string) bool { return strings.EqualFold(word, other) }) {
			problems = append(problems, Problem{Path: "falseWords", Message: fmt.Sprintf("%s means true already", quote(word))})
		}
	}
	return problems
}

// Words are all that mean true, or false. The first is written for it. A conversion
// that is nil has those of the API.
func (c *Conversion) Words(meaning bool) []string {
	own, api := []string(nil), []string{"false", "no", "0"}
	if meaning {
		api = []string{"true", "yes", "1"}
	}
	if c != nil {
		if own = c.False; meaning {
			own = c.True
		}
	}
	words := slices.Clone(own)
	for _, word := range api {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) }) {
			words = append(words, word)
		}
	}
	return words
}

// DatePlace is a placeholder of a date format, and what stands behind it before the next.
type DatePlace struct {
	// Part is "YYYY", "MM" or "DD".
	Part string
	// Behind are points, dashes, slashes and spaces; or nothing.
	Behind string
}

// DateLayout are the parts of the date format in their order; empty when it cannot be
// read. A conversion that is nil has the API's.
func (c *Conversion) DateLayout() []DatePlace {
	format := placeYear + "-" + placeMonth + "-" + placeDay
	if c != nil && c.DateFormat != "" {
		format = c.DateFormat
	}
	var layout []DatePlace
	seen := map[string]bool{}
	for format != "" {
		part := ""
		for _, place := range []string{placeYear, placeMonth, placeDay} {
			if strings.HasPrefix(format, place) {
				part = place
			}
		}
		if part == "" || seen[part] {
			return nil
		}
		seen[part] = true
		format = format[len(part):]
		rest := strings.TrimLeft(format, ".-/ ")
		layout = append(layout, DatePlace{Part: part, Behind: format[:len(format)-len(rest)]})
		format = rest
	}
	if len(layout) != 3 || layout[2].Behind != "" {
		return nil
	}
	return layout
}
