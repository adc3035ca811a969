package schema

import (
	"fmt"
	"slices"
)

// Retirement says why an option or a stage cannot be chosen any more. It stays in
// the records that have it.
type Retirement string

// What retires an option or a stage.
const (
	// RetiredByDeclaration: the resource says that it is retired.
	RetiredByDeclaration Retirement = "declared"
	// RetiredByRemoval: it was taken out of the resource.
	RetiredByRemoval Retirement = "removed"
)

// CheckChoice refuses a value of a picklist that holds a retired option, unless it
// is one that was there before; nil is no value.
func (f *Field) CheckChoice(before, value any) error {
	if len(f.Options) == 0 {
		return nil
	}
	had := keysIn(before)
	for _, key := range keysIn(value) {
		if !slices.Contains(had, key) && f.retires(key) {
			return fmt.Errorf("%q is retired: it stays where it is, and cannot be chosen any more", key)
		}
	}
	return nil
}

func (f *Field) retires(key string) bool {
	return slices.ContainsFunc(f.Options, func(option Option) bool { return option.Key == key && option.Retired != "" })
}

// keysIn are the keys in a value of a picklist or multi_picklist.
func keysIn(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	}
	return nil
}

// Choices are the keys of the options that can be chosen.
func (f *Field) Choices() []string {
	var keys []string
	for _, option := range f.Options {
		if option.Retired == "" {
			keys = append(keys, option.Key)
		}
	}
	return keys
}

// Choices are the stages that records can enter.
func (p *Pipeline) Choices() []Stage {
	return slices.DeleteFunc(slices.Clone(p.Stages), func(stage Stage) bool { return stage.Retired != "" })
}

// CheckDefault says what is wrong with the default, if the field has one: it has to
// be a value of the field, and one that can be chosen.
func (f *Field) CheckDefault() error {
	if f.Default == nil {
		return nil
	}
	value, err := f.Parse(*f.Default)
	if err != nil {
		return err
	}
	return f.CheckChoice(nil, value)
}
