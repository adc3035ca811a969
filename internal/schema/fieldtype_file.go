package schema

import "slices"

// fileType is a file of the tenant's own, named by its id. The column points to
// the platform's table of files, so that a file which a record names does not go.
type fileType struct{ reference }

func (fileType) Name() TypeName { return TypeFile }

func (fileType) Decode(f *Field, value any) (any, error) {
	if _, ok := value.(string); !ok {
		return nil, errNotA("the id of a file")
	}
	return reference{}.Decode(f, value)
}

func (fileType) Check(f *Field) []Problem {
	if f.Default != nil {
		return []Problem{{Path: "default", Message: "a " + string(f.Type) + " has no default"}}
	}
	return nil
}

// imageType is a file that browsers show as a picture.
type imageType struct{ fileType }

func (imageType) Name() TypeName { return TypeImage }

// MaxImageBytes is the size of the largest image.
const MaxImageBytes = 10 << 20

// imageTypes are the media types of images. An SVG is none: it is a page that can run scripts.
var imageTypes = []string{"image/png", "image/jpeg", "image/webp", "image/gif"}

// IsImage says whether a file of that type and size may stand in a field for images.
func IsImage(mediaType string, size int64) bool {
	return slices.Contains(imageTypes, mediaType) && size <= MaxImageBytes
}

// IsFile says whether the values of the type are files.
func (t TypeName) IsFile() bool { return t == TypeFile || t == TypeImage }
