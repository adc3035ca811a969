package cmd

import (
	"bytes"
	"errors"
	"testing"

	"github.com/kontor-crm/kontor/test/env"
)

func TestMain(m *testing.M) { env.Main(m) }

// kontor runs a command as a person does, and returns what it writes.
func kontor(t *testing.T, args ...string) (out, errOut string, err error) {
	t.Helper()
	var written, said bytes.Buffer
	root := newRoot("kontor")
	root.SetArgs(args)
	root.SetOut(&written)
	root.SetErr(&said)
	err = root.ExecuteContext(t.Context())
	return written.String(), said.String(), err
}

// mustKontor is kontor that succeeds.
func mustKontor(t *testing.T, args ...string) (out, errOut string) {
	t.Helper()
	out, errOut, err := kontor(t, args...)
	if err != nil {
		t.Fatalf("kontor %v: %v\n%s", args, err, errOut)
	}
	return out, errOut
}

func expectUsage(t *testing.T, args ...string) {
	t.Helper()
	if _, _, err := kontor(t, args...); !errors.Is(err, errUsage) {
		t.Errorf("kontor %v: %v", args, err)
	}
}
