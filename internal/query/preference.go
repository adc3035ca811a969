package query

import (
	"encoding/json"
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
)

// Preference is what a user has set for themselves, in JSON; no row when that is nothing.
func Preference(user string) Statement {
	return Statement{SQL: `SELECT settings::text FROM kontor.preference WHERE user_id = $1::uuid`, Args: []any{user}}
}

// LockPreference is Preference, which nobody else changes until the transaction ends.
// There is always a row.
func LockPreference(user string) Statement {
	// The update that changes nothing locks the row that is there already.
	return Statement{
		SQL: `INSERT INTO kontor.preference AS p (user_id) VALUES ($1::uuid)
			ON CONFLICT (user_id) DO UPDATE SET settings = p.settings RETURNING settings::text`,
		Args: []any{user},
	}
}

// SetPreference writes what LockPreference gave anew.
func SetPreference(user string, settings json.RawMessage, at time.Time) Statement {
	var args expr.Args
	return Statement{
		SQL: `UPDATE kontor.preference SET settings = ` + args.Add(string(settings)) + `::jsonb, updated_at = ` + args.Add(moment(at)) +
			`::timestamptz WHERE user_id = ` + args.Add(user) + `::uuid`,
		Args: args.Values(),
	}
}
