package workbook

import (
	"encoding/xml"
	"strconv"
	"strings"
	"time"
)

// Rows gives the rows of a sheet in turn, as the texts that they show: numbers
// without exponents and, when they are shown in percent, as the number before the
// sign; days as YYYY-MM-DD, moments as RFC 3339 in the zone, truth as true and false,
// formulas as what they came to when the file was saved. n is the number of the row
// in the sheet, from 1; rows without cells may be left out. The cells end with the
// last that holds something, and are only lent.
func (w *Workbook) Rows(name string, zone *time.Location, each func(n int, cells []string) error) error {
	s, err := w.find(name)
	if err != nil {
		return err
	}
	looks, err := w.readLooks()
	if err != nil {
		return err
	}
	shared, err := w.allShared()
	if err != nil {
		return err
	}
	r := &rows{dates: dates{from1904: w.from1904, zone: zone}, looks: looks, shared: shared.at}
	r.each = func() error { return each(r.n, r.texts()) }
	return w.walk(s.part, maxSheetPart, r)
}

// Header is the first row of a sheet that holds something, as Rows gives it, and its
// number; 0 when there is none. It is found without keeping the shared texts.
func (w *Workbook) Header(name string, zone *time.Location) (n int, cells []string, err error) {
	s, err := w.find(name)
	if err != nil {
		return 0, nil, err
	}
	looks, err := w.readLooks()
	if err != nil {
		return 0, nil, err
	}
	wanted := map[int]string{}
	r := &rows{dates: dates{from1904: w.from1904, zone: zone}, looks: looks, shared: func(n int) (string, bool) {
		wanted[n] = ""
		return strconv.Itoa(n), true
	}}
	var found []cell
	r.each = func() error {
		if len(r.cells) == 0 {
			return nil
		}
		n, found = r.n, r.cells
		return errEnough
	}
	if err := w.walk(s.part, maxSheetPart, r); err != nil {
		return 0, nil, err
	}
	last := -1
	for at := range wanted {
		last = max(last, at)
	}
	err = w.readShared(func(n int, text []byte) error {
		if n > last {
			return errEnough
		}
		if _, ok := wanted[n]; ok {
			wanted[n] = string(text)
		}
		return nil
	})
	for _, c := range found {
		if c.isShared {
			at, _ := strconv.Atoi(c.text)
			c.text = wanted[at]
		}
		cells = append(cells, c.text)
	}
	for len(cells) > 0 && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	return n, cells, err
}

// cell is what a cell shows.
type cell struct {
	text     string
	isShared bool
}

// rows reads the rows of a sheet.
type rows struct {
	dates  dates
	looks  []look
	shared func(n int) (string, bool)
	// each hears of a row that is complete.
	each func() error

	n     int
	cells []cell
	size  int
	lent  []string

	// The cell that is being read.
	column        int
	kind, style   string
	value, inline []byte
}

// texts are those of the row. Its cells end with the last that shows something.
func (r *rows) texts() []string {
	r.lent = r.lent[:0]
	for _, c := range r.cells {
		r.lent = append(r.lent, c.text)
	}
	return r.lent
}

func isRow(path []string) bool  { return len(path) == 2 && path[1] == "sheetData" }
func isCell(path []string) bool { return len(path) == 3 && path[1] == "sheetData" && path[2] == "row" }

func inCell(path []string) bool {
	return len(path) >= 4 && path[1] == "sheetData" && path[2] == "row" && path[3] == "c"
}

func (r *rows) start(path []string, e xml.StartElement) error {
	switch {
	case e.Name.Local == "row" && isRow(path):
		return r.startRow(attribute(e, "r"))
	case e.Name.Local == "c" && isCell(path):
		return r.startCell(e)
	}
	return nil
}

func (r *rows) startRow(number string) error {
	n := r.n + 1
	if number != "" {
		given, err := strconv.Atoi(number)
		if err != nil || given < n {
			return malformed("the row %.20q follows the row %d", number, r.n)
		}
		n = given
	}
	if n > MaxRows {
		return malformed("it has more than %d rows", MaxRows)
	}
	r.n, r.cells, r.column, r.size = n, r.cells[:0], -1, 0
	return nil
}

func (r *rows) startCell(e xml.StartElement) error {
	at := r.column + 1
	if place := attribute(e, "r"); place != "" {
		if at = columnOf(place); at < 0 || at <= r.column {
			return malformed("the cell %.20q stands at a wrong place in the row %d", place, r.n)
		}
	}
	if at >= MaxColumns {
		return malformed("the row %d has more than %d columns", r.n, MaxColumns)
	}
	r.column, r.kind, r.style = at, attribute(e, "t"), attribute(e, "s")
	r.value, r.inline = r.value[:0], r.inline[:0]
	return nil
}

// columnOf is the column of a place such as AB12, from 0; -1 when it is none.
func columnOf(place string) int {
	n := 0
	for i, c := range strings.ToUpper(place) {
		if c < 'A' || c > 'Z' {
			if i == 0 {
				return -1
			}
			break
		}
		if n = n*26 + int(c-'A') + 1; n > MaxColumns {
			return MaxColumns
		}
	}
	return n - 1
}

func (r *rows) text(path []string, text []byte) error {
	if !inCell(path) {
		return nil
	}
	switch inside := path[4:]; {
	case len(inside) == 1 && inside[0] == "v":
		r.value = append(r.value, text...)
	case len(inside) > 1 && inside[0] == "is" && isShown(inside[1:]):
		r.inline = append(r.inline, text...)
	}
	if len(r.value)+len(r.inline) > maxToken {
		return malformed("a cell of the row %d has more than %d bytes", r.n, maxToken)
	}
	return nil
}

func (r *rows) end(path []string) error {
	switch last := len(path) - 1; {
	case path[last] == "row" && isRow(path[:last]):
		return r.each()
	case path[last] == "c" && isCell(path[:last]):
		return r.endCell()
	}
	return nil
}

func (r *rows) endCell() error {
	shown, err := r.shown()
	if err != nil || shown.text == "" {
		return err
	}
	for len(r.cells) < r.column {
		r.cells = append(r.cells, cell{})
	}
	r.cells = append(r.cells, shown)
	if r.size += len(shown.text); r.size > maxRowBytes {
		return malformed("the row %d has more than %d bytes", r.n, maxRowBytes)
	}
	return nil
}

// shown is what the cell that was read shows.
func (r *rows) shown() (cell, error) {
	value := string(r.value)
	switch r.kind {
	case "s":
		at, err := strconv.Atoi(strings.TrimSpace(value))
		text, ok := "", false
		if err == nil {
			text, ok = r.shared(at)
		}
		if !ok {
			return cell{}, malformed("a cell of the row %d shows the text %.20q, which there is not", r.n, value)
		}
		return cell{text: text, isShared: true}, nil
	case "inlineStr":
		return cell{text: unescape(string(r.inline))}, nil
	case "str":
		return cell{text: unescape(value)}, nil
	case "b":
		if isTrue(strings.TrimSpace(value)) {
			return cell{text: "true"}, nil
		}
		return cell{text: "false"}, nil
	case "e", "d": // an error, such as #N/A; a date as a text
		return cell{text: value}, nil
	}
	value = strings.TrimSpace(value)
	if value == "" {
		return cell{}, nil
	}
	shown := lookNumber
	if style, err := strconv.Atoi(r.style); err == nil && style >= 0 && style < len(r.looks) {
		shown = r.looks[style]
	}
	return cell{text: r.dates.number(value, shown)}, nil
}
