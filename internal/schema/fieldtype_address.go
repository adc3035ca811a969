package schema

import "strings"

// The length of the line of an address that names none (S42), and the longest.
const (
	DefaultAddressLength = 200
	MaxAddressLength     = 1000
)

// The parts of an address that other fields look at.
const (
	PartLine      = "line"
	PartCountry   = "country"
	PartLatitude  = "latitude"
	PartLongitude = "longitude"
)

// addressType is a postal address: one line as it is written on a letter, and the same in parts.
type addressType struct{ compound }

func (addressType) Name() TypeName       { return TypeAddress }
func (addressType) TextPart() string     { return PartLine }
func (addressType) Together() [][]string { return [][]string{{PartLatitude, PartLongitude}} }

func (addressType) Check(f *Field) []Problem {
	return append(checkLength(f, MaxAddressLength), checkCompound(f, "an address")...)
}

func (addressType) Parts(f *Field) []*Field {
	parts := []*Field{
		{Name: PartLine, Type: TypeText, Length: length(f, DefaultAddressLength), Label: Label{"en": "Address", "zh": "地址"}},
		{Name: PartCountry, Type: TypeCountry, Label: Label{"en": "Country", "zh": "国家"}},
		{Name: "region", Type: TypeText, Length: 50, Label: Label{"en": "Region", "zh": "省份"}},
		{Name: "city", Type: TypeText, Length: 50, Label: Label{"en": "City", "zh": "城市"}},
		{Name: "district", Type: TypeText, Length: 50, Label: Label{"en": "District", "zh": "区县"}},
		{Name: "street", Type: TypeText, Length: 200, Label: Label{"en": "Street", "zh": "街道"}},
		{Name: "postal_code", Type: TypeText, Length: 20, Label: Label{"en": "Postal code", "zh": "邮政编码"}},
		{Name: "city_tier", Type: TypePicklist, Options: cityTiers, Label: Label{"en": "City tier", "zh": "城市级别"}},
		{Name: "area_kind", Type: TypePicklist, Options: areaKinds, Label: Label{"en": "Kind of area", "zh": "城乡类型"}},
	}
	return append(parts, position()...)
}

var cityTiers = []Option{
	{Key: "tier_1", Label: Label{"en": "First tier", "zh": "一线城市"}},
	{Key: "new_tier_1", Label: Label{"en": "New first tier", "zh": "新一线城市"}},
	{Key: "tier_2", Label: Label{"en": "Second tier", "zh": "二线城市"}},
	{Key: "tier_3", Label: Label{"en": "Third tier", "zh": "三线城市"}},
	{Key: "tier_4", Label: Label{"en": "Fourth tier", "zh": "四线城市"}},
	{Key: "tier_5", Label: Label{"en": "Fifth tier", "zh": "五线城市"}},
}

var areaKinds = []Option{
	{Key: "urban", Label: Label{"en": "Urban", "zh": "城市"}},
	{Key: "rural", Label: Label{"en": "Rural", "zh": "农村"}},
}

// countryType is the code of a country, two letters of ISO 3166.
type countryType struct{ textual }

func (countryType) Name() TypeName         { return TypeCountry }
func (countryType) Check(*Field) []Problem { return nil }

func (countryType) Rules(*Field) []Rule {
	return []Rule{{Kind: RulePattern, Pattern: `^[A-Z]{2}$`, Meaning: "the code of a country, two letters of ISO 3166 such as DE"}}
}

func (countryType) Decode(f *Field, value any) (any, error) {
	if text, ok := value.(string); ok {
		value = strings.ToUpper(text)
	}
	return decodeText(f, value, false)
}

func (countryType) Parse(f *Field, text string) (any, error) {
	return parseText(f, strings.ToUpper(text), false)
}
