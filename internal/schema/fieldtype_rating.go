package schema

import "github.com/shopspring/decimal"

// The greatest rating of a field that names none, and the greatest that one may ask for.
const (
	DefaultRating = 5
	MaxRating     = 100
)

// ratingType is a number of stars, from one.
type ratingType struct{ integerType }

func (ratingType) Name() TypeName         { return TypeRating }
func (ratingType) Storage(*Field) Storage { return StorageInteger }

func (ratingType) Rules(f *Field) []Rule {
	most := f.Max
	if most == "" {
		most = itoa(DefaultRating)
	}
	return integerType{}.Rules(&Field{Min: "1", Max: most})
}

func (ratingType) Check(f *Field) []Problem {
	if f.Max == "" {
		return nil
	}
	if number, err := ParseDecimal(f.Max); err != nil || !number.IsInteger() || number.LessThan(decimal.NewFromInt(2)) || number.GreaterThan(decimal.NewFromInt(MaxRating)) {
		return []Problem{{Path: "max", Message: "of a rating must be a whole number from 2 to " + itoa(MaxRating)}}
	}
	return nil
}
