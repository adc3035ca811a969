package crm

import (
	"context"
	"fmt"
	"strconv"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
)

// Filling is how far the filling of the index of search is.
type Filling int

// How far it is.
const (
	// Filled says that there is nothing to do.
	Filled Filling = iota
	// FillingGoesOn says that there is more to do at once.
	FillingGoesOn
	// FillingWaits says that a server still works with another schema: more can be done
	// when its lease has ended.
	FillingWaits
)

// fillAgain is how long after the last time all records are read once more. That finds
// those that somebody wrote without this program, and mends what they are found by.
const fillAgain = "1 day"

// FillSearch reads the next records of a tenant, at most so many, and makes them findable:
// those of objects that are searched by other fields than before, or by another form of
// this program, or not at all yet. Writers are not held up, and win.
func FillSearch(ctx context.Context, compiler *query.Compiler, runner Runner, most int) (Filling, error) {
	f := filler{compiler: compiler, runner: runner, most: most}
	o, after, err := f.next(ctx)
	switch {
	case err != nil:
		return Filled, fmt.Errorf("reading how far the index of search is filled: %w", err)
	case f.waits:
		return FillingWaits, nil
	case o == nil:
		return Filled, nil
	}
	if err := f.fill(ctx, o, after); err != nil {
		return Filled, fmt.Errorf("filling the index of search of %s: %w", o.Name, err)
	}
	return FillingGoesOn, nil
}

type filler struct {
	compiler *query.Compiler
	runner   Runner
	most     int
	waits    bool
}

// next is the object whose records are read next, and the id of the last one that was.
func (f *filler) next(ctx context.Context) (o *schema.Object, after string, err error) {
	f.waits = f.searchesAny()
	err = f.runner.Query(ctx, f.compiler.SearchStates(fillAgain), func(row [][]byte) error {
		f.waits = false
		candidate, ok := f.compiler.Schema().ObjectByIdentity(string(row[0]))
		if !ok || o != nil {
			return nil
		}
		current := string(row[1]) == strconv.Itoa(int(search.Digest(candidate)))
		isTrue := func(value []byte) bool { return string(value) == "t" }
		switch {
		case !current:
			o = candidate
		case row[2] != nil:
			o, after = candidate, string(row[2])
		case !isTrue(row[3]), isTrue(row[4]):
			o = candidate
		}
		return nil
	})
	return o, after, err
}

func (f *filler) searchesAny() bool {
	for _, o := range f.compiler.Schema().Objects {
		if o.IsSearched() {
			return true
		}
	}
	return false
}

func (f *filler) fill(ctx context.Context, o *schema.Object, after string) error {
	source, err := f.compiler.SearchSource(query.Everything(), o, after, f.most)
	if err != nil {
		return err
	}
	fields := o.SearchFields()
	var records []query.Findable
	err = f.runner.Query(ctx, source, func(row [][]byte) error {
		version, err := strconv.ParseInt(string(row[1]), 10, 64)
		if err != nil {
			return fmt.Errorf("reading the version of a record: %w", err)
		}
		values := make([]search.Value, 0, len(fields))
		for i, field := range fields {
			values = append(values, search.Value{Field: field, Text: string(row[2+i])})
		}
		records = append(records, query.Findable{ID: string(row[0]), Version: version, Tokens: search.Tokens(o, values)})
		return nil
	})
	if err != nil {
		return err
	}
	reached := ""
	var statements []query.Statement
	if len(records) > 0 {
		statements = append(statements, f.compiler.PutTokens(o, records))
	}
	if len(records) == f.most {
		reached = records[len(records)-1].ID
	}
	statements = append(statements, f.compiler.SearchReached(o, reached))
	return f.runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		return tx.Batch(ctx, statements, func(int, [][]byte) error { return nil })
	})
}
