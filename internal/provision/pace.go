package provision

import "time"

// The bounds of a batch. It aims at goal: long enough that little of it is overhead,
// and short enough that nobody notices that a row was held.
const (
	firstBatch    = 500
	smallestBatch = 20
	greatestBatch = 10_000
	goal          = 50 * time.Millisecond
	longestRest   = 2 * time.Second
)

// pace adapts the size of batches and the rests between them to how long they take: by
// itself, and against the best that was measured, which tells when others have come.
type pace struct {
	size int
	rest time.Duration
	// best is the shortest time for a row, in nanoseconds; 0 before the first batch.
	best float64
}

func newPace() *pace { return &pace{size: firstBatch} }

// took takes note of a batch of so many rows.
func (p *pace) took(rows int, elapsed time.Duration) {
	if rows == 0 {
		return
	}
	row := float64(elapsed) / float64(rows)
	strain := 1.0
	if rows >= smallestBatch { // the overhead of few says nothing of a row
		if p.best == 0 || row < p.best {
			p.best = row
		}
		if p.best > 0 {
			strain = row / p.best
		}
	}
	switch {
	case elapsed > 2*goal:
		p.size = max(smallestBatch, p.size/2)
	case elapsed < goal && rows*2 > p.size:
		p.size = min(greatestBatch, p.size+p.size/2)
	}
	// Half of the time is others' when nobody else is there, and nearly all of it when many are.
	p.rest = min(longestRest, time.Duration(float64(elapsed)*min(strain, 20)))
}

// slow says that somebody was in the way, or waited for the batch.
func (p *pace) slow() {
	p.size = max(smallestBatch, p.size/2)
	p.rest = min(longestRest, 4*max(p.rest, goal/2))
}
