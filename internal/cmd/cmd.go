// Package cmd holds the commands: their flags, the wiring of the rooms behind
// them, and a clean stop. It is the only room that knows every concrete type.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/kontor-crm/kontor/internal/secret"
)

// Version is what `kontor version` prints; a release sets it when it links.
var Version = "development"

// Main runs the command that args name and returns its exit code: 0 when it
// did what was asked, 1 when it did not, 2 when it was asked wrongly. A command whose
// answer is its exit code says so in its help.
func Main(args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot(filepath.Base(args[0]))
	root.SetArgs(args[1:])
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	var code exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, errUsage):
		fmt.Fprintf(errOut, "%s: %s\n", root.Name(), err)
		return 2
	}
	fmt.Fprintf(errOut, "%s: %s\n", root.Name(), err)
	return 1
}

// exitError is the answer of a command that did what was asked: nothing is left to be
// printed, and scripts read the code.
type exitError int

func (code exitError) Error() string { return fmt.Sprintf("exit code %d", int(code)) }

// errUsage marks a command that was asked wrongly.
var errUsage = errors.New("see --help")

func newRoot(name string) *cobra.Command {
	use := "kontor"
	if strings.HasPrefix(name, "kubectl-") {
		use = "kubectl kontor"
	}
	root := &cobra.Command{
		Use:           use,
		Short:         "A declarative CRM platform for Kubernetes",
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       Version,
	}
	root.AddCommand(newOperator(), newServer(), newWorker(), newDev(), newImport())
	root.AddCommand(newPlan(), newApprove(), newReject(), newDeps(), newExport(), newHistory(), newBackup(), newRestore())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w; %w", err, errUsage) })
	return root
}

// logTo makes one slog logger for everything: our own code, controller-runtime and client-go.
func logTo(w io.Writer) *slog.Logger {
	logger := slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelInfo}))
	bridged := logr.FromSlogHandler(logger.Handler())
	ctrl.SetLogger(bridged)
	klog.SetLogger(bridged)
	slog.SetDefault(logger)
	return logger
}

// readKey reads the sealing key of a file, as a mounted Secret has it.
func readKey(path string) ([]byte, error) {
	if path == "" {
		return nil, fmt.Errorf("--key-file is missing; %w", errUsage)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the platform team names the file
	if err != nil {
		return nil, fmt.Errorf("reading the sealing key: %w", err)
	}
	key, err := secret.ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("reading the sealing key in %s: %w", path, err)
	}
	return key, nil
}

// readSystemDatabase reads the system database's connection from a file that
// holds its URL, as a mounted Secret has it.
func readSystemDatabase(path string) (secret.Connection, error) {
	if path == "" {
		return secret.Connection{}, fmt.Errorf("--system-database-url-file is missing; %w", errUsage)
	}
	text, err := os.ReadFile(path) //nolint:gosec // the platform team names the file
	if err != nil {
		return secret.Connection{}, fmt.Errorf("reading the system database's URL: %w", err)
	}
	connection, err := secret.ParseURL(strings.TrimSpace(string(text)))
	if err != nil {
		return secret.Connection{}, fmt.Errorf("reading the system database's URL in %s: %w", path, err)
	}
	return connection, nil
}
