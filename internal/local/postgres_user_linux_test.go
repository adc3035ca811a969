package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheWayToTheDataOpensInTemporaryDirectoriesAlone(t *testing.T) {
	t.Parallel()
	server := &account{uid: nobody, gid: nobody, name: "nobody"}
	root := t.TempDir()
	closed := filepath.Join(root, "closed")
	around := filepath.Join(closed, "around")
	if err := os.MkdirAll(around, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o711); err != nil {
		t.Fatal(err)
	}

	err := openWay(filepath.Join(around, "postgres"), server, filepath.Join(root, "elsewhere"))
	if err == nil || !strings.Contains(err.Error(), closed) {
		t.Errorf("want an error that names %q, got %v", closed, err)
	}
	if mode := modeOf(t, closed); mode != 0o700 {
		t.Errorf("a directory that is not temporary was opened: %v", mode)
	}

	if err := openWay(filepath.Join(around, "postgres"), server, filepath.Dir(filepath.Dir(root))); err != nil {
		t.Errorf("below the temporary directory: %v", err)
	}
	if mode := modeOf(t, closed); mode != 0o711 {
		t.Errorf("the way is %v, want the right to pass and no other", mode)
	}
}

func modeOf(t *testing.T, path string) os.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}
