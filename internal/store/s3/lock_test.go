package s3_test

import (
	"errors"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// New objects are locked, in one piece and in parts, and after a resumed upload
// for the whole time.
func TestPutLocks(t *testing.T) {
	server := s3test.MinIO(t)
	for _, mode := range []string{"governance", "compliance"} {
		for _, size := range []int{100, len(parts)} {
			o := server.Options(server.LockBucket(t))
			o.LockMode, o.LockFor = mode, time.Hour
			s := s3test.Open(t, o)
			if err := s.Put(t.Context(), name, fill(parts[:size])); err != nil {
				t.Fatal(err)
			}
			wantHeld(t, server, s, o)
		}
	}
}

func wantHeld(t *testing.T, server *s3test.Server, s *s3.Store, o s3.Options) {
	t.Helper()
	until, err := s.LockedUntil(t.Context(), name)
	if left := time.Until(until); err != nil || left < o.LockFor-time.Minute || left > o.LockFor {
		t.Errorf("%s: locked for %v, %v", o.LockMode, left, err)
	}
	if err := s.Delete(t.Context(), name); !errors.Is(err, snapshot.ErrLocked) {
		t.Errorf("%s: delete: %v", o.LockMode, err)
	}
	info, err := server.Client(t).StatObject(t.Context(), o.Bucket, name, minio.StatObjectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	err = server.Client(t).RemoveObject(t.Context(), o.Bucket, name, minio.RemoveObjectOptions{VersionID: info.VersionID})
	if err == nil {
		t.Errorf("%s: the server deleted a locked version", o.LockMode)
	}
}

func TestResumedPutLocksForTheWholeTime(t *testing.T) {
	server := s3test.MinIO(t)
	through, proxy := proxied(t, server)
	o := server.Options(server.LockBucket(t))
	o.Region, o.LockMode, o.LockFor = "us-east-1", "governance", time.Minute
	cutAt(t, o, through, proxy, 7, cuts["before"])
	o.LockFor = time.Hour
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	wantHeld(t, server, s, o)
}

func TestLegalHoldIsALock(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.LockBucket(t))
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(nil)); err != nil {
		t.Fatal(err)
	}
	on := minio.LegalHoldEnabled
	if err := server.Client(t).PutObjectLegalHold(t.Context(), o.Bucket, name, minio.PutObjectLegalHoldOptions{Status: &on}); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), name); !errors.Is(err, snapshot.ErrLocked) {
		t.Errorf("got %v", err)
	}
}

// versitygw answers GetObjectRetention in a form that cannot be read; the
// headers of the object tell the same. It does not give the name of a deleted
// object to another.
func TestVersityGWLocks(t *testing.T) {
	server := s3test.VersityGW(t)
	o := server.Options(server.LockBucket(t))
	o.LockMode = "compliance"
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(parts[:100])); err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(2 * time.Second).Truncate(time.Second)
	if err := s.Lock(t.Context(), name, until); err != nil {
		t.Fatal(err)
	}
	if got, err := s.LockedUntil(t.Context(), name); err != nil || !got.Equal(until) {
		t.Errorf("locked until %v, %v", got, err)
	}
	if err := s.Delete(t.Context(), name); !errors.Is(err, snapshot.ErrLocked) {
		t.Errorf("delete: %v", err)
	}
	time.Sleep(time.Until(until) + 200*time.Millisecond)
	if err := s.Delete(t.Context(), name); err != nil {
		t.Errorf("delete: %v", err)
	}
	err := s.Put(t.Context(), name, fill(parts[:100]))
	if want := "put c/n/1: object exists\nthe object was deleted, and the server does not give its name to another"; err == nil || err.Error() != want {
		t.Errorf("put after delete: %v", err)
	}
}

// What is deleted in a versioned bucket is not listed, and can be had back.
func TestDeleteLeavesAMarker(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.VersionedBucket(t))
	s := s3test.Open(t, o)
	if err := s.Put(t.Context(), name, fill(parts[:100])); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if exists(t, s) || read(t, s) != nil {
		t.Error("the object is there")
	}
	versions, markers := 0, 0
	for v := range server.Client(t).ListObjectsIter(t.Context(), o.Bucket, minio.ListObjectsOptions{Recursive: true, WithVersions: true}) {
		if v.IsDeleteMarker {
			markers++
		} else {
			versions++
		}
	}
	if versions != 1 || markers != 1 {
		t.Errorf("%d versions and %d markers", versions, markers)
	}
}
