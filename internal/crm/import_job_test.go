package crm

import (
	"encoding/csv"
	"strings"
	"testing"
)

func TestTheFileOfFailedLinesHasTheFormOfTheImportedOne(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("<", 1<<19)
	mapping := &Mapping{Delimiter: ";"}
	header, _, err := ReadImportHeader(mapping, strings.NewReader("\xef\xbb\xbfname;code\r\nA;a\n"))
	if err != nil {
		t.Fatal(err)
	}
	f := NewFailures(mapping, header)
	text := string(f.Begin()) + string(f.Lines([]FailedLine{
		{Line: 3, Text: `B;"x;y"`, Reasons: []string{`name: "B" is; taken`, "code: too"}}, {Line: 4, Text: long + ";z", Reasons: []string{"too long"}},
	}))
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma = ';'
	lines, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{{"name", "code", "failure"}, {"B", "x;y", `line 3: name: "B" is; taken; code: too`}, {long, "z", "line 4: too long"}}
	for i, line := range want {
		if len(lines) != len(want) || strings.Join(lines[i], "|") != strings.Join(line, "|") {
			t.Fatalf("the file holds %.300q", lines)
		}
	}
}

func TestAFileKeepsAHarmlessName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ given, want string }{
		{"", "file"},
		{"/", "file"},
		{"..", "file"},
		{"../../etc/passwd", "passwd"},
		{`C:\Users\ann\Deals.csv`, "Deals.csv"},
		{" a\x00\r\nb\u202e.txt ", "ab.txt"},
		{"\xff\xfe", "file"},
		{"报价单.pdf", "报价单.pdf"},
		{strings.Repeat("长", 300) + ".pdf", strings.Repeat("长", 196) + ".pdf"},
		{"x." + strings.Repeat("y", 400), "x." + strings.Repeat("y", 198)},
	} {
		if got := fileName(c.given); got != c.want {
			t.Errorf("%.40q became %.60q, want %.60q", c.given, got, c.want)
		}
	}
}
