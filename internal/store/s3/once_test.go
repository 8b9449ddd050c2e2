package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

// unconditional is a server that does not know If-None-Match: gofakes3, which
// looks at no signature, behind a proxy that takes the header away.
func unconditional(t testing.TB) *s3test.Server {
	through, proxy := proxied(t, s3test.Fake(t))
	proxy.with(func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		r.Header.Del("If-None-Match")
		return false
	})
	return through
}

func TestWriteOnceWithoutConditions(t *testing.T) {
	server := unconditional(t)
	s := s3test.Open(t, server.Options(server.Bucket(t)))
	for _, size := range []int{100, len(parts)} {
		name := fmt.Sprintf("c/n/%d", size)
		if err := s.Put(t.Context(), name, fill(parts[:size])); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), name, fill(parts[1:size])); !errors.Is(err, snapshot.ErrExist) {
			t.Errorf("second put: %v", err)
		}
	}
}

// Somebody overwrites the object as soon as it is there: it is not ours.
func TestOverwrittenAtOnce(t *testing.T) {
	server := s3test.Fake(t)
	through, proxy := proxied(t, server)
	o := through.Options(server.Bucket(t))
	proxy.with(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.Method != http.MethodPost || kind(r) != "uploadId" {
			return false
		}
		proxy.forward.ServeHTTP(w, r)
		_, err := server.Client(t).Client.PutObject(t.Context(), o.Bucket, name, strings.NewReader("theirs"), 6, minio.PutObjectOptions{DisableContentSha256: true})
		if err != nil {
			t.Error(err)
		}
		return true
	})
	if err := s3test.Open(t, o).Put(t.Context(), name, fill(parts)); !errors.Is(err, snapshot.ErrExist) {
		t.Errorf("got %v", err)
	}
}

// Of several that upload one name in parts one wins, and the others hear that
// the name is taken.
func TestRaceOfUploads(t *testing.T) {
	server := s3test.MinIO(t)
	for range 5 {
		s := s3test.Open(t, server.Options(server.Bucket(t)))
		wins := 0
		for i, err := range race([]*s3.Store{s, s, s, s, s}) {
			if err == nil {
				wins++
				wantWriter(t, s, i)
			} else if !errors.Is(err, snapshot.ErrExist) {
				t.Error(err)
			}
		}
		if wins != 1 {
			t.Errorf("%d won", wins)
		}
	}
}

// Several hosts may take one another's upload for one that was left. One wins
// at most, and what is stored is its object or nothing.
func TestRaceOfHosts(t *testing.T) {
	server := s3test.MinIO(t)
	for range 5 {
		o := server.Options(server.Bucket(t))
		hosts := []*s3.Store{s3test.Open(t, o), s3test.Open(t, o), s3test.Open(t, o)}
		wins := 0
		for i, err := range race(hosts) {
			if err == nil {
				wins++
				wantWriter(t, hosts[0], i)
			}
		}
		if wins > 1 || wins == 0 && exists(t, hosts[0]) {
			t.Errorf("%d won", wins)
		}
	}
}

func race(stores []*s3.Store) []error {
	var wg sync.WaitGroup
	errs := make([]error, len(stores))
	for i, s := range stores {
		wg.Go(func() {
			errs[i] = s.Put(context.Background(), name, slowly(snapshottest.Random(uint64(i), len(parts))))
		})
	}
	wg.Wait()
	return errs
}

func wantWriter(t *testing.T, s *s3.Store, i int) {
	t.Helper()
	if !bytes.Equal(read(t, s), snapshottest.Random(uint64(i), len(parts))) {
		t.Errorf("the object is not the one of writer %d", i)
	}
}

// slowly lets the others begin.
func slowly(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		for n := 0; n < len(b); n += 1 << 20 {
			if _, err := w.Write(b[n : n+1<<20]); err != nil {
				return err
			}
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	}
}

// An upload in parts of another size is not resumed: the object says of what
// size they are.
func TestOtherPartSizeBeginsAnew(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	o := server.Options(server.Bucket(t))
	o.Region = "us-east-1"
	cutAt(t, o, through, proxy, 7, cuts["before"])
	o.PartSize = 6 << 20
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	info, err := server.Client(t).StatObject(t.Context(), o.Bucket, name, minio.StatObjectOptions{})
	if got := info.UserMetadata["Swarmdr-Part"]; err != nil || got != fmt.Sprint(o.PartSize) {
		t.Errorf("the parts are told to have %q bytes, %v", got, err)
	}
	if uploads, _ := unfinished(t, server, o); uploads != 0 {
		t.Errorf("%d uploads are left", uploads)
	}
	if !bytes.Equal(read(t, s), parts) {
		t.Error("other bytes came back")
	}
}

// A server that takes the request for a lock for nothing does not lock.
func TestLockThatDoesNotHold(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	o := through.Options(server.Bucket(t))
	o.LockMode = "governance"
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(nil)); err != nil {
		t.Fatal(err)
	}
	proxy.with(func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if kind(r) == "object-lock" {
			io.WriteString(w, "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>")
		}
		return kind(r) == "object-lock" || kind(r) == "retention"
	})
	if err := s.Lock(t.Context(), name, time.Now().Add(time.Hour)); !errors.Is(err, snapshot.ErrNoLock) {
		t.Errorf("got %v", err)
	}
}
