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
	// By are the resources that need it, sorted: "ValidationRule tiered".
	By []string
}

// inUse are those of the retained things that resources which are given need. It
// notes on these what they need, and which former names they say.
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
		verdict := needs[d.By]
		if verdict == nil {
			continue
		}
		if d.Former != "" {
			verdict.Former = appendOnce(verdict.Former, fmt.Sprintf("%q for %s", d.Former, d.Name(s)))
		}
		for i, what := range retained {
			if d.On != d.By && d.isOf(s, what) {
				found[i].What, found[i].By = what, appendOnce(found[i].By, d.By)
				verdict.Deleted = appendOnce(verdict.Deleted, what)
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
