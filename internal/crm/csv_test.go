package crm

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

// readAll gives "line: values" of each record, or "line! problem".
func readAll(t *testing.T, text string) []*csvRecord {
	t.Helper()
	r, err := newCSVReader(strings.NewReader(text), ',')
	if err != nil {
		t.Fatal(err)
	}
	var records []*csvRecord
	for {
		record, err := r.next()
		if errors.Is(err, io.EOF) {
			return records
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
}

func FuzzTheReaderAgreesWithTheStandardOneOnGoodFiles(f *testing.F) {
	for _, text := range []string{
		"a,b\n1,2\n", "a,b\r\n\"x,y\",\"z\"\"z\"\r\n", "\"two\nlines\",b\n", ",\n,,\n", "\"\"\n", "a\n\n\nb", "\"a\n\n\nb\",c", "\xef\xbb\xbfa,b", "ä,世界\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		standard := csv.NewReader(strings.NewReader(strings.TrimPrefix(text, "\xef\xbb\xbf")))
		standard.FieldsPerRecord = -1
		want, err := standard.ReadAll()
		if err != nil || strings.Contains(text, "\r") || len(text) > 4096 || strings.Count(text, "\n") > maxRecordLines {
			return
		}
		if strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff") {
			return
		}
		var got [][]string
		for _, record := range readAll(t, text) {
			if record.Problem != "" {
				if strings.Contains(record.Problem, "UTF-8") {
					return
				}
				t.Fatalf("%q: line %d: %s", text, record.Line, record.Problem)
			}
			got = append(got, record.Columns)
		}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("%q:\n%q\nwant\n%q", text, got, want)
		}
	})
}

func TestABrokenLineIsGivenUpAndTheNextOneIsRead(t *testing.T) {
	t.Parallel()
	records := readAll(t, "a,b\n\"open,1\nc,d\n\"x\ny\",2\ne\"f,3\n\"g\"h,4\n\xe4,5\ni,6\n\"never\nends\n")
	var got []string
	for _, r := range records {
		if r.Problem != "" {
			got = append(got, string(rune('0'+r.Line))+"!"+r.Text)
			continue
		}
		got = append(got, string(rune('0'+r.Line))+":"+strings.Join(r.Columns, "|"))
	}
	want := []string{"1:a|b", "2!\"open,1", "3:c|d", "4:x\ny|2", "6!e\"f,3", "7!\"g\"h,4", "8!\ufffd,5", "9:i|6"}
	if !slices.Equal(got[:len(want)], want) || len(got) != len(want)+2 || !strings.Contains(got[len(want)], "never") {
		t.Errorf("read:\n%q\nwant\n%q", got, want)
	}
}

func TestALineThatIsTooLongFailsAlone(t *testing.T) {
	t.Parallel()
	records := readAll(t, "a\n"+strings.Repeat("x", maxRecordBytes+1)+"\nb\n")
	if len(records) != 3 || records[1].Problem == "" || len(records[1].Text) > 1000 || records[2].Line != 3 || records[2].Columns[0] != "b" {
		t.Errorf("%d records", len(records))
	}
}

func TestTheStartOfALineThatIsTooLongIsNeverALine(t *testing.T) {
	t.Parallel()
	records := readAll(t, "\"open,1\na,"+strings.Repeat("x", maxRecordBytes)+"\nc,d\n")
	if len(records) != 3 || records[0].Problem == "" || records[1].Problem == "" || records[1].Line != 2 || records[2].Line != 3 || records[2].Columns[0] != "c" {
		for _, r := range records {
			t.Errorf("line %d: %.20q %s", r.Line, r.Columns, r.Problem)
		}
	}
}

func TestWhatIsNoCSVIsGivenUpInTheEnd(t *testing.T) {
	t.Parallel()
	r, err := newCSVReader(strings.NewReader(strings.Repeat("a\"b\n", maxBroken+2)), ',')
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err = r.next(); err != nil {
			break
		}
	}
	if errors.Is(err, io.EOF) {
		t.Error("it was read to the end")
	}
}

// FuzzCSVIsReadTheSameFromEveryPlace reads a file once in one go, and then anew from
// behind each of its records: that is what an import does that goes on after a crash.
func FuzzCSVIsReadTheSameFromEveryPlace(f *testing.F) {
	for _, text := range []string{
		"a,b\n1,2\n", "a,b\r\n\"x,y\",\"z\"\"z\"\r\n", "\"two\nlines\",b\nc", "\xef\xbb\xbfa\n\"open\nb\n\n\nc\"d\n\xe4\n", "\"\n\"\"\n\"x\"y\nz", "\r\n\r\na,,\n\"never\nends",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		r, err := newCSVReader(strings.NewReader(text), ',')
		if err != nil {
			return
		}
		whole := readAll(t, text)
		for n := range whole {
			place := r.place()
			if place.Offset < 0 || place.Offset > int64(len(text)) {
				t.Fatalf("%q: record %d is at %d", text, n, place.Offset)
			}
			again := continueCSV(strings.NewReader(text[place.Offset:]), ',', place)
			for _, want := range whole[n:] {
				got, err := again.next()
				if err != nil {
					t.Fatalf("%q: from %d: %v", text, place.Offset, err)
				}
				if got.Line != want.Line || got.Text != want.Text || got.Problem != want.Problem || !slices.Equal(got.Columns, want.Columns) {
					t.Fatalf("%q: from %d: %+v, want %+v", text, place.Offset, got, want)
				}
			}
			if _, err := again.next(); !errors.Is(err, io.EOF) {
				t.Fatalf("%q: from %d there is more: %v", text, place.Offset, err)
			}
			if _, err := r.next(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
