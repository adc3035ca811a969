package workbook

import (
	"archive/zip"
	"bufio"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/kontor-crm/kontor/internal/fault"
)

// errEnough ends the reading of a part before its end.
var errEnough = errors.New("enough is read")

// walker hears of what a part holds.
type walker interface {
	start(path []string, e xml.StartElement) error
	text(path []string, text []byte) error
	// end hears of the end of the last of the path.
	end(path []string) error
}

// heard is a walker of functions.
type heard struct {
	onStart func(path []string, e xml.StartElement) error
	onEnd   func(path []string) error
}

func (h heard) start(path []string, e xml.StartElement) error { return h.onStart(path, e) }
func (h heard) text([]string, []byte) error                   { return nil }

func (h heard) end(path []string) error {
	if h.onEnd == nil {
		return nil
	}
	return h.onEnd(path)
}

// read tells of the elements of a part; the path of one does not hold itself.
func (w *Workbook) read(
	name string, most int64, onStart func(path []string, e xml.StartElement) error, onEnd func(path []string) error,
) error {
	return w.walk(name, most, heard{onStart, onEnd})
}

// walk reads a part of at most so many bytes. One that is not there is malformed.
func (w *Workbook) walk(name string, most int64, to walker) error {
	at := slices.IndexFunc(w.archive.File, func(f *zip.File) bool { return f.Name == name })
	if at < 0 {
		return malformed("its part %.80q is missing", name)
	}
	file := w.archive.File[at]
	content, err := file.Open()
	if err != nil {
		return fault.Wrap(fault.Malformed, err, "the workbook cannot be read: its part %.80q is packed in an unknown way", name)
	}
	defer content.Close()
	most = min(most, max(maxSmallPart, int64(min(file.CompressedSize64, maxSheetPart))*maxRatio))
	err = walk(&tokenReader{input: bufio.NewReaderSize(content, 64<<10), left: most}, to)
	switch broken, isBroken := errors.AsType[*brokenError](err); {
	case errors.Is(err, errEnough):
		return nil
	case isBroken && w.file.err != nil:
		return fmt.Errorf("reading the workbook: %w", w.file.err)
	case isBroken:
		return fault.Wrap(fault.Malformed, broken.error, "the workbook cannot be read: its part %.80q is broken", name)
	}
	return err
}

// brokenError is what keeps a part from being read.
type brokenError struct{ error }

// walk tells of the elements and texts of a document.
func walk(input *tokenReader, to walker) error {
	decoder := xml.NewDecoder(input)
	var path []string
	for {
		input.token = maxToken
		token, err := decoder.RawToken()
		switch {
		case input.excess != nil:
			return input.excess
		case errors.Is(err, io.EOF) && len(path) == 0 && input.err == nil:
			return nil
		case err != nil:
			return &brokenError{cmp.Or(input.err, err)}
		}
		switch token := token.(type) {
		case xml.StartElement:
			if err := to.start(path, token); err != nil {
				return err
			}
			if path = append(path, token.Name.Local); len(path) > maxDepth {
				return malformed("its elements stand more than %d deep in one another", maxDepth)
			}
		case xml.EndElement:
			if len(path) == 0 || path[len(path)-1] != token.Name.Local {
				return malformed("the tag %.40q ends what has not begun", token.Name.Local)
			}
			if err := to.end(path); err != nil {
				return err
			}
			path = path[:len(path)-1]
		case xml.CharData:
			if err := to.text(path, token); err != nil {
				return err
			}
		case xml.Directive:
			return malformed("it declares a document type, which no spreadsheet does")
		}
	}
}

// tokenReader bounds a document and each of its tokens.
type tokenReader struct {
	input *bufio.Reader
	left  int64
	token int
	// excess is the bound that is exceeded, err what the reading of the part failed with.
	excess, err error
}

// ReadByte is what the decoder reads by.
func (r *tokenReader) ReadByte() (byte, error) {
	r.left--
	r.token--
	switch {
	case r.left < 0:
		r.excess = malformed("one of its parts is far longer unpacked than a workbook's")
	case r.token < 0:
		r.excess = malformed("it has a text or a tag of more than %d bytes", maxToken)
	default:
		c, err := r.input.ReadByte()
		if err != nil && !errors.Is(err, io.EOF) {
			r.err = err
		}
		return c, err
	}
	return 0, r.excess
}

func (r *tokenReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = c
	return 1, nil
}
