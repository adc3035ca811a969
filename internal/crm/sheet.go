package crm

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/workbook"
)

// maxSheet bounds the CSV that is made of a sheet.
const maxSheet = 4 << 30

// mediaZIP is the type of a file that begins as a ZIP archive does.
const mediaZIP = "application/zip"

// IsPacked says whether a file is a ZIP archive, as workbooks are.
func IsPacked(file *File) bool { return file.MediaType == mediaZIP }

// SheetHeader is the header of the sheet of a workbook that the mapping names. What is
// wrong with the workbook is fault.Malformed.
func (r *Records) SheetHeader(ctx context.Context, file *File, mapping *Mapping) (*ImportHeader, error) {
	book, err := openWorkbook(ctx, r.Runner, file)
	if err != nil {
		return nil, err
	}
	n, cells, err := book.Header(mapping.Sheet, r.Zone())
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, errEmptySheet
	}
	var text strings.Builder
	w := newSheetWriter(&text, mapping)
	if err := w.row(1, cells); err != nil {
		return nil, err
	}
	header, _, err := ReadImportHeader(mapping, strings.NewReader(text.String()))
	return header, err
}

// TakeSheet makes a file of CSV of the sheet that the mapping names. Its records are
// the rows of the sheet, in the form of the texts that fields are read from; for an
// empty row it has an empty line, so that its records have the numbers of the rows.
func (f *Files) TakeSheet(ctx context.Context, file *File, mapping *Mapping, zone *time.Location) (*File, error) {
	book, err := openWorkbook(ctx, f.Runner, file)
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	go func() {
		buffer := bufio.NewWriterSize(writer, csvBuffer)
		w := newSheetWriter(buffer, mapping)
		err := book.Rows(mapping.Sheet, zone, w.row)
		if err == nil {
			err = buffer.Flush()
		}
		writer.CloseWithError(err)
	}()
	defer reader.CloseWithError(errStopped)
	return f.Put(ctx, strings.TrimSuffix(file.Name, path.Ext(file.Name))+".csv", reader, maxSheet)
}

// errStopped ends the reading of a workbook that nobody waits for.
var errStopped = errors.New("nobody waits for the sheet any more")

// Zone is the organisation's time zone.
func (r *Records) Zone() *time.Location {
	zone, err := time.LoadLocation(r.Compiler.Schema().Organisation.TimeZone)
	if err != nil { // the compiler of the schema has seen to it that there is one
		return time.UTC
	}
	return zone
}

func openWorkbook(ctx context.Context, runner Runner, file *File) (*workbook.Workbook, error) {
	return workbook.Open(&fileAt{next: chunks(ctx, runner, file.ID), size: file.Size}, file.Size)
}

// fileAt reads a file that lies in pieces at any place, and keeps the last piece.
type fileAt struct {
	next  func(at int64) (place int64, piece []byte, err error)
	size  int64
	place int64
	piece []byte
}

func (f *fileAt) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	for n < len(p) {
		if at >= f.size || at < 0 {
			return n, io.EOF
		}
		if at < f.place || at >= f.place+int64(len(f.piece)) {
			place, piece, err := f.next(at)
			if err != nil {
				return n, fmt.Errorf("reading a file: %w", err)
			}
			if at < place || at >= place+int64(len(piece)) {
				return n, io.ErrUnexpectedEOF
			}
			f.place, f.piece = place, piece
		}
		read := copy(p[n:], f.piece[at-f.place:])
		n, at = n+read, at+int64(read)
	}
	return n, nil
}

// sheetWriter writes rows as CSV.
type sheetWriter struct {
	out     io.Writer
	csv     *csv.Writer
	size    *countingWriter
	lines   int
	columns int
	padded  []string
}

// countingWriter counts what it passes on.
type countingWriter struct {
	io.Writer
	n int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.n += int64(len(p))
	return w.Writer.Write(p)
}

func newSheetWriter(out io.Writer, mapping *Mapping) *sheetWriter {
	size := &countingWriter{Writer: out}
	w := &sheetWriter{out: size, csv: csv.NewWriter(size), size: size}
	if mapping.Delimiter != "" {
		w.csv.Comma = rune(mapping.Delimiter[0]) // what is none is refused with the header
	}
	return w
}

// row writes a row as one record. Each has as many columns as the first, and more only
// where it holds more.
func (w *sheetWriter) row(n int, cells []string) error {
	for ; w.lines < n-1; w.lines++ {
		if _, err := w.out.Write([]byte{'\n'}); err != nil {
			return err
		}
	}
	w.lines = n
	if len(cells) == 0 {
		_, err := w.out.Write([]byte{'\n'})
		return err
	}
	if w.columns == 0 {
		w.columns = len(cells)
	}
	w.padded = append(w.padded[:0], cells...)
	for len(w.padded) < w.columns {
		w.padded = append(w.padded, "")
	}
	before := w.size.n
	err := w.csv.Write(w.padded)
	w.csv.Flush()
	if err == nil {
		err = w.csv.Error()
	}
	if err == nil && w.size.n-before > maxRecordBytes {
		err = fault.New(fault.Malformed, "the row %d of the sheet is longer than %d bytes", n, maxRecordBytes)
	}
	return err
}
