// Package workbook reads the sheets of XLSX files, the ZIP archives of XML that
// spreadsheets save. It reads a sheet row by row and keeps nothing of it but the
// texts that its cells share; every part has bounds, for a workbook of some
// kilobytes can claim to hold terabytes.
package workbook

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/fault"
)

// The bounds of a workbook.
const (
	// maxDirectory is how many bytes the archive's list of its parts may take.
	maxDirectory = 4 << 20
	// maxSmallPart bounds, unpacked, the parts that are about the workbook itself.
	maxSmallPart = 16 << 20
	// maxSheetPart bounds an unpacked sheet, and the shared texts.
	maxSheetPart = 8 << 30
	// maxRatio is how much longer an unpacked part may be than the packed one, once it
	// is longer than maxSmallPart. Sheets are seldom packed to less than a hundredth.
	maxRatio = 400
	// maxToken bounds one text, or one tag, of a part.
	maxToken = 1 << 20
	// maxDepth bounds how deep the elements of a part stand in one another.
	maxDepth = 64
	// maxSharedBytes bounds the memory for the texts that cells share.
	maxSharedBytes = 128 << 20
	// maxSheets is more than anybody has.
	maxSheets = 4096
	// MaxRows and MaxColumns are what a sheet has at most.
	MaxRows    = 1 << 20
	MaxColumns = 1 << 14
	// maxRowBytes bounds the texts of one row.
	maxRowBytes = 8 << 20
)

// IsWorkbook says whether a file begins as a workbook does: as a ZIP archive.
func IsWorkbook(start []byte) bool { return strings.HasPrefix(string(start), "PK\x03\x04") }

// IsOldWorkbook says whether a file begins as workbooks did before 2007, and as those
// that a password protects do still.
func IsOldWorkbook(start []byte) bool {
	return strings.HasPrefix(string(start), "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

// Workbook is an open file.
type Workbook struct {
	file    *limitedReaderAt
	archive *zip.Reader
	sheets  []sheet
	// shared and styles are the names of parts; empty when there are none.
	shared, styles string
	// from1904 says that days are counted from 1904.
	from1904 bool
}

type sheet struct {
	name, part string
	hidden     bool
}

// Open reads what a workbook says of itself. What is no workbook, or is broken, is
// fault.Malformed.
func Open(file io.ReaderAt, size int64) (*Workbook, error) {
	limited := &limitedReaderAt{file: file, left: maxDirectory}
	archive, err := zip.NewReader(limited, size)
	if limited.left < 0 {
		return nil, malformed("it has far more parts than a workbook")
	}
	if limited.err != nil {
		return nil, fmt.Errorf("reading the workbook: %w", limited.err)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the workbook cannot be read: it is no complete ZIP archive")
	}
	limited.free = true
	w := &Workbook{file: limited, archive: archive}
	if err := w.readParts(); err != nil {
		return nil, err
	}
	return w, nil
}

func malformed(format string, args ...any) error {
	return fault.New(fault.Malformed, "the workbook cannot be read: "+format, args...)
}

// limitedReaderAt bounds what is read of the file until it is free, and remembers
// what its own reader failed with.
type limitedReaderAt struct {
	file io.ReaderAt
	left int64
	free bool
	err  error
}

func (r *limitedReaderAt) ReadAt(p []byte, at int64) (int, error) {
	if !r.free {
		if r.left -= int64(len(p)); r.left < 0 {
			return 0, io.ErrUnexpectedEOF
		}
	}
	n, err := r.file.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// Names of parts and of relationships. Those of the "strict" form have other
// addresses with the same ends.
const (
	rootRelations  = "_rels/.rels"
	officeDocument = "/officeDocument"
	worksheet      = "/worksheet"
	sharedStrings  = "/sharedStrings"
	stylesRelation = "/styles"
)

// relation says which part another one refers to.
type relation struct{ id, kind, target string }

// relations are those of a part whose targets stand relative to its folder.
func (w *Workbook) relations(name, folder string) ([]relation, error) {
	var found []relation
	err := w.read(name, maxSmallPart, func(_ []string, e xml.StartElement) error {
		if e.Name.Local != "Relationship" {
			return nil
		}
		target := attribute(e, "Target")
		if !strings.HasPrefix(target, "/") {
			target = path.Join(folder, target)
		}
		if found = append(found, relation{id: attribute(e, "Id"), kind: attribute(e, "Type"), target: strings.TrimPrefix(target, "/")}); len(found) > 4*maxSheets {
			return malformed("it has too many parts")
		}
		return nil
	}, nil)
	return found, err
}

func (w *Workbook) readParts() error {
	roots, err := w.relations(rootRelations, "")
	if err != nil {
		return err
	}
	at := slices.IndexFunc(roots, func(r relation) bool { return strings.HasSuffix(r.kind, officeDocument) })
	if at < 0 {
		return malformed("it is a ZIP archive, but not of a spreadsheet")
	}
	book := roots[at].target
	folder, name := path.Split(book)
	related, err := w.relations(folder+"_rels/"+name+".rels", folder)
	if err != nil {
		return err
	}
	parts := map[string]relation{}
	for _, r := range related {
		parts[r.id] = r
		switch {
		case strings.HasSuffix(r.kind, sharedStrings):
			w.shared = r.target
		case strings.HasSuffix(r.kind, stylesRelation):
			w.styles = r.target
		}
	}
	return w.readBook(book, parts)
}

func (w *Workbook) readBook(book string, parts map[string]relation) error {
	err := w.read(book, maxSmallPart, func(_ []string, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			w.from1904 = isTrue(attribute(e, "date1904"))
		case "sheet":
			r, ok := parts[relationID(e)]
			if !ok || !strings.HasSuffix(r.kind, worksheet) { // a chart, a macro
				return nil
			}
			state := attribute(e, "state")
			if w.sheets = append(w.sheets, sheet{name: attribute(e, "name"), part: r.target, hidden: state != "" && state != "visible"}); len(w.sheets) > maxSheets {
				return malformed("it has more than %d sheets", maxSheets)
			}
		}
		return nil
	}, nil)
	if err == nil && len(w.sheets) == 0 {
		err = malformed("it has no sheet with cells")
	}
	return err
}

// Sheets are the names of the sheets that are not hidden; of all when all are.
func (w *Workbook) Sheets() []string {
	var all, shown []string
	for _, s := range w.sheets {
		all = append(all, s.name)
		if !s.hidden {
			shown = append(shown, s.name)
		}
	}
	if len(shown) == 0 {
		return all
	}
	return shown
}

// find is the sheet of the name; without one it is the first that is not hidden.
func (w *Workbook) find(name string) (sheet, error) {
	var names []string
	for _, s := range w.sheets {
		if name == "" && !s.hidden || name != "" && s.name == name {
			return s, nil
		}
		names = append(names, fmt.Sprintf("%.60q", s.name))
	}
	if name == "" {
		return w.sheets[0], nil
	}
	const shown = 10
	if len(names) > shown {
		names = append(names[:shown], "…")
	}
	return sheet{}, fault.At("sheet", "the workbook has no sheet %.60q; it has %s", name, strings.Join(names, ", "))
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// relationID is the attribute id that stands in a namespace, which goes by any prefix.
func relationID(e xml.StartElement) string {
	for _, a := range e.Attr {
		if a.Name.Local == "id" && a.Name.Space != "" && a.Name.Space != "xmlns" {
			return a.Value
		}
	}
	return ""
}

func isTrue(text string) bool { return text == "1" || text == "true" }
