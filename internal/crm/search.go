package crm

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
)

// Found is what a search found, the best first.
type Found struct {
	Hits []Hit
	// Complete is false while the index is being filled: older records may be missing.
	Complete bool
}

// Hit is one record.
type Hit struct {
	Object *schema.Object
	ID     string
	Number int64
	// Title names the record for people.
	Title string
	// Matched are the fields in which something of what is looked for stands; none when
	// it is the record's number.
	Matched []Matched

	rank rank
}

// Matched is a field in which something stands.
type Matched struct {
	Field *schema.Field
	// Snippet is the part of the value around it.
	Snippet string
}

// maxMatched bounds the fields that are shown of a hit.
const maxMatched = 5

// rank orders hits; the smallest comes first.
type rank int

const (
	rankItself    rank = iota // its number or its title is what is looked for
	rankKey                   // another value is
	rankBegins                // the title begins with it
	rankTitle                 // each word begins a word of the title
	rankValue                 // another value begins with it, or each word begins a word there
	rankInTitle               // it stands somewhere in the title
	rankInValue               // it stands somewhere in another value
	rankScattered             // its words stand in several values
)

func rankOf(isTitle bool, fit search.Fit) rank {
	switch {
	case fit == search.FitsWhole && isTitle:
		return rankItself
	case fit == search.FitsWhole:
		return rankKey
	case fit == search.FitsBegin && isTitle:
		return rankBegins
	case fit == search.FitsWords && isTitle:
		return rankTitle
	case fit <= search.FitsWords:
		return rankValue
	case fit == search.FitsParts && isTitle:
		return rankInTitle
	case fit == search.FitsParts:
		return rankInValue
	}
	return rankScattered
}

// Search finds the records that hold what somebody typed, over many objects.
func (r *Records) Search(ctx context.Context, request query.SearchRequest) (*Found, error) {
	s, err := r.Compiler.Search(r.access(), request)
	if err != nil {
		return nil, err
	}
	found := &finding{search: s, hits: map[string]Hit{}}
	err = r.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		inhabited, err := found.begin(ctx, tx)
		if err != nil {
			return err
		}
		deeper, err := found.judge(ctx, tx, s.Candidates(inhabited))
		if err != nil || len(deeper) == 0 {
			return err
		}
		_, err = found.judge(ctx, tx, deeper)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &Found{Hits: found.best(), Complete: found.filled == s.Searched}, nil
}

// finding is a search that runs.
type finding struct {
	search *query.Search
	filled int
	hits   map[string]Hit // by object and id: a record may be found in several ways
}

// begin reads how far the index is filled, and which objects there is anything of.
func (f *finding) begin(ctx context.Context, tx Tx) (inhabited []string, err error) {
	statements := []query.Statement{f.search.Settings, f.search.Filled, f.search.Inhabited}
	err = tx.Batch(ctx, statements, func(i int, row [][]byte) error {
		switch i {
		case 1:
			f.filled++
		case 2:
			inhabited = append(inhabited, string(row[0]))
		}
		return nil
	})
	return inhabited, err
}

// judge holds candidates against what is looked for. It returns where to look deeper:
// where many candidates are there and few of them are hits, others may be.
func (f *finding) judge(ctx context.Context, tx Tx, candidates []query.Candidates) (deeper []query.Candidates, err error) {
	if len(candidates) == 0 {
		return nil, nil
	}
	statements := make([]query.Statement, 0, len(candidates))
	for _, c := range candidates {
		statements = append(statements, c.Statement)
	}
	read, fitting := make([]int, len(candidates)), make([]int, len(candidates))
	err = tx.Batch(ctx, statements, func(i int, row [][]byte) error {
		read[i]++
		key := targetKey(candidates[i].Object.Identity, string(row[0]))
		_, known := f.hits[key]
		if !known {
			var hit Hit
			if hit, known = hitOf(f.search.Query, candidates[i], row); known {
				f.hits[key] = hit
			}
		}
		if known {
			fitting[i]++
		}
		return nil
	})
	for i, c := range candidates {
		if c.Most > 0 && read[i] >= c.Most && fitting[i] < f.search.Limit {
			deeper = append(deeper, f.search.Deeper(c))
		}
	}
	return deeper, err
}

// best are the best hits, the best first.
func (f *finding) best() []Hit {
	hits := make([]Hit, 0, len(f.hits))
	for _, hit := range f.hits {
		hits = append(hits, hit)
	}
	// Ids grow with time, so that the newest come first among equals.
	slices.SortFunc(hits, func(a, b Hit) int { return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(b.ID, a.ID)) })
	return hits[:min(len(hits), f.search.Limit)]
}

// hitOf holds a candidate against what is looked for.
func hitOf(q *search.Query, c query.Candidates, row [][]byte) (Hit, bool) {
	hit := Hit{Object: c.Object, ID: string(row[0]), Title: string(row[2]), rank: rankScattered}
	hit.Number, _ = strconv.ParseInt(string(row[1]), 10, 64) // PostgreSQL's own integer
	if hit.Title == "" {
		hit.Title = string(row[1])
	}
	terms := uint32(0)
	if hit.Number == q.Number() {
		terms, hit.rank = q.All(), rankItself
	}
	for i, f := range c.Fields {
		text := string(row[3+i])
		m, ok := q.Match(f, text)
		if !ok {
			continue
		}
		terms |= m.Terms
		hit.rank = min(hit.rank, rankOf(f == c.Object.TitleField(), m.Fit))
		again := len(hit.Matched) > 0 && hit.Matched[len(hit.Matched)-1].Field.Companion() == f // the same in another form
		if len(hit.Matched) < maxMatched && !again {
			hit.Matched = append(hit.Matched, Matched{Field: f, Snippet: search.Snippet(text, m)})
		}
	}
	return hit, terms == q.All()
}

// findable are the statements that let search find what the writes leave behind.
func (r *Records) findable(writes []*write) []query.Statement {
	last := map[string]*write{}
	stale := map[string]bool{}
	var objects []*schema.Object
	for _, w := range writes {
		if !w.object.IsSearched() {
			continue
		}
		if !slices.Contains(objects, w.object) {
			objects = append(objects, w.object)
		}
		key := w.key()
		last[key] = w
		stale[key] = stale[key] || w.changesSearch()
	}
	var statements []query.Statement
	for _, o := range objects {
		var put []query.Findable
		var drop []string
		for _, w := range writes {
			key := w.key()
			switch {
			case w.object != o || last[key] != w || !stale[key]:
			case w.operation == query.OperationDelete:
				drop = append(drop, w.id)
			default:
				put = append(put, query.Findable{ID: w.id, Version: w.version + 1, Tokens: w.tokens()})
			}
		}
		if len(put) > 0 {
			statements = append(statements, r.Compiler.PutTokens(o, put))
		}
		if len(drop) > 0 {
			statements = append(statements, r.Compiler.DropTokens(o, drop))
		}
	}
	return statements
}

// key is the same for all writes of one record: ids may be written in upper case.
func (w *write) key() string { return targetKey(w.object.Identity, strings.ToLower(w.id)) }

// changesSearch says whether search finds the record by something else after the write.
func (w *write) changesSearch() bool {
	if w.operation != query.OperationUpdate && w.operation != query.OperationMove {
		return true
	}
	return slices.ContainsFunc(w.object.SearchFields(), func(f *schema.Field) bool {
		_, changed := w.changed[f]
		return changed
	})
}

// tokens are those of the record as the write leaves it.
func (w *write) tokens() []string {
	var values []search.Value
	for _, f := range w.object.SearchFields() {
		value, changed := w.changed[f]
		if !changed {
			value = w.before[f]
		}
		if text, ok := value.(string); ok {
			values = append(values, search.Value{Field: f, Text: text})
		}
	}
	return search.Tokens(w.object, values)
}
