// Package s3 keeps snapshots in a bucket of S3 or of a server that speaks it.
//
// Objects up to one part are put by one request, larger ones by a multipart
// upload that the next Put of that name resumes. Names are written once:
// requests carry If-None-Match, and for servers that ignore it the name is
// looked at before, and after an upload in parts. Two hosts that put one name
// at the same moment are kept apart by If-None-Match alone. Every body is signed
// by its SHA-256, which the server is given to compare and to keep, and which
// Get compares again.
//
// The package reads no environment but what the credential providers of
// minio-go read, see [Options], and the proxy variables that net/http reads.
package s3

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// Options name a bucket and say how to use it. Only Bucket is needed.
type Options struct {
	Bucket string
	Prefix string // of all names, without slashes at its ends

	Endpoint  string // HOST[:PORT] or a URL; plain http only when it says http://; default AWS
	Region    string // default: the server is asked
	PathStyle string // "auto" (default: for all but AWS), "on", "off"
	CAFile    string // PEM, trusted besides the system's
	Proxy     string // URL; default HTTPS_PROXY, HTTP_PROXY, NO_PROXY

	// CredentialsFile has the form of ~/.aws/credentials. When it is set, no
	// other place is looked at. Default: AWS_ACCESS_KEY_ID and its kin,
	// MINIO_ROOT_USER and its kin, ~/.aws/credentials, the role of the machine.
	CredentialsFile string
	Profile         string // in that file, or in ~/.aws/credentials; default AWS_PROFILE, "default"
	RoleEndpoint    string // where the role of the machine is asked for; default by the environment

	SSE          string // "" (as the bucket says), "s3", "kms"
	KMSKey       string // id of the key; default the bucket's
	StorageClass string

	LockMode string        // "governance" or "compliance", needed to lock
	LockFor  time.Duration // how long new objects are locked; 0: not

	UploadLimit   int // bytes per second; 0: none
	DownloadLimit int

	Checksum string // "sha256" (default) or "none", for servers that refuse the header
	PartSize int    // bytes, at least 5 MiB; default 8 MiB; doubled after 1000 parts
	Retries  int    // attempts at a request, with growing pauses; default 10
}

const (
	minPartSize     = 5 << 20
	defaultPartSize = 8 << 20
)

// Store implements snapshot.Store, snapshot.Locker and snapshot.Checker.
type Store struct {
	o      Options
	core   *minio.Core
	creds  *chain
	clock  *clock
	base   *http.Transport
	sse    encrypt.ServerSide
	begin  *sync.Mutex  // held while an upload is looked for or begun
	active *sync.Map    // upload ids of unfinished Puts of this store
	locks  *atomic.Bool // the bucket is known to have object lock
}

var (
	_ snapshot.Store   = (*Store)(nil)
	_ snapshot.Locker  = (*Store)(nil)
	_ snapshot.Checker = (*Store)(nil)
)

// ParseURL splits s3://BUCKET/PREFIX.
func ParseURL(raw string) (bucket, prefix string, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "s3" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", "", errors.New("malformed store URL: want s3://BUCKET/PREFIX")
	}
	return u.Host, strings.Trim(u.Path, "/"), nil
}

// New checks the options and reads the CA file; it asks no server.
func New(o Options) (*Store, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	host, secure, err := endpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	s := &Store{o: o, creds: newChain(o), clock: transport.clock, base: transport.base, sse: o.sse(), begin: &sync.Mutex{}, active: &sync.Map{}, locks: &atomic.Bool{}}
	s.core, err = minio.NewCore(host, &minio.Options{
		Creds: s.creds.credentials(), Secure: secure, Transport: transport,
		Region: o.Region, BucketLookup: pathStyles[o.PathStyle], MaxRetries: o.Retries,
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %v", host, err)
	}
	return s, nil
}

// URL implements snapshot.Store.
func (s *Store) URL() string {
	return strings.TrimSuffix("s3://"+s.o.Bucket+"/"+s.o.Prefix, "/")
}

// String is URL.
func (s *Store) String() string { return s.URL() }

var pathStyles = map[string]minio.BucketLookupType{
	"": minio.BucketLookupAuto, "auto": minio.BucketLookupAuto, "on": minio.BucketLookupPath, "off": minio.BucketLookupDNS,
}

var lockModes = map[string]minio.RetentionMode{
	"governance": minio.Governance, "compliance": minio.Compliance,
}

func (o *Options) check() error {
	if err := s3utils.CheckValidBucketName(o.Bucket); err != nil {
		return fmt.Errorf("bucket %q: %v", o.Bucket, err)
	}
	if o.Prefix != "" && !validName(o.Prefix) {
		return fmt.Errorf("malformed prefix %q", o.Prefix)
	}
	if o.PartSize == 0 {
		o.PartSize = defaultPartSize
	}
	if _, ok := lockModes[o.LockMode]; !ok && (o.LockMode != "" || o.LockFor != 0) {
		return fmt.Errorf("lock mode %q: want governance or compliance", o.LockMode)
	}
	_, style := pathStyles[o.PathStyle]
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{style, fmt.Sprintf("path style %q: want auto, on or off", o.PathStyle)},
		{o.SSE == "" || o.SSE == "s3" || o.SSE == "kms", fmt.Sprintf("server-side encryption %q: want s3 or kms", o.SSE)},
		{o.KMSKey == "" || o.SSE == "kms", "a KMS key without server-side encryption kms"},
		{o.Checksum == "" || o.Checksum == "sha256" || o.Checksum == "none", fmt.Sprintf("checksum %q: want sha256 or none", o.Checksum)},
		{o.PartSize >= minPartSize, fmt.Sprintf("part size %d: less than %d", o.PartSize, minPartSize)},
		{o.LockFor >= 0 && o.UploadLimit >= 0 && o.DownloadLimit >= 0 && o.Retries >= 0, "a negative limit"},
	} {
		if !c.ok {
			return errors.New(c.what)
		}
	}
	return nil
}

func (o *Options) sse() encrypt.ServerSide {
	switch o.SSE {
	case "s3":
		return encrypt.NewSSE()
	case "kms":
		sse, _ := encrypt.NewSSEKMS(o.KMSKey, nil) // fails only for a context that cannot be JSON
		return sse
	}
	return nil
}

// endpoint splits what Options.Endpoint says.
func endpoint(raw string) (host string, secure bool, err error) {
	if raw == "" {
		return "s3.amazonaws.com", true, nil
	}
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", false, errors.New("malformed endpoint: want HOST[:PORT] or http[s]://HOST[:PORT]")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return "", false, fmt.Errorf("endpoint scheme %q: want http or https", u.Scheme)
	}
	return u.Host, u.Scheme == "https", nil
}

// key is the name of an object in the bucket.
func (s *Store) key(name string) (string, error) {
	if !validName(name) {
		return "", fmt.Errorf("malformed object name %q", name)
	}
	return s.root() + name, nil
}

// root is what the keys of this store begin with.
func (s *Store) root() string {
	if s.o.Prefix == "" {
		return ""
	}
	return s.o.Prefix + "/"
}

const nameLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/"

func validName(name string) bool {
	return fs.ValidPath(name) && name != "." && strings.Trim(name, nameLetters) == ""
}
