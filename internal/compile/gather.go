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
