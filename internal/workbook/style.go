package workbook

import (
	"encoding/xml"
	"strconv"
	"strings"
)

// look is how a number is shown, as far as it says what the number means.
type look uint8

const (
	lookNumber look = iota
	lookPercent
	lookDate
	lookMoment
	lookTime
	lookDuration
)

// maxStyles is more than a spreadsheet allows.
const maxStyles = 1 << 17

// builtIn are the looks of formats that no workbook describes; those of East Asian
// languages are dates and times too.
func builtIn(id int) look {
	switch {
	case id == 9 || id == 10:
		return lookPercent
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return lookDate
	case id == 22:
		return lookMoment
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47, id == 55, id == 56:
		return lookTime
	case id == 46:
		return lookDuration
	}
	return lookNumber
}

// readLooks are the looks of the cells' styles, by number.
func (w *Workbook) readLooks() ([]look, error) {
	if w.styles == "" {
		return nil, nil
	}
	own := map[string]look{}
	var looks []look
	err := w.read(w.styles, maxSmallPart, func(path []string, e xml.StartElement) error {
		switch {
		case e.Name.Local == "numFmt":
			own[attribute(e, "numFmtId")] = lookOf(attribute(e, "formatCode"))
		case e.Name.Local == "xf" && len(path) > 0 && path[len(path)-1] == "cellXfs":
			id := attribute(e, "numFmtId")
			shown, ok := own[id]
			if !ok {
				number, _ := strconv.Atoi(id) // what is none is shown as it is
				shown = builtIn(number)
			}
			looks = append(looks, shown)
		}
		if len(looks) > maxStyles || len(own) > maxStyles {
			return malformed("it has more than %d styles", maxStyles)
		}
		return nil
	}, nil)
	return looks, err
}

// lookOf reads the code of a format, such as yyyy-mm-dd hh:mm. Of its sections the first counts.
func lookOf(code string) look {
	var day, clock, percent, months bool
	for at := 0; at < len(code); at++ {
		switch c := code[at] | 0x20; {
		case code[at] == ';':
			at = len(code)
		case code[at] == '"':
			end := strings.IndexByte(code[at+1:], '"')
			if end < 0 {
				return lookNumber
			}
			at += end + 1
		case code[at] == '\\' || code[at] == '_' || code[at] == '*':
			at++
		case code[at] == '[':
			end := strings.IndexByte(code[at:], ']')
			if end < 0 {
				return lookNumber
			}
			if inside := strings.ToLower(code[at+1 : at+end]); inside != "" && strings.Trim(inside, inside[:1]) == "" && (inside[0] == 'h' || inside[0] == 'm' || inside[0] == 's') {
				return lookDuration
			}
			at += end
		case strings.HasPrefix(strings.ToLower(code[at:]), "general"):
			at += len("general") - 1
		case c == 'y' || c == 'd':
			day = true
		case c == 'm':
			months = true
		case c == 'h' || c == 's':
			clock = true
		case code[at] == '%':
			percent = true
		}
	}
	switch {
	case day && clock:
		return lookMoment
	case clock:
		return lookTime
	case day || months:
		return lookDate
	case percent:
		return lookPercent
	}
	return lookNumber
}
