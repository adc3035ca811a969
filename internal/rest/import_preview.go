package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// previewAnswer is what an import would make of the first lines of a file.
type previewAnswer struct {
	// File is what the import is told, which needs the bytes no second time.
	File    string          `json:"file"`
	Format  string          `json:"format"`
	Sheets  []string        `json:"sheets,omitempty"`
	Sheet   string          `json:"sheet,omitempty"`
	Columns []previewColumn `json:"columns"`
	Mapping *crm.Mapping    `json:"mapping"`
	// Keys are the mapped fields by which an import can find the records that are there.
	Keys    []string     `json:"keys"`
	Missing []string     `json:"missing"`
	Rows    []previewRow `json:"rows"`
}

type previewColumn struct {
	Name    string   `json:"name"`
	Samples []string `json:"samples"`
	Field   *string  `json:"field"`
}

type previewRow struct {
	Line     int              `json:"line"`
	Cells    []string         `json:"cells"`
	Outcome  *string          `json:"outcome"`
	Problems []previewProblem `json:"problems"`
}

type previewProblem struct {
	Column  string `json:"column,omitempty"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// previewImport takes a file, or the id of one, and answers what an import would make of
// its first lines: a form with the part "file", or a JSON object with "file" and "mapping".
func previewImport(ctx context.Context, w http.ResponseWriter, c *call) error {
	u, err := newUpload(w, c, maxImport)
	if err != nil {
		return err
	}
	return u.answer(takePreview(ctx, u))
}

func takePreview(ctx context.Context, u *upload) (*answer, error) {
	if err := checkContentType(u.Request, "multipart/form-data", contentJSON); err != nil {
		return nil, err
	}
	if _, err := u.parameters(); err != nil {
		return nil, err
	}
	var file *crm.File
	var mapping *crm.Mapping
	var err error
	if strings.HasPrefix(u.Header.Get("Content-Type"), contentJSON) {
		file, mapping, err = previewOf(ctx, u)
	} else {
		file, err = takePreviewed(ctx, u)
	}
	if err != nil {
		return nil, err
	}
	var a *answer
	err = u.tenant.Do(ctx, func(ctx context.Context, model *tenancy.Model) error {
		preview, err := u.records(model, crm.JobImport).PreviewImport(ctx, u.PathValue("object"), file, mapping)
		if err != nil {
			return err
		}
		encoded, err := json.Marshal(describePreview(file, preview))
		a = ok(encoded)
		return err
	})
	return a, err
}

// takePreviewed keeps the file of a form.
func takePreviewed(ctx context.Context, u *upload) (*crm.File, error) {
	if _, isThere := u.tenant.Model().Schema.Object(u.PathValue("object")); !isThere {
		return nil, fault.New(fault.NotFound, "there is no object %.60q", u.PathValue("object"))
	}
	form, err := u.MultipartReader()
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the form cannot be read")
	}
	part, err := form.NextPart()
	if err != nil || part.FormName() != "file" {
		return nil, fault.New(fault.Malformed, "the form needs the part file")
	}
	return u.files().Put(ctx, part.FileName(), u.file(part), maxImport)
}

// previewOf reads a JSON object that names a file, and may say the mapping.
func previewOf(ctx context.Context, u *upload) (*crm.File, *crm.Mapping, error) {
	object, err := u.body.JSON()
	if err != nil {
		return nil, nil, err
	}
	var violations []fault.Violation
	for name, value := range object {
		isFit := true
		switch name {
		case "file":
			_, isFit = value.(string)
		case "mapping":
			_, isObject := value.(map[string]any)
			isFit = isObject || value == nil
		default:
			violations = append(violations, fault.Violation{Path: name, Message: "there is no such field here; there are file and mapping"})
		}
		if !isFit {
			violations = append(violations, fault.Violation{Path: name, Message: "has a value of the wrong type"})
		}
	}
	if _, ok := object["file"]; !ok {
		violations = append(violations, fault.Violation{Path: "file", Message: "is required"})
	}
	if err := fault.Refuse(violations...); err != nil {
		return nil, nil, err
	}
	var mapping *crm.Mapping
	if object["mapping"] != nil {
		text, err := json.Marshal(object["mapping"])
		if err != nil {
			return nil, nil, err
		}
		if mapping, err = crm.ParseMapping(text); err != nil {
			return nil, nil, err
		}
	}
	id, _ := object["file"].(string)
	file, err := u.files().Get(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil, fault.At("file", "%s", err)
	}
	return file, mapping, err
}

func describePreview(file *crm.File, p *crm.Preview) previewAnswer {
	a := previewAnswer{
		File: file.ID, Format: "csv", Sheets: p.Sheets, Sheet: p.Sheet, Mapping: p.Mapping, Keys: p.Keys, Missing: p.Missing,
		Columns: []previewColumn{}, Rows: []previewRow{},
	}
	if len(p.Sheets) > 0 {
		a.Format = "xlsx"
	}
	if a.Keys == nil {
		a.Keys = []string{}
	}
	for _, column := range p.Columns {
		one := previewColumn{Name: column.Name, Samples: column.Samples}
		if column.Field != "" {
			one.Field = &column.Field
		}
		a.Columns = append(a.Columns, one)
	}
	for _, row := range p.Rows {
		one := previewRow{Line: row.Line, Cells: row.Cells, Problems: []previewProblem{}}
		if len(p.Mapping.Fields) > 0 {
			one.Outcome = new(batchOutcomes[row.Outcome].Outcome)
		}
		for _, problem := range row.Problems {
			one.Problems = append(one.Problems, previewProblem(problem))
		}
		a.Rows = append(a.Rows, one)
	}
	return a
}
