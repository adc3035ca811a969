package crm

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/kontor-crm/kontor/internal/fault"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// Preference is what a user has set for themselves; empty is not set.
type Preference struct {
	// Language is a tag of BCP 47, Theme one of themes, TimeZone a name of the IANA.
	Language string `json:"language,omitempty"`
	Theme    string `json:"theme,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
	// Page is what the page keeps of its own affairs.
	Page map[string]json.RawMessage `json:"page,omitempty"`
}

// The bounds of what a page keeps.
const (
	maxKeptKeys  = 100
	maxKeptKey   = 100
	maxKeptBytes = 64 << 10
	maxLanguage  = 35
)

var themes = []string{"light", "dark", "system"}

// Preferences are those of the users of a tenant; each sees and sets their own.
type Preferences struct {
	Runner Runner
	Actor  Actor
	Clock  func() time.Time
}

// Get is the actor's preference.
func (p *Preferences) Get(ctx context.Context) (*Preference, error) {
	set := &Preference{}
	err := p.Runner.Query(ctx, query.Preference(p.Actor.Principal.UserID), func(row [][]byte) error { return json.Unmarshal(row[0], set) })
	if err != nil {
		return nil, fmt.Errorf("reading the preference: %w", err)
	}
	return set, nil
}

// Change sets what the body names; null takes it away. Of what the page keeps, the keys
// that the body names are set, and the others stay.
func (p *Preferences) Change(ctx context.Context, body map[string]any) (*Preference, error) {
	var set *Preference
	err := p.Runner.InTransaction(ctx, func(ctx context.Context, tx Tx) error {
		set = &Preference{}
		err := tx.Query(ctx, query.LockPreference(p.Actor.Principal.UserID), func(row [][]byte) error { return json.Unmarshal(row[0], set) })
		if err != nil {
			return fmt.Errorf("reading the preference: %w", err)
		}
		if err := set.merge(body); err != nil {
			return err
		}
		written, err := json.Marshal(set)
		if err != nil {
			return err
		}
		if err := tx.Query(ctx, query.SetPreference(p.Actor.Principal.UserID, written, p.Clock()), nothing); err != nil {
			return fmt.Errorf("writing the preference: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return set, nil
}

func (p *Preference) merge(body map[string]any) error {
	var violations []fault.Violation
	refuse := func(path, format string, args ...any) {
		violations = append(violations, fault.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	text := func(name string, value any, into *string, check func(string) string) {
		given, isText := value.(string)
		switch {
		case value == nil:
			*into = ""
		case !isText:
			refuse(name, "must be a text")
		default:
			if wrong := check(given); wrong != "" {
				refuse(name, "%s", wrong)
				return
			}
			*into = given
		}
	}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		switch value := body[name]; name {
		case "language":
			text(name, value, &p.Language, checkLanguage)
		case "theme":
			text(name, value, &p.Theme, func(given string) string {
				if slices.Contains(themes, given) {
					return ""
				}
				return "must be one of " + strings.Join(themes, ", ")
			})
		case "timeZone":
			text(name, value, &p.TimeZone, checkTimeZone)
		case "page":
			p.mergePage(value, refuse)
		default:
			refuse(name, "there is no such setting; there are language, theme, timeZone and page")
		}
	}
	return fault.Refuse(violations...)
}

func (p *Preference) mergePage(value any, refuse func(path, format string, args ...any)) {
	given, isObject := value.(map[string]any)
	if value != nil && !isObject {
		refuse("page", "must be an object")
		return
	}
	if value == nil || p.Page == nil {
		p.Page = map[string]json.RawMessage{}
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if key == "" || utf8.RuneCountInString(key) > maxKeptKey || strings.ContainsFunc(key, unicode.IsControl) {
			refuse("page", "has a key that is not a text of 1 to %d characters: %q", maxKeptKey, shortened(key))
			continue
		}
		if given[key] == nil {
			delete(p.Page, key)
			continue
		}
		encoded, err := json.Marshal(given[key])
		if err != nil {
			refuse("page."+key, "is no JSON")
			continue
		}
		kept, err := schema.CanonicalJSON(encoded)
		if err != nil {
			refuse("page."+key, "%s", err)
			continue
		}
		p.Page[key] = json.RawMessage(kept)
	}
	size := 0
	for key, kept := range p.Page {
		size += len(key) + len(kept)
	}
	switch {
	case len(p.Page) > maxKeptKeys:
		refuse("page", "has more than %d keys", maxKeptKeys)
	case size > maxKeptBytes:
		refuse("page", "is longer than %d bytes in all", maxKeptBytes)
	}
}

func checkLanguage(given string) string {
	if _, err := language.Parse(given); err != nil || len(given) > maxLanguage {
		return "must be a language, such as en or zh-CN"
	}
	return ""
}

func checkTimeZone(given string) string {
	if _, err := time.LoadLocation(given); err != nil || given == "" || given == "Local" {
		return "must be a time zone, such as Europe/Berlin"
	}
	return ""
}
