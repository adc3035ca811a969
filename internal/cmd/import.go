package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"
)

// passwordVariable holds the password of commands that sign in: an argument
// would stand in the list of processes.
const passwordVariable = "KONTOR_PASSWORD"

type importOptions struct {
	url, user, passwordFile, mapping, failed string
	undo                                     string
	allowFailures, dryRun                    bool
}

func newImport() *cobra.Command {
	var o importOptions
	command := &cobra.Command{
		Use:   "import --url http://TENANT --user EMAIL --mapping MAPPING.yaml FILE",
		Short: "Import a CSV or XLSX file into an object of a tenant",
		Long: `Import sends a file of CSV, or a workbook (XLSX), to a tenant, over its REST API,
and follows the job that makes records of it. The job goes on when this command is
stopped.

The mapping says which column becomes which field:

  object: opportunity
  key: deal_id                     # a unique field; a line whose record exists updates it
  fields:
    - {field: deal_id, column: opportunity_id}
    - {field: product, column: product, aliases: {GTXPro: GTX Pro}, lookup: name}
    - {field: amount, column: close_value, nulls: ["0"]}
    - {field: currency, value: USD}

Of a workbook the first sheet is imported that is not hidden, or the one that the
mapping names: sheet: Deals. Its first row names the columns. Cells count as the
texts that they show: dates as YYYY-MM-DD, times in the organisation's time zone,
percents as the number before the sign, formulas as what they came to. Lines are
the rows of the sheet; the file of those that fail is one of CSV.

The password comes from the variable ` + passwordVariable + ` or from --password-file.
Lines that fail are told with their reasons; with --failed they are written to a
file, in the form of the one imported, so that it can be mended and imported
again. The exit code is 1 when a line failed, unless --allow-failures is given.

With --dry-run everything is decided and told, and nothing is written. With
--undo JOB, and without a file, an import is taken back: the records that it made
are deleted, those that it changed get their old values again. Records that were
changed since are told, and left alone.`,
		Args: func(_ *cobra.Command, args []string) error {
			if o.undo != "" && len(args) == 0 {
				return nil
			}
			if len(args) != 1 || o.undo != "" {
				return fmt.Errorf("name one file, or - for the standard input; %w", errUsage)
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			if o.undo != "" {
				return o.takeBack(command.Context(), command.OutOrStdout(), command.ErrOrStderr())
			}
			return o.run(command.Context(), args[0], command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	command.Flags().StringVar(&o.url, "url", "http://acme.localhost:8080", "address of the tenant")
	command.Flags().StringVar(&o.user, "user", "", "e-mail address to sign in with")
	command.Flags().StringVar(&o.passwordFile, "password-file", "", "file with the password, instead of "+passwordVariable)
	command.Flags().StringVar(&o.mapping, "mapping", "", "file with the mapping, in YAML")
	command.Flags().StringVar(&o.failed, "failed", "", "file for the lines that failed, with their reasons in a last column")
	command.Flags().BoolVar(&o.allowFailures, "allow-failures", false, "end with exit code 0 although lines failed")
	command.Flags().BoolVar(&o.dryRun, "dry-run", false, "decide and tell everything, and write nothing")
	command.Flags().StringVar(&o.undo, "undo", "", "id of an import's job that is to be taken back")
	return command
}

func (o *importOptions) run(ctx context.Context, path string, out, errOut io.Writer) error {
	if o.user == "" || o.mapping == "" {
		return fmt.Errorf("--user and --mapping are needed; %w", errUsage)
	}
	password, err := o.password()
	if err != nil {
		return err
	}
	object, mapping, err := readMapping(o.mapping)
	if err != nil {
		return err
	}
	file, size, err := openInput(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if o.overwrites(path) {
		return fmt.Errorf("--failed names the file that is imported, which would be lost; %w", errUsage)
	}
	c, err := o.signIn(ctx, password)
	if err != nil {
		return err
	}
	bar := newBar(errOut, size, "sending")
	counted := progressbar.NewReader(file, bar)
	made, err := c.importFile(ctx, object, mapping, &counted, o.dryRun)
	_ = bar.Finish() // a bar that cannot be drawn hinders nobody
	if err != nil {
		return fmt.Errorf("importing %s into %s: %w", path, object, err)
	}
	fmt.Fprintf(errOut, "job %s\n", made.ID)
	done, err := followWithBar(ctx, c, made, errOut)
	if err != nil {
		return fmt.Errorf("importing %s into %s: %w", path, object, err)
	}
	var report importReport
	if err := json.Unmarshal(done.Report, &report); err != nil {
		return fmt.Errorf("reading the report of %s: %w", made.ID, err)
	}
	for _, line := range report.Failures {
		fmt.Fprintf(errOut, "line %d: %s\n", line.Line, strings.Join(line.Reasons, "; "))
	}
	if more := report.Failed - len(report.Failures); more > 0 {
		fmt.Fprintf(errOut, "and %d more lines\n", more)
	}
	if err := o.fetchFailures(ctx, c, done); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d created, %d updated, %d unchanged, %d failed%s\n", object, report.Created, report.Updated, report.Unchanged, report.Failed, o.dry())
	if report.Failed > 0 && !o.allowFailures {
		return fmt.Errorf("%d of %d lines failed", report.Failed, report.lines())
	}
	return nil
}

// dry is what a dry run adds to its report.
func (o *importOptions) dry() string {
	if o.dryRun {
		return "; nothing was written"
	}
	return ""
}

func (o *importOptions) signIn(ctx context.Context, password string) (*client, error) {
	c, err := newClient(o.url)
	if err != nil {
		return nil, err
	}
	if err := c.login(ctx, o.user, password); err != nil {
		return nil, err
	}
	return c, nil
}

// takeBack undoes an import.
func (o *importOptions) takeBack(ctx context.Context, out, errOut io.Writer) error {
	if o.user == "" {
		return fmt.Errorf("--user is needed; %w", errUsage)
	}
	password, err := o.password()
	if err != nil {
		return err
	}
	c, err := o.signIn(ctx, password)
	if err != nil {
		return err
	}
	var made job
	if err := c.call(ctx, http.MethodPost, "/api/v1/jobs/"+url.PathEscape(o.undo)+"/undo", nil, &made); err != nil {
		return fmt.Errorf("undoing %s: %w", o.undo, err)
	}
	done, err := followWithBar(ctx, c, &made, errOut)
	if err != nil {
		return fmt.Errorf("undoing %s: %w", o.undo, err)
	}
	var report struct {
		Deleted   int `json:"deleted"`
		Restored  int `json:"restored"`
		Unchanged int `json:"unchanged"`
		Failed    int `json:"failed"`
	}
	if err := json.Unmarshal(done.Report, &report); err != nil {
		return fmt.Errorf("reading the report of %s: %w", made.ID, err)
	}
	if err := o.fetchFailures(ctx, c, done); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d deleted, %d restored, %d unchanged, %d left alone\n", done.Object, report.Deleted, report.Restored, report.Unchanged, report.Failed)
	if report.Failed > 0 && !o.allowFailures {
		return fmt.Errorf("%d records were changed since and are left alone", report.Failed)
	}
	return nil
}

// followWithBar waits for the end of a job, with a progress bar.
func followWithBar(ctx context.Context, c *client, made *job, errOut io.Writer) (*job, error) {
	bar := newBar(errOut, made.Total, made.Object)
	defer func() { _ = bar.Finish() }() // a bar that cannot be drawn hinders nobody
	return c.follow(ctx, made.ID, func(now *job) { _ = bar.Set64(now.Done) })
}

// fetchFailures writes the file of what failed, if one is wanted; it is empty when nothing did.
func (o *importOptions) fetchFailures(ctx context.Context, c *client, done *job) error {
	if o.failed == "" {
		return nil
	}
	file, err := os.Create(o.failed)
	if err != nil {
		return fmt.Errorf("making the file of failed lines: %w", err)
	}
	if done.Errors != "" {
		err = c.download(ctx, done.Errors, file)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("writing the file of failed lines: %w", err)
	}
	return nil
}

// overwrites says whether the file of failed lines is the imported one.
func (o *importOptions) overwrites(path string) bool {
	imported, err := os.Stat(path)
	if err != nil {
		return false
	}
	failed, err := os.Stat(o.failed)
	return err == nil && os.SameFile(imported, failed)
}

func (o *importOptions) password() (string, error) {
	if o.passwordFile == "" {
		if password := os.Getenv(passwordVariable); password != "" {
			return password, nil
		}
		return "", fmt.Errorf("set %s or give --password-file; %w", passwordVariable, errUsage)
	}
	text, err := os.ReadFile(o.passwordFile)
	if err != nil {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// readMapping reads a mapping in YAML; it returns the object that it names, and the mapping in JSON.
func readMapping(path string) (object string, mapping []byte, err error) {
	text, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		return "", nil, fmt.Errorf("reading the mapping: %w", err)
	}
	if mapping, err = yaml.YAMLToJSON(text); err != nil {
		return "", nil, fmt.Errorf("reading the mapping %s: %w", path, err)
	}
	var named struct {
		Object string `json:"object"`
	}
	if err := json.Unmarshal(mapping, &named); err != nil || named.Object == "" {
		return "", nil, fmt.Errorf("the mapping %s names no object: it starts with object: …", path)
	}
	return named.Object, mapping, nil
}

// openInput opens a file, or the standard input for "-"; the size is -1 when nobody knows it.
func openInput(path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), -1, nil
	}
	file, err := os.Open(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, 0, fmt.Errorf("opening the file: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("looking at %s: %w", path, err), file.Close())
	}
	return file, info.Size(), nil
}

// newBar is a progress bar on a terminal; elsewhere it draws nothing.
func newBar(w io.Writer, size int64, what string) *progressbar.ProgressBar {
	file, ok := w.(*os.File)
	visible := ok && term.IsTerminal(int(file.Fd()))
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w), progressbar.OptionSetVisibility(visible), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}
