package backup

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/kontor-crm/kontor/internal/fault"
)

// Bucket is a prefix in a bucket of an S3-compatible storage that holds one backup.
type Bucket struct {
	client         *minio.Client
	bucket, prefix string
	// partSize is how much of a file is sent at once, and kept in memory meanwhile. A
	// file has at most 10,000 parts.
	partSize uint64
}

var _ Place = (*Bucket)(nil)

// Storage says how an S3-compatible storage is reached.
type Storage struct {
	// Endpoint is its URL; empty is that of AWS.
	Endpoint string
	// Region is where the bucket lies; empty: it is asked for.
	Region string
	// AccessKey and SecretKey are who asks, SessionToken belongs to keys that end.
	AccessKey, SecretKey, SessionToken string
	// RootCA holds the certificates in PEM that are trusted; empty is the system's.
	RootCA string
}

// bucketScheme is what the addresses of buckets begin with.
const bucketScheme = "s3"

// IsBucket says whether an address means a bucket: s3://bucket/prefix.
func IsBucket(address string) bool { return strings.HasPrefix(address, bucketScheme+"://") }

const (
	awsEndpoint     = "https://s3.amazonaws.com"
	defaultPartSize = 64 << 20
)

// NewBucket is the place at s3://bucket/prefix.
func NewBucket(address string, storage Storage) (*Bucket, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != bucketScheme || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Malformed, "%q is not of the form s3://bucket/prefix", address)
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix == "" {
		return nil, fault.New(fault.Malformed, "%q names a whole bucket: name a prefix in it, s3://bucket/prefix", address)
	}
	if storage.Endpoint == "" {
		storage.Endpoint = awsEndpoint
	}
	endpoint, err := url.Parse(storage.Endpoint)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, fault.New(fault.Malformed, "the endpoint of the storage is no URL of the form https://host:port")
	}
	transport, err := minio.DefaultTransport(endpoint.Scheme == "https")
	if err != nil {
		return nil, fmt.Errorf("preparing the client of the storage: %w", err)
	}
	if storage.RootCA != "" && transport.TLSClientConfig != nil {
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM([]byte(storage.RootCA)) {
			return nil, fault.New(fault.Malformed, "the certificates for the storage hold none in PEM")
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(storage.AccessKey, storage.SecretKey, storage.SessionToken),
		Secure: endpoint.Scheme == "https", Region: storage.Region, Transport: transport,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing the client of the storage: %w", err)
	}
	return &Bucket{client: client, bucket: u.Host, prefix: prefix, partSize: defaultPartSize}, nil
}

func (b *Bucket) String() string { return bucketScheme + "://" + b.bucket + "/" + b.prefix }

func (b *Bucket) key(name string) string { return b.prefix + "/" + name }

// Empty says whether nothing lies below the prefix.
func (b *Bucket) Empty(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the listing after its first page
	defer cancel()
	first, there := <-b.client.ListObjects(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + "/", Recursive: true, MaxKeys: 1})
	if first.Err != nil {
		return false, b.told(first.Err, "looking into")
	}
	return !there, nil
}

// Write sends a file in parts, as it comes. A storage makes a file of them when all are there.
func (b *Bucket) Write(ctx context.Context, name string, content io.Reader) error {
	counted := &counter{Reader: content}
	sent, err := b.client.PutObject(ctx, b.bucket, b.key(name), counted, -1, minio.PutObjectOptions{ContentType: "application/octet-stream", PartSize: b.partSize})
	if err != nil {
		return b.told(err, "writing "+name+" in")
	}
	if sent.Size != counted.read {
		return fmt.Errorf("writing %s in %s: %d of %d bytes were taken", name, b, sent.Size, counted.read)
	}
	return nil
}

// counter counts what is read through it.
type counter struct {
	io.Reader
	read int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += int64(n)
	return n, err
}

// Fetch copies a file into the folder for temporary ones.
func (b *Bucket) Fetch(ctx context.Context, name string) (string, func(), error) {
	object, err := b.client.GetObject(ctx, b.bucket, b.key(name), minio.GetObjectOptions{})
	if err != nil {
		return "", nil, b.told(err, "reading "+name+" of")
	}
	defer object.Close()
	file, err := os.CreateTemp("", "kontor-backup-*")
	if err != nil {
		return "", nil, fmt.Errorf("making room for %s: %w", name, err)
	}
	release := func() { _ = os.Remove(file.Name()) }
	_, err = io.Copy(file, object)
	closed := file.Close()
	switch {
	case minio.ToErrorResponse(err).Code == minio.NoSuchKey:
		err = fault.New(fault.NotFound, "%s has no %s", b, name)
	case err != nil:
		err = b.told(err, "reading "+name+" of")
	case closed != nil:
		err = fmt.Errorf("keeping %s of %s: %w", name, b, closed)
	default:
		return file.Name(), release, nil
	}
	release()
	return "", nil, err
}

// told says what the storage answers. An error of our own, of what is read or written, stays what it is.
func (b *Bucket) told(err error, doing string) error {
	answer := minio.ErrorResponse{}
	if !errors.As(err, &answer) {
		return fmt.Errorf("%s %s: %w", doing, b, err)
	}
	kind := fault.Unavailable
	switch answer.Code {
	case minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch":
		kind = fault.Forbidden
	case minio.NoSuchBucket:
		kind = fault.NotFound
	}
	return fault.Wrap(kind, err, "%s %s: %s (%s)", doing, b, answer.Message, answer.Code)
}
