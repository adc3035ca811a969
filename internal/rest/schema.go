package rest

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// schemaHead is the part of the answer that may be another one each time, schemaBody
// the long one, which stays as long as the revision.
type schemaHead struct {
	Revision     int64              `json:"revision"`
	Organisation organisationAnswer `json:"organisation"`
	User         userAnswer         `json:"user"`
}

type schemaBody struct {
	Objects   []objectDescription `json:"objects"`
	Pipelines []pipelineAnswer    `json:"pipelines"`
}

type organisationAnswer struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
	Language    string `json:"language"`
	TimeZone    string `json:"timeZone"`
	Currency    string `json:"currency"`
	Country     string `json:"country,omitempty"`
}

type objectDescription struct {
	Name        string             `json:"name"`
	Former      []formerAnswer     `json:"former,omitempty"`
	Label       string             `json:"label"`
	PluralLabel string             `json:"pluralLabel,omitempty"`
	Description string             `json:"description,omitempty"`
	Custom      bool               `json:"custom"`
	Title       string             `json:"title"`
	Fields      []fieldDescription `json:"fields"`
	Rules       []ruleDescription  `json:"rules,omitempty"`
}

// formerAnswer is a former name, which is answered until then.
type formerAnswer struct {
	Name  string    `json:"name"`
	Until time.Time `json:"until"`
}

func formerAnswers(names []schema.FormerName) []formerAnswer {
	var all []formerAnswer
	for _, former := range names {
		all = append(all, formerAnswer{former.Name, former.Until})
	}
	return all
}

// ruleDescription is a validation rule, for forms that check while one types.
type ruleDescription struct {
	Expression string `json:"expression"`
	Field      string `json:"field,omitempty"`
	Message    string `json:"message"`
}

type fieldDescription struct {
	Name        string              `json:"name"`
	Former      []formerAnswer      `json:"former,omitempty"`
	Type        schema.TypeName     `json:"type"`
	Returns     schema.TypeName     `json:"returns,omitempty"` // what the values of a computed field look like
	Label       string              `json:"label"`
	Description string              `json:"description,omitempty"`
	Custom      bool                `json:"custom"`
	System      bool                `json:"system"`
	ReadOnly    bool                `json:"readOnly"`
	Required    bool                `json:"required"`
	Unique      bool                `json:"unique"`
	Searchable  bool                `json:"searchable"`
	Default     *string             `json:"default,omitempty"`
	Length      int                 `json:"length,omitempty"`
	Precision   int                 `json:"precision,omitempty"`
	Scale       *int                `json:"scale,omitempty"`
	Min         string              `json:"min,omitempty"`
	Max         string              `json:"max,omitempty"`
	Pattern     string              `json:"pattern,omitempty"`
	Options     []optionDescription `json:"options,omitempty"`
	Target      string              `json:"target,omitempty"`
	Targets     []string            `json:"targets,omitempty"`
	// What depends on other values: a default and conditions in CEL, and the field that decides which options there are.
	DefaultExpression string             `json:"defaultExpression,omitempty"`
	RequiredWhen      string             `json:"requiredWhen,omitempty"`
	ReadOnlyWhen      string             `json:"readOnlyWhen,omitempty"`
	VisibleWhen       string             `json:"visibleWhen,omitempty"`
	DependsOn         string             `json:"dependsOn,omitempty"`
	Sensitivity       string             `json:"sensitivity,omitempty"`
	Parts             []fieldDescription `json:"parts,omitempty"`
}

type optionDescription struct {
	Key     string   `json:"key"`
	Label   string   `json:"label"`
	When    []string `json:"when,omitempty"`
	Retired bool     `json:"retired,omitempty"` // no write can choose it
}

type pipelineAnswer struct {
	Name   string        `json:"name"`
	Object string        `json:"object"`
	Field  string        `json:"field"`
	Label  string        `json:"label"`
	Stages []stageAnswer `json:"stages"`
}

type stageAnswer struct {
	Key          string           `json:"key"`
	Label        string           `json:"label"`
	Kind         schema.StageKind `json:"kind"`
	Probability  int              `json:"probability"`
	Required     []string         `json:"required,omitempty"`
	Gate         string           `json:"gate,omitempty"`
	GateMessage  string           `json:"gateMessage,omitempty"`
	AllowedMoves []string         `json:"allowedMoves"` // null is all
	RottingDays  int              `json:"rottingDays,omitempty"`
	Retired      bool             `json:"retired,omitempty"` // no record can enter it
}

// readSchema answers the tenant's model, with labels in the language asked for. A page
// asks again and again whether it has changed: the long part of it is made once.
func readSchema(made *descriptions) handler {
	return func(_ context.Context, c *call, model *tenancy.Model) (*answer, error) {
		d := c.describer(model.Schema)
		known, err := made.of(c.tenant.Key+" "+strings.Join(d.languages, ","), model.Schema, func() ([]byte, error) { return json.Marshal(d.model()) })
		if err != nil {
			return nil, err
		}
		head, err := json.Marshal(schemaHead{
			Revision: model.Schema.Revision, Organisation: describeOrganisation(model.Schema), User: describeUser(c.principal),
		})
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append(head, known.sum[:]...))
		a := cachedAs(c, sum[:], func() []byte { return slices.Concat(head[:len(head)-1], []byte(","), known.text[1:]) })
		a.header.Set("Vary", "Accept-Language, Authorization, Cookie")
		return a, nil
	}
}

// describer says what a model holds in some languages.
type describer struct {
	schema    *schema.Schema
	languages []string
}

// describer says it in the languages that the request asks for, and then in the organisation's.
func (c *call) describer(s *schema.Schema) describer {
	return describer{schema: s, languages: append(languages(c.Header.Get("Accept-Language")), s.Organisation.Language)}
}

// model is all that the model holds.
func (d describer) model() schemaBody {
	body := schemaBody{Objects: []objectDescription{}, Pipelines: []pipelineAnswer{}}
	for _, object := range d.schema.Objects {
		body.Objects = append(body.Objects, d.object(object))
	}
	for _, pipeline := range d.schema.Pipelines {
		body.Pipelines = append(body.Pipelines, d.pipeline(pipeline))
	}
	return body
}

func describeOrganisation(s *schema.Schema) organisationAnswer {
	o := s.Organisation
	return organisationAnswer{
		Name: o.Name, DisplayName: o.DisplayName, Language: o.Language, TimeZone: o.TimeZone, Currency: o.Currency, Country: o.Country,
	}
}

// cached answers with a tag of the content, and with nothing else when the client has that already.
func cached(c *call, encoded []byte) *answer {
	sum := sha256.Sum256(encoded)
	return cachedAs(c, sum[:], func() []byte { return encoded })
}

// cachedAs is cached for a content that is known by its sum.
func cachedAs(c *call, sum []byte, content func() []byte) *answer {
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	a := &answer{status: http.StatusNotModified, header: http.Header{}}
	if c.Header.Get("If-None-Match") != tag {
		a = ok(content())
	}
	a.header.Set("ETag", tag)
	a.header.Set("Cache-Control", "private, no-cache")
	return a
}

// maxLanguages bounds what a header may ask for.
const maxLanguages = 10

// languages are those of Accept-Language, the best first, each followed by its
// base (zh-CN, zh).
func languages(header string) []string {
	if header == "" {
		return nil
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil {
		tags = nil
	}
	var found []string
	for _, tag := range tags[:min(len(tags), maxLanguages)] {
		base, _ := tag.Base()
		found = append(found, tag.String(), base.String())
	}
	return found
}

func (d describer) label(label schema.Label, otherwise string) string {
	if text := label.In(d.languages...); text != "" {
		return text
	}
	return otherwise
}

func (d describer) object(o *schema.Object) objectDescription {
	described := objectDescription{
		Name: o.Name, Former: formerAnswers(o.Former), Label: d.label(o.Label, o.Name), PluralLabel: d.label(o.PluralLabel, ""), Description: d.label(o.Description, ""),
		Custom: o.Custom, Title: o.TitleField().Name, Fields: []fieldDescription{},
	}
	for _, f := range o.AllFields() {
		field := d.field(f)
		field.Former, field.Searchable = formerAnswers(o.FormerNames(f)), o.IsSearchable(f)
		if on, ok := o.FieldByIdentity(f.DependsOn); ok {
			field.DependsOn = on.Name
		}
		described.Fields = append(described.Fields, field)
	}
	for _, rule := range d.schema.RulesOf(o) {
		one := ruleDescription{Expression: rule.Expression, Message: d.label(rule.Message, rule.Identity)}
		if f, ok := o.FieldByIdentity(rule.Field); ok {
			one.Field = f.Path()
		}
		described.Rules = append(described.Rules, one)
	}
	return described
}

func (d describer) field(f *schema.Field) fieldDescription {
	described := fieldDescription{
		Name: f.Name, Type: f.Type, Label: d.label(f.Label, f.Name), Description: d.label(f.Description, ""), Custom: f.Custom,
		System: f.System, ReadOnly: f.SetBySystem(), Required: f.Required, Unique: f.Unique,
		Default: f.Default, Length: maxLength(f), Precision: f.Precision, Scale: f.Scale, Min: f.Min, Max: f.Max, Sensitivity: f.Sensitivity,
		Pattern: f.Pattern, DefaultExpression: f.DefaultExpression, RequiredWhen: f.RequiredWhen, ReadOnlyWhen: f.ReadOnlyWhen, VisibleWhen: f.VisibleWhen,
	}
	if f.Computed() {
		described.Returns = f.Result().Type
	}
	for _, option := range f.Options {
		described.Options = append(described.Options, optionDescription{
			Key: option.Key, Label: d.label(option.Label, option.Key), When: option.When, Retired: option.Retired != "",
		})
	}
	if target, ok := d.schema.ObjectByIdentity(f.Target); ok && f.Type == schema.TypeRelation {
		described.Target = target.Name
	}
	described.Targets = f.TargetNames()
	for _, part := range f.Parts() {
		described.Parts = append(described.Parts, d.field(part))
	}
	return described
}

// maxLength is the greatest number of characters, 0 when nothing bounds it.
func maxLength(f *schema.Field) int {
	for _, rule := range f.Rules() {
		if rule.Kind == schema.RuleMaxLength {
			return rule.Length
		}
	}
	return 0
}

func (d describer) pipeline(p *schema.Pipeline) pipelineAnswer {
	described := pipelineAnswer{Name: p.Identity, Label: d.label(p.Label, p.Identity), Stages: []stageAnswer{}}
	object, ok := d.schema.ObjectByIdentity(p.Object)
	if !ok {
		return described
	}
	described.Object = object.Name
	if field, ok := object.FieldByIdentity(p.Field); ok {
		described.Field = field.Name
	}
	for _, stage := range p.Stages {
		one := stageAnswer{
			Key: stage.Key, Label: d.label(stage.Label, stage.Key), Kind: stage.Kind, Probability: stage.Probability,
			AllowedMoves: stage.AllowedMoves, RottingDays: stage.RottingDays, Gate: stage.Gate, GateMessage: d.label(stage.GateMessage, ""),
			Retired: stage.Retired != "",
		}
		for _, identity := range stage.Required {
			if field, ok := object.FieldByIdentity(identity); ok {
				one.Required = append(one.Required, field.Name)
			}
		}
		described.Stages = append(described.Stages, one)
	}
	return described
}
