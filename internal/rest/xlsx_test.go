package rest

import (
	"archive/zip"
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

func TestWhatDoesNotFitOnASheetGoesOnOnTheNext(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	buffer := bufio.NewWriter(&file)
	workbook := newXLSXTable(buffer, "Europe/Berlin")
	workbook.most = 4
	columns := []query.Column{{Path: []string{"name"}, Field: &schema.Field{Name: "name", Type: schema.TypeText}}}
	for _, err := range []error{
		workbook.Begin(columns, []string{"name"}), workbook.Row([][]byte{[]byte("a")}), workbook.Row([][]byte{nil}), workbook.Row([][]byte{[]byte("c")}),
		workbook.Row([][]byte{[]byte(strings.Repeat("😀", 20_000))}), workbook.End(), buffer.Flush(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	archive, err := zip.NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range []int{4, 2} {
		sheet, err := archive.Open(fmt.Sprintf("xl/worksheets/sheet%d.xml", n+1))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(sheet)
		if err != nil {
			t.Fatal(err)
		}
		if rows := bytes.Count(content, []byte("<row ")); rows != want {
			t.Errorf("sheet %d has %d rows, not %d", n+1, rows, want)
		}
		if cells := bytes.Count(content, []byte("😀")); n == 1 && cells != maxCell/2 {
			t.Errorf("a long text is cut to %d", cells)
		}
	}
}

func TestColumnsAreNamedAsSpreadsheetsDo(t *testing.T) {
	t.Parallel()
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA"} {
		if got := columnLetters(i); got != want {
			t.Errorf("column %d is %s, not %s", i, got, want)
		}
	}
}
