package crm

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kontor-crm/kontor/internal/expr"
	"github.com/kontor-crm/kontor/internal/query"
	"github.com/kontor-crm/kontor/internal/schema"
)

// The fields that follow a change of the stage, where an object has them.
const (
	identityEnteredStageAt = "entered_stage_at"
	identityProbability    = "probability"
)

// facts is what a decision needs to know of the database.
type facts struct {
	// before is the record as it is; nil for a new one.
	before query.Values
	// live says whether the target of a relation is there.
	live targets
	// rates are those that the record's amounts may need.
	rates rates
	now   time.Time
	// logic is what the model says of the object in expressions, whose messages are said in the languages.
	logic     *query.Logic
	context   expr.Context
	languages []string
	// back says that the wish brings back what was: that is no move between stages.
	back bool
}

// targets are the live records among those that relations point to.
type targets map[string]bool // identity of the object + "/" + id

func targetKey(object, id string) string { return object + "/" + id }

// decide says which fields a wish changes. What the model has against it is
// added to the wish. It is the one place for the rules of a write, whichever
// way it comes: request, move or line of a file.
func decide(s *schema.Schema, object *schema.Object, w *wish, known facts) (query.Values, error) {
	d := decision{schema: s, object: object, wish: w, facts: known, after: maps.Clone(known.before)}
	if d.after == nil {
		d.after = query.Values{}
		d.fillDefaults()
	}
	maps.Copy(d.after, w.given)
	d.fillCurrency()
	if err := d.computeDefaults(); err != nil {
		return nil, err
	}
	d.checkChoices()
	d.checkStages()
	d.checkRequired()
	d.checkTogether()
	d.checkRelations()
	d.fillCompanions()
	changed := d.changes()
	return changed, d.checkLogic(changed)
}

// decision is the state of one decide.
type decision struct {
	schema *schema.Schema
	object *schema.Object
	wish   *wish
	facts
	after query.Values
}

func (d *decision) isNew() bool { return d.before == nil }

// asked says whether the wish names the field, or one of its parts.
func (d *decision) asked(f *schema.Field) bool {
	return slices.ContainsFunc(f.Leaves(), func(leaf *schema.Field) bool {
		_, ok := d.wish.given[leaf]
		return ok || d.wish.refused[leaf]
	})
}

// has says whether the record has a value of the field, or of one of its parts.
func (d *decision) has(f *schema.Field) bool {
	return slices.ContainsFunc(f.Leaves(), func(leaf *schema.Field) bool { return d.after[leaf] != nil })
}

// isRefused says whether something is said about the field or one of its parts already.
func (d *decision) isRefused(f *schema.Field) bool {
	return d.wish.refused[f] || slices.ContainsFunc(f.Leaves(), func(leaf *schema.Field) bool { return d.wish.refused[leaf] })
}

// fillDefaults gives a new record the values that the wish does not name. A
// record starts in the first stage of its pipeline.
func (d *decision) fillDefaults() {
	for _, f := range d.object.Fields {
		if f.Default == nil {
			continue
		}
		if value, err := f.Parse(*f.Default); err == nil { // the compiler has checked it
			d.after[f] = value
		}
	}
	for _, p := range d.schema.PipelinesOf(d.object) {
		if f, ok := d.object.FieldByIdentity(p.Field); ok && d.after[f] == nil {
			for _, stage := range p.Choices() {
				d.after[f] = stage.Key
				break
			}
		}
	}
}

// checkChoices refuses options that are retired, but where the record has them
// already or gets back what it had.
func (d *decision) checkChoices() {
	if d.back {
		return
	}
	for _, f := range d.object.Fields {
		if d.wish.refused[f] {
			continue
		}
		if err := f.CheckChoice(d.before[f], d.after[f]); err != nil {
			d.wish.refusef(f, "%s", err)
		}
	}
}

// fillCurrency gives a record with amounts the organisation's currency when it names none.
func (d *decision) fillCurrency() {
	f, ok := d.object.Field(schema.FieldCurrency)
	if !ok || !f.System || d.after[f] != nil || d.wish.refused[f] {
		return
	}
	money := func(f *schema.Field) bool { return f.Type == schema.TypeMoney && d.wish.given[f] != nil }
	if d.isNew() || d.asked(f) || slices.ContainsFunc(d.object.Fields, money) {
		d.after[f] = d.schema.Organisation.Currency
	}
}

// checkStages holds each change of a stage against its gate and the allowed moves.
func (d *decision) checkStages() {
	for _, p := range d.schema.PipelinesOf(d.object) {
		f, ok := d.object.FieldByIdentity(p.Field)
		if !ok || d.wish.refused[f] || equal(d.before[f], d.after[f]) {
			continue
		}
		if d.after[f] == nil {
			d.wish.refusef(f, "must have a value: the record is in the pipeline %q", p.Identity)
			continue
		}
		if to, ok := p.Stage(canonical(d.after[f])); ok {
			d.enter(p, f, to)
		}
	}
}

func (d *decision) enter(p *schema.Pipeline, f *schema.Field, to *schema.Stage) {
	from, ok := p.Stage(canonical(d.before[f]))
	if !d.isNew() && !d.back && ok && !from.Allows(to.Key) {
		d.wish.refusef(f, "cannot move from %q to %q; allowed: %s", from.Key, to.Key, allowedMoves(from))
	}
	d.follow(identityEnteredStageAt, func(f *schema.Field) (any, bool) {
		return d.now.UTC().Truncate(time.Microsecond), f.Type == schema.TypeDateTime
	})
	d.follow(identityProbability, func(f *schema.Field) (any, bool) {
		value, err := f.Parse(strconv.Itoa(to.Probability))
		return value, err == nil && f.Kind() == schema.KindNumber
	})
	for _, identity := range to.Required {
		required, ok := d.object.FieldByIdentity(identity)
		if ok && !d.has(required) && !d.isRefused(required) {
			d.wish.refusef(required, "must have a value before the record enters the stage %q", to.Key)
		}
	}
}

func allowedMoves(from *schema.Stage) string {
	if len(from.AllowedMoves) == 0 {
		return "none"
	}
	return strings.Join(from.AllowedMoves, ", ")
}

// follow sets a field that follows the stage, unless the wish sets it.
func (d *decision) follow(identity string, value func(*schema.Field) (any, bool)) {
	f, ok := d.object.FieldByIdentity(identity)
	if !ok || f.Custom || d.asked(f) {
		return
	}
	if v, ok := value(f); ok {
		d.after[f] = v
	}
}

// checkRequired refuses a new record without a required value, and a change
// that takes one away. A record that never had it, because the field became
// required later, can still be changed.
func (d *decision) checkRequired() {
	for _, f := range d.object.Fields {
		if !f.Required || d.has(f) || d.isRefused(f) {
			continue
		}
		if d.isNew() || d.asked(f) {
			d.wish.refusef(f, "is required")
		}
	}
}

// fillCompanions keeps the other forms of values beside them.
func (d *decision) fillCompanions() {
	country, currency := d.country(), d.currency()
	for _, f := range d.object.Fields {
		beside := f.Companion()
		if beside == nil || d.wish.refused[f] {
			continue
		}
		switch f.Type { //nolint:exhaustive // the others have no companion
		case schema.TypePhone:
			d.fillPhone(f, beside, country)
		case schema.TypeMoney:
			d.fillBase(f, beside, currency)
		}
	}
}

// country is that of the record's address, else the organisation's.
func (d *decision) country() (country value) {
	for _, f := range d.object.Fields {
		part, ok := f.Part(schema.PartCountry)
		if !ok || d.wish.refused[part] {
			continue
		}
		country.changed = country.changed || !equal(d.before[part], d.after[part])
		if code, ok := d.after[part].(string); ok && country.text == "" {
			country.text = code
		}
	}
	if country.text == "" {
		country.text = d.schema.Organisation.Country
	}
	return country
}

// value is a text that other fields depend on.
type value struct {
	text    string
	changed bool
}

// fillPhone writes the number anew when it is another, or is dialled from another country.
func (d *decision) fillPhone(f, beside *schema.Field, country value) {
	number, ok := d.after[f].(string)
	switch {
	case !d.isNew() && !country.changed && equal(d.before[f], d.after[f]):
		return
	case !ok:
		d.after[beside] = nil
		return
	}
	d.after[beside] = nil
	if normal, ok := schema.E164(number, country.text); ok {
		d.after[beside] = normal
	}
}

// checkTogether refuses a part without those that it needs beside it. What says
// which record is meant is given as a whole.
func (d *decision) checkTogether() {
	for _, f := range d.object.Fields {
		if len(f.Parts()) == 0 || !d.asked(f) || d.isRefused(f) {
			continue
		}
		for _, set := range f.Together() {
			if f.Type == schema.TypeRelation && slices.ContainsFunc(set, func(part *schema.Field) bool { return !d.asked(part) }) {
				d.wish.refusef(f, "needs object and id, both")
				continue
			}
			missing := func(part *schema.Field) bool { return d.after[part] == nil }
			if !slices.ContainsFunc(set, missing) {
				continue
			}
			for _, part := range set {
				if !missing(part) {
					d.wish.refusef(part, "is nothing without %s", set[slices.IndexFunc(set, missing)].Path())
				}
			}
		}
	}
}

// checkRelations refuses pointers to records that are not there.
func (d *decision) checkRelations() {
	for f := range d.wish.given {
		object, id, ok := pointed(f, d.wish.given)
		if !ok || d.live[targetKey(object, id)] {
			continue
		}
		if before, same, _ := pointed(f, d.before); before == object && same == id {
			continue
		}
		if f.Type == schema.TypeImage {
			d.wish.refusef(f, "there is no image with the id %q: a PNG, JPEG, WebP or GIF of at most %d bytes", id, schema.MaxImageBytes)
			continue
		}
		d.wish.refusef(f, "there is no %s with the id %q", objectName(d.schema, object), id)
	}
}

// pointed is the record that a field points to: the identity of its object, and its id; false when it points to none.
func pointed(f *schema.Field, values query.Values) (object, id string, ok bool) {
	id, ok = values[f].(string)
	switch {
	case !ok:
		return "", "", false
	case f.Type == schema.TypeRelation:
		return f.Target, id, true
	case f.Type.IsFile():
		return string(f.Type) + fileTarget, id, true
	case f.Type == schema.TypeRecordID:
		which, _ := f.Parent.Part(schema.PartObject)
		object, ok = values[which].(string)
		return object, id, ok
	}
	return "", "", false
}

// fileTarget marks a target that is no object but a file; no object's identity has a point.
const fileTarget = ".file"

func objectName(s *schema.Schema, identity string) string {
	if strings.HasSuffix(identity, fileTarget) {
		return "file"
	}
	if o, ok := s.ObjectByIdentity(identity); ok {
		return o.Name
	}
	return identity
}

// changes are the fields whose value becomes another.
func (d *decision) changes() query.Values {
	changed := query.Values{}
	for f, value := range d.after {
		if !equal(d.before[f], value) {
			changed[f] = value
		}
	}
	return changed
}

// relationsOf are the ids that the wishes' relations point to and that are not
// known yet, by identity of the target.
func relationsOf(known targets, wishes ...*wish) map[string][]any {
	found := map[string][]any{}
	seen := map[string]bool{}
	for _, w := range wishes {
		for f := range w.given {
			object, id, ok := pointed(f, w.given)
			if !ok || seen[targetKey(object, id)] || known[targetKey(object, id)] {
				continue
			}
			seen[targetKey(object, id)] = true
			found[object] = append(found[object], id)
		}
	}
	return found
}
