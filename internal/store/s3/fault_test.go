package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2/client"
	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

const name = "c/n/1"

// parts is an object of two whole parts of 5 MiB and a smaller one.
var parts = snapshottest.Random(7, 11<<20)

func fill(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	}
}

func read(t testing.TB, s *s3.Store) []byte {
	t.Helper()
	r, err := s.Get(t.Context(), name)
	if errors.Is(err, snapshot.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

func exists(t testing.TB, s *s3.Store) bool {
	t.Helper()
	for o, err := range s.List(t.Context(), name) {
		if err != nil {
			t.Fatal(err)
		}
		if o.Name == name {
			return true
		}
	}
	return false
}

// unfinished counts the uploads of the name, and the parts that they hold.
func unfinished(t testing.TB, server *s3test.Server, o s3.Options) (uploads, parts int) {
	t.Helper()
	key := strings.TrimPrefix(o.Prefix+"/"+name, "/")
	for m := range server.Client(t).ListIncompleteUploads(t.Context(), o.Bucket, key, true) {
		if m.Err != nil {
			t.Fatal(m.Err)
		}
		held, err := server.Client(t).ListObjectParts(t.Context(), o.Bucket, m.Key, m.UploadID, 0, 1000)
		if err != nil {
			t.Fatal(err)
		}
		uploads, parts = uploads+1, parts+len(held.ObjectParts)
	}
	return uploads, parts
}

// The connection goes for good at each request of an upload, before it, in its
// middle, and after it was carried out. What is left is nothing or the whole
// object, and a second Put sends only what is missing.
func TestConnectionCutInEveryPhase(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	phases := phasesOf(t, server.Options(server.Bucket(t)), through, proxy)
	for phase := range phases {
		for where, cut := range cuts {
			t.Run(fmt.Sprintf("%02d %s %s", phase+1, phases[phase], where), func(t *testing.T) {
				o := server.Options(server.Bucket(t))
				o.Region = "us-east-1"
				cutAt(t, o, through, proxy, phase+1, cut)
				held := wantNothingOrAll(t, server, o)
				again(t, o, through, proxy, held)
			})
		}
	}
}

// phasesOf are the requests of an undisturbed Put.
func phasesOf(t *testing.T, o s3.Options, through *s3test.Server, proxy *faulty) []string {
	o.Endpoint, o.Region = through.Endpoint, "us-east-1"
	if err := s3test.Open(t, o).Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	phases := proxy.requests()
	want := "HEAD object,GET uploads,POST uploads,PUT partNumber,PUT partNumber,PUT partNumber,HEAD object,POST uploadId,HEAD object"
	if got := strings.Join(phases, ","); got != want {
		t.Fatalf("a Put is %s, want %s", got, want)
	}
	return phases
}

func cutAt(t *testing.T, o s3.Options, through *s3test.Server, proxy *faulty, phase int, cut func(*faulty, *http.Request)) {
	o.Endpoint, o.Retries = through.Endpoint, 1
	proxy.with(func(_ http.ResponseWriter, r *http.Request, n int) bool {
		if n > phase {
			hangUp()
		}
		if n == phase {
			cut(proxy, r)
		}
		return false
	})
	if err := s3test.Open(t, o).Put(t.Context(), name, fill(parts)); err == nil {
		t.Error("put went through")
	}
	proxy.with(nil)
}

// wantNothingOrAll returns how many parts are held for a second Put, -1 for the
// whole object.
func wantNothingOrAll(t *testing.T, server *s3test.Server, o s3.Options) int {
	t.Helper()
	direct := s3test.Open(t, o)
	if exists(t, direct) {
		if !bytes.Equal(read(t, direct), parts) {
			t.Error("a part of the object is there")
		}
		return -1
	}
	_, held := unfinished(t, server, o)
	return held
}

func again(t *testing.T, o s3.Options, through *s3test.Server, proxy *faulty, held int) {
	t.Helper()
	o.Endpoint = through.Endpoint
	s := s3test.Open(t, o)
	err := s.Put(t.Context(), name, fill(parts))
	switch sent := proxy.count("PUT partNumber"); {
	case held < 0 && !errors.Is(err, snapshot.ErrExist):
		t.Errorf("second put of what is there: %v", err)
	case held >= 0 && err != nil:
		t.Errorf("second put: %v", err)
	case held >= 0 && sent != 3-held:
		t.Errorf("%d parts were there and %d were sent", held, sent)
	}
	if !bytes.Equal(read(t, s), parts) {
		t.Error("other bytes came back")
	}
}

// A resumed upload takes no part that is not of these bytes.
func TestResumeComparesTheParts(t *testing.T) {
	for server, start := range map[string]func(testing.TB) *s3test.Server{"minio": s3test.MinIO, "versitygw": s3test.VersityGW, "fake": s3test.Fake} {
		t.Run(server, func(t *testing.T) {
			server := start(t)
			through, proxy := proxied(t, server)
			o := server.Options(server.Bucket(t))
			o.Region = "us-east-1"
			cutAt(t, o, through, proxy, 7, cuts["before"])
			changed := bytes.Clone(parts)
			changed[6<<20]++ // in the second part
			o.Endpoint = through.Endpoint
			s := s3test.Open(t, o)
			if err := s.Put(t.Context(), name, fill(changed)); err != nil {
				t.Fatal(err)
			}
			if n := proxy.count("PUT partNumber"); n != 1 {
				t.Errorf("%d parts were sent, one had changed", n)
			}
			if !bytes.Equal(read(t, s), changed) {
				t.Error("other bytes came back")
			}
		})
	}
}

// The server is gone and comes back within the retries.
func TestToxiproxyConnectionReset(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := s3test.Toxiproxy(t, server)
	o := through.Options(server.Bucket(t))
	o.Retries = 10
	err := s3test.Open(t, o).Put(t.Context(), name, func(w io.Writer) error {
		if _, err := w.Write(parts[:6<<20]); err != nil {
			return err
		}
		down(t, proxy)
		time.AfterFunc(500*time.Millisecond, func() { proxy.Enable() })
		_, err := w.Write(parts[6<<20:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, s3test.Open(t, o)), parts) {
		t.Error("other bytes came back")
	}
}

func down(t testing.TB, proxy *toxiproxy.Proxy) {
	if err := proxy.Disable(); err != nil {
		t.Error(err)
	}
}

// The server goes away for good: the error comes soon, and the next Put
// resumes.
func TestToxiproxyGoneForGood(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := s3test.Toxiproxy(t, server)
	o := through.Options(server.Bucket(t))
	s := s3test.Open(t, o)
	err := s.Put(t.Context(), name, func(w io.Writer) error {
		if _, err := w.Write(parts[:6<<20]); err != nil {
			return err
		}
		down(t, proxy)
		_, err := w.Write(parts[6<<20:])
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("got %v", err)
	}
	if uploads, held := unfinished(t, server, o); uploads != 1 || held != 1 {
		t.Errorf("%d uploads with %d parts are left", uploads, held)
	}
	if err := proxy.Enable(); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	if uploads, _ := unfinished(t, server, o); uploads != 0 {
		t.Errorf("%d uploads are left", uploads)
	}
}

// An interrupted Put is one that a second run resumes.
func TestCanceledPutIsResumed(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	o := through.Options(server.Bucket(t))
	s := s3test.Open(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.Put(ctx, name, func(w io.Writer) error {
		if _, err := w.Write(parts[:10<<20+1]); err != nil {
			return err
		}
		cancel()
		_, err := w.Write(parts[10<<20+1:])
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	proxy.with(nil)
	if err := s.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	if n := proxy.count("PUT partNumber"); n != 1 {
		t.Errorf("%d parts were sent, one was missing", n)
	}
	if !bytes.Equal(read(t, s), parts) {
		t.Error("other bytes came back")
	}
}

func TestFailedFillAborts(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	failed := errors.New("source failed")
	err := s3test.Open(t, o).Put(t.Context(), name, func(w io.Writer) error { return errors.Join(fill(parts)(w), failed) })
	if !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	if uploads, _ := unfinished(t, server, o); uploads != 0 {
		t.Errorf("%d uploads are left", uploads)
	}
}

// An answer that is lost is not an object of somebody else.
func TestAnswerLostAfterCommit(t *testing.T) {
	for what, start := range map[string]func(testing.TB) *s3test.Server{"minio": s3test.MinIO, "versitygw": s3test.VersityGW, "fake": s3test.Fake} {
		t.Run(what, func(t *testing.T) { answerLost(t, start(t)) })
	}
}

func answerLost(t *testing.T, server *s3test.Server) {
	for _, size := range []int{100, len(parts)} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			through, proxy := proxied(t, server)
			o := through.Options(server.Bucket(t))
			s := s3test.Open(t, o)
			lost := 0
			proxy.with(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
				commit := r.Method == http.MethodPut && kind(r) == "object" || r.Method == http.MethodPost && kind(r) == "uploadId"
				if commit && lost == 0 {
					lost++
					cuts["after"](proxy, r)
				}
				return false
			})
			if err := s.Put(t.Context(), name, fill(parts[:size])); err != nil {
				t.Fatal(err)
			}
			if err := s.Put(t.Context(), name, fill(parts[:size])); !errors.Is(err, snapshot.ErrExist) {
				t.Errorf("second put: %v", err)
			}
			if lost != 1 || !bytes.Equal(read(t, s), parts[:size]) {
				t.Errorf("%d answers were lost", lost)
			}
		})
	}
}

func TestStormOf503(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	o := through.Options(server.Bucket(t))
	o.Region = "us-east-1"
	s := s3test.Open(t, o)
	proxy.with(func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n%3 != 0 {
			unavailable(w)
		}
		return n%3 != 0
	})
	if err := s.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, s), parts) {
		t.Error("other bytes came back")
	}
	proxy.with(func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		unavailable(w)
		return true
	})
	err := s.Put(t.Context(), "c/n/2", fill(parts[:100]))
	want := "put c/n/2: 503 Service Unavailable (503)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if n := len(proxy.requests()); n != o.Retries {
		t.Errorf("%d attempts, want %d", n, o.Retries)
	}
}

func TestWrongCredentials(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	secret := "canary-of-a-secret-key"
	for access, want := range map[string]string{server.AccessKey: "SignatureDoesNotMatch", "nobody": "InvalidAccessKeyId"} {
		o.CredentialsFile = s3test.WriteCredentials(t, access, secret)
		s := s3test.Open(t, o)
		for what, err := range map[string]error{"ready": s.Ready(t.Context()), "put": s.Put(t.Context(), name, fill(parts))} {
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v, want %s", what, err, want)
			}
		}
		if text := fmt.Sprintf("%v %+v %#v %s", s, s, *s, s); strings.Contains(text, secret) {
			t.Errorf("the store prints its secret: %s", text)
		}
	}
}

func TestBucketGoneInTheMiddle(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	s := s3test.Open(t, o)
	err := s.Put(t.Context(), name, func(w io.Writer) error {
		if _, err := w.Write(parts[:6<<20]); err != nil {
			return err
		}
		if err := server.Client(t).RemoveBucketWithOptions(t.Context(), o.Bucket, minio.RemoveBucketOptions{ForceDelete: true}); err != nil {
			t.Error(err)
		}
		_, err := w.Write(parts[6<<20:])
		return err
	})
	refused := (*s3.Error)(nil)
	if !errors.As(err, &refused) || refused.Code != "NoSuchBucket" {
		t.Errorf("got %v", err)
	}
	if err := s.Ready(t.Context()); !errors.As(err, &refused) || refused.Code != "NoSuchBucket" {
		t.Errorf("ready: %v", err)
	}
}

func TestClockSkewIsSeen(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	s := s3test.Open(t, through.Options(server.Bucket(t)))
	for skew, want := range map[time.Duration]snapshot.Verdict{0: snapshot.CheckOK, 6 * time.Minute: snapshot.CheckFail, -time.Hour: snapshot.CheckFail} {
		proxy.answers(func(r *http.Response) error {
			r.Header.Set("Date", time.Now().Add(skew).UTC().Format(http.TimeFormat))
			return nil
		})
		if got := verdicts(s.Check(t.Context()))["clock"]; got != want {
			t.Errorf("%v ahead: %s, want %s", skew, got, want)
		}
	}
}

func verdicts(r snapshot.Report) map[string]snapshot.Verdict {
	m := map[string]snapshot.Verdict{}
	for _, a := range r {
		m[a.Name] = a.Verdict
	}
	return m
}

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == childArg {
		os.Exit(child())
	}
	os.Exit(m.Run())
}
