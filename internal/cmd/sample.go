package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/kontor-crm/kontor/config"
)

// sampleDataVariable names the folder with the sample's data.
const sampleDataVariable = "KONTOR_SAMPLE_DATA"

// importStep is one pass that fills the sample tenant: a file of the data and
// the mapping that reads it. The sample's import/steps.yaml lists them in order.
type importStep struct {
	Mapping string `json:"mapping"`
	File    string `json:"file"`
}

// sampleData is the folder with the files of the sample, or "" when it is not there.
func sampleData() string {
	folder := os.Getenv(sampleDataVariable)
	if folder == "" {
		folder = filepath.Join("..", "shared", "data")
	}
	folder = filepath.Join(folder, "maven-crm")
	if info, err := os.Stat(folder); err != nil || !info.IsDir() { //nolint:gosec // the folder that the user named
		return ""
	}
	return folder
}

// importSample imports the sample's data through the REST API, as anybody
// would. A tenant that has opportunities already is left alone: they may have
// been changed since.
func (d *dev) importSample(ctx context.Context, url, user, password string) error {
	folder := sampleData()
	if folder == "" {
		d.sayf("The sample's data are not there (set %s to their folder); the tenant stays empty", sampleDataVariable)
		return nil
	}
	c, err := newClient(url)
	if err != nil {
		return err
	}
	if err := c.login(ctx, user, password); err != nil {
		return err
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/records/opportunity?limit=1", nil, &list); err != nil {
		return fmt.Errorf("looking for opportunities: %w", err)
	}
	if len(list.Items) > 0 {
		d.sayf("The tenant has records already; the sample's data are not imported again")
		return nil
	}
	var steps []importStep
	text, err := fs.ReadFile(config.Samples, path.Join("samples", devSample, "import", "steps.yaml"))
	if err != nil {
		return fmt.Errorf("reading the sample's steps: %w", err)
	}
	if err := yaml.UnmarshalStrict(text, &steps); err != nil {
		return fmt.Errorf("reading the sample's steps: %w", err)
	}
	for _, step := range steps {
		if err := d.importStep(ctx, c, step.Mapping, filepath.Join(folder, step.File)); err != nil {
			return err
		}
	}
	return nil
}

func (d *dev) importStep(ctx context.Context, c *client, name, csvPath string) error {
	text, err := fs.ReadFile(config.Samples, path.Join("samples", devSample, "import", name))
	if err != nil {
		return fmt.Errorf("reading the mapping %s: %w", name, err)
	}
	mapping, err := yaml.YAMLToJSON(text)
	if err != nil {
		return fmt.Errorf("reading the mapping %s: %w", name, err)
	}
	var named struct {
		Object string `json:"object"`
	}
	if err := json.Unmarshal(mapping, &named); err != nil {
		return fmt.Errorf("reading the mapping %s: %w", name, err)
	}
	file, err := os.Open(csvPath) //nolint:gosec // the sample's own file
	if err != nil {
		return fmt.Errorf("opening the sample's data: %w", err)
	}
	made, err := c.importFile(ctx, named.Object, mapping, file, false)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("importing %s with %s: %w", filepath.Base(csvPath), name, err)
	}
	done, err := c.follow(ctx, made.ID, func(*job) {})
	if err != nil {
		return fmt.Errorf("importing %s with %s: %w", filepath.Base(csvPath), name, err)
	}
	var report importReport
	if err := json.Unmarshal(done.Report, &report); err != nil {
		return fmt.Errorf("reading the report of importing %s: %w", filepath.Base(csvPath), err)
	}
	for _, line := range report.Failures {
		d.sayf("  %s line %d: %v", filepath.Base(csvPath), line.Line, line.Reasons)
	}
	d.sayf("Imported %s with %s: %d created, %d updated, %d unchanged, %d failed",
		filepath.Base(csvPath), name, report.Created, report.Updated, report.Unchanged, report.Failed)
	return nil
}
