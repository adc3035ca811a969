package crm

import (
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/kontor-crm/kontor/internal/schema"
	"github.com/kontor-crm/kontor/internal/search"
)

// guess finds the fields that the columns of a file hold, by their names: what the API
// calls the fields, has called them and people call them, in any language, whatever
// their case, accents and signs. Each field is filled from one column.
func guess(s *schema.Schema, o *schema.Object, header []string, samples [][]string) []MappingField {
	known := fillable(s, o)
	taken := map[string]bool{}
	mapped := []MappingField{}
	for at, name := range header {
		if slices.Index(header, name) != at || slices.Contains(header[at+1:], name) {
			continue // nobody could say which of the two is meant
		}
		found, ok := known[search.Letters(name)]
		if !ok || taken[found.Field] {
			continue
		}
		taken[found.Field] = true
		f, _ := o.Field(found.Field)
		if f.Type == schema.TypeRelation && found.Lookup == "" && !areIDs(samples[at]) {
			found.Lookup = titleLookup(s, f)
		}
		found.Column, found.Aliases = name, aliasesOf(f)
		mapped = append(mapped, found)
	}
	return mapped
}

// fillable are the fields that a file can fill, by the letters of what they are called.
// Where two are called the same, the one that stands first is meant.
func fillable(s *schema.Schema, o *schema.Object) map[string]MappingField {
	known := map[string]MappingField{}
	add := func(found MappingField, names []string) {
		for _, name := range names {
			letters := search.Letters(name)
			if _, isThere := known[letters]; !isThere && letters != "" {
				known[letters] = found
			}
		}
	}
	var fields, parts []*schema.Field
	for _, f := range o.AllFields() {
		if f.SetBySystem() || f.Computed() {
			continue
		}
		if _, ok := f.TextPart(); ok || len(f.Parts()) == 0 {
			fields = append(fields, f)
		}
		parts = append(parts, f.Parts()...)
	}
	for _, f := range fields {
		names := append(callings(f), f.Identity)
		for _, former := range o.FormerNames(f) {
			names = append(names, former.Name)
		}
		add(MappingField{Field: f.Path()}, names)
	}
	for _, part := range parts {
		add(MappingField{Field: part.Path()}, pairs(callings(part.Parent), callings(part)))
	}
	for _, f := range fields { // customer.name, as an export has it
		target, ok := s.ObjectByIdentity(f.Target)
		if !ok || f.Type != schema.TypeRelation {
			continue
		}
		for _, by := range target.AllFields() {
			if by.Unique || by == target.TitleField() && titleLookup(s, f) != "" {
				add(MappingField{Field: f.Name, Lookup: by.Name}, pairs(callings(f), callings(by)))
			}
		}
	}
	for _, f := range fields { // the name of a customer is often called "customer name"
		add(MappingField{Field: f.Path()}, pairs(append(texts(o.Label), o.Name), callings(f)))
	}
	return known
}

// callings are what a field is called: its name, and its labels.
func callings(f *schema.Field) []string { return append(texts(f.Label), f.Name) }

func texts(label schema.Label) []string {
	var all []string
	for _, text := range label {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// pairs are all ways to say one behind the other.
func pairs(first, second []string) []string {
	var all []string
	for _, a := range first {
		for _, b := range second {
			all = append(all, a+" "+b)
		}
	}
	return all
}

// titleLookup is the field that the records of a relation can be looked up by when a
// file holds their titles; empty when they cannot.
func titleLookup(s *schema.Schema, f *schema.Field) string {
	target, ok := s.ObjectByIdentity(f.Target)
	if !ok {
		return ""
	}
	title := target.TitleField()
	if title.Type == schema.TypeAutoNumber || title.Computed() || len(title.Parts()) > 0 {
		return ""
	}
	return title.Name
}

// areIDs says whether all values are ids of records.
func areIDs(values []string) bool {
	return !slices.ContainsFunc(values, func(value string) bool { return uuid.Validate(value) != nil })
}

// aliasesOf are what people call the values of a field, where the API calls them otherwise.
func aliasesOf(f *schema.Field) map[string]string {
	if f.Type == schema.TypeBoolean {
		return map[string]string{"是": "true", "否": "false"}
	}
	if f.Type != schema.TypePicklist {
		return nil
	}
	aliases := map[string]string{}
	twice := map[string]bool{}
	for _, option := range f.Options {
		for _, label := range texts(option.Label) {
			label = strings.TrimSpace(label)
			if other, isThere := aliases[label]; isThere && other != option.Key {
				twice[label] = true
			}
			if option.Retired == "" && label != "" {
				aliases[label] = option.Key
			}
		}
	}
	for _, option := range f.Options {
		delete(aliases, option.Key) // it means itself
	}
	for label := range twice {
		delete(aliases, label)
	}
	return aliases
}
