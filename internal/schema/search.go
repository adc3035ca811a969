package schema

import "slices"

// searchSuffix ends the name of the table that holds what an object's records are found
// by. No table of an object ends so: no identity holds two underscores in a row.
const searchSuffix = "__search"

// The columns of a table of search.
const (
	SearchID      = "id"
	SearchNumber  = "number"
	SearchVersion = "version"
	SearchDigest  = "digest"
	SearchTokens  = "tokens"
)

// SearchStateTable is the platform's table that says how far the search of each object is.
const SearchStateTable = "search_state"

// CanBeSearched says whether values of the type are texts that search can find.
func CanBeSearched(t TypeName) bool {
	switch t { //nolint:exhaustive // the others hold no text that a person would look for
	case TypeText, TypeLongText, TypeRichText, TypeEmail, TypePhone, TypeURL, TypeAddress, TypePersonName:
		return true
	}
	return false
}

// IsSearchable says whether search finds records of the object by the field. When the
// field does not say so itself, it does by the title, by e-mail addresses, phone numbers
// and names of persons, and by unique texts, which are keys; never by sensitive values.
func (o *Object) IsSearchable(f *Field) bool {
	switch {
	case !CanBeSearched(f.Type):
		return false
	case f.Searchable != nil:
		return *f.Searchable
	case f.Sensitivity == "sensitive":
		return false
	}
	switch f.Type { //nolint:exhaustive // the others are found when they are keys or name the record
	case TypeEmail, TypePhone, TypePersonName:
		return true
	}
	return f.Identity == o.Title || f.Type == TypeText && f.Unique
}

// SearchFields are the searchable fields in the order in which they matter: the
// title, the others as they are declared, and long texts last. A field with parts
// is searched by those of them that are texts, which stand in its place, and a phone
// number by its form in E.164 as well, which stands behind it.
func (o *Object) SearchFields() []*Field {
	var found []*Field
	for _, f := range o.Fields {
		if !o.IsSearchable(f) {
			continue
		}
		for _, leaf := range f.Leaves() {
			if leaf == f || leaf.Type == TypeText {
				found = append(found, leaf)
			}
		}
		if f.companion != nil {
			found = append(found, f.companion)
		}
	}
	weight := func(f *Field) int {
		switch {
		case f.Identity == o.Title:
			return 0
		case f.Type == TypeLongText || f.Type == TypeRichText:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(found, func(a, b *Field) int { return weight(a) - weight(b) })
	return found
}

// IsSearched says whether records of the object are found by more than their number.
func (o *Object) IsSearched() bool { return slices.ContainsFunc(o.Fields, o.IsSearchable) }

// SearchTable is the name of the table that holds what the records are found by; it
// lies beside the object's own.
func (o *Object) SearchTable() string { return o.Table + searchSuffix }

// QualifiedSearchTable is the quoted name of the table of search.
func (o *Object) QualifiedSearchTable() string {
	return QuoteIdent(RecordsSchema) + "." + QuoteIdent(o.SearchTable())
}
