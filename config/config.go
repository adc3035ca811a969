// Package config embeds what the operator's users apply: the CRDs and the sample
// tenant, so that one binary brings them along.
package config

import "embed"

// CRDs are the CustomResourceDefinitions, in crd/bases.
//
//go:embed crd/bases/*.yaml
var CRDs embed.FS

// Samples are the sample tenants, in samples/<tenant>: resources as *.yaml, and
// the mappings of their data below import/.
//
//go:embed samples
var Samples embed.FS
