package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func TestParseURL(t *testing.T) {
	for raw, want := range map[string]string{
		"s3://bucket": "bucket ", "s3://bucket/": "bucket ", "s3://bucket/p": "bucket p", "s3://bucket/p/q/": "bucket p/q", "s3://my.bucket/p": "my.bucket p",
	} {
		bucket, prefix, err := s3.ParseURL(raw)
		if got := bucket + " " + prefix; err != nil || got != want {
			t.Errorf("%s: %q, %v", raw, got, err)
		}
		if s := s3test.Open(t, s3.Options{Bucket: bucket, Prefix: prefix}); s.URL() != strings.TrimSuffix(raw, "/") {
			t.Errorf("%s: URL %s", raw, s.URL())
		}
	}
	for _, raw := range []string{"", "b", "file:///b", "s3://key:secret@b/p", "s3://b?x=1", "s3://b#x", "s3://%zz"} {
		if _, _, err := s3.ParseURL(raw); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for text, o := range map[string]s3.Options{
		"bucket":       {},
		"prefix":       {Bucket: "bucket", Prefix: "a/../b"},
		"style":        {Bucket: "bucket", PathStyle: "maybe"},
		"encryption":   {Bucket: "bucket", SSE: "aes"},
		"KMS key":      {Bucket: "bucket", KMSKey: "id"},
		"part size":    {Bucket: "bucket", PartSize: 1 << 20},
		"lock mode":    {Bucket: "bucket", LockFor: time.Hour},
		"LOCK":         {Bucket: "bucket", LockMode: "LOCK"},
		"checksum":     {Bucket: "bucket", Checksum: "crc8"},
		"limit":        {Bucket: "bucket", UploadLimit: -1},
		"scheme":       {Bucket: "bucket", Endpoint: "ftp://host"},
		"endpoint":     {Bucket: "bucket", Endpoint: "https://key:canary@host"},
		"proxy":        {Bucket: "bucket", Proxy: "http://user:canary@ho st"},
		"CA file":      {Bucket: "bucket", CAFile: "/nowhere"},
		"certificate":  {Bucket: "bucket", CAFile: "/dev/null"},
		"malformed en": {Bucket: "bucket", Endpoint: "https://host/path"},
	} {
		if _, err := s3.New(o); err == nil || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// noRole is an endpoint that has no role to give.
func noRole(t *testing.T) string {
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	return empty.URL
}

func noCredentials(t *testing.T) {
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
		"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
}

func TestCredentialsChain(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	o.CredentialsFile, o.RoleEndpoint = "", noRole(t)
	file, err := os.ReadFile(server.CredentialsFile)
	if err != nil {
		t.Fatal(err)
	}
	home := func(t *testing.T, text string) {
		dir := filepath.Join(os.Getenv("HOME"), ".aws")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "credentials"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for what, set := range map[string]func(t *testing.T, o *s3.Options){
		"AWS's environment": func(t *testing.T, _ *s3.Options) {
			t.Setenv("AWS_ACCESS_KEY_ID", server.AccessKey)
			t.Setenv("AWS_SECRET_ACCESS_KEY", server.SecretKey)
		},
		"MinIO's environment": func(t *testing.T, _ *s3.Options) {
			t.Setenv("MINIO_ROOT_USER", server.AccessKey)
			t.Setenv("MINIO_ROOT_PASSWORD", server.SecretKey)
		},
		"the home directory": func(t *testing.T, _ *s3.Options) { home(t, string(file)) },
		"a profile": func(t *testing.T, o *s3.Options) {
			home(t, strings.Replace(string(file), "default", "backup", 1))
			o.Profile = "backup"
		},
		"the role": func(t *testing.T, o *s3.Options) { o.RoleEndpoint = role(t, server) },
		"a file, before the environment": func(t *testing.T, o *s3.Options) {
			t.Setenv("AWS_ACCESS_KEY_ID", "nobody")
			t.Setenv("AWS_SECRET_ACCESS_KEY", "nothing")
			o.CredentialsFile = server.CredentialsFile
		},
	} {
		t.Run(what, func(t *testing.T) {
			noCredentials(t)
			o := o
			set(t, &o)
			if err := s3test.Open(t, o).Ready(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// role answers as the metadata service of a cloud does.
func role(t *testing.T, server *s3test.Server) string {
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/token"):
			io.WriteString(w, "token")
		case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
			io.WriteString(w, "role")
		default:
			fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":%q,"Expiration":%q}`,
				server.AccessKey, server.SecretKey, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		}
	}))
	t.Cleanup(metadata.Close)
	return metadata.URL
}

func TestNoCredentials(t *testing.T) {
	noCredentials(t)
	s := s3test.Open(t, s3.Options{Bucket: "bucket", Endpoint: "http://127.0.0.1:1", RoleEndpoint: noRole(t), Retries: 1})
	err := s.Ready(t.Context())
	want := "list: no credentials for S3 (AWS_ACCESS_KEY_ID: not set; MINIO_ROOT_USER: not set; ~/.aws/credentials: no such file; role of the machine: none found)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	broken := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(broken, []byte("[default]\nthe canary stands alone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{broken: "none found", "/nowhere": "no such file"} {
		s := s3test.Open(t, s3.Options{Bucket: "bucket", Endpoint: "http://127.0.0.1:1", CredentialsFile: path, Retries: 1})
		err := s.Ready(t.Context())
		if err == nil || !strings.Contains(err.Error(), path+": "+want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCustomCA(t *testing.T) {
	server := s3test.MinIOWithTLS(t)
	o := server.Options(server.Bucket(t))
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, s), parts) {
		t.Error("other bytes came back")
	}
	o.CAFile, o.Retries = "", 1
	if err := s3test.Open(t, o).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the CA: %v", err)
	}
	o.Endpoint = strings.Replace(o.Endpoint, "https", "http", 1)
	if err := s3test.Open(t, o).Ready(t.Context()); err == nil {
		t.Error("plain http to a server with TLS went through")
	}
}

// An endpoint without a scheme is never spoken to in the clear.
func TestBareEndpointIsHTTPS(t *testing.T) {
	var secure atomic.Bool
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { secure.Store(r.TLS != nil) }))
	defer server.Close()
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	o := s3.Options{Bucket: "bucket", Endpoint: strings.TrimPrefix(server.URL, "https://"), CredentialsFile: s3test.WriteCredentials(t, "a", "b"), Retries: 1}
	if err := s3test.Open(t, o).Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "x509") {
		t.Errorf("got %v", err)
	}
}

func TestProxy(t *testing.T) {
	server := s3test.MinIO(t)
	var through atomic.Int32
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { through.Add(1); r.Out.Host = r.In.Host }}
	proxy := httptest.NewServer(forward)
	defer proxy.Close()
	o := server.Options(server.Bucket(t))
	o.Proxy = proxy.URL
	if err := s3test.Open(t, o).Put(t.Context(), name, fill(nil)); err != nil {
		t.Fatal(err)
	}
	if through.Load() == 0 {
		t.Error("nothing went through the proxy")
	}
}

func TestServerSideEncryption(t *testing.T) {
	server := s3test.MinIO(t)
	for sse, want := range map[string]string{"s3": "AES256", "kms": "aws:kms"} {
		through, proxy := proxied(t, server)
		o := server.Options(server.Bucket(t))
		o.SSE, o.Region = sse, "us-east-1"
		if sse == "kms" {
			o.KMSKey = "test"
		}
		cutAt(t, o, through, proxy, 7, cuts["before"])
		held := wantNothingOrAll(t, server, o)
		if held != 3 {
			t.Errorf("%s: %d parts are held", sse, held)
		}
		again(t, o, through, proxy, held)
		info, err := server.Client(t).StatObject(t.Context(), o.Bucket, name, minio.StatObjectOptions{})
		if got := info.Metadata.Get("X-Amz-Server-Side-Encryption"); err != nil || got != want {
			t.Errorf("%s: %q, %v", sse, got, err)
		}
	}
}

func TestStorageClass(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	o.StorageClass = "REDUCED_REDUNDANCY"
	for _, size := range []int{100, len(parts)} {
		s := s3test.Open(t, o)
		if err := s.Put(t.Context(), name, fill(parts[:size])); err != nil {
			t.Fatal(err)
		}
		for info := range server.Client(t).ListObjectsIter(t.Context(), o.Bucket, minio.ListObjectsOptions{Recursive: true}) {
			if info.StorageClass != o.StorageClass {
				t.Errorf("%d bytes have class %q", size, info.StorageClass)
			}
		}
		if err := s.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBandwidthLimit(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	o.UploadLimit, o.DownloadLimit = 4<<20, 8<<20
	s := s3test.Open(t, o)
	begin := time.Now()
	if err := s.Put(t.Context(), name, fill(parts[:4<<20])); err != nil {
		t.Fatal(err)
	}
	up := time.Since(begin)
	begin = time.Now()
	if !bytes.Equal(read(t, s), parts[:4<<20]) {
		t.Error("other bytes came back")
	}
	down := time.Since(begin)
	if up < 900*time.Millisecond || up > 3*time.Second || down < 450*time.Millisecond || down > 2*time.Second {
		t.Errorf("4 MiB at 4 MiB/s took %v, at 8 MiB/s %v", up, down)
	}
}

func TestGetRange(t *testing.T) {
	server := s3test.MinIO(t)
	s := s3test.Open(t, server.Options(server.Bucket(t)))
	if err := s.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	for _, r := range [][2]int64{{0, 1}, {0, 100}, {5<<20 - 5, 10}, {int64(len(parts)) - 3, 10}} {
		body, err := s.GetRange(t.Context(), name, r[0], r[1])
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(body)
		body.Close()
		if want := parts[r[0]:min(r[0]+r[1], int64(len(parts)))]; err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %d bytes, %v", r, len(got), err)
		}
	}
	for _, r := range [][2]int64{{-1, 1}, {0, 0}, {int64(len(parts)), 1}} {
		if _, err := s.GetRange(t.Context(), name, r[0], r[1]); err == nil {
			t.Errorf("%v went through", r)
		}
	}
}

// Clean removes the old uploads below its prefix alone.
func TestClean(t *testing.T) {
	for what, start := range map[string]func(testing.TB) *s3test.Server{"versitygw": s3test.VersityGW, "fake": s3test.Fake} {
		t.Run(what, func(t *testing.T) {
			server := start(t)
			o := server.Options(server.Bucket(t))
			o.Prefix = "mine"
			s := s3test.Open(t, o)
			for _, key := range []string{"mine/c/n/1", "mine/c/n/2", "mined/c/n/1", "other"} {
				if _, err := server.Client(t).NewMultipartUpload(t.Context(), o.Bucket, key, minio.PutObjectOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(1100 * time.Millisecond) // some servers tell whole seconds
			wantCleaned(t, s, time.Hour, 0)
			err := s.Put(t.Context(), "c/n/3", func(w io.Writer) error {
				if _, err := w.Write(parts[:6<<20]); err != nil {
					return err
				}
				wantCleaned(t, s, 0, 2) // and not the one under way
				_, err := w.Write(parts[6<<20:])
				return err
			})
			if err != nil {
				t.Error(err)
			}
			wantCleaned(t, s, 0, 0)
		})
	}
}

func wantCleaned(t *testing.T, s *s3.Store, olderThan time.Duration, want int) {
	t.Helper()
	if n, err := s.Clean(t.Context(), olderThan); err != nil || n != want {
		t.Errorf("cleaned %d, %v; want %d", n, err, want)
	}
}

// In a bubble the clock shows the year 2000, and the server refuses.
func TestClockSkewIsRefused(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	synctest.Test(t, func(t *testing.T) {
		s := s3test.Open(t, o)
		defer s.CloseIdle()
		err := s.Put(t.Context(), name, fill(nil))
		if err == nil || !strings.Contains(err.Error(), "RequestTimeTooSkewed") {
			t.Errorf("got %v", err)
		}
		if r := verdicts(s.Check(t.Context())); r["reach"] != snapshot.CheckFail || r["clock"] != snapshot.CheckFail {
			t.Errorf("%v", r)
		}
	})
}
