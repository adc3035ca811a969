package jobs

import "github.com/kontor-crm/kontor/internal/crm"

// Kinds are the kinds of jobs that a worker does, by their names.
func Kinds() map[string]Kind {
	return map[string]Kind{crm.JobImport: doImport, crm.JobUndo: doUndo, crm.JobExport: doExport}
}
