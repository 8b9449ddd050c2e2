package s3_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/swarmdr/swarmdr/internal/store/s3"
	"github.com/swarmdr/swarmdr/internal/store/s3/s3test"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

// The TestTrapNN are ways in which other tools lost backups, as in pkg/snapshot.

// series puts signed snapshots of one manager, the newest first, whose archives
// hold nothing.
func series(t *testing.T, s *s3.Store, n int) (all []*snapshot.Manifest, verifier string) {
	t.Helper()
	signer, verifier, err := snapshot.GenerateSigner("m1")
	if err != nil {
		t.Fatal(err)
	}
	for hours := range n {
		all = append(all, putSnapshot(t, s, signer, time.Now().Add(-time.Duration(hours+1)*time.Hour)))
	}
	return all, verifier
}

func putSnapshot(t *testing.T, s *s3.Store, signer string, at time.Time) *snapshot.Manifest {
	t.Helper()
	archive := append([]byte("age-encryption.org/v1\n"), snapshottest.Random(uint64(at.Unix()), 100_000)...)
	m := &snapshot.Manifest{
		Format: snapshot.FormatVersion, Name: snapshot.NewName("c", "n", at), Created: at.UTC().Truncate(time.Millisecond),
		Tool: "swarmdr test", Mode: snapshot.Hot, Hostname: "m1", Recipients: []string{"age1x"},
		Contents:   snapshot.Contents{ClusterID: "c", NodeID: "n", Index: 7},
		Files:      []snapshot.File{{Path: "a", Mode: "0600", Size: 1, SHA256: fmt.Sprintf("%x", sha256.Sum256(nil))}},
		SealedSize: int64(len(archive)), SealedSHA256: fmt.Sprintf("%x", sha256.Sum256(archive)),
	}
	signed, err := snapshot.SignManifest(m, signer)
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(s.Put(t.Context(), m.Name.Archive(), fill(archive)), s.Put(t.Context(), m.Name.Manifest(), fill(signed)))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// vault#12168: what is stored is cut, and the server calls it good.
func TestTrap05TruncatedUploadReportedAsSuccess(t *testing.T) {
	server := s3test.VersityGW(t)
	for _, checksum := range []string{"sha256", "none"} {
		t.Run(checksum, func(t *testing.T) {
			o := server.Options(server.Bucket(t))
			o.Checksum = checksum
			s := s3test.Open(t, o)
			all, verifier := series(t, s, 1)
			object := all[0].Name.Archive()
			if err := snapshot.Check(t.Context(), s, all[0]); err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(filepath.Join(server.Dir, o.Bucket, object), 50_000); err != nil {
				t.Fatal(err)
			}
			if info, err := server.Client(t).StatObject(t.Context(), o.Bucket, object, minio.StatObjectOptions{}); err != nil || info.Size != 50_000 {
				t.Fatalf("the server knows of it: %d bytes, %v", info.Size, err)
			}
			if err := snapshot.Check(t.Context(), s, all[0]); err == nil {
				t.Error("check finds nothing")
			}
			wantUnverified(t, s, verifier)
		})
	}
}

// wantUnverified: the retention does not count on what is cut.
func wantUnverified(t *testing.T, s *s3.Store, verifier string) {
	t.Helper()
	entries, err := snapshot.Entries(t.Context(), s, "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := snapshot.Candidates(t.Context(), s, entries, []string{verifier})
	if err != nil || len(all) != 1 || all[0].Verified {
		t.Errorf("got %+v, %v", all, err)
	}
}

// litestream#891: deletions are a part of each day's work, and a bucket with
// object lock refuses them.
func TestTrap07LockedObjectsDoNotFailTheRun(t *testing.T) {
	server := s3test.MinIO(t)
	o := server.Options(server.LockBucket(t))
	o.LockMode = "governance"
	s := s3test.Open(t, o)
	all, verifier := series(t, s, 5)
	plan := func() *snapshot.Plan {
		p, err := snapshot.PlanExpiry(t.Context(), s, "", snapshot.Policy{Last: 1, AllowShrink: true}, []string{verifier}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	lock := func(m *snapshot.Manifest) {
		if err := s.Lock(t.Context(), m.Name.Archive(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	lock(all[4])
	p := plan()
	lock(all[3]) // which the plan does not know
	done, err := snapshot.Expire(t.Context(), s, p)
	if err != nil {
		t.Fatal(err)
	}
	want := []snapshot.Name{all[2].Name, all[1].Name}
	if !slices.Equal(done.Removed, want) || !slices.Equal(done.Locked, []snapshot.Name{all[3].Name}) {
		t.Errorf("removed %v, locked %v", done.Removed, done.Locked)
	}
	if err := s.Delete(t.Context(), all[3].Name.Archive()); !errors.Is(err, snapshot.ErrLocked) {
		t.Errorf("delete: %v", err)
	}
	for _, m := range []*snapshot.Manifest{all[0], all[3], all[4]} {
		if err := snapshot.Check(t.Context(), s, m); err != nil {
			t.Error(err)
		}
	}
	if _, err := server.Client(t).Client.StatObject(t.Context(), o.Bucket, all[3].Name.Archive(), minio.StatObjectOptions{}); err != nil {
		t.Errorf("a delete marker hides it: %v", err)
	}
}

// Two agents with one name, and an upload that ends in its middle: there is no
// object but one that an agent was told is stored.
func TestTrap10TwoAtOnceAndACutUpload(t *testing.T) {
	server := s3test.MinIO(t)
	t.Run("two at once", func(t *testing.T) { twoAgents(t, server.Options(server.Bucket(t))) })
	t.Run("a cut upload", func(t *testing.T) { cutUpload(t, server) })
}

func twoAgents(t *testing.T, o s3.Options) {
	agents := []*s3.Store{s3test.Open(t, o), s3test.Open(t, o)}
	wins := 0
	for i, err := range race(agents) {
		if err == nil {
			wins++
			wantWriter(t, agents[0], i)
		}
	}
	if wins > 1 || wins == 0 && exists(t, agents[0]) {
		t.Errorf("%d of two agents stored it", wins)
	}
}

func cutUpload(t *testing.T, server *s3test.Server) {
	through, cable := s3test.Toxiproxy(t, server)
	o := through.Options(server.Bucket(t))
	err := s3test.Open(t, o).Put(t.Context(), name, func(w io.Writer) error {
		if _, err := w.Write(parts[:6<<20]); err != nil {
			return err
		}
		down(t, cable)
		_, err := w.Write(parts[6<<20:])
		return err
	})
	direct := s3test.Open(t, server.Options(o.Bucket))
	if err == nil || exists(t, direct) || read(t, direct) != nil {
		t.Errorf("a part of the object is there: %v", err)
	}
	if err := direct.Put(t.Context(), name, fill(parts)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, direct), parts) {
		t.Error("other bytes came back")
	}
	if err := direct.Put(t.Context(), name, fill(parts)); !errors.Is(err, snapshot.ErrExist) {
		t.Errorf("once more: %v", err)
	}
}

// minio-go#1473: it holds one part in memory, and what it takes for the size of
// one when it is told nothing does not fit a manager.
func TestTrap14MemoryOfAnUploadOfUnknownSize(t *testing.T) {
	const most = 64 << 20
	_, size, _, err := minio.OptimalPartInfo(-1, 0)
	if err != nil || size < 8*most {
		t.Fatalf("minio-go's own parts have %d bytes: the trap is gone, %v", size, err)
	}
	server := s3test.MinIO(t)
	o := server.Options(server.Bucket(t))
	o.PartSize = 0 // ours
	cmd, out := startChild(t, job{Options: o, Size: 256 << 20})
	line, _ := out.ReadString('\n')
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	kib := 0
	if _, err := fmt.Sscanf(line, "peak %d", &kib); err != nil || kib<<10 > most {
		t.Errorf("%d KiB were resident, %v", kib, err)
	}
}
