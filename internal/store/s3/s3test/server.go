// Package s3test starts real S3 servers for tests, on loopback and with
// directories and credentials of their own. They end with the test.
package s3test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/swarmdr/swarmdr/internal/store/s3"
)

const startTimeout = 30 * time.Second

// Server is a running S3 server.
type Server struct {
	Endpoint        string // a URL
	AccessKey       string
	SecretKey       string
	CredentialsFile string
	Dir             string // where it keeps its data
	CAFile          string // of one that speaks TLS
}

// MinIO starts one that can encrypt.
func MinIO(t testing.TB) *Server {
	t.Helper()
	return minIO(t, "http")
}

// MinIOWithTLS starts one whose certificate is signed by its CAFile.
func MinIOWithTLS(t testing.TB) *Server {
	t.Helper()
	return minIO(t, "https")
}

func minIO(t testing.TB, scheme string) *Server {
	t.Helper()
	s := newServer(t, scheme)
	certs := filepath.Join(t.TempDir(), "certs")
	if err := os.Mkdir(certs, 0o700); err != nil {
		t.Fatal(err)
	}
	if scheme == "https" {
		s.CAFile = writeCertificate(t, certs)
	}
	s.start(t, "minio", []string{"server", "--quiet", "--address", s.address(), "--certs-dir", certs, s.Dir},
		"MINIO_ROOT_USER="+s.AccessKey, "MINIO_ROOT_PASSWORD="+s.SecretKey, "MINIO_UPDATE=off", "MINIO_BROWSER=off",
		"MINIO_KMS_SECRET_KEY=test:"+kmsKey, "HOME="+t.TempDir())
	return s
}

// kmsKey is 32 zero bytes, in base64.
const kmsKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// VersityGW starts a versitygw over a directory.
func VersityGW(t testing.TB) *Server {
	t.Helper()
	s := newServer(t, "http")
	s.start(t, "versitygw", []string{"--quiet", "--port", s.address(), "posix", "--versioning-dir", t.TempDir(), s.Dir},
		"ROOT_ACCESS_KEY="+s.AccessKey, "ROOT_SECRET_KEY="+s.SecretKey)
	return s
}

// Fake serves gofakes3 in this process. It has no locks and looks at no
// credentials.
func Fake(t testing.TB) *Server {
	t.Helper()
	s := newServer(t, "http")
	fake := httptest.NewUnstartedServer(gofakes3.New(s3mem.New()).Server())
	fake.Config.ErrorLog = log.New(io.Discard, "", 0) // it writes some headers twice
	fake.Start()
	t.Cleanup(fake.Close)
	s.Endpoint = fake.URL
	return s
}

func newServer(t testing.TB, scheme string) *Server {
	t.Helper()
	s := &Server{
		Endpoint: scheme + "://" + freeAddress(t), AccessKey: "user" + strings.ToLower(rand.Text()[:8]), SecretKey: rand.Text(),
		Dir: t.TempDir(),
	}
	s.CredentialsFile = WriteCredentials(t, s.AccessKey, s.SecretKey)
	return s
}

// WriteCredentials writes a file for s3.Options.CredentialsFile.
func WriteCredentials(t testing.TB, access, secret string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credentials")
	text := fmt.Sprintf("[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", access, secret)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

func (s *Server) address() string {
	_, address, _ := strings.Cut(s.Endpoint, "://")
	return address
}

// Command is one of the servers that make setup installs.
func Command(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("SWARMDR_SERVERS")
	if dir == "" {
		dir = "/var/cache/swarmdr/servers"
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: make setup installs it", err)
	}
	return path
}

func (s *Server) start(t testing.TB, name string, args []string, env ...string) {
	t.Helper()
	start(t, name, args, env...)
	s.wait(t)
}

// start ends the process, and it alone, after the test.
func start(t testing.TB, name string, args []string, env ...string) {
	t.Helper()
	output, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(Command(t, name), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = append(env, "PATH="+os.Getenv("PATH")), output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ended, err := startOnThread(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Errorf("end %s: %v", name, err)
		}
		<-ended
		if text, err := os.ReadFile(output.Name()); t.Failed() && err == nil {
			t.Logf("%s: %s", name, text[max(0, len(text)-4096):])
		}
		output.Close()
	})
}

// startOnThread keeps the thread that starts the process until it ends: the
// signal comes when that thread does, and Go ends threads that were in a
// namespace.
func startOnThread(cmd *exec.Cmd) (ended chan struct{}, err error) {
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed
		}
		close(ended)
	}()
	return ended, <-started
}

// wait returns when the server answers a signed request.
func (s *Server) wait(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	for {
		_, err := s.Client(t).ListBuckets(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s does not answer: %v", s.Endpoint, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// Credentials are those of the file.
func (s *Server) Credentials() *credentials.Credentials {
	return credentials.NewStaticV4(s.AccessKey, s.SecretKey, "")
}

// Client speaks to the server behind the store's back.
func (s *Server) Client(t testing.TB) *minio.Core {
	t.Helper()
	o := &minio.Options{Creds: s.Credentials(), MaxRetries: 1, Region: "us-east-1"}
	if s.CAFile != "" {
		o.Secure, o.Transport = true, trusting(t, s.CAFile)
	}
	c, err := minio.NewCore(s.address(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Bucket makes an empty one.
func (s *Server) Bucket(t testing.TB) string { return s.bucket(t, minio.MakeBucketOptions{}) }

// LockBucket makes one with object lock, which is versioned too.
func (s *Server) LockBucket(t testing.TB) string {
	return s.bucket(t, minio.MakeBucketOptions{ObjectLocking: true})
}

// VersionedBucket makes one that keeps versions.
func (s *Server) VersionedBucket(t testing.TB) string {
	t.Helper()
	name := s.Bucket(t)
	if err := s.Client(t).EnableVersioning(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	return name
}

func (s *Server) bucket(t testing.TB, o minio.MakeBucketOptions) string {
	t.Helper()
	name := "b-" + strings.ToLower(rand.Text()[:12])
	if err := s.Client(t).MakeBucket(t.Context(), name, o); err != nil {
		t.Fatal(err)
	}
	return name
}

// Options are for a store in that bucket, without retries of more than a
// second.
func (s *Server) Options(bucket string) s3.Options {
	return s3.Options{
		Bucket: bucket, Endpoint: s.Endpoint, CredentialsFile: s.CredentialsFile, CAFile: s.CAFile,
		PartSize: 5 << 20, Retries: 4,
	}
}

// Open opens a store.
func Open(t testing.TB, o s3.Options) *s3.Store {
	t.Helper()
	s, err := s3.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
