package crm

import (
	"context"
	"errors"

	"github.com/kontor-crm/kontor/internal/query"
)

// Figures are the rows of an aggregate.
type Figures struct {
	// Items is a JSON array of rows.
	Items []byte
	// Truncated says that there are more rows than the limit.
	Truncated bool
}

// Aggregate gives figures of groups of records.
func (r *Records) Aggregate(ctx context.Context, request query.AggregateRequest) (*Figures, error) {
	aggregate, err := r.Compiler.Aggregate(r.access(), request)
	if err != nil {
		return nil, err
	}
	figures := &Figures{Items: []byte{'['}}
	rows := 0
	err = r.Runner.Query(ctx, aggregate.Statement, func(row [][]byte) error {
		if rows == aggregate.Limit {
			figures.Truncated = true
			return errPageFull
		}
		rows++
		if rows > 1 {
			figures.Items = append(figures.Items, ',')
		}
		figures.Items, err = aggregate.Encode(figures.Items, row)
		return err
	})
	if err != nil && !errors.Is(err, errPageFull) {
		return nil, explainRead(err)
	}
	figures.Items = append(figures.Items, ']')
	return figures, nil
}
