package crm

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// stoppedReader ends the import while its file is read.
type stoppedReader struct {
	io.Reader
	stop context.CancelFunc
}

func (r stoppedReader) Read(p []byte) (int, error) {
	r.stop()
	return r.Reader.Read(p)
}

func TestAnImportThatIsStoppedNeverSaysThatItCameToTheEnd(t *testing.T) {
	t.Parallel()
	const chunks = 3
	file := "name\n" + strings.Repeat("a\n", chunkLines*(chunks-1)+1)
	header, _, err := ReadImportHeader(&Mapping{}, strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	never := func(int, context.CancelFunc) {}
	after := func(chunk int) func(int, context.CancelFunc) {
		return func(done int, stop context.CancelFunc) {
			if done == chunk {
				stop()
			}
		}
	}
	for stage, test := range map[string]struct {
		before, reading bool
		committed       func(chunk int, stop context.CancelFunc)
	}{
		"before it begins":                     {before: true, committed: never},
		"while it reads":                       {reading: true, committed: never},
		"between the first chunk and the next": {committed: after(1)},
		"between the last two chunks":          {committed: after(chunks - 1)},
		"behind the last chunk":                {committed: after(chunks)},
		"never":                                {committed: never},
	} {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			for range 200 {
				ctx, stop := context.WithCancel(t.Context())
				if test.before {
					stop()
				}
				done := 0
				err := Import(ctx, ImportRequest{
					Header: header, Stopping: func() bool { return false },
					Open: func(from int64) io.Reader {
						rest := strings.NewReader(file[from:])
						if test.reading {
							return stoppedReader{rest, stop}
						}
						return rest
					},
					With: func(context.Context, func(context.Context, *Records) error) error {
						done++
						test.committed(done, stop)
						return nil
					},
				})
				stopped := ctx.Err() != nil
				stop()
				switch {
				case err == nil && done != chunks:
					t.Fatalf("it says that it came to the end, and has done %d chunks of %d", done, chunks)
				case err != nil && (!stopped || !errors.Is(err, context.Canceled)):
					t.Fatalf("it ended with %v", err)
				}
			}
		})
	}
}
