package crm

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kontor-crm/kontor/internal/fault"
)

// The bounds of a file.
const (
	maxRecordBytes = 1 << 20
	maxRecordLines = 200
	maxColumns     = 2000
	// maxBroken ends the reading of what is no CSV at all.
	maxBroken = 10_000
)

const unclosed = "a quote is opened and never closed"

// csvRecord is one record of a file: mostly one line, more when a quoted value holds line ends.
type csvRecord struct {
	// Line is the number of its first line, from 1.
	Line int
	// Text is the record as it stands in the file, without the last line end.
	Text string
	// Columns are the values; nil when Problem says what is wrong with the record.
	Columns []string
	Problem string
}

// harmless is the text of the record, as a file of failed lines holds it: people open
// that with a spreadsheet, and what somebody else has written must not compute there. An
// import finds the same values again.
func (r *csvRecord) harmless(delimiter byte) string {
	if r.Columns == nil {
		return harmless(r.Text)
	}
	if !slices.ContainsFunc(r.Columns, func(value string) bool { return harmless(value) != value }) {
		return r.Text
	}
	values := make([]string, 0, len(r.Columns))
	for _, value := range r.Columns {
		value = harmless(value)
		if strings.ContainsAny(value, "\"\r\n"+string(delimiter)) {
			value = quoteCSV(value)
		}
		values = append(values, value)
	}
	return strings.Join(values, string(delimiter))
}

// harmless marks a value of a file that a spreadsheet would compute, and no other: those
// that are marked already stay what they are.
func harmless(value string) string {
	if trimmed := strings.TrimSpace(value); IsFormula(trimmed) && !isNegative(trimmed) {
		return "'" + trimmed
	}
	return value
}

// isNegative says whether a text is nothing but a number below zero.
func isNegative(text string) bool {
	digits, found := strings.CutPrefix(text, "-")
	return found && strings.ContainsAny(digits, "0123456789") && strings.Trim(digits, "0123456789.,") == ""
}

// csvReader reads CSV as RFC 4180 has it. encoding/csv loses the rest of a file
// to one quote that is not closed; this reader gives up that line alone, names
// it, and goes on with the next one.
type csvReader struct {
	input     *bufio.Reader
	delimiter byte
	line      int // of the last line that was taken
	// ahead are lines that were read for a record and given back.
	ahead  []csvLine
	broken int
	// offset is where in the file the next record begins.
	offset int64
	// rows counts records in place of lines: each is a row of a sheet.
	rows bool
}

// csvLine is a line without its end; of one that is too long it is the beginning.
type csvLine struct {
	text    []byte
	tooLong bool
	// size is how many bytes of the file it takes, its end included.
	size int64
}

// csvPlace is a place between two records of a file.
type csvPlace struct {
	// Offset is where the next record begins, Line the number of the last line
	// before it, Broken how many broken lines were before it.
	Offset int64 `json:"offset"`
	Line   int   `json:"line"`
	Broken int   `json:"broken,omitempty"`
}

func (r *csvReader) place() csvPlace {
	return csvPlace{Offset: r.offset, Line: r.line, Broken: r.broken}
}

// continueCSV reads on from a place; the input begins there.
func continueCSV(input io.Reader, delimiter byte, from csvPlace) *csvReader {
	return &csvReader{
		input: bufio.NewReaderSize(input, csvBuffer), delimiter: delimiter, line: from.Line, broken: from.Broken, offset: from.Offset,
	}
}

const csvBuffer = 64 << 10

// newCSVReader begins a file: it skips the mark of UTF-8 and refuses those of UTF-16.
func newCSVReader(input io.Reader, delimiter byte) (*csvReader, error) {
	r := &csvReader{input: bufio.NewReaderSize(input, csvBuffer), delimiter: delimiter}
	start, err := r.input.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, err = r.input.Discard(3)
		r.offset = 3
	case bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, fault.New(fault.Malformed, "line 1: the file is UTF-16; save it as UTF-8")
	default:
		return r, nil
	}
	return r, err
}

// next is the next record, or io.EOF. Empty lines are passed over.
func (r *csvReader) next() (*csvRecord, error) {
	for {
		line, err := r.take()
		if err != nil {
			return nil, err
		}
		record := &csvRecord{Line: r.line, Text: string(line.text)}
		switch {
		case line.tooLong:
			record.Problem = fmt.Sprintf("the line is longer than %d bytes", maxRecordBytes)
		case len(line.text) == 0:
			continue
		default:
			if err := r.parse(record); err != nil {
				return nil, err
			}
		}
		if record.Problem != "" {
			record.Text = strings.ToValidUTF8(record.Text, "\ufffd")
			r.broken++
			if r.broken > maxBroken {
				return nil, fault.New(fault.Malformed, "line %d: the file has more than %d broken lines; it is no CSV with this delimiter", record.Line, maxBroken)
			}
		}
		return record, nil
	}
}

// parse splits the record, and takes more lines while a quote is open.
func (r *csvReader) parse(record *csvRecord) error {
	var taken []csvLine
	for {
		if !utf8.ValidString(record.Text) {
			record.Problem = encodingProblem(record.Text)
			break
		}
		columns, open, problem := splitCSV(record.Text, r.delimiter)
		if !open {
			record.Columns, record.Problem = columns, problem
			if problem != "" && len(taken) > 0 {
				record.Problem = unclosed
			}
			break
		}
		if len(taken) >= maxRecordLines && !r.rows || len(record.Text) >= maxRecordBytes {
			record.Problem = unclosed
			break
		}
		line, err := r.take()
		if errors.Is(err, io.EOF) {
			record.Problem = unclosed
			break
		}
		if err != nil {
			return err
		}
		taken = append(taken, line)
		if line.tooLong {
			record.Problem = unclosed
			break
		}
		record.Text += "\n" + string(line.text)
	}
	if record.Problem == "" && r.rows {
		r.line = record.Line
	}
	if record.Problem != "" && len(taken) > 0 {
		// Only the first line is given up.
		record.Text, _, _ = strings.Cut(record.Text, "\n")
		r.ahead = append(taken, r.ahead...)
		r.line -= len(taken)
		for _, line := range taken {
			r.offset -= line.size
		}
	}
	return nil
}

func encodingProblem(text string) string {
	at := 0
	for at < len(text) {
		c, size := utf8.DecodeRuneInString(text[at:])
		if c == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return fmt.Sprintf("is not valid UTF-8: the byte 0x%02X at position %d; save the file as UTF-8", text[at], at+1)
}

// take is the next line without its end. What is over the bound is read and thrown away.
func (r *csvReader) take() (csvLine, error) {
	if len(r.ahead) > 0 {
		given := r.ahead[0]
		r.ahead = r.ahead[1:]
		r.line++
		r.offset += given.size
		return given, nil
	}
	var line []byte
	var size int64
	for {
		part, err := r.input.ReadSlice('\n')
		size += int64(len(part))
		if len(line) <= maxRecordBytes {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if errors.Is(err, io.EOF) && len(line) > 0 {
			err = nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return csvLine{}, io.EOF
			}
			return csvLine{}, fmt.Errorf("reading the file: %w", err)
		}
		r.line++
		r.offset += size
		line = bytes.TrimSuffix(line, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) > maxRecordBytes {
			return csvLine{text: line[:200], tooLong: true, size: size}, nil
		}
		return csvLine{text: line, size: size}, nil
	}
}

// splitCSV splits one record into its values. open says that a quote waits for its end.
func splitCSV(text string, delimiter byte) (columns []string, open bool, problem string) {
	for at := 0; ; {
		var value string
		if at < len(text) && text[at] == '"' {
			end := closingQuote(text, at+1)
			if end < 0 {
				return nil, true, ""
			}
			value, at = strings.ReplaceAll(text[at+1:end], `""`, `"`), end+1
			if at < len(text) && text[at] != delimiter {
				return nil, false, fmt.Sprintf("a quoted value goes on behind its quote, in column %d", len(columns)+1)
			}
		} else {
			end := strings.IndexByte(text[at:], delimiter)
			if end < 0 {
				end = len(text) - at
			}
			value, at = text[at:at+end], at+end
			if strings.Contains(value, `"`) {
				return nil, false, fmt.Sprintf("a quote stands inside of a value without quotes, in column %d", len(columns)+1)
			}
		}
		if columns = append(columns, value); len(columns) > maxColumns {
			return nil, false, fmt.Sprintf("has more than %d columns", maxColumns)
		}
		if at >= len(text) {
			return columns, false, ""
		}
		at++ // the delimiter
	}
}

// closingQuote is the place of the quote that ends the value, or -1. Two quotes are one in the value.
func closingQuote(text string, from int) int {
	for at := from; at < len(text); at++ {
		if text[at] != '"' {
			continue
		}
		if at+1 < len(text) && text[at+1] == '"' {
			at++
			continue
		}
		return at
	}
	return -1
}
