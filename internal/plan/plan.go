// Package plan compares a tenant's live database with the schema that it should
// have, and yields the ordered changes from one to the other: each with its SQL,
// its lock and its danger. It decides and does nothing: it knows no database.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/kontor-crm/kontor/internal/schema"
)

// Class says how dangerous a change is.
type Class string

// The classes of changes.
const (
	// Safe changes lose nothing, reject nothing and hold no lock for longer than a moment.
	Safe Class = "Safe"
	// Careful changes ask something of the rows that are there, and run while people work.
	Careful Class = "Careful"
	// Dangerous changes lose, reject or rewrite what is stored.
	Dangerous Class = "Dangerous"
)

// Kind is what a change does.
type Kind string

// The kinds of changes.
const (
	AddObject       Kind = "AddObject"
	AddField        Kind = "AddField"
	ChangeType      Kind = "ChangeType"
	ChangeDefault   Kind = "ChangeDefault"
	AddRule         Kind = "AddRule"
	DropRule        Kind = "DropRule"
	ValidateRules   Kind = "ValidateRules"
	AddRelation     Kind = "AddRelation"
	DropRelation    Kind = "DropRelation"
	AddIndex        Kind = "AddIndex"
	AddSearch       Kind = "AddSearch"
	DropIndex       Kind = "DropIndex"
	DropView        Kind = "DropView"
	AddView         Kind = "AddView"
	ChangeMeaning   Kind = "ChangeMeaning"
	ChangeRequired  Kind = "ChangeRequired"
	ChangeUnique    Kind = "ChangeUnique"
	NarrowRule      Kind = "NarrowRule"
	ChangeTarget    Kind = "ChangeTarget"
	UnexpectedState Kind = "UnexpectedState"
	KeepValues      Kind = "KeepValues"
	FillValues      Kind = "FillValues"
	ForgetValues    Kind = "ForgetValues"
	RetireObject    Kind = "RetireObject"
	RetireField     Kind = "RetireField"
	RestoreObject   Kind = "RestoreObject"
	RestoreField    Kind = "RestoreField"
	PurgeObject     Kind = "PurgeObject"
	PurgeField      Kind = "PurgeField"
	ChangeRights    Kind = "ChangeRights"
	ChangeOwner     Kind = "ChangeOwner"
	ChangeRole      Kind = "ChangeRole"
	// Lost is what nobody can do: a table of the platform is gone.
	Lost           Kind = "Lost"
	TreatValues    Kind = "TreatValues"
	GiveBackValues Kind = "GiveBackValues"
	PurgeValues    Kind = "PurgeValues"
	// Unknown is what nobody does: something is there that no schema knows.
	Unknown Kind = "Unknown"
)

// Policy says what a plan may do by itself.
type Policy struct {
	// HealDrift puts right what is missing from the live database although the applied
	// schema has it; otherwise it is only told.
	HealDrift bool
	// Retention is how long values are kept that a change alters; 0 is thirty days.
	Retention time.Duration
}

// Plan is what has to be done so that the live database fits the wanted schema.
type Plan struct {
	// Base is the revision of the applied schema, 0 before the first.
	Base int64
	// Revision is the one that applying the plan leads to: Base+1, or Base when only
	// the database differs and the schema says the same as the applied one.
	Revision int64
	// Changes are what will be done, in order: those that share a transaction first.
	Changes []Change
	// Refused are what will not be done. A plan that refuses something is not to be
	// applied: hold the refused objects and fields at their applied form and plan again.
	Refused []Change
	// Drift is what the live database lacks and the policy, or reason, leaves so.
	Drift []Change
	// Digest is a hash of the base, the wanted schema and the changes, in 64 hexadecimal
	// digits. It is the same when a part of the way is done already.
	Digest string
	// Origin is where the revision comes from, for the history.
	Origin Origin

	sameSchema bool
	// wanted is the digest of the wanted schema.
	wanted string
}

// Empty says that there is nothing to do: no changes, and the applied schema says
// what the wanted one says.
func (p *Plan) Empty() bool { return len(p.Changes) == 0 && p.sameSchema }

// Change is one thing that is done, or refused.
type Change struct {
	// Resource is the source of the object, field or pipeline: "CustomField tier", "standard".
	Resource string
	// Object and Field are identities; Field is empty for what concerns the whole object.
	Object, Field string
	// Kind is what the change does.
	Kind Kind
	// Summary says it to people, in stable words: add field "tier" to customer.
	Summary string
	// Class is the danger.
	Class Class
	// Lock is the strongest lock that the statements take on the table, in PostgreSQL's
	// words; empty when they take none that others feel.
	Lock string
	// Rewrites says that the table is written anew.
	Rewrites bool
	// Statements are the SQL, in order; none for changes that only the stored schema knows.
	Statements []string
	// Prepare are statements that run before all Statements, each in a transaction of its
	// own: from then on no writer makes a row that the change does not bear. Prove are
	// those that follow outside of any transaction and fail when such a row is there;
	// Undo takes back what both have made.
	Prepare, Prove, Undo []string
	// Backfill goes through rows between Prepare and Prove, or, of a Concurrent change,
	// before its Statements; nil when no row needs it.
	Backfill *Backfill
	// Treatment is what the change does to the rows that do not bear it, once somebody has
	// approved that; Refuse waits until they have been mended.
	Treatment schema.OnViolation
	// Resumes says that the next plan goes on where Prove was only broken off, so that
	// Undo is for when it can never come to its end.
	Resumes bool
	// Check asks beforehand whether the rows bear the change; nil when they all do.
	Check *Check
	// Impact is the answer; nil before it was asked for.
	Impact *Impact
	// Concurrent statements cannot be in a transaction, or would hold locks in it for long;
	// they run one by one after it.
	Concurrent bool
	// Administrative statements are not the owner's to run, but the administrator's; they
	// come before all others.
	Administrative bool
	// Leftover says that the change takes away what a plan left that came to nothing: no
	// schema has had it.
	Leftover bool
	// Drift says that the applied schema has this already and the database lost it.
	Drift bool
	// Mends says that the applied schema has this already: what records do not bear of it
	// is left as drift.
	Mends bool
	// Reason says why a change is refused, or why drift stays, naming the old and the new.
	Reason string
	// Size is how large the table is, and Dependents what else needs the object or field, as
	// "CustomField/tier". Both are told, and in no digest.
	Size       Size
	Dependents []string

	keptFor time.Duration
}

// Live is the state of a tenant's database, from its catalogue.
type Live struct {
	// Tables are those of the schema crm, by physical name.
	Tables map[string]*Table
	// Views are those of the schema bi: by name, the text of their comment.
	Views map[string]string
	// Others are what else the schema crm has: by name, PostgreSQL's letter for the kind.
	Others map[string]string
	// Differences are those that no schema tells of.
	Differences []Difference
	// Kept are the columns of which values are kept that a plan has altered, by the
	// identity of their object.
	Kept map[string][]string
	// Outdated says that some of them have been kept for long enough.
	Outdated bool
	// Begun are the plans that have begun and are not over.
	Begun []Begun
	// Backfills are the names of those that have begun and are not over.
	Backfills []string
	// Leased is the oldest revision that a server works with; 0 when none does.
	Leased int64
	// Unfinished says that the last plan has not come to the end of its concurrent
	// steps: what is missing of them is no drift.
	Unfinished bool
}

// Difference is one in the roles, in their rights or in the platform's own tables: what
// is to be done about it, or why nothing can be. It concerns a table, a view or a
// sequence of that name, or none; when neither schema knows that, it is none.
type Difference struct {
	Of, Name string
	Change   Change
}

// Begun is a plan that has begun to alter records, or has made sure that it may.
type Begun struct {
	// Digest and Base are the plan's; Alters are the columns whose values it alters, as
	// Plan.Alters gives them.
	Digest string
	Base   int64
	Alters []string
}

// Table is one live table.
type Table struct {
	Columns     map[string]Column
	Constraints map[string]Constraint
	Indexes     map[string]Index
	Triggers    map[string]Trigger
	// HasRows says that there is at least one row, deleted ones included.
	HasRows bool
	// Rows are as many as PostgreSQL supposes, -1 or 0 where it has not counted; Bytes are
	// those of the table itself.
	Rows, Bytes int64
}

// Column is one live column.
type Column struct {
	// Type is the output of format_type.
	Type string
	// NotNull and Default are the column's own; Default is empty when there is none.
	NotNull bool
	Default string
	// Mark is the comment of a column that is kept by triggers: it says of which
	// definition all of its values are.
	Mark string
}

// Trigger is one live trigger.
type Trigger struct {
	// Enabled is false for one that somebody has put out of force.
	Enabled bool
	// Function is the name of what it calls, without the schema where that is crm, and
	// Digest the SHA-256 of the body, in hexadecimal digits.
	Function, Digest string
	// Definition is PostgreSQL's print of the trigger; empty when nobody asked for it.
	Definition string
}

// Constraint is one live constraint.
type Constraint struct {
	// Kind is PostgreSQL's letter: c for a check, f for a relation, p for the primary key.
	Kind string
	// Validated is false for one that existing rows have not been checked against.
	Validated bool
	// Definition is PostgreSQL's print of it; empty when nobody asked for it.
	Definition string
}

// Index is one live index.
type Index struct {
	// Valid is false for one whose concurrent making was broken off.
	Valid bool
	// Definition is PostgreSQL's print of it; empty when nobody asked for it.
	Definition string
}

// digest is the plan's hash.
func (p *Plan) digest() string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%d\x00%s\x00", p.Base, p.wanted)
	for _, change := range p.Changes {
		fmt.Fprintf(hash, "%s\x00%s\x00", change.Kind, change.Summary)
		for _, statement := range change.Statements {
			fmt.Fprintf(hash, "%s\x00", statement)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// ApprovalDigest is a hash of the plan and of which rows do not bear it: what a person
// approves. It is the same as long as those are the same rows, however many others come.
func (p *Plan) ApprovalDigest() string {
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\x00", p.Digest)
	for _, change := range p.Changes {
		if change.Impact != nil {
			fmt.Fprintf(hash, "%d\x00%s\x00", change.Impact.Failing, change.Impact.Hash)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}
