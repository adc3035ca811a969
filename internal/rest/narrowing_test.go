package rest_test

import (
	"net/http"
	"testing"
)

// While a narrower rule is being introduced, the records that break it cannot be
// written before they obey it: the answer has to say which value that is.
func TestAWriteOfARecordThatBreaksARuleWhichIsBeingIntroducedSaysWhichValueItIs(t *testing.T) {
	t.Parallel()
	o := newOrganisation(t)
	u := o.signedIn(t)
	id := u.create("customer", map[string]any{"name": "Much too long"})
	o.sql(t, `ALTER TABLE crm.customer ADD CONSTRAINT name_max_length_0123abcd CHECK (char_length(name) <= 5) NOT VALID`)
	path := "/api/v1/records/customer/" + id
	u.send("PATCH", path, map[string]any{"employees": 3}).is(http.StatusUnprocessableEntity).
		names("name", "the value that the record has breaks a rule which is being introduced; give it another one with this change")
	u.send("PATCH", path, map[string]any{"name": "Still too long"}).is(http.StatusUnprocessableEntity).names("name", "breaks a rule of the database")
	u.send("POST", "/api/v1/records/customer", map[string]any{"name": "Too long"}).is(http.StatusUnprocessableEntity).names("name", "breaks a rule of the database")
	u.send("PATCH", path, map[string]any{"name": "Short", "employees": 3}).is(http.StatusOK)
	u.send("PATCH", path, map[string]any{"employees": 4}).is(http.StatusOK)
}
