package schema

// geoType is a point on the earth, in degrees of WGS 84.
type geoType struct{ compound }

func (geoType) Name() TypeName           { return TypeGeo }
func (geoType) Parts(*Field) []*Field    { return position() }
func (geoType) Together() [][]string     { return [][]string{{PartLatitude, PartLongitude}} }
func (geoType) Check(f *Field) []Problem { return checkCompound(f, "a geo") }

// The digits of a degree: six behind the point are eleven centimetres.
const (
	degreePrecision = 9
	degreeScale     = 6
)

func position() []*Field {
	degree := func(name, most string, label Label) *Field {
		return &Field{
			Name: name, Type: TypeDecimal, Precision: degreePrecision, Scale: new(degreeScale), Min: "-" + most, Max: most, Label: label,
		}
	}
	return []*Field{
		degree(PartLatitude, "90", Label{"en": "Latitude", "zh": "纬度"}),
		degree(PartLongitude, "180", Label{"en": "Longitude", "zh": "经度"}),
	}
}
