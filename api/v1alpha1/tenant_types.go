package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Tenant is one customer organisation. It is alone in its namespace, and all
// CustomObjects, CustomFields and Pipelines of the namespace belong to it. It
// gets a database of its own and is served at its hosts.
//
//	apiVersion: crm.kontor.dev/v1alpha1
//	kind: Tenant
//	metadata:
//	  name: acme
//	  namespace: acme
//	spec:
//	  displayName: Acme Ltd
//	  timeZone: Europe/Berlin
//	  currency: EUR
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Namespaced,shortName=tn,categories=crm
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Synced",type=string,JSONPath=`.status.conditions[?(@.type=="SchemaSynced")].status`
// +kubebuilder:printcolumn:name="Revision",type=integer,JSONPath=`.status.schema.revision`
// +kubebuilder:printcolumn:name="URL",type=string,JSONPath=`.status.service.url`
// +kubebuilder:printcolumn:name="Server",type=string,JSONPath=`.status.database.server`,priority=1
// +kubebuilder:printcolumn:name="Database",type=string,JSONPath=`.status.database.name`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$') && self.metadata.name.size() <= 48",message="metadata.name starts with a letter, goes on with letters, digits and -, and has at most 48 characters"
type Tenant struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the organisation is and how it is served.
	// +optional
	// +kubebuilder:default={}
	Spec TenantSpec `json:"spec,omitzero"`

	// status says how things stand.
	// +optional
	Status TenantStatus `json:"status,omitzero"`
}

// TenantList is a list of Tenants.
// +kubebuilder:object:root=true
type TenantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Tenant `json:"items"`
}

// Module is a part of the standard model that a tenant has or has not.
// +kubebuilder:validation:Enum=sales;service;marketing
type Module string

// The modules.
const (
	// ModuleSales brings leads, opportunities, quotes, orders, contracts, price
	// books, targets, competitors and what belongs to them.
	ModuleSales Module = "sales"
	// ModuleService brings cases, repairs, returns, assets, knowledge and care.
	ModuleService Module = "service"
	// ModuleMarketing brings campaigns, sequences, messages, loyalty programmes
	// and touchpoints.
	ModuleMarketing Module = "marketing"
)

// TenantSpec says what an organisation is and how it is served.
type TenantSpec struct {
	CommonSpec `json:",inline"`

	// displayName is what people call the organisation. Without it they see
	// the Tenant's metadata.name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	DisplayName string `json:"displayName,omitempty"`

	// language is that of the labels which people see when none fits better:
	// en, zh, zh-Hans.
	// +optional
	// +kubebuilder:default=en
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:Pattern=`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`
	Language string `json:"language,omitempty"`

	// timeZone is a name of the IANA database: Europe/Berlin, Asia/Shanghai,
	// UTC. It decides where a day and a month begin.
	// +optional
	// +kubebuilder:default=UTC
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`
	TimeZone string `json:"timeZone,omitempty"`

	// currency is the ISO 4217 code that a record gets when it names none, and in
	// which the worth of amounts in other currencies is kept. What was kept stays
	// as it is when this changes, until the amounts are written again.
	// +optional
	// +kubebuilder:default=EUR
	// +kubebuilder:validation:MaxLength=3
	// +kubebuilder:validation:Pattern=`^[A-Z]{3}$`
	Currency string `json:"currency,omitempty"`

	// country is the ISO 3166 code (two letters: DE, CN) of the country whose
	// phone numbers people write without its prefix, unless the record has an
	// address in another one. Without it only numbers that begin with + get a
	// form that other programs understand.
	// +optional
	// +kubebuilder:validation:MaxLength=2
	// +kubebuilder:validation:Pattern=`^[A-Z]{2}$`
	Country string `json:"country,omitempty"`

	// modules are the parts of the standard model that the tenant has, beside the
	// base, which it always has: customers, contacts, products, invoices, activities,
	// mail, calls, documents, surveys, feedback, segments, users, teams,
	// departments and regions. They are
	//
	//  - sales: lead, opportunity, sales_record, quote, sales_order, delivery,
	//    contract, price_book, sales_target, competitor, public_pool, …
	//  - service: case, repair_order, return_order, asset, knowledge_article,
	//    care_plan, …
	//  - marketing: campaign, sequence, message_send, loyalty_programme,
	//    touchpoint, …
	//
	// Without the list a tenant has all of them; an empty list is the base alone.
	// A module may be added at any time: its objects come, and with them the
	// relations of other objects to them. One that is taken out of the list is
	// retired like anything that is deleted: see changePolicy.retention. It stays
	// while resources of the namespace need it, and status.schema.retained names it.
	// +optional
	// +listType=set
	// +kubebuilder:default={sales,service,marketing}
	// +kubebuilder:validation:MaxItems=3
	Modules []Module `json:"modules,omitzero"`

	// administrator is the first user. The operator makes the account once and
	// writes its password into the Secret that status.administratorSecret names.
	// +optional
	Administrator Administrator `json:"administrator,omitzero"`

	// database says where the records lie, and what becomes of them when the
	// Tenant is deleted.
	// +optional
	// +kubebuilder:default={}
	Database TenantDatabase `json:"database,omitzero"`

	// service says where people and programs find the tenant.
	// +optional
	Service TenantService `json:"service,omitzero"`

	// changePolicy says which changes of the database need nobody's approval.
	// +optional
	// +kubebuilder:default={}
	ChangePolicy ChangePolicy `json:"changePolicy,omitzero"`

	// driftPolicy says what happens when somebody changed the database by hand:
	// Heal undoes it where that loses no data, Report only says so in the
	// condition SchemaSynced. Tables, columns, constraints, indexes and triggers
	// that no resource asks for are told, and never taken away.
	// +optional
	// +kubebuilder:default=Heal
	DriftPolicy DriftPolicy `json:"driftPolicy,omitempty"`
}

// Administrator is the first user of a tenant.
type Administrator struct {
	// email is the address to log in with. Without it: admin@ and the first host.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:Pattern=`^[^@\s]+@[^@\s]+$`
	Email string `json:"email,omitempty"`

	// name is what people see. Without it: Administrator.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=50
	Name string `json:"name,omitempty"`
}

// DeletionPolicy says what becomes of the database when its Tenant is deleted.
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// The deletion policies.
const (
	// DeletionRetain keeps the database, marks it as retained and closes it to logins.
	DeletionRetain DeletionPolicy = "Retain"
	// DeletionDelete drops the database.
	DeletionDelete DeletionPolicy = "Delete"
)

// TenantDatabase says where the records of a tenant lie.
type TenantDatabase struct {
	// server is the metadata.name of the DatabaseServer. Without it the
	// operator takes one that is Ready and allows this namespace. A database
	// that exists does not move when another server is named.
	// +optional
	// +kubebuilder:validation:MaxLength=48
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Server string `json:"server,omitempty"`

	// deletionPolicy says what becomes of the database when the Tenant is
	// deleted: Retain keeps it, marked and closed to logins, and a new Tenant of
	// the same name does not get it unless DatabaseServer.spec.adoptions says
	// so; Delete drops it for good.
	// +optional
	// +kubebuilder:default=Retain
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// TenantService says where people and programs find a tenant.
type TenantService struct {
	// hosts are the DNS names at which the tenant answers, the first one is
	// shown. They lie under a suffix that the operator allows, and belong to one
	// tenant in the installation: the oldest claim wins. Without them: the
	// Tenant's name and the operator's first suffix.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Hosts []string `json:"hosts,omitempty"`
}

// ChangeClass says how dangerous a change of the database is.
// +kubebuilder:validation:Enum=Safe;Careful;Dangerous
type ChangeClass string

// The classes of changes.
const (
	// ChangeSafe neither loses nor rejects data and locks nothing for long: a
	// new table or field, a wider length, an index, a label, a new API name.
	ChangeSafe ChangeClass = "Safe"
	// ChangeCareful needs rows to be checked or filled in.
	ChangeCareful ChangeClass = "Careful"
	// ChangeDangerous loses or rejects data.
	ChangeDangerous ChangeClass = "Dangerous"
)

// ChangePolicy says which changes of the database need nobody's approval.
type ChangePolicy struct {
	// automatic are the classes of changes that are applied by themselves:
	//
	//  - Safe changes neither lose nor reject data and lock nothing for long;
	//  - Careful ones check the records that are there first, while people work:
	//    a shorter length, a value that is required, uniqueness. They are Careful
	//    only as long as all records bear them;
	//  - Dangerous ones lose or reject data.
	//
	// Everything else waits as a ChangePlan for an approval, and the resources that
	// ask for it stay in their applied form; what is automatic is not held up by it.
	// Without the list Safe and Careful changes are automatic; an empty list is none.
	// +optional
	// +listType=set
	// +kubebuilder:default={Safe,Careful}
	// +kubebuilder:validation:MaxItems=3
	Automatic []ChangeClass `json:"automatic,omitzero"`

	// window is when changes that are not Safe may run, approved ones too. Without
	// it they run at any time.
	// +optional
	Window *ChangeWindow `json:"window,omitempty"`

	// renameGrace is how long the API answers to the name that an object or a
	// field had before its spec.name changed, as a duration: "720h", "24h", "0s"
	// for not at all. Until then requests may use either name, records have both
	// unless the request says which fields it wants, and expressions in the
	// namespace (gates, rules, formulas) may still say the former one, so that
	// they need not change in the same moment. An expression that says it keeps
	// the former name even longer. At most 8760h.
	// +optional
	// +kubebuilder:default="720h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('8760h')",message="renameGrace is at most 8760h"
	RenameGrace *metav1.Duration `json:"renameGrace,omitempty"`

	// retention is how long the data is kept of what was deleted: fields, objects,
	// modules that were turned off, and the options and stages that were taken out,
	// as a duration: "720h", "24h", "0s" for not at all. Until then it is out of
	// everybody's sight, and status.schema.retired names it; applied again under
	// the same identity (metadata.name, or the key of an inline field) it has all
	// of its values again. Records that were made meanwhile have none. After that
	// time it is purged by a ChangePlan of its own, which needs no approval, as
	// the time was declared here, and obeys the window. An option or a stage stays
	// as long as records have it. At most 87600h.
	// +optional
	// +kubebuilder:default="720h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=20
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('87600h')",message="retention is at most 87600h"
	Retention *metav1.Duration `json:"retention,omitempty"`
}

// defaultRetention is the default of ChangePolicy.Retention.
const defaultRetention = 720 * time.Hour

// RetentionTime is how long data that is out of use is kept: Retention, or its default
// where no API server has filled it in.
func (p ChangePolicy) RetentionTime() time.Duration {
	if p.Retention == nil {
		return defaultRetention
	}
	return p.Retention.Duration
}

// ChangeWindow is a time of the day, in the tenant's time zone.
type ChangeWindow struct {
	// start is when it opens, as HH:MM.
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:Pattern=`^([01][0-9]|2[0-3]):[0-5][0-9]$`
	Start string `json:"start"`

	// hours is how many hours it stays open, beyond midnight too.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=24
	Hours int32 `json:"hours"`

	// days are the days on which it opens. Without them it opens every day.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=7
	Days []Weekday `json:"days,omitempty"`
}

// Weekday is a day of the week.
// +kubebuilder:validation:Enum=Monday;Tuesday;Wednesday;Thursday;Friday;Saturday;Sunday
type Weekday string

// DriftPolicy says what happens when somebody changed the database by hand.
// +kubebuilder:validation:Enum=Heal;Report
type DriftPolicy string

// The drift policies.
const (
	// DriftHeal undoes the change where that loses no data.
	DriftHeal DriftPolicy = "Heal"
	// DriftReport only says so.
	DriftReport DriftPolicy = "Report"
)

// TenantStatus says how things stand with a tenant.
type TenantStatus struct {
	CommonStatus `json:",inline"`

	// database is the one that holds the records.
	// +optional
	Database TenantDatabaseStatus `json:"database,omitzero"`

	// schema is the model that the database has.
	// +optional
	Schema TenantSchemaStatus `json:"schema,omitzero"`

	// drift is how the database differs from the applied schema although no plan made
	// it so: the first 50 differences that stay. What driftPolicy Heal puts right is
	// told by events.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Drift []DriftItem `json:"drift,omitempty"`

	// service is where the tenant is served.
	// +optional
	Service TenantServiceStatus `json:"service,omitzero"`

	// administratorSecret is the name of the Secret in this namespace with the
	// email and password of the first user. The password is written once.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	AdministratorSecret string `json:"administratorSecret,omitempty"`

	// biSecret is the name of the Secret in this namespace with a read-only
	// connection for reporting tools; they read the views in the schema "bi".
	// +optional
	// +kubebuilder:validation:MaxLength=253
	BISecret string `json:"biSecret,omitempty"`
}

// TenantDatabaseStatus is the database of a tenant.
type TenantDatabaseStatus struct {
	// server is the metadata.name of the DatabaseServer.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Server string `json:"server,omitempty"`

	// name is that of the database in PostgreSQL.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name,omitempty"`
}

// DriftItem is one difference between a database and its applied schema.
type DriftItem struct {
	// resource is the one that asks for what is missing: "CustomField/tier", or
	// "standard" for the standard model.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Resource string `json:"resource,omitempty"`

	// object is the identity of the object that it concerns.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Object string `json:"object,omitempty"`

	// field is the identity of the field; empty for what concerns the whole object.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Field string `json:"field,omitempty"`

	// summary says what would put it right, or what is there that nobody knows.
	// +kubebuilder:validation:MaxLength=1024
	Summary string `json:"summary"`

	// reason says why it stays.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty"`

	// since is when it was first seen.
	Since metav1.Time `json:"since"`
}

// TenantSchemaStatus is the model that a tenant's database has.
type TenantSchemaStatus struct {
	// revision counts the schemas that were applied, from 1.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Revision int64 `json:"revision,omitempty"`

	// digest is a hash of the applied schema.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	Digest string `json:"digest,omitempty"`

	// wantedDigest is a hash of the schema that the resources of the namespace
	// ask for. When it differs from digest, SchemaSynced says why.
	// +optional
	// +kubebuilder:validation:MaxLength=128
	WantedDigest string `json:"wantedDigest,omitempty"`

	// retained are resources that were deleted and stay in the applied schema, as
	// others need them or the change waits, as "CustomField/tier", sorted; the
	// first 50 of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MaxLength=512
	Retained []string `json:"retained,omitempty"`

	// retired is what was deleted and whose data is kept out of sight until it is
	// purged, what goes first first; the first 50 of them.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Retired []RetiredItem `json:"retired,omitempty"`

	// retiredTotal is how many there are in all.
	// +optional
	// +kubebuilder:validation:Minimum=0
	RetiredTotal int32 `json:"retiredTotal,omitempty"`

	// refused are resources that are left out of the applied schema, or are in
	// it in an older form, as "CustomField/tier", sorted; the first 50 of them.
	// Their own status says why.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MaxLength=512
	Refused []string `json:"refused,omitempty"`
}

// RetiredItem is something that was deleted and whose data is kept.
type RetiredItem struct {
	// resource is the one that declared it: CustomField/tier, or "standard".
	// +kubebuilder:validation:MaxLength=512
	Resource string `json:"resource"`

	// name is what the API called it: "fleet", "customer.tier", "customer.tier: gold".
	// +kubebuilder:validation:MaxLength=512
	Name string `json:"name"`

	// since is when it was deleted.
	Since metav1.Time `json:"since"`

	// until is when it is purged at the earliest.
	Until metav1.Time `json:"until"`

	// note says why it is still there although that time has come.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Note string `json:"note,omitempty"`
}

// TenantServiceStatus is where a tenant is served.
type TenantServiceStatus struct {
	// hosts are the DNS names at which the tenant answers.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Hosts []string `json:"hosts,omitempty"`

	// url is the address to open in a browser.
	// +optional
	// +kubebuilder:validation:MaxLength=300
	URL string `json:"url,omitempty"`

	// servers is the number of service processes that serve the applied revision.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Servers int32 `json:"servers,omitempty"`
}

// GetConditions are the conditions in the status.
func (t *Tenant) GetConditions() []metav1.Condition { return t.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (t *Tenant) SetConditions(conditions []metav1.Condition) { t.Status.Conditions = conditions }

// GetCommonSpec points to the part of the spec that all kinds share.
func (t *Tenant) GetCommonSpec() *CommonSpec { return &t.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (t *Tenant) GetCommonStatus() *CommonStatus { return &t.Status.CommonStatus }
