package cmd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
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
	allowFailures                            bool
}

func newImport() *cobra.Command {
	var o importOptions
	command := &cobra.Command{
		Use:   "import --url http://TENANT --user EMAIL --mapping MAPPING.yaml FILE.csv",
		Short: "Stream a CSV file into an object of a tenant",
		Long: `Import streams a CSV file into one object of a tenant, over its REST API.

The mapping says which column becomes which field:

  object: opportunity
  key: deal_id                     # a unique field; a line whose record exists updates it
  fields:
    - {field: deal_id, column: opportunity_id}
    - {field: product, column: product, aliases: {GTXPro: GTX Pro}, lookup: name}
    - {field: amount, column: close_value, nulls: ["0"]}
    - {field: currency, value: USD}

The password comes from the variable ` + passwordVariable + ` or from --password-file.
Lines that fail are told with their reasons; with --failed they are written to a
file, in the form of the one imported, so that it can be mended and imported
again. The exit code is 1 when a line failed, unless --allow-failures is given.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one CSV file, or - for the standard input; %w", errUsage)
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			return o.run(command.Context(), args[0], command.OutOrStdout(), command.ErrOrStderr())
		},
	}
	command.Flags().StringVar(&o.url, "url", "http://acme.localhost:8080", "address of the tenant")
	command.Flags().StringVar(&o.user, "user", "", "e-mail address to sign in with")
	command.Flags().StringVar(&o.passwordFile, "password-file", "", "file with the password, instead of "+passwordVariable)
	command.Flags().StringVar(&o.mapping, "mapping", "", "file with the mapping, in YAML")
	command.Flags().StringVar(&o.failed, "failed", "", "file for the lines that failed, with their reasons in a last column")
	command.Flags().BoolVar(&o.allowFailures, "allow-failures", false, "end with exit code 0 although lines failed")
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
	object, delimiter, mapping, err := readMapping(o.mapping)
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
	c, err := newClient(o.url)
	if err != nil {
		return err
	}
	if err := c.login(ctx, o.user, password); err != nil {
		return err
	}
	bar := newBar(errOut, size, object)
	counted := progressbar.NewReader(file, bar)
	header, content, err := readHeader(&counted)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	failures, err := newFailures(o.failed, header, delimiter, errOut)
	if err != nil {
		return err
	}
	report, err := c.importCSV(ctx, object, mapping, content, func(importReport) {}, failures.add)
	_ = bar.Finish() // a bar that cannot be drawn hinders nobody
	if err := errors.Join(err, failures.close()); err != nil {
		return fmt.Errorf("importing %s into %s: %w", path, object, err)
	}
	fmt.Fprintf(out, "%s: %d created, %d updated, %d unchanged, %d failed\n", object, report.Created, report.Updated, report.Unchanged, report.Failed)
	if report.Failed > 0 && !o.allowFailures {
		return fmt.Errorf("%d of %d lines failed", report.Failed, report.lines())
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

// readMapping reads a mapping in YAML; it returns the object and the delimiter that it names, and the mapping in JSON.
func readMapping(path string) (object, delimiter string, mapping []byte, err error) {
	text, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if err != nil {
		return "", "", nil, fmt.Errorf("reading the mapping: %w", err)
	}
	if mapping, err = yaml.YAMLToJSON(text); err != nil {
		return "", "", nil, fmt.Errorf("reading the mapping %s: %w", path, err)
	}
	var named struct {
		Object    string `json:"object"`
		Delimiter string `json:"delimiter"`
	}
	if err := json.Unmarshal(mapping, &named); err != nil || named.Object == "" {
		return "", "", nil, fmt.Errorf("the mapping %s names no object: it starts with object: …", path)
	}
	return named.Object, cmp.Or(named.Delimiter, ","), mapping, nil
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

// maxHeader bounds the first line of a file.
const maxHeader = 1 << 20

// readHeader is the first line of a file, and the whole file still to be read.
func readHeader(file io.Reader) (string, io.Reader, error) {
	buffered := bufio.NewReaderSize(file, maxHeader)
	header, err := buffered.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", nil, err
	}
	return header, io.MultiReader(strings.NewReader(header), buffered), nil
}

// newBar is a progress bar on a terminal; elsewhere it draws nothing.
func newBar(w io.Writer, size int64, what string) *progressbar.ProgressBar {
	file, ok := w.(*os.File)
	visible := ok && term.IsTerminal(int(file.Fd()))
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w), progressbar.OptionSetVisibility(visible), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
}

// shownFailures is how many failed lines are told on the terminal.
const shownFailures = 10

// failures tells the first failed lines and writes all into a file, if there is one.
type failures struct {
	told      io.Writer
	delimiter string
	count     int
	file      *os.File
	lines     *bufio.Writer
}

func newFailures(path, header, delimiter string, told io.Writer) (*failures, error) {
	f := &failures{told: told, delimiter: delimiter}
	if path == "" {
		return f, nil
	}
	file, err := os.Create(path) //nolint:gosec // the user names the file
	if err != nil {
		return nil, fmt.Errorf("making the file of failed lines: %w", err)
	}
	f.file, f.lines = file, bufio.NewWriter(file)
	if _, err := f.lines.WriteString(strings.TrimRight(header, "\r\n") + delimiter + "failure\n"); err != nil {
		return nil, fmt.Errorf("writing the file of failed lines: %w", err)
	}
	return f, nil
}

func (f *failures) add(line failedLine) error {
	f.count++
	reasons := strings.Join(line.Reasons, "; ")
	if f.count <= shownFailures {
		fmt.Fprintf(f.told, "line %d: %s\n", line.Line, reasons)
	}
	if f.lines == nil {
		return nil
	}
	_, err := f.lines.WriteString(strings.TrimRight(line.Text, "\r\n") + f.delimiter + quoteCSV("line "+strconv.Itoa(line.Line)+": "+reasons) + "\n")
	return err
}

func (f *failures) close() error {
	if f.count > shownFailures {
		fmt.Fprintf(f.told, "and %d more lines\n", f.count-shownFailures)
	}
	if f.file == nil {
		return nil
	}
	return errors.Join(f.lines.Flush(), f.file.Close())
}

// quoteCSV is a value with quotes, which mean the same beside every delimiter.
func quoteCSV(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
