package v1alpha1

const (
	// ReconcileRequestedAtAnnotation asks for a reconcile now: a person or a
	// program sets it to any new text, usually the time. When the request was
	// handled, status.lastHandledReconcileAt holds the same text.
	ReconcileRequestedAtAnnotation = "crm.kontor.dev/reconcile-requested-at"

	// CommitAnnotation says which commit a resource comes from. Whatever brings the
	// resources into the cluster sets it, and the history of revisions repeats it. Neither
	// Flux nor Argo CD notes the commit on what it applies by itself; Argo CD does with
	//
	//	kustomize: {commonAnnotations: {crm.kontor.dev/commit: $ARGOCD_APP_REVISION}, commonAnnotationsEnvsubst: true}
	//
	// in the source of the Application, and everybody else with kubectl annotate or
	// kustomize edit set annotation. Without it the ref in OriginAnnotation counts.
	CommitAnnotation = "crm.kontor.dev/commit"

	// OriginAnnotation is kustomize's (buildMetadata: [originAnnotations]): where a
	// resource lay before it was built, with the ref when that is another repository.
	OriginAnnotation = "config.kubernetes.io/origin"

	// ModuleAnnotation says which module brings a standard object ("base",
	// "sales" or "marketing"). Only the documents of the standard model carry
	// it; on a tenant's own CustomObject it has no meaning.
	ModuleAnnotation = "crm.kontor.dev/module"

	// TenantFinalizer keeps a Tenant until its database was dropped or marked
	// as retained, as its deletion policy says.
	TenantFinalizer = "crm.kontor.dev/tenant"

	// TenantLabel stands on everything that the operator makes for a tenant
	// (Secrets, ChangePlans, ...) and holds the Tenant's name.
	TenantLabel = "crm.kontor.dev/tenant"
)
