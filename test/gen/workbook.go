package gen

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
)

// Workbook is an XLSX file of one sheet, "Sheet1", whose cells are texts. A nil row is
// left out, as spreadsheets do with empty ones.
func Workbook(rows ...[]string) []byte {
	const relationships, office = `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`, "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	var sheet bytes.Buffer
	sheet.WriteString(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`)
	for n, row := range rows {
		if row == nil {
			continue
		}
		fmt.Fprintf(&sheet, `<row r="%d">`, n+1)
		for _, text := range row {
			sheet.WriteString(`<c t="inlineStr"><is><t xml:space="preserve">`)
			_ = xml.EscapeText(&sheet, []byte(text)) // a buffer takes everything
			sheet.WriteString(`</t></is></c>`)
		}
		sheet.WriteString(`</row>`)
	}
	sheet.WriteString(`</sheetData></worksheet>`)
	var file bytes.Buffer
	archive := zip.NewWriter(&file)
	for _, part := range [][2]string{
		{"_rels/.rels", relationships + `<Relationship Id="r1" Type="` + office + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/_rels/workbook.xml.rels", relationships + `<Relationship Id="r1" Type="` + office + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns:r="` + office + `"><sheets><sheet name="Sheet1" sheetId="1" r:id="r1"/></sheets></workbook>`},
		{"xl/worksheets/sheet1.xml", sheet.String()},
	} {
		w, err := archive.Create(part[0])
		if err == nil {
			_, _ = w.Write([]byte(part[1])) // into memory
		}
	}
	_ = archive.Close()
	return file.Bytes()
}
