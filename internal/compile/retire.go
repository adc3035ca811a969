package compile

import "github.com/kontor-crm/kontor/internal/schema"

// declared is what a resource says itself of an option or a stage.
func declared(retired bool) schema.Retirement {
	if retired {
		return schema.RetiredByDeclaration
	}
	return ""
}
