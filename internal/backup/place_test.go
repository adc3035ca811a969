package backup

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/test/env"
)

// bucketAt is a bucket that sends parts of the smallest size that storages take.
func bucketAt(t *testing.T, s *env.StorageServer, address, key string) *Bucket {
	t.Helper()
	b, err := NewBucket(address, Storage{Endpoint: s.URL, Region: "eu-central-1", AccessKey: key, SecretKey: "secret", RootCA: s.Certificate})
	if err != nil {
		t.Fatal(err)
	}
	b.partSize = 5 << 20
	return b
}

func TestEachPlaceKeepsFilesAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]func(t *testing.T) Place{
		"a folder": func(t *testing.T) Place { t.Helper(); return NewFolder(filepath.Join(t.TempDir(), "new", "backup")) },
		"a bucket": func(t *testing.T) Place {
			t.Helper()
			return bucketAt(t, env.Storage(t), "s3://"+env.StorageBucket+"/acme/2026-03-31/", env.StorageAccessKey)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := at(t)
			expectEmpty(t, place, true)
			if _, _, err := place.Fetch(t.Context(), "absent"); fault.KindOf(err) != fault.NotFound {
				t.Errorf("a file that is not there: %v", err)
			}
			big := random(12 << 20)
			failing := io.MultiReader(bytes.NewReader(big), brokenReader{})
			if err := place.Write(t.Context(), "broken", failing); !errors.Is(err, errBroken) {
				t.Errorf("a reader that fails: %v", err)
			}
			expectEmpty(t, place, true)
			for file, content := range map[string][]byte{"small": []byte("one\n"), "big": big} {
				if err := place.Write(t.Context(), file, bytes.NewReader(content)); err != nil {
					t.Fatal(err)
				}
				path, release, err := place.Fetch(t.Context(), file)
				if err != nil {
					t.Fatal(err)
				}
				if found, err := os.ReadFile(path); err != nil || !bytes.Equal(found, content) {
					t.Errorf("%s has %d bytes in place of %d: %v", file, len(found), len(content), err)
				}
				if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
					t.Errorf("others may read %s: %v", file, err)
				}
				release()
			}
			expectEmpty(t, place, false)
		})
	}
}

func expectEmpty(t *testing.T, place Place, want bool) {
	t.Helper()
	if empty, err := place.Empty(t.Context()); err != nil || empty != want {
		t.Errorf("it is empty: %t, %v", empty, err)
	}
}

func random(size int) []byte {
	content := make([]byte, size)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(content)
	return content
}

var errBroken = errors.New("broken off")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestABucketTakesAFileInParts(t *testing.T) {
	t.Parallel()
	s := env.Storage(t)
	if err := bucketAt(t, s, "s3://"+env.StorageBucket+"/acme", env.StorageAccessKey).Write(t.Context(), "big", bytes.NewReader(random(12<<20))); err != nil {
		t.Fatal(err)
	}
	if s.Parts() != 3 {
		t.Errorf("12 MiB came in %d parts", s.Parts())
	}
}

func TestAPrefixIsEmptyBesideOthers(t *testing.T) {
	t.Parallel()
	s := env.Storage(t)
	if err := bucketAt(t, s, "s3://"+env.StorageBucket+"/acme-2", env.StorageAccessKey).Write(t.Context(), "file", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	expectEmpty(t, bucketAt(t, s, "s3://"+env.StorageBucket+"/acme", env.StorageAccessKey), true)
}

func TestAStorageThatRefusesSaysSo(t *testing.T) {
	t.Parallel()
	s := env.Storage(t)
	for name, c := range map[string]struct {
		place *Bucket
		kind  fault.Kind
	}{
		"an access key that it does not know": {bucketAt(t, s, "s3://"+env.StorageBucket+"/acme", "AKIDOTHER"), fault.Forbidden},
		"a bucket that is not there":          {bucketAt(t, s, "s3://nothing/acme", env.StorageAccessKey), fault.NotFound},
	} {
		for what, err := range map[string]error{
			"looking": errorOf(c.place.Empty(t.Context())),
			"writing": c.place.Write(t.Context(), "file", strings.NewReader("x")),
			"reading": fetched(t.Context(), c.place),
		} {
			if fault.KindOf(err) != c.kind || err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

func errorOf(_ bool, err error) error { return err }

func fetched(ctx context.Context, place Place) error {
	_, _, err := place.Fetch(ctx, "file")
	return err
}

func TestAnAddressOfABucketNamesAPrefix(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"s3://", "s3://bucket", "s3://bucket/", "s3://user@bucket/prefix", "s3://bucket/prefix?x=1", "https://bucket/prefix"} {
		if _, err := NewBucket(address, Storage{AccessKey: "a", SecretKey: "b"}); fault.KindOf(err) != fault.Malformed {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := NewBucket("s3://bucket/prefix", Storage{Endpoint: "nowhere"}); fault.KindOf(err) != fault.Malformed {
		t.Error(err)
	}
}
