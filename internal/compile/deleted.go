package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/schema"
)

// InUse is something that was deleted and that others cannot be without.
type InUse struct {
	// What is one of Result.Retained.
	What string
	// By are the resources that need it, sorted: "ValidationRule tiered". Those that were
	// deleted themselves are named as in Retained.
	By []string
}

// inUse are those of the retained things that others need. It notes on the resources
// that are given what they need, and which former names they say.
func inUse(s *schema.Schema, retained []string, verdicts map[Ref]Verdict) []InUse {
	if len(retained) == 0 && !slices.ContainsFunc(s.Objects, hasFormerNames) {
		return nil
	}
	found := make([]InUse, len(retained))
	needs := map[string]*Verdict{}
	for ref, verdict := range verdicts {
		needs[ref.String()] = &verdict
	}
	for _, d := range Dependencies(s) {
		by := d.who(s, retained)
		verdict := needs[by]
		if verdict == nil && !slices.Contains(retained, by) {
			continue
		}
		if verdict != nil && d.Former != "" {
			verdict.Former = appendOnce(verdict.Former, fmt.Sprintf("%q for %s", d.Former, d.Name(s)))
		}
		for i, what := range retained {
			if by != what && d.isOf(s, what) {
				found[i].What, found[i].By = what, appendOnce(found[i].By, by)
				if verdict != nil {
					verdict.Deleted = appendOnce(verdict.Deleted, what)
				}
			}
		}
	}
	for _, verdict := range needs {
		slices.Sort(verdict.Deleted)
		slices.Sort(verdict.Former)
	}
	for ref := range verdicts {
		verdicts[ref] = *needs[ref.String()]
	}
	return slices.DeleteFunc(found, func(x InUse) bool { return len(x.By) == 0 })
}

// leaving are those of the retained things that are not held and that nothing needs
// which stays: they leave the schema.
func (r *Result) leaving(held map[Ref]string) []string {
	stays := map[string]bool{}
	for ref := range held {
		stays[ref.String()] = true
	}
	needs := func(what string) bool {
		at := slices.IndexFunc(r.InUse, func(used InUse) bool { return used.What == what })
		return at >= 0 && slices.ContainsFunc(r.InUse[at].By, func(by string) bool { return stays[by] || !slices.Contains(r.Retained, by) })
	}
	for again := true; again; {
		again = false
		for _, what := range r.Retained {
			if !stays[what] && needs(what) {
				stays[what], again = true, true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(r.Retained), func(what string) bool { return stays[what] })
}

// who is the resource that needs something or, where what needs it was deleted, the
// retained thing.
func (d Dependency) who(s *schema.Schema, retained []string) string {
	if d.by.field == "" {
		return d.By
	}
	inline := d.By + "." + d.by.field
	if slices.Contains(retained, inline) {
		return inline
	}
	if o, ok := s.ObjectByIdentity(d.by.object); ok && d.By == sourceStandard && o.Module != "" {
		return moduleRef(o.Module)
	}
	return d.By
}

// isOf says whether what is needed belongs to a retained thing.
func (d Dependency) isOf(s *schema.Schema, what string) bool {
	resource, inline, isInline := strings.Cut(what, ".")
	switch module, isModule := strings.CutPrefix(what, KindModule+" "); {
	case isModule:
		o, ok := s.ObjectByIdentity(d.Object)
		return ok && d.On == sourceStandard && o.Module == module
	case isInline:
		return d.On == resource && d.Field == inline
	}
	return d.On == what
}

func hasFormerNames(o *schema.Object) bool {
	return len(o.Former) > 0 || slices.ContainsFunc(o.Fields, func(f *schema.Field) bool { return len(f.Former) > 0 })
}

func appendOnce(texts []string, text string) []string {
	if slices.Contains(texts, text) {
		return texts
	}
	return append(texts, text)
}
