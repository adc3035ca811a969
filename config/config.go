// Package config embeds what the operator's users apply: the CRDs, the admission
// policies and the sample tenant, so that one binary brings them along.
package config

import "embed"

// CRDs are the CustomResourceDefinitions, in crd/bases.
//
//go:embed crd/bases/*.yaml
var CRDs embed.FS

// Admission are the policies by which the API server checks what the CRDs cannot, in admission.
//
//go:embed admission/*.yaml
var Admission embed.FS

// Samples are the sample tenants, in samples/<tenant>: resources as *.yaml, and
// the mappings of their data below import/.
//
//go:embed samples
var Samples embed.FS
