package plan

import (
	"encoding/json"
	"fmt"

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
		before, ok := m.applied.ObjectByIdentity(o.Identity)
		if !ok {
			continue
		}
		m.objectMeaning(before, o)
		for _, f := range o.Fields {
			old, ok := before.FieldByIdentity(f.Identity)
			if !ok || told[key(o.Identity, f.Identity)] || same(old, f) {
				continue
			}
			summary := fmt.Sprintf("change field %q of %s", f.Name, o.Name)
			if old.Name != f.Name {
				summary = fmt.Sprintf("rename field %q of %s to %q", old.Name, o.Name, f.Name)
			}
			m.tell(f.Source, o.Identity, f.Identity, summary)
		}
	}
	m.pipelineMeaning()
	if m.applied.Organisation != m.wanted.Organisation {
		m.tell("Tenant "+m.wanted.Organisation.Name, "", "", "change the organisation's settings")
	}
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
	if before.Name != o.Name {
		summary = fmt.Sprintf("rename object %q to %q", before.Name, o.Name)
	}
	m.tell(o.Source, o.Identity, "", summary)
}

func (m *maker) pipelineMeaning() {
	old := map[string]*schema.Pipeline{}
	for _, p := range m.applied.Pipelines {
		old[p.Identity] = p
	}
	for _, p := range m.wanted.Pipelines {
		before, ok := old[p.Identity]
		delete(old, p.Identity)
		switch {
		case !ok:
			m.tell(p.Source, p.Object, "", fmt.Sprintf("add pipeline %q to %s", p.Identity, p.Object))
		case !same(before, p):
			m.tell(p.Source, p.Object, "", fmt.Sprintf("change pipeline %q of %s", p.Identity, p.Object))
		}
	}
	for _, p := range m.applied.Pipelines {
		if old[p.Identity] != nil {
			m.tell(p.Source, p.Object, "", fmt.Sprintf("take pipeline %q from %s", p.Identity, p.Object))
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
