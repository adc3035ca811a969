// Kontor is a declarative CRM platform for Kubernetes: one binary with the
// operator, the CRM service and the tools that a person uses.
package main

import (
	"os"

	"github.com/kontor-crm/kontor/internal/cmd"
)

func main() {
	os.Exit(cmd.Main(os.Args, os.Stdout, os.Stderr))
}
