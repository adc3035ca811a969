package schema

import "fmt"

// The bounds of a picklist.
const (
	// MaxOptions is the greatest number of options that can be chosen.
	MaxOptions = 200
	// MaxAllOptions is the greatest number of options, those that are retired included.
	MaxAllOptions = 300
)

// picklistType is one of the field's options, stored by its key.
type picklistType struct{ textual }

func (picklistType) Name() TypeName { return TypePicklist }

func (picklistType) Rules(f *Field) []Rule {
	return []Rule{{Kind: RuleOneOf, Values: optionKeys(f), Offered: f.Choices()}}
}

func (picklistType) Check(f *Field) []Problem { return checkOptions(f) }

func (picklistType) Decode(f *Field, value any) (any, error) { return decodeText(f, value, false) }

func (picklistType) Parse(f *Field, text string) (any, error) { return parseText(f, text, false) }

func optionKeys(f *Field) []string {
	keys := make([]string, 0, len(f.Options))
	for _, option := range f.Options {
		keys = append(keys, option.Key)
	}
	return keys
}

func checkOptions(f *Field) []Problem {
	if len(f.Options) == 0 {
		if f.OptionsFrom != nil {
			return nil
		}
		return []Problem{{Path: "options", Message: "a picklist needs at least one option"}}
	}
	switch choices := len(f.Choices()); {
	case choices == 0:
		return []Problem{{Path: "options", Message: "a picklist needs at least one option that is not retired"}}
	case choices > MaxOptions:
		return []Problem{{Path: "options", Message: fmt.Sprintf("a picklist has at most %d options", MaxOptions)}}
	case len(f.Options) > MaxAllOptions:
		return []Problem{{Path: "options", Message: fmt.Sprintf("a picklist has at most %d options, those that are retired included", MaxAllOptions)}}
	}
	var problems []Problem
	seen := map[string]int{}
	for i, option := range f.Options {
		path := fmt.Sprintf("options[%d].key", i)
		if problem := CheckKey(option.Key); problem != "" {
			problems = append(problems, Problem{Path: path, Message: problem})
			continue
		}
		if first, ok := seen[option.Key]; ok {
			problems = append(problems, Problem{Path: path, Message: fmt.Sprintf("%q stands already at options[%d]", option.Key, first)})
			continue
		}
		seen[option.Key] = i
	}
	return problems
}
