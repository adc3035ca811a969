package schema

// View is an object without a table: the fields of a result, on which an expression
// can stand. No two of them have the same name.
func View(name string, fields []*Field) *Object {
	o := &Object{
		Identity: name, Name: name, Fields: fields, leaves: fields,
		byName: make(map[string]*Field, len(fields)), byIdentity: make(map[string]*Field, len(fields)),
	}
	for _, f := range fields {
		o.byName[f.Name], o.byIdentity[f.Identity] = f, f
	}
	return o
}

// As is the same field under another name and in another column, as a result has it.
func (f *Field) As(name, column string) *Field {
	c := *f
	c.Identity, c.Name, c.Former, c.Column = name, name, nil, column
	c.System, c.ReadOnly, c.Parent, c.Beside, c.companion, c.parts = false, false, nil, nil, nil, nil
	return &c
}
