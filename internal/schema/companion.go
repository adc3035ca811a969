package schema

// Accompanied is a field type that keeps another form of each value beside it:
// of a phone number the one that every telephone understands, of an amount the
// one in the organisation's currency. That form is a field of its own, which no
// request sets: it is written with the value.
type Accompanied interface {
	FieldType
	// Companion is the definition of the field beside f: type and label, and in
	// Name what is added to the name and the column of f.
	Companion(f *Field) *Field
}

// CompanionName is the name of the field that stands beside one of that type
// and name; false when none does.
func CompanionName(kind TypeName, name string) (string, bool) {
	t, ok := types[kind].(Accompanied)
	if !ok {
		return "", false
	}
	return name + "_" + t.Companion(&Field{Name: name, Type: kind}).Name, true
}

// makeCompanion places the field that stands beside a declared one. A declared
// field keeps its name: taken says which names are.
func (f *Field) makeCompanion(taken func(name string) bool) {
	f.companion = nil
	t, ok := types[f.Type].(Accompanied)
	if !ok {
		return
	}
	c := t.Companion(f)
	added := c.Name
	c.Identity, c.Column = f.Identity+"."+added, f.Column+partSeparator+added
	for c.Name = f.Name + "_" + added; taken(c.Name); {
		c.Name += "_"
	}
	c.Former = companions(f.Former, added)
	c.Custom, c.Source, c.Sensitivity, c.ReadOnly, c.Beside = f.Custom, f.Source, f.Sensitivity, true, f
	f.companion = c
}

// Companion is the field that stands beside this one in a built schema, or nil.
func (f *Field) Companion() *Field { return f.companion }

// Declared is the field that a resource declares: the field itself, or the one
// that it is a part of or stands beside.
func (f *Field) Declared() *Field {
	switch {
	case f.Parent != nil:
		return f.Parent
	case f.Beside != nil:
		return f.Beside
	}
	return f
}

// withCompanions are the fields, each followed by the one beside it.
func withCompanions(fields []*Field) []*Field {
	all := make([]*Field, 0, len(fields))
	for _, f := range fields {
		all = append(all, f)
		if f.companion != nil {
			all = append(all, f.companion)
		}
	}
	return all
}

// companionLabel is the label of a field with a word behind it.
func companionLabel(f *Field, words Label) Label {
	label := Label{}
	for language, word := range words {
		if own := f.Label.In(language); own != "" {
			label[language] = own + " " + word
		}
	}
	return label
}
