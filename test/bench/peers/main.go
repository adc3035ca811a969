// Command peers is PocketBase, with one command more: seed makes the collections and
// records of the benchmark. `make bench-peers` builds and runs it; it is a module of
// its own, so that nothing of it becomes part of Kontor.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"
)

func main() {
	app := pocketbase.New()
	app.RootCmd.AddCommand(&cobra.Command{
		Use:   "seed EMAIL PASSWORD",
		Short: "Make the collection deals, with a record of each line of JSON from the standard input, and a superuser",
		Args:  cobra.ExactArgs(2),
		RunE:  func(_ *cobra.Command, args []string) error { return seed(app, args[0], args[1]) },
	})
	if err := app.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func seed(app core.App, email, password string) error {
	deals := core.NewBaseCollection("deals")
	for _, name := range []string{"name", "customer", "stage", "close_date", "next_step", "source", "region", "tier", "reference"} {
		deals.Fields.Add(&core.TextField{Name: name, Max: 200})
	}
	for _, name := range []string{"amount", "probability", "margin", "score"} {
		deals.Fields.Add(&core.NumberField{Name: name})
	}
	deals.AddIndex("deals_region_amount", false, "region, amount desc", "")
	for _, name := range []string{"name", "customer", "stage", "close_date"} {
		deals.AddIndex("deals_"+name, false, name, "")
	}
	if err := app.Save(deals); err != nil {
		return err
	}
	settings := app.Settings()
	settings.Batch.Enabled, settings.Batch.MaxRequests = true, 1000
	if err := app.Save(settings); err != nil {
		return err
	}
	superusers, err := app.FindCollectionByNameOrId(core.CollectionNameSuperusers)
	if err != nil {
		return err
	}
	admin := core.NewRecord(superusers)
	admin.SetEmail(email)
	admin.SetPassword(password)
	if err := app.Save(admin); err != nil {
		return err
	}
	return app.RunInTransaction(func(tx core.App) error {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			var values map[string]any
			if err := json.Unmarshal(lines.Bytes(), &values); err != nil {
				return err
			}
			record := core.NewRecord(deals)
			record.Load(values)
			if err := tx.SaveNoValidate(record); err != nil {
				return err
			}
		}
		return lines.Err()
	})
}
