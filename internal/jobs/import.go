package jobs

import (
	"context"
	"encoding/json"
	"io"
	"path"
	"strings"

	"github.com/kontor-crm/kontor/internal/crm"
)

// doImport imports the job's file, and writes the lines that fail into another one.
func doImport(ctx context.Context, run *Run) error {
	wish, err := run.Job.ImportWish()
	if err != nil || wish.Mapping == nil {
		return unreadable(err)
	}
	var from crm.ImportPlace
	if err := json.Unmarshal(run.Job.Progress, &from); err != nil {
		return unreadable(err)
	}
	files := &crm.Files{Runner: run.Runner, Actor: run.Actor}
	file, err := files.Get(ctx, run.Job.Input)
	if err != nil {
		return err
	}
	open := func(from int64) io.Reader { return crm.Content(ctx, run.Runner, file.ID, from) }
	header, _, err := crm.ReadImportHeader(wish.Mapping, open(0))
	if err != nil {
		return err
	}
	failures := crm.NewFailures(wish.Mapping, header)
	output := crm.Output{
		ID: run.Job.Output, Name: strings.TrimSuffix(file.Name, path.Ext(file.Name)) + "-failed.csv", MediaType: mediaCSV, By: run.Job.CreatedBy,
	}
	return crm.Import(ctx, crm.ImportRequest{
		Object: run.Job.Object, Mapping: wish.Mapping, DryRun: wish.DryRun, Header: header, Open: open, From: from,
		With: run.Records, Stopping: run.Stopping,
		Commit: func(ctx context.Context, tx crm.Tx, step crm.ImportStep) error {
			id, err := output.Append(ctx, tx, run.NewID, run.Clock(), failures.Begin(), failures.Lines(step.Failed))
			if err != nil {
				return err
			}
			if err := run.Note(ctx, tx, Step{Progress: step.Place, Report: step.Place.Report, Done: step.Place.Offset, Output: id}); err != nil {
				return err
			}
			output.ID = id
			return nil
		},
	})
}

const mediaCSV = "text/csv; charset=utf-8"
