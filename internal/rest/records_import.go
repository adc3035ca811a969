package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/tenancy"
	"github.com/kontor-crm/kontor/internal/workbook"
)

// The bounds of an import.
const (
	maxImport  = 4 << 30
	maxMapping = 1 << 20
)

// importRecords takes a file and makes the job that imports it: a form of two
// parts, "mapping" and "file"; or a JSON object that names a file which is there
// already. What is wrong with the mapping is told at once.
func importRecords(ctx context.Context, w http.ResponseWriter, c *call) error {
	u, err := newUpload(w, c, maxImport)
	if err != nil {
		return err
	}
	return u.answer(takeImport(ctx, u))
}

func takeImport(ctx context.Context, u *upload) (*answer, error) {
	if err := checkContentType(u.Request, "multipart/form-data", contentJSON); err != nil {
		return nil, err
	}
	i := &importing{upload: u}
	var err error
	if strings.HasPrefix(u.Header.Get("Content-Type"), contentJSON) {
		err = i.readObject(ctx)
	} else {
		err = i.readForm()
	}
	if err != nil {
		return nil, err
	}
	start := bufio.NewReaderSize(i.content, startOfFile)
	first, err := start.Peek(startOfFile)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	i.content = start
	switch {
	case workbook.IsOldWorkbook(first):
		return nil, crm.ErrOldWorkbook
	case workbook.IsWorkbook(first):
		err = i.takeWorkbook(ctx)
	case i.wish.Mapping.Sheet != "":
		err = crm.ErrNoSheets
	default:
		err = i.takeCSV(ctx)
	}
	if err != nil {
		return nil, err
	}
	job, err := u.jobs().CreateImport(ctx, u.PathValue("object"), i.wish, i.file)
	if err != nil {
		return nil, err
	}
	return u.newJob(ctx, job)
}

// importing is an import that is being asked for.
type importing struct {
	*upload
	wish    crm.ImportWish
	content io.Reader
	// name is that of the file that is sent, file the one that was there already.
	name string
	file *crm.File
}

// startOfFile is how many bytes tell a workbook from a file of CSV.
const startOfFile = 16

// takeCSV keeps a file of CSV whose header fits the mapping.
func (i *importing) takeCSV(ctx context.Context) error {
	header, content, err := crm.ReadImportHeader(i.wish.Mapping, i.content)
	if err != nil {
		return err
	}
	err = i.tenant.Do(ctx, func(_ context.Context, model *tenancy.Model) error {
		return i.records(model, crm.JobImport).CheckImport(i.PathValue("object"), i.wish.Mapping, header)
	})
	if err != nil || i.file != nil {
		return err
	}
	i.file, err = i.files().Put(ctx, i.name, content, maxImport)
	return err
}

// takeWorkbook keeps a workbook whose sheet has a header that fits the mapping. The list
// of its parts stands at its end, so that it is kept first.
func (i *importing) takeWorkbook(ctx context.Context) error {
	i.wish.Workbook = true
	var sent *crm.File
	if i.file == nil {
		var err error
		if sent, err = i.files().Put(ctx, i.name, i.content, maxImport); err != nil {
			return err
		}
		i.file = sent
	}
	err := i.tenant.Do(ctx, func(ctx context.Context, model *tenancy.Model) error {
		records := i.records(model, crm.JobImport)
		header, err := records.SheetHeader(ctx, i.file, i.wish.Mapping)
		if err != nil {
			return err
		}
		return records.CheckImport(i.PathValue("object"), i.wish.Mapping, header)
	})
	if err != nil && sent != nil {
		err = errors.Join(err, i.files().Remove(ctx, sent))
	}
	return err
}

// readObject reads a JSON object that names a file.
func (i *importing) readObject(ctx context.Context) error {
	object, err := i.body.JSON()
	if err != nil {
		return err
	}
	var violations []fault.Violation
	var id string
	for name, value := range object {
		isFit := true
		switch name {
		case "file":
			id, isFit = value.(string)
		case "dryRun":
			i.wish.DryRun, isFit = value.(bool)
		case "mapping":
			_, isFit = value.(map[string]any)
		default:
			violations = append(violations, fault.Violation{Path: name, Message: "there is no such field here; there are file, mapping and dryRun"})
		}
		if !isFit {
			violations = append(violations, fault.Violation{Path: name, Message: "has a value of the wrong type"})
		}
	}
	for _, name := range []string{"file", "mapping"} {
		if _, ok := object[name]; !ok {
			violations = append(violations, fault.Violation{Path: name, Message: "is required"})
		}
	}
	if err := fault.Refuse(violations...); err != nil {
		return err
	}
	mapping, err := json.Marshal(object["mapping"])
	if err != nil {
		return err
	}
	if i.wish.Mapping, err = crm.ParseMapping(mapping); err != nil {
		return err
	}
	if i.file, err = i.files().Get(ctx, id); fault.Is(err, fault.NotFound) {
		return fault.At("file", "%s", err)
	}
	if err != nil {
		return err
	}
	i.content = crm.Content(ctx, i.runner, i.file.ID, 0)
	return nil
}

// readForm reads the mapping and leads to the file.
func (i *importing) readForm() error {
	dryRun, err := i.parameters("dryRun")
	if err != nil {
		return err
	}
	switch dryRun["dryRun"] {
	case "", "false":
	case "true":
		i.wish.DryRun = true
	default:
		return malformed("dryRun", "must be true or false")
	}
	form, err := i.MultipartReader()
	if err != nil {
		return fault.Wrap(fault.Malformed, err, "the form cannot be read")
	}
	part, err := nextPart(form, "mapping")
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(part, maxMapping+1))
	if err != nil {
		return fault.Wrap(fault.Malformed, err, "the mapping cannot be read")
	}
	if len(text) > maxMapping {
		return fault.New(fault.TooLarge, "the mapping is longer than %d bytes", maxMapping)
	}
	if i.wish.Mapping, err = crm.ParseMapping(bytes.TrimSpace(text)); err != nil {
		return err
	}
	if part, err = nextPart(form, "file"); err != nil {
		return err
	}
	i.name, i.content = part.FileName(), i.upload.file(part)
	return nil
}

func nextPart(form *multipart.Reader, name string) (*multipart.Part, error) {
	part, err := form.NextPart()
	if errors.Is(err, io.EOF) || err == nil && part.FormName() != name {
		return nil, fault.New(fault.Malformed, "the form needs the parts mapping and file, in this order; %s is missing", name)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the form cannot be read")
	}
	return part, nil
}

// parameters are those of the address; there are no others than these, and none stands twice.
func (c *call) parameters(names ...string) (map[string]string, error) {
	values, err := url.ParseQuery(c.URL.RawQuery)
	if err != nil {
		return nil, fault.Wrap(fault.Malformed, err, "the query string cannot be read")
	}
	given := map[string]string{}
	for _, name := range names {
		if len(values[name]) > 1 {
			return nil, malformed(name, "stands twice")
		}
		given[name] = values.Get(name)
		delete(values, name)
	}
	for name := range values {
		return nil, malformed(name, "is no parameter here; there is "+strings.Join(names, ", "))
	}
	return given, nil
}
