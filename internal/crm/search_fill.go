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
	if f.onlyNew {
		err = f.fillNew(ctx, o)
	} else {
		err = f.fill(ctx, o, after)
	}
	if err != nil {
		return Filled, fmt.Errorf("filling the index of search of %s: %w", o.Name, err)
	}
	return FillingGoesOn, nil
}

type filler struct {
	compiler *query.Compiler
	runner   Runner
	most     int
	waits    bool
	// onlyNew says that only new records of the object are missing.
	onlyNew bool
}

// next is the object whose records are read next, and the id of the last one that was.
// New records come first: somebody has just imported them.
func (f *filler) next(ctx context.Context) (o *schema.Object, after string, err error) {
	f.waits = f.searchesAny()
	err = f.runner.Query(ctx, f.compiler.SearchStates(fillAgain), func(row [][]byte) error {
		f.waits = false
		candidate, ok := f.compiler.Schema().ObjectByIdentity(string(row[0]))
		isTrue := func(value []byte) bool { return string(value) == "t" }
		hasNew := ok && isTrue(row[5])
		if !ok || f.onlyNew || o != nil && !hasNew {
			return nil
		}
		current := string(row[1]) == strconv.Itoa(int(search.Digest(candidate)))
		switch {
		case hasNew:
			o, f.onlyNew = candidate, true
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
	records, reached, err := f.read(ctx, f.runner, o, after)
	if err != nil {
		return err
	}
	return f.runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		return f.put(ctx, tx, o, records, f.compiler.SearchReached(o, reached))
	})
}

// fillNew makes the next new records findable. While it does nobody says that others are new.
func (f *filler) fillNew(ctx context.Context, o *schema.Object) error {
	return f.runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		after, found := "", false
		err := tx.Query(ctx, f.compiler.LockNew(o), func(row [][]byte) error {
			after, found = string(row[0]), true
			return nil
		})
		if err != nil || !found { // another worker was quicker
			return err
		}
		records, reached, err := f.read(ctx, tx, o, after)
		if err != nil {
			return err
		}
		return f.put(ctx, tx, o, records, f.compiler.NewReached(o, reached))
	})
}

// querier runs statements, in a transaction or not.
type querier interface {
	Query(ctx context.Context, statement query.Statement, each func(row [][]byte) error) error
}

// read gives the next records with what they are found by, and the last one's id; empty when there are no more.
func (f *filler) read(ctx context.Context, from querier, o *schema.Object, after string) (records []query.Findable, reached string, err error) {
	source, err := f.compiler.SearchSource(query.Everything(), o, after, f.most)
	if err != nil {
		return nil, "", err
	}
	fields := o.SearchFields()
	err = from.Query(ctx, source, func(row [][]byte) error {
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
	if err == nil && len(records) == f.most {
		reached = records[len(records)-1].ID
	}
	return records, reached, err
}

// put writes what the records are found by, and how far the filling is.
func (f *filler) put(ctx context.Context, tx Tx, o *schema.Object, records []query.Findable, reached query.Statement) error {
	statements := []query.Statement{reached}
	if len(records) > 0 {
		statements = append(statements, f.compiler.PutTokens(o, records))
	}
	return tx.Batch(ctx, statements, func(int, [][]byte) error { return nil })
}
