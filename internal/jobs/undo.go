package jobs

import (
	"context"
	"encoding/json"

	"github.com/kontor-crm/kontor/internal/crm"
)

// doUndo takes back what another job did, and writes the records that stay as they are into a file.
func doUndo(ctx context.Context, run *Run) error {
	var from crm.UndoPlace
	if err := json.Unmarshal(run.Job.Progress, &from); err != nil {
		return unreadable(err)
	}
	output := crm.Output{ID: run.Job.Output, Name: "not-undone.csv", MediaType: mediaCSV, By: run.Job.CreatedBy}
	return crm.Undo(ctx, crm.UndoRequest{
		Job: run.Job.Undoes, From: from, With: run.Records, Stopping: run.Stopping,
		Commit: func(ctx context.Context, tx crm.Tx, place crm.UndoPlace, failed []crm.FailedUndo) error {
			id, err := output.Append(ctx, tx, run.NewID, run.Clock(), crm.BeginUndoFailures(), crm.UndoFailures(failed))
			if err != nil {
				return err
			}
			if err := run.Note(ctx, tx, Step{Progress: place, Report: place.Report, Done: place.Report.Records(), Output: id}); err != nil {
				return err
			}
			output.ID = id
			return nil
		},
	})
}
