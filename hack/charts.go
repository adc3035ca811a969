//go:build ignore

// Charts brings what is generated from the CRDs into the charts. Helm only
// installs what lies in a chart's folder "crds" and never upgrades it, so the
// CRDs are templates, with the annotation that keeps them when the chart goes.
// The values of charts/tenant are checked by the schemas of the kinds, and its
// example is the sample tenant.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

const (
	basesFolder  = "config/crd/bases"
	crdsFolder   = "charts/kontor/templates/crds"
	tenantSchema = "charts/tenant/values.schema.json"
	sampleFolder = "config/samples/acme"
	sampleValues = "charts/tenant/examples/acme.yaml"
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	files, err := filepath.Glob(filepath.Join(basesFolder, "*.yaml"))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(crdsFolder); err != nil {
		return err
	}
	if err := os.MkdirAll(crdsFolder, 0o755); err != nil {
		return err
	}
	specs := map[string]apiextensionsv1.JSONSchemaProps{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(content, &crd); err != nil {
			return fmt.Errorf("reading %s: %w", file, err)
		}
		specs[crd.Spec.Names.Kind] = crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		if err := writeTemplate(crd.Spec.Names.Plural, content); err != nil {
			return err
		}
	}
	if err := writeTenantSchema(specs); err != nil {
		return err
	}
	return writeSampleValues()
}

func writeTemplate(plural string, content []byte) error {
	text := strings.TrimPrefix(string(content), "---\n")
	text = strings.ReplaceAll(text, "{{", `{{ "{{" }}`)
	const annotations = "\n  annotations:\n"
	if !strings.Contains(text, annotations) {
		return fmt.Errorf("the CRD of %s has no annotations", plural)
	}
	text = strings.Replace(text, annotations, annotations+"    helm.sh/resource-policy: keep\n", 1)
	text = "{{- /* Made by hack/charts.sh from config/crd/bases. */ -}}\n{{- if .Values.crds.install }}\n" + text + "{{- end }}\n"
	return os.WriteFile(filepath.Join(crdsFolder, plural+".yaml"), []byte(text), 0o644)
}

type object = map[string]any

func writeTenantSchema(specs map[string]apiextensionsv1.JSONSchemaProps) error {
	closed := func(description string, properties object) object {
		return object{"type": "object", "description": description, "additionalProperties": false, "properties": properties}
	}
	named := func(kind, description string) object {
		return object{
			"type": "object", "description": description,
			"propertyNames":        object{"pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 48},
			"additionalProperties": rules(specs[kind]),
		}
	}
	text := object{"type": "string"}
	boolean := object{"type": "boolean"}
	texts := object{"type": "object", "additionalProperties": text}
	root := closed("The values of one tenant.", object{
		"global": object{"type": "object", "description": "Values that Helm hands to all charts."},
		"namespace": closed("The namespace of the tenant.", object{
			"create": boolean, "labels": texts, "annotations": texts,
		}),
		"secretAccess": closed("The operator's right to write Secrets into the namespace.", object{
			"create": boolean, "operatorNamespace": text, "operatorServiceAccount": text,
		}),
		"tenant": closed("The Tenant.", object{
			"name":   object{"type": "string", "maxLength": 48, "description": "The name of the Tenant; empty is the release's name."},
			"labels": texts, "annotations": texts,
			"spec": rules(specs["Tenant"]),
		}),
		"customObjects":   named("CustomObject", "The specs of CustomObjects by metadata.name."),
		"customFields":    named("CustomField", "The specs of CustomFields by metadata.name."),
		"pipelines":       named("Pipeline", "The specs of Pipelines by metadata.name."),
		"validationRules": named("ValidationRule", "The specs of ValidationRules by metadata.name."),
		"objectIndexes":   named("ObjectIndex", "The specs of ObjectIndexes by metadata.name."),
	})
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	root["$comment"] = "Made by hack/charts.sh from config/crd/bases."
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		return err
	}
	return os.WriteFile(tenantSchema, out.Bytes(), 0o644)
}

// rules is what a schema of a CRD says in plain JSON Schema. Unknown properties are refused, so
// that a slip of the pen is found before anything is applied.
func rules(schema apiextensionsv1.JSONSchemaProps) object {
	r := object{"type": schema.Type}
	if schema.Description != "" {
		r["description"] = schema.Description
	}
	if len(schema.Enum) > 0 {
		r["enum"] = schema.Enum
	}
	set(r, "minLength", schema.MinLength)
	set(r, "maxLength", schema.MaxLength)
	set(r, "minimum", schema.Minimum)
	set(r, "maximum", schema.Maximum)
	set(r, "minItems", schema.MinItems)
	set(r, "maxItems", schema.MaxItems)
	set(r, "minProperties", schema.MinProperties)
	set(r, "maxProperties", schema.MaxProperties)
	if schema.Pattern != "" {
		r["pattern"] = schema.Pattern
	}
	if len(schema.Required) > 0 {
		r["required"] = schema.Required
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		r["items"] = rules(*schema.Items.Schema)
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		r["additionalProperties"] = rules(*schema.AdditionalProperties.Schema)
	}
	if len(schema.Properties) > 0 {
		properties := object{}
		for name, property := range schema.Properties {
			properties[name] = rules(property)
		}
		r["properties"], r["additionalProperties"] = properties, false
	}
	return r
}

func set[T any](r object, name string, value *T) {
	if value != nil {
		r[name] = *value
	}
}

// writeSampleValues says the sample tenant in the values of charts/tenant.
func writeSampleValues() error {
	files, err := filepath.Glob(filepath.Join(sampleFolder, "*.yaml"))
	if err != nil {
		return err
	}
	values := object{"namespace": object{"create": true}}
	places := map[string]string{
		"CustomObject": "customObjects", "CustomField": "customFields", "Pipeline": "pipelines",
		"ValidationRule": "validationRules", "ObjectIndex": "objectIndexes",
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, document := range strings.Split("\n"+string(content), "\n---\n") {
			var resource struct {
				Kind     string
				Metadata struct{ Name string }
				Spec     object
			}
			if err := yaml.Unmarshal([]byte(document), &resource); err != nil {
				return fmt.Errorf("reading %s: %w", file, err)
			}
			name := resource.Metadata.Name
			if resource.Kind == "Tenant" {
				values["tenant"] = object{"name": name, "spec": resource.Spec}
			}
			if place, ok := places[resource.Kind]; ok {
				all, _ := values[place].(object)
				if all == nil {
					all = object{}
				}
				all[name] = resource.Spec
				values[place] = all
			}
		}
	}
	out, err := yaml.Marshal(values)
	if err != nil {
		return err
	}
	header := "# The sample tenant of config/samples/acme; made by hack/charts.sh.\n"
	if err := os.MkdirAll(filepath.Dir(sampleValues), 0o755); err != nil {
		return err
	}
	return os.WriteFile(sampleValues, append([]byte(header), out...), 0o644)
}
