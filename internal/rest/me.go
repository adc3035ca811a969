package rest

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/kontor-crm/kontor/internal/crm"
	"github.com/kontor-crm/kontor/internal/tenancy"
)

// meAnswer is what a page needs to begin with.
type meAnswer struct {
	User         userAnswer         `json:"user"`
	Organisation organisationAnswer `json:"organisation"`
	Settings     settingsAnswer     `json:"settings"`
	Revision     int64              `json:"revision"`
}

// settingsAnswer is what the user has set; null is not set.
type settingsAnswer struct {
	Language *string                    `json:"language"`
	Theme    *string                    `json:"theme"`
	TimeZone *string                    `json:"timeZone"`
	Page     map[string]json.RawMessage `json:"page"`
}

// preferences are the caller's.
func (c *call) preferences() *crm.Preferences {
	return &crm.Preferences{Runner: c.runner, Actor: crm.Actor{Principal: c.principal}, Clock: c.options.Clock}
}

// readMe answers who is signed in, where, and what they have set.
func readMe(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	if _, err := c.parameters(); err != nil {
		return nil, err
	}
	set, err := c.preferences().Get(ctx)
	if err != nil {
		return nil, err
	}
	return c.me(model, set)
}

// patchMe changes what the caller has set.
func patchMe(ctx context.Context, c *call, model *tenancy.Model) (*answer, error) {
	body, err := c.body.JSON()
	if err != nil {
		return nil, err
	}
	set, err := c.preferences().Change(ctx, body)
	if err != nil {
		return nil, err
	}
	return c.me(model, set)
}

func (c *call) me(model *tenancy.Model, set *crm.Preference) (*answer, error) {
	orNull := func(text string) *string {
		if text == "" {
			return nil
		}
		return &text
	}
	me := meAnswer{
		User: describeUser(c.principal), Organisation: describeOrganisation(model.Schema), Revision: model.Schema.Revision,
		Settings: settingsAnswer{Language: orNull(set.Language), Theme: orNull(set.Theme), TimeZone: orNull(set.TimeZone), Page: set.Page},
	}
	if me.Settings.Page == nil {
		me.Settings.Page = map[string]json.RawMessage{}
	}
	encoded, err := json.Marshal(me)
	if err != nil {
		return nil, err
	}
	if c.Method != http.MethodGet {
		return ok(encoded), nil
	}
	a := cached(c, encoded)
	a.header.Set("Vary", "Authorization, Cookie")
	return a, nil
}
