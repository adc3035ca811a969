package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// planMeaning names the changes that only the stored schema knows: labels, names,
// pipelines. They need no statement, but people want to see them.
func (m *maker) planMeaning() {
	if m.applied == nil || m.plan.sameSchema {
		return
	}
	told := map[string]bool{}
	for _, phase := range m.phases {
		for _, change := range phase {
			if !change.Drift && change.Kind != DropView && change.Kind != AddView {
				told[key(change.Object, change.Field)] = true
			}
		}
	}
	for _, change := range m.plan.Refused {
		told[key(change.Object, change.Field)] = true
	}
	for _, o := range m.wanted.Objects {
		m.returning(o)
		before, ok := m.applied.ObjectByIdentity(o.Identity)
		if !ok {
			continue
		}
		m.objectMeaning(before, o)
		for _, f := range o.Fields {
			old, ok := before.FieldByIdentity(f.Identity)
			if !ok && f.Computed() && !f.Kept() { // it has no column
				m.tell(f.Source, o.Identity, f.Identity, fmt.Sprintf("add computed field %q to %s", f.Name, o.Name))
			}
			if !ok || told[key(o.Identity, f.Identity)] || same(old, f) {
				continue
			}
			summary := fmt.Sprintf("change field %q of %s", f.Name, o.Name)
			switch forgotten := *old; {
			case old.Name != f.Name:
				summary = fmt.Sprintf("rename field %q of %s to %q", old.Name, o.Name, f.Name)
			case namesGo(old.Former, f.Former):
				if forgotten.Former = f.Former; same(&forgotten, f) {
					summary = fmt.Sprintf("forget former names of field %q of %s", f.Name, o.Name)
				}
			case len(retiredOptions(old, f)) > 0:
				summary += ": retire the options " + strings.Join(retiredOptions(old, f), ", ")
			}
			m.tell(f.Source, o.Identity, f.Identity, summary)
		}
	}
	m.pipelineMeaning()
	m.ruleMeaning()
	if m.applied.Organisation != m.wanted.Organisation {
		m.tell("Tenant "+m.wanted.Organisation.Name, "", "", "change the organisation's settings")
	}
}

// retiredOptions are the options of a field, quoted, that could be chosen before and cannot be now.
func retiredOptions(before, now *schema.Field) []string {
	var keys []string
	for _, option := range now.Options {
		if option.Retired != "" && slices.Contains(before.Choices(), option.Key) {
			keys = append(keys, strconv.Quote(option.Key))
		}
	}
	return keys
}

func (m *maker) tell(resource, object, field, summary string) {
	m.add(phaseMeaning, Change{Resource: resource, Object: object, Field: field, Kind: ChangeMeaning, Summary: summary})
}

func (m *maker) objectMeaning(before, o *schema.Object) {
	old, current := *before, *o
	old.Fields, current.Fields = nil, nil
	if same(old, current) {
		return
	}
	summary := fmt.Sprintf("change object %q", o.Name)
	switch forgotten := old; {
	case before.Name != o.Name:
		summary = fmt.Sprintf("rename object %q to %q", before.Name, o.Name)
	case namesGo(before.Former, o.Former):
		if forgotten.Former = o.Former; same(forgotten, current) {
			summary = fmt.Sprintf("forget former names of object %q", o.Name)
		}
	}
	m.tell(o.Source, o.Identity, "", summary)
}

// namesGo says whether some of the former names are answered no more.
func namesGo(before, now []schema.FormerName) bool {
	return slices.ContainsFunc(before, func(name schema.FormerName) bool { return !slices.Contains(now, name) })
}

func (m *maker) pipelineMeaning() {
	meaningOf(m, "pipeline", m.applied.Pipelines, m.wanted.Pipelines, func(p *schema.Pipeline) (identity, object, source string) {
		return p.Identity, p.Object, p.Source
	})
}

func (m *maker) ruleMeaning() {
	meaningOf(m, "validation rule", m.applied.Rules, m.wanted.Rules, func(r *schema.ValidationRule) (identity, object, source string) {
		return r.Identity, r.Object, r.Source
	})
}

// meaningOf names what came, changed and went of a kind that no statement makes.
func meaningOf[T any](m *maker, kind string, applied, wanted []*T, of func(*T) (identity, object, source string)) {
	old := map[string]*T{}
	for _, thing := range applied {
		identity, _, _ := of(thing)
		old[identity] = thing
	}
	for _, thing := range wanted {
		identity, object, source := of(thing)
		before, ok := old[identity]
		delete(old, identity)
		switch {
		case !ok:
			m.tell(source, object, "", fmt.Sprintf("add %s %q to %s", kind, identity, object))
		case !same(before, thing):
			m.tell(source, object, "", fmt.Sprintf("change %s %q of %s", kind, identity, object))
		}
	}
	for _, thing := range applied {
		if identity, object, source := of(thing); old[identity] != nil {
			m.tell(source, object, "", fmt.Sprintf("take %s %q from %s", kind, identity, object))
		}
	}
}

// same compares two parts of a schema by what is stored of them.
func same(a, b any) bool {
	first, err := json.Marshal(a)
	if err != nil {
		return false
	}
	second, err := json.Marshal(b)
	return err == nil && string(first) == string(second)
}
