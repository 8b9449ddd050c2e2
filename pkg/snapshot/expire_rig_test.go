package snapshot_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

// shelf is a store with signed snapshots whose archives are nonsense.
type shelf struct {
	*erasingStore
	signer, verifier string
}

// erasingStore notes deletions and what must be read before them, fails those
// it is told to, and has locks.
type erasingStore struct {
	snapshot.Store
	deleted  []string
	fail     map[string]error
	locks    map[string]time.Time
	onDelete func(name string)
	// LockedUntil fails for this object.
	lockFault string
}

func (s *erasingStore) Delete(ctx context.Context, name string) error {
	if s.onDelete != nil {
		s.onDelete(name)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.fail[name]; err != nil {
		return err
	}
	s.deleted = append(s.deleted, name)
	return s.Store.Delete(ctx, name)
}

func (s *erasingStore) Lock(_ context.Context, name string, until time.Time) error {
	s.locks[name] = until
	return nil
}

func (s *erasingStore) LockedUntil(_ context.Context, name string) (time.Time, error) {
	if name == s.lockFault {
		return time.Time{}, errFault
	}
	return s.locks[name], nil
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	signer, verifier := newSigner(t)
	mem := &erasingStore{Store: snapshottest.NewMem(), fail: map[string]error{}, locks: map[string]time.Time{}}
	return &shelf{mem, signer, verifier}
}

// add stores a snapshot, n hours old.
func (s *shelf) add(t testing.TB, cluster, node string, hours int) snapshot.Name {
	t.Helper()
	return s.addSigned(t, cluster, node, hours, s.signer)
}

func (s *shelf) addSigned(t testing.TB, cluster, node string, hours int, signer string) snapshot.Name {
	t.Helper()
	name := aged(cluster, node, hours)
	data := []byte(strings.Repeat("x", 100+hours%50))
	put(t, s, name.Archive(), data)
	m := testManifest()
	m.Name, m.Created = name, name.Time()
	m.Contents.ClusterID, m.Contents.NodeID = cluster, node
	m.Files[0].SHA256 = fmt.Sprintf("%x", sha256.Sum256(nil))
	m.SealedSize, m.SealedSHA256 = int64(len(data)), fmt.Sprintf("%x", sha256.Sum256(data))
	put(t, s, name.Manifest(), sign(t, m, signer))
	return name
}

func aged(cluster, node string, hours int) snapshot.Name {
	return snapshot.NewName(cluster, node, time.Now().Add(-time.Duration(hours)*time.Hour))
}

// addAll stores snapshots of manager n, 1 to count hours old, and returns their
// names, the youngest first.
func (s *shelf) addAll(t testing.TB, cluster string, count int) []snapshot.Name {
	t.Helper()
	var names []snapshot.Name
	for hours := range count {
		names = append(names, s.add(t, cluster, "n", hours+1))
	}
	return names
}

func (s *shelf) plan(t testing.TB, policy snapshot.Policy) *snapshot.Plan {
	t.Helper()
	policy.AllowShrink = true
	plan, err := snapshot.PlanExpiry(t.Context(), s, "", policy, []string{s.verifier}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func (s *shelf) expire(t testing.TB, plan *snapshot.Plan) *snapshot.Expired {
	t.Helper()
	done, err := snapshot.Expire(t.Context(), s, plan)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// objects are the names of all that is stored, without those of other kinds.
func (s *shelf) objects(t testing.TB) []string {
	t.Helper()
	all := []string{}
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Name)
	}
	return all
}

// wantStored wants these snapshots whole, and nothing else but extra objects.
func (s *shelf) wantStored(t testing.TB, names []snapshot.Name, extra ...string) {
	t.Helper()
	want := extra
	for _, n := range names {
		want = append(want, n.Archive(), n.Manifest())
	}
	slices.Sort(want)
	if got := s.objects(t); !slices.Equal(got, want) {
		t.Errorf("stored\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func wantNames(t testing.TB, what string, got []snapshot.Name, want ...snapshot.Name) {
	t.Helper()
	got = slices.Sorted(slices.Values(got))
	if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func mustPut(t testing.TB, s snapshot.Store, name string) {
	t.Helper()
	if err := s.Put(t.Context(), name, func(io.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
}
