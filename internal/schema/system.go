package schema

// The identities of the standard objects that system fields point to.
const (
	ObjectUser       = "user"
	ObjectDepartment = "department"
)

// The standard object of rates of exchange and the identities of its fields.
const (
	ObjectExchangeRate = "exchange_rate"
	FieldCurrencyCode  = "currency_code"
	FieldRate          = "rate"
	FieldValidFrom     = "valid_from"
)

// The names of the system fields that programs refer to.
const (
	FieldID        = "id"
	FieldNumber    = "number"
	FieldCreatedAt = "created_at"
	FieldUpdatedAt = "updated_at"
	FieldCreatedBy = "created_by"
	FieldUpdatedBy = "updated_by"
	FieldOwner     = "owner"
	FieldVersion   = "version"
	FieldCurrency  = "currency"
	FieldTags      = "tags"
)

// The columns that a record has and the API does not show.
const (
	ColumnDeletedAt      = "deleted_at"
	ColumnSchemaRevision = "schema_revision"
)

const sourceSystem = "system"

// currencyField is the field of records with money that says in which currency.
func currencyField() *Field {
	return &Field{
		Identity: FieldCurrency, Name: FieldCurrency, Column: FieldCurrency, Type: TypeCurrency, Label: Label{"en": "Currency", "zh": "币种"},
		System: true, Source: sourceSystem,
	}
}

// systemFields are the fields that every record of the object has. The order is
// the order in the API: id and number stand before the declared fields.
func systemFields(o *Object) []*Field {
	fields := []*Field{
		{Identity: FieldID, Type: TypeID, ReadOnly: true, Label: Label{"en": "ID", "zh": "标识"}},
		{Identity: FieldNumber, Type: TypeAutoNumber, ReadOnly: true, Label: Label{"en": "Number", "zh": "编号"}},
		{Identity: FieldOwner, Column: "owner_id", Type: TypeRelation, Target: ObjectUser, Label: Label{"en": "Owner", "zh": "负责员工"}},
		{Identity: "department", Column: "department_id", Type: TypeRelation, Target: ObjectDepartment, Label: Label{"en": "Department", "zh": "负责部门"}},
		{Identity: FieldTags, Type: TypeTags, Label: Label{"en": "Tags", "zh": "标签"}},
		{Identity: FieldCreatedAt, Type: TypeDateTime, ReadOnly: true, Label: Label{"en": "Created at", "zh": "创建时间"}},
		{Identity: FieldUpdatedAt, Type: TypeDateTime, ReadOnly: true, Label: Label{"en": "Updated at", "zh": "更新时间"}},
		{Identity: FieldCreatedBy, Type: TypeRelation, Target: ObjectUser, ReadOnly: true, Label: Label{"en": "Created by", "zh": "创建人"}},
		{Identity: FieldUpdatedBy, Type: TypeRelation, Target: ObjectUser, ReadOnly: true, Label: Label{"en": "Updated by", "zh": "更新人"}},
		{Identity: FieldVersion, Type: TypeInteger, ReadOnly: true, Label: Label{"en": "Version", "zh": "版本"}},
	}
	if o.HasCurrency() {
		fields = append(fields, currencyField())
	}
	for _, f := range fields {
		f.Name, f.System, f.Source = f.Identity, true, sourceSystem
		if f.Column == "" {
			f.Column = f.Identity
		}
	}
	return fields
}

// IsSystemField says whether a field of that name is, or may become, one that every record has.
func IsSystemField(name string) bool {
	switch name {
	case FieldID, FieldNumber, FieldOwner, "owner_id", "department", "department_id", FieldTags, FieldCreatedAt, FieldUpdatedAt,
		FieldCreatedBy, FieldUpdatedBy, FieldVersion, FieldCurrency, ColumnDeletedAt, ColumnSchemaRevision:
		return true
	}
	return false
}
