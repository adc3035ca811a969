package rest

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// resourceAnswer is a resource of the tenant's namespace, as the operator saw it last.
type resourceAnswer struct {
	Kind       string    `json:"kind"`
	Name       string    `json:"name"`
	Object     string    `json:"object,omitempty"`
	Generation int64     `json:"generation"`
	Ready      bool      `json:"ready"`
	Reason     string    `json:"reason"`
	Message    string    `json:"message"`
	YAML       string    `json:"yaml,omitempty"`
	UpdatedAt  time.Time `json:"updatedAt"`
}

// sourceAnswer is the resource that declares something; null is a part of the standard
// model, or a field that every record has.
type sourceAnswer struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
}

type configurationAnswer struct {
	Namespace string           `json:"namespace"`
	Resources []resourceAnswer `json:"resources"`
}

type objectConfigurationAnswer struct {
	Namespace string           `json:"namespace"`
	Object    string           `json:"object"`
	Source    *sourceAnswer    `json:"source"`
	Fields    []declaredAnswer `json:"fields"`
	Pipelines []declaredAnswer `json:"pipelines"`
	Rules     []declaredAnswer `json:"rules"`
	Indexes   []declaredAnswer `json:"indexes"`
	Resources []resourceAnswer `json:"resources"`
}

// declaredAnswer is a part of an object, and what declares it.
type declaredAnswer struct {
	Name   string        `json:"name"`
	Source *sourceAnswer `json:"source"`
}

// readConfiguration answers which resources declare the tenant's schema, and which of
// them are in force.
func readConfiguration(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	if _, err := c.parameters(); err != nil {
		return nil, err
	}
	kept, err := c.records(model, channelAPI).Configuration(ctx, nil)
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(configurationAnswer{Namespace: c.namespace(), Resources: describeResources(model.Schema, kept)})
	if err != nil {
		return nil, err
	}
	return cached(c, encoded), nil
}

// readObjectConfiguration answers what declares an object and each of its parts.
func readObjectConfiguration(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	if _, err := c.parameters(); err != nil {
		return nil, err
	}
	o, err := model.Compiler.Object(c.PathValue("object"))
	if err != nil {
		return nil, err
	}
	kept, err := c.records(model, channelAPI).Configuration(ctx, o)
	if err != nil {
		return nil, err
	}
	a := objectConfigurationAnswer{
		Namespace: c.namespace(), Object: o.Name, Source: sourceOf(o.Source), Resources: describeResources(model.Schema, kept),
		Fields: []declaredAnswer{}, Pipelines: []declaredAnswer{}, Rules: []declaredAnswer{}, Indexes: []declaredAnswer{},
	}
	for _, f := range o.AllFields() {
		a.Fields = append(a.Fields, declaredAnswer{f.Name, sourceOf(f.Source)})
	}
	for _, p := range model.Schema.PipelinesOf(o) {
		a.Pipelines = append(a.Pipelines, declaredAnswer{p.Identity, sourceOf(p.Source)})
	}
	for _, rule := range model.Schema.RulesOf(o) {
		a.Rules = append(a.Rules, declaredAnswer{rule.Identity, sourceOf(rule.Source)})
	}
	for _, x := range model.Schema.IndexesOf(o) {
		a.Indexes = append(a.Indexes, declaredAnswer{x.Identity, sourceOf(x.Source)})
	}
	encoded, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	return cached(c, encoded), nil
}

// namespace is that of the tenant's resources.
func (c *call) namespace() string {
	namespace, _, _ := strings.Cut(c.tenant.Key, "/")
	return namespace
}

func describeResources(s *schema.Schema, kept []query.KeptResource) []resourceAnswer {
	all := []resourceAnswer{}
	for _, r := range kept {
		one := resourceAnswer{
			Kind: r.Kind, Name: r.Name, Object: r.Object, Generation: r.Generation, Ready: r.Ready, Reason: r.Reason, Message: r.Message,
			YAML: r.YAML, UpdatedAt: r.UpdatedAt.UTC(),
		}
		if o, ok := s.ObjectByIdentity(r.Object); ok {
			one.Object = o.Name
		}
		all = append(all, one)
	}
	return all
}

// sourceOf reads "CustomField tier"; nil is what no resource declares.
func sourceOf(source string) *sourceAnswer {
	kind, name, ok := strings.Cut(source, " ")
	if !ok {
		return nil
	}
	return &sourceAnswer{Kind: kind, Name: name}
}
