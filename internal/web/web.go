// Package web is the page that the people of a tenant work in: app/ is its source
// in TypeScript, this file embeds what Vite makes of it and serves it beside the
// API. It is the same for all tenants and holds nothing of theirs: the page asks
// the API for that, as every other program does.
package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"io/fs"
	"maps"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

// built is what the build of app/ has written; without a build it holds nothing to serve.
//
//go:embed all:dist
var built embed.FS

// unbuilt says that the page was not built. A fresh clone compiles and tests without Node.
//
//go:embed unbuilt.html
var unbuilt []byte

// Handler serves the page: its files, and its document at every other address,
// because the page finds its own way.
func Handler() http.Handler {
	files, err := fs.Sub(built, "dist/page")
	if err != nil {
		panic(err) // the name of the folder is right
	}
	return New(files)
}

// New serves a built page from its files.
func New(files fs.FS) http.Handler {
	return &page{files: files}
}

type page struct{ files fs.FS }

// document is the file that stands at every address of the page.
const document = "index.html"

// The hashed files below assets never change; the others are asked for again each time.
const (
	assets    = "assets/"
	immutable = "public, max-age=31536000, immutable"
	revisited = "no-cache"
)

// forBrowsers let the page run its own files, speak to its own host, and nothing else.
var forBrowsers = http.Header{
	"Content-Security-Policy": {strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:", "font-src 'self'", "connect-src 'self'",
		"manifest-src 'self'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'",
	}, "; ")},
	"Cross-Origin-Opener-Policy":   {"same-origin"},
	"Cross-Origin-Resource-Policy": {"same-origin"},
	"Permissions-Policy":           {"camera=(), geolocation=(), microphone=()"},
	"Referrer-Policy":              {"no-referrer"},
	"X-Content-Type-Options":       {"nosniff"},
}

// encodings are those in which the build leaves each file beside itself, the best first.
var encodings = []struct{ name, suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// ServeHTTP answers GET and HEAD with a file of the page.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), forBrowsers)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "this address takes GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	content, err := p.read(name)
	switch {
	case err == nil:
	case strings.HasPrefix(name, assets):
		// A page that is older than the server asks for files that are gone.
		w.Header().Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return
	default:
		name = document
		if content, err = p.read(name); err != nil {
			content = unbuilt
		}
	}
	p.send(w, r, name, content)
}

// read reads a file of the page; the encoded ones beside it have no address of their own.
func (p *page) read(name string) ([]byte, error) {
	for _, encoding := range encodings {
		if strings.HasSuffix(name, encoding.suffix) {
			return nil, fs.ErrNotExist
		}
	}
	if !fs.ValidPath(name) {
		return nil, fs.ErrNotExist
	}
	return fs.ReadFile(p.files, name)
}

func (p *page) send(w http.ResponseWriter, r *http.Request, name string, content []byte) {
	header := w.Header()
	header.Set("Content-Type", contentType(name))
	header.Set("Cache-Control", revisited)
	if strings.HasPrefix(name, assets) {
		header.Set("Cache-Control", immutable)
	}
	header.Set("Vary", "Accept-Encoding")
	sum := sha256.Sum256(content)
	tag := base64.RawURLEncoding.EncodeToString(sum[:12])
	for _, encoding := range encodings {
		if !accepts(r, encoding.name) {
			continue
		}
		encoded, err := fs.ReadFile(p.files, name+encoding.suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			content, tag = encoded, tag+"-"+encoding.name
			header.Set("Content-Encoding", encoding.name)
		}
		break
	}
	header.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content)) // no Last-Modified: the tag is enough
}

// accepts tells whether a client reads an encoding. Those that say how much they like it are not refused for it.
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, quality, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			return strings.ReplaceAll(quality, " ", "") != "q=0"
		}
	}
	return false
}

// contentTypes are those that must not depend on the machine's own table.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".ico": "image/x-icon", ".js": "text/javascript; charset=utf-8",
	".json": "application/json", ".png": "image/png", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
	".webmanifest": "application/manifest+json", ".woff2": "font/woff2",
}

func contentType(name string) string {
	extension := path.Ext(name)
	if known, ok := contentTypes[extension]; ok {
		return known
	}
	if found := mime.TypeByExtension(extension); found != "" {
		return found
	}
	return "application/octet-stream"
}
