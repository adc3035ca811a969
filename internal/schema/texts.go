package schema

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of one value: how many texts, and how many characters in each.
const (
	maxTexts      = MaxOptions
	maxTextLength = 100
)

// decodeTexts reads a JSON list of texts. An empty list is no value.
func decodeTexts(f *Field, value any) (any, error) {
	items, ok := value.([]any)
	if !ok {
		return nil, errNotA("a list of texts")
	}
	if len(items) > maxTexts {
		return nil, fmt.Errorf("has more than %d values", maxTexts)
	}
	texts := make([]string, 0, len(items))
	for _, item := range items {
		text, ok := item.(string)
		if !ok {
			return nil, errNotA("a list of texts")
		}
		texts = append(texts, text)
	}
	return checkTexts(f, texts)
}

// checkTexts trims, drops empty and repeated ones and checks the rules.
func checkTexts(f *Field, texts []string) (any, error) {
	kept := make([]string, 0, len(texts))
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" || slices.Contains(kept, text) {
			continue
		}
		if utf8.RuneCountInString(text) > maxTextLength {
			return nil, fmt.Errorf("has a text that is longer than %d characters", maxTextLength)
		}
		if err := checkText(text, false); err != nil {
			return nil, err
		}
		kept = append(kept, text)
	}
	if len(kept) > maxTexts {
		return nil, fmt.Errorf("has more than %d values", maxTexts)
	}
	if len(kept) == 0 {
		return nil, nil //nolint:nilnil // an empty list is no value
	}
	return checkRules(f, kept)
}

// appendTexts appends an array of PostgreSQL ({a,"b c"}) as a JSON list.
func appendTexts(dst, text []byte) []byte {
	dst = append(dst, '[')
	first := true
	for i := 1; i < len(text)-1; i++ {
		var item []byte
		if text[i] == '"' {
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
				item = append(item, text[i])
			}
			i++
		} else {
			start := i
			for i < len(text)-1 && text[i] != ',' {
				i++
			}
			item = text[start:i]
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = AppendString(dst, item)
	}
	return append(dst, ']')
}
