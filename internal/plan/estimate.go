package plan

import (
	"math"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Size is how large the table is that a change is about.
type Size struct {
	// Rows are as many as PostgreSQL supposes, deleted records included; where it has not
	// counted yet, as many as the bytes have room for.
	Rows int64
	// Bytes are those of the table itself, without indexes and long values.
	Bytes int64
	// Known is false where no database was looked at.
	Known bool
}

// assumedRow is the size of a row in bytes where nobody has counted.
const assumedRow = 150

// sizes gives each change the size of its object's table.
func (m *maker) sizes() {
	for _, changes := range [][]Change{m.plan.Changes, m.plan.Refused} {
		for i := range changes {
			o, ok := m.wanted.ObjectByIdentity(changes[i].Object)
			if !ok {
				continue
			}
			changes[i].Size = Size{Known: true} // of a table that is not there yet
			if table := m.live.Tables[o.Table]; table != nil {
				changes[i].Size = table.size()
			}
			if changes[i].keptFor = m.policy.Retention; m.policy.Retention == 0 {
				changes[i].keptFor = defaultRetention
			}
		}
	}
}

func (t *Table) size() Size {
	s := Size{Rows: max(t.Rows, 0), Bytes: t.Bytes, Known: t.Bytes > 0 || !t.HasRows}
	if s.Rows == 0 && s.Bytes > 0 {
		s.Rows = s.Bytes/assumedRow + 1
	}
	return s
}

// The speeds that estimates assume: those of a small server with its table on disk and
// people at work. A larger one is several times as fast.
const (
	scanBytes    = 100 << 20 // read and checked, a second
	rewriteBytes = 20 << 20  // written anew with indexes and log, a second
	indexRows    = 200_000   // sorted into an index, a second
	batchRows    = 2_000     // altered in batches that give way to people, a second
)

// steps are the times that an estimate says: nobody should read more out of it.
var steps = []time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
	time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour, 72 * time.Hour,
}

// Estimate is about how long the change takes, rounded up to a coarse step. It follows
// from the kind of the change and the size of the table, and assumes the speeds above; it
// knows neither the machine nor how much others do meanwhile, nor how long a lock is
// waited for. Changes of the catalogue alone take a moment, whatever the table has. No
// digest knows it. It is false where no database was looked at.
func (c *Change) Estimate() (about time.Duration, known bool) {
	if !c.Size.Known {
		return 0, false
	}
	rows, bytes := float64(c.Size.Rows), float64(c.Size.Bytes)
	if c.Impact != nil {
		rows = float64(c.Impact.Rows)
	}
	seconds := 0.0
	if c.Rewrites {
		seconds += bytes / rewriteBytes
	}
	if c.Backfill != nil {
		altered := rows
		if c.Check != nil && c.Impact != nil { // only those that do not bear it
			altered = float64(c.Impact.Failing)
		}
		seconds += altered/batchRows + bytes/scanBytes
	}
	switch {
	case c.Kind == FillValues && c.Backfill == nil:
		seconds += rows / batchRows
	case c.Kind == AddIndex, c.Kind == AddSearch, c.Kind == ChangeUnique:
		seconds += rows/indexRows + 2*bytes/scanBytes
	case c.Kind == ValidateRules, len(c.Prove) > 0:
		seconds += bytes / scanBytes
	}
	taken := time.Duration(math.Min(seconds, 72*3600) * float64(time.Second))
	for _, step := range steps {
		if taken <= step {
			return step, true
		}
	}
	return steps[len(steps)-1], true
}

// Reversal says whether putting the resources back brings back what a change takes.
type Reversal string

// The answers of Change.Reversal.
const (
	// Reversible changes take nothing; the records that came since have to bear the way back.
	Reversible Reversal = "Yes"
	// ReversibleWhileKept changes alter or hide values of which copies are kept for a while.
	ReversibleWhileKept Reversal = "KeptData"
	// Irreversible changes take data for good.
	Irreversible Reversal = "No"
)

// Reversal says whether the change can be undone; for says how long, where that has an end.
func (c *Change) Reversal() (answer Reversal, kept time.Duration) {
	switch {
	case c.Kind == PurgeObject, c.Kind == PurgeField: // what was kept goes
		return Irreversible, 0
	case c.Treatment != schema.OnViolationRefuse, c.Kind == TreatValues, c.Kind == RetireObject, c.Kind == RetireField:
		return ReversibleWhileKept, c.keptFor
	}
	return Reversible, 0
}
