package cmd

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kontor-crm/kontor/internal/compile"
	"github.com/kontor-crm/kontor/internal/manifest"
)

// standardInput is the name under which a person gives YAML through a pipe.
const standardInput = "-"

// folder is the configuration of a tenant as it lies in files.
type folder struct {
	path string
	// documents are the resources that describe the tenant, and places say where each stands.
	documents []manifest.Document
	places    map[compile.Ref]string
	// others are the places of resources that do not.
	others []string
}

// readFolder reads a file, the YAML files of a folder, as kubectl apply does, or the
// standard input. It refuses what describes no tenant, or one twice.
func readFolder(path string, stdin io.Reader) (*folder, error) {
	f := &folder{path: path, places: map[compile.Ref]string{}}
	files, err := f.files()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if err := f.read(file, stdin); err != nil {
			return nil, err
		}
	}
	if len(f.documents) == 0 {
		return nil, fmt.Errorf("%s holds no resource that describes a tenant", path)
	}
	return f, nil
}

func (f *folder) files() ([]string, error) {
	if f.path == standardInput {
		return []string{f.path}, nil
	}
	found, err := os.Stat(f.path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	if !found.IsDir() {
		return []string{f.path}, nil
	}
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	entries = slices.DeleteFunc(entries, func(entry fs.DirEntry) bool {
		extension := filepath.Ext(entry.Name())
		return entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, extension) || strings.TrimSuffix(entry.Name(), extension) == "kustomization"
	})
	if len(entries) == 0 {
		return nil, fmt.Errorf("the folder %s has no YAML file", f.path)
	}
	var files []string
	for _, entry := range entries {
		files = append(files, filepath.Join(f.path, entry.Name()))
	}
	return files, nil
}

func (f *folder) read(file string, stdin io.Reader) error {
	text, err := os.ReadFile(file) //nolint:gosec // the person names it
	if file == standardInput {
		text, err = io.ReadAll(stdin)
	}
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	documents, err := manifest.ReadDocuments(text)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, document := range documents {
		if err := f.take(fmt.Sprintf("%s: line %d", file, document.Line), document); err != nil {
			return err
		}
	}
	return nil
}

// take takes a resource in, or says what is wrong with it where it stands.
func (f *folder) take(place string, document manifest.Document) error {
	ref := compile.Ref{Kind: document.Object.GetKind(), Name: document.Object.GetName()}
	group := document.Object.GroupVersionKind().Group
	isOurs := slices.ContainsFunc(manifest.Kinds(), func(kind groupVersionKind) bool { return kind.Group == group || kind.Kind == ref.Kind })
	switch {
	case !isOurs && document.Object.GetAPIVersion() != "" && ref.Kind != "":
		if ref.Kind != "Namespace" {
			f.others = append(f.others, fmt.Sprintf("%s: %s/%s", place, ref.Kind, ref.Name))
		}
		return nil
	case ref.Name == "":
		return fmt.Errorf("%s: the resource has no metadata.name", place)
	}
	if _, err := manifest.Decode(document.Object); err != nil {
		return fmt.Errorf("%s: %s: %w", place, slashed(ref.String()), err)
	}
	if before, twice := f.places[ref]; twice {
		return fmt.Errorf("%s: %s stands already in %s", place, slashed(ref.String()), before)
	}
	if ref.Kind == compile.KindTenant {
		for other, before := range f.places {
			if other.Kind == compile.KindTenant {
				return fmt.Errorf("%s: a second Tenant, %s, beside %s in %s: a folder describes one tenant", place, ref.Name, other.Name, before)
			}
		}
	}
	f.places[ref] = place
	f.documents = append(f.documents, document)
	return nil
}

// input is what is compiled of the whole tenant.
func (f *folder) input() (compile.Input, error) {
	var in compile.Input
	for _, document := range f.documents {
		resource, err := manifest.Decode(document.Object)
		if err != nil {
			return compile.Input{}, err
		}
		in.Add(resource)
	}
	if in.Tenant == nil {
		return compile.Input{}, fmt.Errorf("%s has no Tenant: it has to describe a whole tenant", f.path)
	}
	return in, nil
}
