package compile

import crmv1 "github.com/kontor-crm/kontor/api/v1alpha1"

// Add puts a resource to the others of its kind; a Tenant takes the place of another.
// Resources that are not compiled are left alone.
func (in *Input) Add(resource crmv1.Object) {
	switch r := resource.(type) {
	case *crmv1.Tenant:
		in.Tenant = r
	case *crmv1.CustomObject:
		in.Objects = append(in.Objects, r)
	case *crmv1.CustomField:
		in.Fields = append(in.Fields, r)
	case *crmv1.Pipeline:
		in.Pipelines = append(in.Pipelines, r)
	case *crmv1.ValidationRule:
		in.Rules = append(in.Rules, r)
	case *crmv1.ObjectIndex:
		in.Indexes = append(in.Indexes, r)
	}
}

// Resources are all that stand in the input, the Tenant first.
func (in *Input) Resources() []crmv1.Object {
	var all []crmv1.Object
	if in.Tenant != nil {
		all = append(all, in.Tenant)
	}
	for _, o := range in.Objects {
		all = append(all, o)
	}
	for _, f := range in.Fields {
		all = append(all, f)
	}
	for _, p := range in.Pipelines {
		all = append(all, p)
	}
	for _, r := range in.Rules {
		all = append(all, r)
	}
	for _, x := range in.Indexes {
		all = append(all, x)
	}
	return all
}

// RefOf names a resource; one that is not compiled has no name.
func RefOf(resource crmv1.Object) Ref {
	kind := ""
	switch resource.(type) {
	case *crmv1.Tenant:
		kind = KindTenant
	case *crmv1.CustomObject:
		kind = KindObject
	case *crmv1.CustomField:
		kind = KindField
	case *crmv1.Pipeline:
		kind = KindPipeline
	case *crmv1.ValidationRule:
		kind = KindRule
	case *crmv1.ObjectIndex:
		kind = KindIndex
	}
	return Ref{kind, resource.GetName()}
}
