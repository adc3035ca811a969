package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DatabaseServer is a PostgreSQL server on which databases of tenants may be
// made. It wants PostgreSQL 15 or newer, the locale C.UTF-8, and an account
// that may create databases and roles.
//
//	apiVersion: crm.kontor.dev/v1alpha1
//	kind: DatabaseServer
//	metadata:
//	  name: main
//	spec:
//	  address:
//	    host: postgres.databases.svc
//	  adminSecretRef:
//	    name: postgres-admin
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=dbs,categories=crm
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Host",type=string,JSONPath=`.spec.address.host`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Databases",type=integer,JSONPath=`.status.databases`
// +kubebuilder:printcolumn:name="Port",type=integer,JSONPath=`.spec.address.port`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 48",message="metadata.name has at most 48 characters"
type DatabaseServer struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the standard metadata of a Kubernetes object.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says where the server is, how to reach it, and who may use it.
	Spec DatabaseServerSpec `json:"spec"`

	// status says what the operator saw when it looked last.
	// +optional
	Status DatabaseServerStatus `json:"status,omitzero"`
}

// DatabaseServerList is a list of DatabaseServers.
// +kubebuilder:object:root=true
type DatabaseServerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DatabaseServer `json:"items"`
}

// DatabaseServerSpec says where a PostgreSQL server is, how to reach it, and who may use it.
type DatabaseServerSpec struct {
	CommonSpec `json:",inline"`

	// address is the server itself, not a pooler: the operator changes
	// databases over it, and needs sessions that are its own.
	Address DatabaseAddress `json:"address"`

	// poolerAddress is a pooler (PgBouncer, ...) before the same server. When
	// it is given, services take it for the reading and writing of records.
	// +optional
	PoolerAddress *PoolerAddress `json:"poolerAddress,omitempty"`

	// adminSecretRef names the Secret, in the operator's own namespace, that
	// holds username and password of an account that may create databases and
	// roles.
	AdminSecretRef SecretReference `json:"adminSecretRef"`

	// connections are the greatest numbers of connections that Kontor opens to
	// this server. Their sum must fit into the server's max_connections.
	// +optional
	// +kubebuilder:default={}
	Connections ConnectionLimits `json:"connections,omitzero"`

	// allowedNamespaces are the namespaces whose tenants may have databases
	// here. Empty means all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	AllowedNamespaces []string `json:"allowedNamespaces,omitempty"`

	// adoptions hand retained databases to new tenants. A database that a
	// deleted Tenant left is never given to its successor of the same name,
	// unless it is named here.
	// +optional
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=tenant
	// +kubebuilder:validation:MaxItems=1000
	Adoptions []Adoption `json:"adoptions,omitempty"`
}

// SSLMode says how a connection to PostgreSQL is protected.
// +kubebuilder:validation:Enum=disable;require;verify-ca;verify-full
type SSLMode string

// The ways of protection, as libpq names them.
const (
	// SSLDisable sends everything in the clear.
	SSLDisable SSLMode = "disable"
	// SSLRequire encrypts, and does not ask who answers.
	SSLRequire SSLMode = "require"
	// SSLVerifyCA encrypts, and asks for a certificate of a known authority.
	SSLVerifyCA SSLMode = "verify-ca"
	// SSLVerifyFull encrypts, and asks for a certificate of a known authority for this host.
	SSLVerifyFull SSLMode = "verify-full"
)

// DatabaseAddress is the way to a PostgreSQL server.
type DatabaseAddress struct {
	// host is a DNS name, an IP address, or the directory of a Unix socket.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9_.:-]+|/[A-Za-z0-9_./-]+)$`
	Host string `json:"host"`

	// port is the TCP port.
	// +optional
	// +kubebuilder:default=5432
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// sslMode says how the connection is protected: disable, require (encrypt
	// only), verify-ca (and check the certificate), verify-full (and check the
	// host's name in it).
	// +optional
	// +kubebuilder:default=verify-full
	SSLMode SSLMode `json:"sslMode,omitempty"`

	// database is the maintenance database, to which the operator connects in
	// order to make others.
	// +optional
	// +kubebuilder:default=postgres
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Database string `json:"database,omitempty"`

	// caSecretRef names the Secret, in the operator's own namespace, whose key
	// ca.crt holds the certificates of the authorities to trust, in PEM. Without
	// it the system's authorities are trusted.
	// +optional
	CASecretRef *SecretReference `json:"caSecretRef,omitempty"`
}

// PoolerAddress is the way to a pooler before a PostgreSQL server.
type PoolerAddress struct {
	// host is a DNS name or an IP address.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_.:-]+$`
	Host string `json:"host"`

	// port is the TCP port.
	// +optional
	// +kubebuilder:default=6432
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`

	// sslMode says how the connection is protected, as in address.
	// +optional
	// +kubebuilder:default=verify-full
	SSLMode SSLMode `json:"sslMode,omitempty"`
}

// SecretReference names a Secret; where it lies is said where it is used.
type SecretReference struct {
	// name is the metadata.name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name"`
}

// ConnectionLimits are the greatest numbers of connections to one server.
type ConnectionLimits struct {
	// operator is for the making and changing of databases, in all.
	// +optional
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=1000
	Operator int32 `json:"operator,omitempty"`

	// service is for the reading and writing of records, in each process of the service.
	// +optional
	// +kubebuilder:default=80
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Service int32 `json:"service,omitempty"`

	// worker is for integrations and jobs, in each worker process.
	// +optional
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	Worker int32 `json:"worker,omitempty"`
}

// Adoption hands one retained database to one tenant.
type Adoption struct {
	// namespace is that of the Tenant which gets the database.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Namespace string `json:"namespace"`

	// tenant is the metadata.name of the Tenant which gets the database.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=48
	Tenant string `json:"tenant"`

	// database is the name of the retained database; the condition of the
	// refused Tenant names it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z_][a-z0-9_]*$`
	Database string `json:"database"`
}

// DatabaseServerStatus is what the operator saw when it looked last.
type DatabaseServerStatus struct {
	CommonStatus `json:",inline"`

	// version is that of the server: "17.2".
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Version string `json:"version,omitempty"`

	// locale is what new databases of this server get.
	// +optional
	Locale DatabaseLocale `json:"locale,omitzero"`

	// maxConnections is the greatest number of connections that the server takes, for everybody.
	// +optional
	// +kubebuilder:validation:Minimum=0
	MaxConnections int32 `json:"maxConnections,omitempty"`

	// databases is the number of databases of tenants on the server, retained ones included.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Databases int32 `json:"databases"`
}

// DatabaseLocale is how a database understands text.
type DatabaseLocale struct {
	// encoding is that of the text: UTF8.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Encoding string `json:"encoding,omitempty"`

	// ctype decides what a letter is: C.UTF-8.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	CType string `json:"ctype,omitempty"`

	// collate decides the order of stored text: C.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	Collate string `json:"collate,omitempty"`
}

// GetConditions are the conditions in the status.
func (s *DatabaseServer) GetConditions() []metav1.Condition { return s.Status.Conditions }

// SetConditions replaces the conditions in the status.
func (s *DatabaseServer) SetConditions(conditions []metav1.Condition) {
	s.Status.Conditions = conditions
}

// GetCommonSpec points to the part of the spec that all kinds share.
func (s *DatabaseServer) GetCommonSpec() *CommonSpec { return &s.Spec.CommonSpec }

// GetCommonStatus points to the part of the status that all kinds share.
func (s *DatabaseServer) GetCommonStatus() *CommonStatus { return &s.Status.CommonStatus }
