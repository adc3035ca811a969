package jobs

import (
	"context"
	"encoding/json"
	"io"
	"path"
	"strings"
	"time"

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
	files := &crm.Files{Runner: run.Runner, Actor: run.Actor, Clock: run.Clock, NewID: run.NewID}
	file, err := files.Get(ctx, run.Job.Input)
	if err == nil && wish.Workbook {
		file, err = takeSheet(ctx, run, files, file, wish.Mapping)
	}
	if err != nil || run.Stopping() {
		return err
	}
	open := func(from int64) io.Reader { return crm.Content(ctx, run.Runner, file.ID, from) }
	header, _, err := crm.ReadImportHeader(wish.Mapping, open(0))
	if err != nil {
		return err
	}
	if wish.Workbook {
		header.CountRows()
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

// takeSheet puts the sheet of a workbook as CSV in the workbook's place, unless that is
// done already.
func takeSheet(ctx context.Context, run *Run, files *crm.Files, file *crm.File, mapping *crm.Mapping) (*crm.File, error) {
	if !crm.IsPacked(file) {
		return file, nil
	}
	var zone *time.Location
	err := run.Records(ctx, func(_ context.Context, records *crm.Records) error {
		zone = records.Zone()
		return nil
	})
	if err != nil {
		return nil, err
	}
	sheet, err := files.TakeSheet(ctx, file, mapping, zone)
	if err != nil {
		return nil, err
	}
	return sheet, run.ReplaceInput(ctx, sheet)
}

const mediaCSV = "text/csv; charset=utf-8"
