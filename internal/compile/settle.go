package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"
	"github.com/kontor-crm/kontor/internal/schema"
)

// settle decides which forms of the objects and fields are in play. Each round
// refuses what points to nothing, what loses its name to another, what takes away
// what others read, and what does not fit the fields to which it refers; a
// refused form only ever gives way to the applied one, and the applied ones
// agree with each other, so it ends.
func (c *compiler) settle() {
	for c.refuseDangling() || c.refuseClaims() || c.refuseInUse() || c.refuseBroken() {
		continue
	}
	c.reportDangling()
}

// refuseDangling refuses new forms that need an object which is not there, and says whether there were any.
func (c *compiler) refuseDangling() bool {
	live := c.liveObjects()
	again := false
	for _, u := range c.objects {
		if u.isNew() {
			if problems := c.danglingTargets(u.wanted, live); len(problems) > 0 {
				u.refuse(crmv1.ReasonObjectNotFound, problems...)
				again = true
			}
		}
	}
	for _, u := range c.fields {
		if u.isNew() {
			if problems := c.danglingField(u.wanted, live); len(problems) > 0 {
				u.refuse(crmv1.ReasonObjectNotFound, problems...)
				again = true
			}
		}
	}
	return again
}

// reportDangling tells resources that were refused for themselves what else is wrong: all problems at once.
func (c *compiler) reportDangling() {
	live := c.liveObjects()
	for _, u := range c.objects {
		if u.given && u.reason == crmv1.ReasonInvalid {
			u.refuse(crmv1.ReasonInvalid, c.danglingTargets(u.wanted, live)...)
		}
	}
	for _, u := range c.fields {
		if u.given && u.reason == crmv1.ReasonInvalid {
			u.refuse(crmv1.ReasonInvalid, c.danglingField(u.wanted, live)...)
		}
	}
}

// liveObjects are the identities of the objects in play.
func (c *compiler) liveObjects() map[string]bool {
	live := map[string]bool{}
	for _, o := range c.standard {
		live[o.Identity] = true
	}
	for _, u := range c.objects {
		if u.form() != nil {
			live[u.form().Identity] = true
		}
	}
	return live
}

func (c *compiler) danglingTargets(o *schema.Object, live map[string]bool) []Problem {
	var problems []Problem
	for i, f := range o.Fields {
		problems = append(problems, c.danglingRelation(fmt.Sprintf("spec.fields[%d]", i), f, live)...)
	}
	return problems
}

func (c *compiler) danglingField(p *placedField, live map[string]bool) []Problem {
	var problems []Problem
	if !live[p.object] {
		problems = append(problems, Problem{Path: "spec.object", Message: c.noObject(p.object, live)})
	}
	return append(problems, c.danglingRelation("spec", p.field, live)...)
}

// danglingRelation finds the targets of a field that are not there.
func (c *compiler) danglingRelation(at string, f *schema.Field, live map[string]bool) []Problem {
	var problems []Problem
	if f.Target != "" && !live[f.Target] {
		problems = append(problems, Problem{Path: at + ".target", Message: c.noObject(f.Target, live)})
	}
	for i, target := range f.Targets {
		if !live[target] {
			problems = append(problems, Problem{Path: fmt.Sprintf("%s.targets[%d]", at, i), Message: c.noObject(target, live)})
		}
	}
	return problems
}

// noObject says that there is no such object, and why or what may have been meant.
func (c *compiler) noObject(identity string, live map[string]bool) string {
	if slices.ContainsFunc(c.objects, func(u *unit[schema.Object]) bool { return u.given && u.ref.Name == identity }) {
		return fmt.Sprintf("there is no object %q yet: the CustomObject of that name is not accepted", identity)
	}
	if module := moduleOf(identity); module != "" {
		return fmt.Sprintf("there is no object %q: it belongs to the module %q, which the Tenant does not have", identity, module)
	}
	return fmt.Sprintf("there is no object %q%s", identity, suggest(identity, keysOf(live)))
}

// draft is one object of a round, with the fields that are in play.
type draft struct {
	object *schema.Object
	unit   *unit[schema.Object] // nil for a standard object
	fields []drafted
}

// drafted is a field of a draft and who brings it.
type drafted struct {
	*schema.Field
	by *resource // nil for a standard field
	// names tells the paths of the identity and of the name in the resource.
	identityPath, namePath string
	// heldIdentity and heldName say that the applied field of this resource has them already.
	heldIdentity, heldName bool
	// applied is the applied field of this resource, or nil.
	applied *schema.Field
}

// isNew says whether the form in play is one that can still be refused.
func (f drafted) isNew() bool { return f.by != nil && f.by.given && !f.by.refused }

// drafts puts the forms in play together: standard objects first, each group by
// identity; declared fields first, then CustomFields by identity.
func (c *compiler) drafts() []*draft {
	var drafts []*draft
	byIdentity := map[string]*draft{}
	for _, o := range c.standard {
		d := &draft{object: copyObject(o)}
		for _, f := range o.Fields {
			d.add(drafted{Field: f})
		}
		drafts = append(drafts, d)
		byIdentity[o.Identity] = d
	}
	for _, u := range c.objects {
		if u.form() == nil {
			continue
		}
		d := &draft{object: copyObject(u.form()), unit: u}
		for i, f := range u.form().Fields {
			if u.given || !c.goes(d.object.Identity, f) {
				d.add(inlineField(u, i, f))
			}
		}
		if u.isNew() {
			for _, f := range c.leftovers(u) {
				if !c.goes(d.object.Identity, f) {
					d.add(drafted{Field: f, by: &u.resource, heldIdentity: true, heldName: true, applied: f})
				}
			}
		}
		drafts = append(drafts, d)
		byIdentity[d.object.Identity] = d
	}
	for _, u := range c.fields {
		form := u.form()
		if form == nil || byIdentity[form.object] == nil || !u.given && c.goes(form.object, form.field) {
			continue
		}
		f := drafted{Field: form.field, by: &u.resource, identityPath: "metadata.name", namePath: namePath("spec", "metadata.name", form.field)}
		if u.applied != nil {
			f.heldIdentity, f.heldName, f.applied = true, u.applied.field.Name == form.field.Name, u.applied.field
		}
		byIdentity[form.object].add(f)
	}
	c.nameStandard(drafts)
	for _, d := range drafts {
		d.fields = slices.DeleteFunc(d.fields, func(f drafted) bool { return c.leftOut[fieldKey{d.object.Identity, f.Identity}] })
		d.object.Fields = make([]*schema.Field, 0, len(d.fields))
		for _, f := range d.fields {
			d.object.Fields = append(d.object.Fields, f.Field)
		}
	}
	c.remember(drafts)
	c.keepOptions(drafts)
	return drafts
}

// add copies the field, so that the round may change it.
func (d *draft) add(f drafted) {
	f.Field = new(*f.Field)
	d.fields = append(d.fields, f)
}

func inlineField(u *unit[schema.Object], i int, f *schema.Field) drafted {
	at := fmt.Sprintf("spec.fields[%d]", i)
	d := drafted{Field: f, by: &u.resource, identityPath: at + ".key", namePath: namePath(at, at+".key", f)}
	if u.applied != nil {
		for _, before := range u.applied.Fields {
			if before.Identity == f.Identity {
				d.heldIdentity, d.heldName, d.applied = true, before.Name == f.Name, before
			}
		}
	}
	return d
}

// namePath is the place where the name of a field comes from.
func namePath(at, identityPath string, f *schema.Field) string {
	if f.Name == schema.APIName(f.Identity) {
		return identityPath
	}
	return at + ".name"
}

// nameStandard gives a standard object or field another name where a custom one holds its own since before.
func (c *compiler) nameStandard(drafts []*draft) {
	held := map[string]bool{}
	for _, d := range drafts {
		if d.unit != nil && d.unit.applied != nil && d.unit.applied.Name == d.object.Name {
			held[d.object.Name] = true
		}
	}
	heldFields := heldNames(drafts)
	for _, d := range drafts {
		if d.unit == nil {
			d.object.Name = freeName(strings.TrimPrefix(d.object.Name, standardPrefix), held)
		}
		for _, f := range d.fields {
			if f.by != nil {
				continue
			}
			f.Name = freeName(strings.TrimPrefix(f.Name, standardPrefix), heldFields[d.object.Identity])
			if f.Inverse != "" {
				f.Inverse = freeName(strings.TrimPrefix(f.Inverse, standardPrefix), heldFields[f.Target])
			}
		}
	}
}

// heldNames are the names of fields and lists that custom fields hold, by the object in which they do.
func heldNames(drafts []*draft) map[string]map[string]bool {
	held := map[string]map[string]bool{}
	for _, d := range drafts {
		held[d.object.Identity] = map[string]bool{}
	}
	for _, d := range drafts {
		for _, f := range d.fields {
			if f.by != nil && f.heldName {
				held[d.object.Identity][f.Name] = true
			}
			if f.by != nil && f.holdsInverse() && held[f.Target] != nil {
				held[f.Target][f.Inverse] = true
			}
		}
	}
	return held
}

// holdsInverse says whether the applied field of this resource has the inverse already.
func (f drafted) holdsInverse() bool {
	return f.Inverse != "" && f.applied != nil && f.applied.Inverse == f.Inverse && f.applied.Target == f.Target
}

func freeName(name string, held map[string]bool) string {
	for held[name] {
		name = standardPrefix + name
	}
	return name
}

// claim is one resource's wish to have a word for itself.
type claim struct {
	word, path string
	by         *resource // nil for the standard model
	held       bool
	refuse     func(Problem)
}

// compare orders claims of the same word: who holds it, then the standard model, then the older one.
func (a claim) compare(b claim) int {
	rank := func(c claim) int {
		switch {
		case c.held:
			return 0
		case c.by == nil:
			return 1
		}
		return 2
	}
	if order := cmp.Compare(rank(a), rank(b)); order != 0 || a.by == nil || b.by == nil {
		return order
	}
	return older(a.by, b.by)
}

// losers calls refuse on each claim that has to give way.
func losers(claims []claim, say func(word string, winner claim) string) {
	byWord := map[string][]claim{}
	for _, c := range claims {
		byWord[c.word] = append(byWord[c.word], c)
	}
	for _, word := range keysOf(byWord) {
		rivals := byWord[word]
		slices.SortStableFunc(rivals, claim.compare)
		for _, loser := range rivals[1:] {
			if loser.refuse != nil {
				loser.refuse(Problem{Path: loser.path, Message: say(word, rivals[0])})
			}
		}
	}
}

// refuseClaims refuses new forms that claim what another has, and says whether there were any.
func (c *compiler) refuseClaims() bool {
	drafts := c.drafts()
	refused := map[*resource][]Problem{}
	by := func(r *resource, isNew bool) func(Problem) {
		if r == nil || !isNew {
			return nil
		}
		return func(p Problem) {
			if !slices.ContainsFunc(refused[r], func(q Problem) bool { return q.Path == p.Path }) {
				refused[r] = append(refused[r], p)
			}
		}
	}
	c.objectClaims(drafts, by)
	inverses := inverseClaims(drafts, by)
	for _, d := range drafts {
		c.fieldClaims(d, inverses[d.object.Identity], by)
	}
	tooMany := c.refuseTooMany(drafts, refused)
	for r, problems := range refused {
		r.refuse(crmv1.ReasonNameConflict, problems...)
	}
	return tooMany || len(refused) > 0
}

// refuser makes the function that takes note of a refusal; nil for what cannot be refused.
type refuser func(r *resource, isNew bool) func(Problem)

func (c *compiler) objectClaims(drafts []*draft, by refuser) {
	var identities, names []claim
	for _, retired := range c.retiredStandard(drafts) {
		identities = append(identities, claim{word: retired, by: &resource{ref: Ref{Kind: "the standard object", Name: retired}}, held: true})
	}
	for _, d := range drafts {
		if d.unit == nil {
			identities = append(identities, claim{word: d.object.Identity})
			names = append(names, claim{word: d.object.Name})
			continue
		}
		r, refuse := &d.unit.resource, by(&d.unit.resource, d.unit.isNew())
		applied := d.unit.applied
		path := "metadata.name"
		if d.object.Name != schema.APIName(d.object.Identity) {
			path = "spec.name"
		}
		identities = append(identities, claim{word: d.object.Identity, path: "metadata.name", by: r, held: applied != nil, refuse: refuse})
		names = append(names, claim{word: d.object.Name, path: path, by: r, held: applied != nil && applied.Name == d.object.Name, refuse: refuse})
	}
	say := func(word string, winner claim) string {
		return fmt.Sprintf("%q is the name of %s already; choose another name", word, owner(winner, "a standard object"))
	}
	losers(identities, say)
	losers(names, say)
}

// inverseClaims are the names that relations claim in the objects that they point to.
func inverseClaims(drafts []*draft, by refuser) map[string][]claim {
	claims := map[string][]claim{}
	for _, d := range drafts {
		for _, f := range d.fields {
			if f.Inverse != "" {
				claims[f.Target] = append(claims[f.Target], claim{
					word: f.Inverse, path: f.at() + ".inverse", by: f.by, held: f.holdsInverse(), refuse: by(f.by, f.isNew()),
				})
			}
		}
	}
	return claims
}

func (c *compiler) fieldClaims(d *draft, names []claim, by refuser) {
	if !slices.ContainsFunc(d.fields, func(f drafted) bool { return f.by != nil }) && !slices.ContainsFunc(names, func(c claim) bool { return c.by != nil }) {
		return // the standard model agrees with itself
	}
	var identities, columns []claim
	for _, f := range d.fields {
		// What stands in one resource was compared there; an applied form cannot be refused.
		refuse := by(f.by, f.isNew())
		identities = append(identities, claim{word: f.Identity, path: f.identityPath, by: f.by, held: f.heldIdentity, refuse: refuse})
		names = append(names, claim{word: f.Name, path: f.namePath, by: f.by, held: f.heldName, refuse: refuse})
		if beside, ok := schema.CompanionName(f.Type, f.Name); ok {
			names = append(names, claim{word: beside, path: f.namePath, by: f.by, held: f.heldName, refuse: refuse})
		}
		for _, column := range f.Columns() {
			columns = append(columns, claim{word: column, path: f.identityPath, by: f.by, held: f.heldIdentity, refuse: refuse})
		}
	}
	for _, retired := range c.retiredIn(d) { // its API name is free, its columns are not
		by := &resource{ref: Ref{Kind: "the retired field", Name: retired.Form.Identity}}
		if !retired.Form.Custom {
			identities = append(identities, claim{word: retired.Form.Identity, by: by, held: true})
		}
		for _, column := range retired.Form.Columns() {
			columns = append(columns, claim{word: column, by: by, held: true})
		}
	}
	standard := fmt.Sprintf("a standard field of %q", d.object.Name)
	losers(identities, func(word string, winner claim) string {
		return fmt.Sprintf("%q is the identity of %s already; choose another name", word, owner(winner, standard))
	})
	losers(names, func(word string, winner claim) string {
		return fmt.Sprintf("%q is the API name of %s already; choose another name", word, owner(winner, standard))
	})
	losers(columns, func(word string, winner claim) string {
		return fmt.Sprintf("the column %q belongs to %s already; choose another name", word, owner(winner, standard))
	})
}

// owner names who won a claim.
func owner(winner claim, standard string) string {
	switch {
	case winner.by == nil:
		return standard
	case !winner.by.given:
		return winner.by.ref.String() + ", which was deleted and whose data is kept,"
	}
	return winner.by.ref.String()
}

// refuseTooMany refuses new forms over the bounds of an object: the youngest
// CustomFields of too many, and whatever adds most to too many columns.
func (c *compiler) refuseTooMany(drafts []*draft, refused map[*resource][]Problem) bool {
	again := false
	for _, d := range drafts {
		var fresh []drafted
		count, columns := 0, 0
		for _, retired := range c.retiredIn(d) {
			columns += len(retired.Form.Columns())
		}
		for _, f := range d.fields {
			if f.by != nil && refused[f.by] != nil {
				continue
			}
			columns += len(f.Columns())
			if f.by == nil || f.by.ref.Kind != KindField {
				continue
			}
			count++
			if !f.heldIdentity {
				fresh = append(fresh, f)
			}
		}
		slices.SortFunc(fresh, func(a, b drafted) int { return older(a.by, b.by) })
		for ; count > MaxCustomFields && len(fresh) > 0; count-- {
			last := fresh[len(fresh)-1]
			fresh = fresh[:len(fresh)-1]
			last.by.refuse(crmv1.ReasonInvalid, Problem{
				Path: "spec.object", Message: fmt.Sprintf("%q has %d custom fields already, which is the most", d.object.Identity, MaxCustomFields),
			})
			columns, again = columns-len(last.Columns()), true
		}
		for _, adds := range d.widening(refused) {
			if columns <= MaxColumns {
				break
			}
			adds.by.refuse(crmv1.ReasonInvalid, Problem{
				Path: adds.path, Message: fmt.Sprintf("the fields of %q would need more than %d columns, which is the most", d.object.Identity, MaxColumns),
			})
			columns, again = columns-adds.columns, true
		}
	}
	return again
}

// widener is a new form that adds columns to an object, and where it says so.
type widener struct {
	by      *resource
	path    string
	columns int
}

// widening are the new forms that need more columns than what is applied of
// them: those that need most first, and of equal ones the youngest.
func (d *draft) widening(refused map[*resource][]Problem) []widener {
	added := map[*resource]*widener{}
	for _, f := range d.fields {
		if !f.isNew() || refused[f.by] != nil {
			continue
		}
		w := added[f.by]
		if w == nil {
			w = &widener{by: f.by, path: "spec.fields"}
			if added[f.by] = w; f.by.ref.Kind == KindField && f.applied != nil {
				w.path = "spec.type"
			} else if f.by.ref.Kind == KindField {
				w.path = "spec.object"
			}
		}
		w.columns += len(f.Columns())
		if f.applied != nil {
			w.columns -= len(f.applied.Columns())
		}
	}
	var all []widener
	for _, w := range added {
		if w.columns > 0 {
			all = append(all, *w)
		}
	}
	slices.SortFunc(all, func(a, b widener) int { return cmp.Or(b.columns-a.columns, older(b.by, a.by)) })
	return all
}

// renamed names the standard objects and fields that gave their name to a custom one.
func (c *compiler) renamed(s *schema.Schema) []string {
	var names []string
	for _, o := range s.Objects {
		if o.Custom {
			continue
		}
		if strings.HasPrefix(o.Name, standardPrefix) {
			names = append(names, o.Name)
		}
		for _, f := range o.Fields {
			if !f.Custom && strings.HasPrefix(f.Name, standardPrefix) {
				names = append(names, o.Name+"."+f.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}
