package workbook

import (
	"encoding/xml"
	"strconv"
	"strings"
	"unicode/utf8"
)

// texts are what cells share, in blocks that never move.
type texts struct {
	blocks [][]byte
	places []textPlace
	size   int
}

type textPlace struct{ block, from, to uint32 }

const (
	textBlock     = 1 << 20
	textPlaceSize = 12
)

func (t *texts) add(text []byte) error {
	if t.size += len(text) + textPlaceSize; t.size > maxSharedBytes {
		return malformed("its texts take more than %d MiB; save the sheet as CSV", maxSharedBytes>>20)
	}
	last := len(t.blocks) - 1
	if last < 0 || cap(t.blocks[last])-len(t.blocks[last]) < len(text) {
		t.blocks, last = append(t.blocks, make([]byte, 0, max(textBlock, len(text)))), last+1
	}
	block := t.blocks[last]
	from := len(block)
	t.blocks[last] = append(block, text...)
	t.places = append(t.places, textPlace{uint32(last), uint32(from), uint32(from + len(text))}) //nolint:gosec // within maxSharedBytes
	return nil
}

func (t *texts) at(n int) (string, bool) {
	if n < 0 || n >= len(t.places) {
		return "", false
	}
	p := t.places[n]
	return string(t.blocks[p.block][p.from:p.to]), true
}

// readShared gives each shared text in turn.
func (w *Workbook) readShared(each func(n int, text []byte) error) error {
	if w.shared == "" {
		return nil
	}
	return w.walk(w.shared, maxSheetPart, &sharedTexts{each: each})
}

// allShared keeps the shared texts.
func (w *Workbook) allShared() (*texts, error) {
	kept := &texts{}
	return kept, w.readShared(func(_ int, text []byte) error { return kept.add(text) })
}

// sharedTexts takes the texts of the elements si together from their runs.
type sharedTexts struct {
	each func(n int, text []byte) error
	n    int
	now  []byte
}

func (s *sharedTexts) start(path []string, e xml.StartElement) error {
	if len(path) == 1 && e.Name.Local == "si" {
		s.now = s.now[:0]
	}
	return nil
}

func (s *sharedTexts) text(path []string, text []byte) error {
	if len(path) > 2 && path[1] == "si" && isShown(path[2:]) {
		if s.now = append(s.now, text...); len(s.now) > maxToken {
			return malformed("it has a text of more than %d bytes", maxToken)
		}
	}
	return nil
}

func (s *sharedTexts) end(path []string) error {
	if len(path) != 2 || path[1] != "si" {
		return nil
	}
	if err := s.each(s.n, []byte(unescape(string(s.now)))); err != nil {
		return err
	}
	s.n++
	return nil
}

// isShown says whether the text at the path below a text is part of it, as opposed to
// how it is pronounced.
func isShown(path []string) bool {
	return len(path) == 1 && path[0] == "t" || len(path) == 2 && path[0] == "r" && path[1] == "t"
}

// unescape gives the characters back that a spreadsheet writes as _x000D_, and makes
// every end of a line one character.
func unescape(text string) string {
	if !strings.Contains(text, "_x") {
		return oneLineEnd(text)
	}
	var b strings.Builder
	for {
		at := strings.Index(text, "_x")
		if at < 0 || len(text) < at+7 {
			b.WriteString(text)
			return oneLineEnd(b.String())
		}
		code, err := strconv.ParseUint(text[at+2:at+6], 16, 16)
		b.WriteString(text[:at])
		if err != nil || text[at+6] != '_' || !utf8.ValidRune(rune(code)) || code == 0 {
			b.WriteString("_x")
			text = text[at+2:]
			continue
		}
		b.WriteRune(rune(code))
		text = text[at+7:]
	}
}

func oneLineEnd(text string) string {
	if !strings.Contains(text, "\r") {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}
