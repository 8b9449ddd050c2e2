package snapshot_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

func TestExpire(t *testing.T) {
	s := newShelf(t)
	c, d := s.addAll(t, "c", 4), s.addAll(t, "d", 2)
	plan := s.plan(t, snapshot.Policy{Last: 2})
	s.wantStored(t, slices.Concat(c, d)) // a plan changes nothing
	done := s.expire(t, plan)
	wantNames(t, "removed", done.Removed, c[2], c[3])
	s.wantStored(t, slices.Concat(c[:2], d))
	if again := s.plan(t, snapshot.Policy{Last: 2}); len(again.Remove) != 0 {
		t.Errorf("a second run would remove %v", again.Remove)
	}
}

// No manifest, no snapshot: the manifest goes first, the oldest snapshot first.
func TestExpireOrder(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 3)
	mustPut(t, s, string(c[2])+".bad")
	s.expire(t, s.plan(t, snapshot.Policy{Within: time.Minute}))
	want := []string{
		c[2].Manifest(), c[2].Archive(), string(c[2]) + ".bad",
		c[1].Manifest(), c[1].Archive(), string(c[1]) + ".bad",
	}
	if !slices.Equal(s.deleted, want) {
		t.Errorf("deleted %v, want %v", s.deleted, want)
	}
	s.wantStored(t, c[:1])
}

func TestExpireStaysInItsPrefix(t *testing.T) {
	s := newShelf(t)
	c, d := s.addAll(t, "c", 3), s.addAll(t, "cd", 3)
	orphan := aged("d", "n", 48)
	mustPut(t, s, orphan.Archive())
	p := snapshot.Policy{Last: 1, AllowShrink: true}
	plan, err := snapshot.PlanExpiry(t.Context(), s, "c/", p, []string{s.verifier}, time.Now())
	if err != nil || plan.Prefix != "c/" {
		t.Fatal(plan, err)
	}
	s.expire(t, plan)
	s.wantStored(t, append(d, c[0]), orphan.Archive())
}

func TestExpireRefusesARefusedPlan(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 5)
	shrink := (*snapshot.ShrinkError)(nil)
	plan, err := snapshot.PlanExpiry(t.Context(), s, "", snapshot.Policy{Last: 1}, []string{s.verifier}, time.Now())
	if !errors.As(err, &shrink) || plan == nil || len(plan.Remove) != 4 {
		t.Fatalf("got %v, %v", plan, err)
	}
	if done, err := snapshot.Expire(t.Context(), s, plan); !errors.As(err, &shrink) || len(done.Removed) != 0 {
		t.Errorf("got %+v, %v", done, err)
	}
	s.wantStored(t, c)
}

// What happened since the plan was made counts.
func TestExpireLooksAgain(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 6)
	plan := s.plan(t, snapshot.Policy{Last: 1})
	younger := s.add(t, "c", "n", 0)
	if err := snapshot.Protect(t.Context(), s, c[1], "audit", "me"); err != nil {
		t.Fatal(err)
	}
	s.replace(t, c[2])
	s.remove(t, c[3].Manifest())
	done := s.expire(t, plan)
	wantNames(t, "removed", done.Removed, c[4], c[5])
	wantNames(t, "spared", done.Spared, c[1], c[2], c[3])
	s.wantStored(t, []snapshot.Name{younger, c[0], c[1], c[2]}, string(c[1])+".keep", c[3].Archive())
}

func (s *shelf) replace(t testing.TB, name snapshot.Name) {
	t.Helper()
	s.remove(t, name.Archive())
	put(t, s, name.Archive(), []byte("another"))
}

func (s *shelf) remove(t testing.TB, object string) {
	t.Helper()
	if err := s.Store.Delete(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// A removal of many takes minutes: a snapshot that is protected meanwhile stays.
func TestExpireLooksBeforeEachRemoval(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 3)
	plan := s.plan(t, snapshot.Policy{Last: 1})
	s.onDelete = func(name string) {
		if name == c[2].Manifest() {
			mustPut(t, s, string(c[1])+".keep")
		}
	}
	done := s.expire(t, plan)
	wantNames(t, "removed", done.Removed, c[2])
	wantNames(t, "spared", done.Spared, c[1])
}

// Two expiries with different policies must not remove what the other keeps.
func TestExpireOfAStalePlan(t *testing.T) {
	for name, spoil := range map[string]func(s *shelf, kept snapshot.Name){
		"gone":        func(s *shelf, kept snapshot.Name) { s.remove(t, kept.Manifest()) },
		"replaced":    func(s *shelf, kept snapshot.Name) { s.replace(t, kept) },
		"bad by now":  func(s *shelf, kept snapshot.Name) { mustPut(t, s, string(kept)+".bad") },
		"no archive":  func(s *shelf, kept snapshot.Name) { s.remove(t, kept.Archive()) },
		"all is gone": func(s *shelf, kept snapshot.Name) { s.remove(t, kept.Manifest()); s.remove(t, kept.Archive()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			c, d := s.addAll(t, "c", 3), s.addAll(t, "d", 3)
			plan := s.plan(t, snapshot.Policy{Last: 1})
			spoil(s, c[0])
			done, err := snapshot.Expire(t.Context(), s, plan)
			if !errors.Is(err, snapshot.ErrStalePlan) {
				t.Errorf("got %v", err)
			}
			wantNames(t, "removed", done.Removed, d[1], d[2])
			if left, err := snapshot.List(t.Context(), s, "c/"); err != nil || !slices.Contains(left, c[1]) || !slices.Contains(left, c[2]) {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

func TestExpireGoesOnAfterAFailure(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 4)
	plan := s.plan(t, snapshot.Policy{Last: 1})
	s.fail[c[3].Manifest()] = errFault
	s.fail[c[2].Archive()] = errFault
	done, err := snapshot.Expire(t.Context(), s, plan)
	if !errors.Is(err, errFault) || !errors.Is(err, snapshot.ErrStore) {
		t.Errorf("got %v", err)
	}
	wantNames(t, "removed", done.Removed, c[1])
	s.wantStored(t, []snapshot.Name{c[0], c[3]}, c[2].Archive())
}

func TestExpireStopsWithItsContext(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 4)
	plan := s.plan(t, snapshot.Policy{Last: 1})
	ctx, cancel := context.WithCancel(t.Context())
	s.onDelete = func(name string) {
		if name == c[2].Manifest() {
			cancel()
		}
	}
	done, err := snapshot.Expire(ctx, s, plan)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantNames(t, "removed", done.Removed, c[3])
	s.wantStored(t, c[:3])
}

// A lock is no failure, whether the plan knew of it or not.
func TestExpireOfLockedObjects(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 5)
	s.locks[c[4].Archive()] = time.Now().Add(time.Hour)
	plan := s.plan(t, snapshot.Policy{Last: 1})
	if k := plan.Keep[0]; k.Name != c[4] || k.LockedUntil.IsZero() {
		t.Errorf("kept %+v", k)
	}
	s.locks[c[3].Manifest()] = time.Now().Add(time.Hour)
	s.locks[c[2].Manifest()] = time.Now().Add(-time.Hour)
	s.fail[c[1].Manifest()] = snapshot.ErrLocked
	done := s.expire(t, plan)
	wantNames(t, "locked", done.Locked, c[1], c[3])
	wantNames(t, "removed", done.Removed, c[2])
	s.wantStored(t, []snapshot.Name{c[0], c[1], c[3], c[4]})
}

// Without its lock, a snapshot may not be planned to go.
func TestPlanNeedsTheLocks(t *testing.T) {
	s := newShelf(t)
	c := s.addAll(t, "c", 3)
	s.lockFault = c[1].Archive()
	policy := snapshot.Policy{Last: 2, AllowShrink: true}
	if plan, err := snapshot.PlanExpiry(t.Context(), s, "", policy, []string{s.verifier}, time.Now()); err != nil {
		t.Errorf("of one that stays no lock is asked: %v, %v", plan, err)
	}
	policy.Last = 1
	plan, err := snapshot.PlanExpiry(t.Context(), s, "", policy, []string{s.verifier}, time.Now())
	if !errors.Is(err, errFault) || !errors.Is(err, snapshot.ErrStore) || plan != nil {
		t.Errorf("got %v, %v", plan, err)
	}
}

// A kill between manifest and archive leaves an orphan, and so does a killed
// backup. Later runs remove it, when it cannot be one that is being written.
func TestExpireRemovesOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t)
		c := s.addAll(t, "c", 2)
		killed := aged("e", "n", 100)
		mustPut(t, s, killed.Archive())
		protected := aged("e", "n", 101)
		mustPut(t, s, protected.Archive())
		mustPut(t, s, string(protected)+".keep")
		s.fail[c[1].Archive()] = errFault // as if it was killed here
		if _, err := snapshot.Expire(t.Context(), s, s.plan(t, snapshot.Policy{Last: 1})); !errors.Is(err, errFault) {
			t.Fatal(err)
		}
		delete(s.fail, c[1].Archive())
		time.Sleep(23 * time.Hour)
		s.add(t, "f", "m", 0)
		if plan := s.plan(t, snapshot.Policy{Last: 1}); len(plan.Orphans) != 0 {
			t.Errorf("after 23 hours: %v", plan.Orphans)
		}
		time.Sleep(2 * time.Hour)
		uploading := aged("c", "n", 0)
		mustPut(t, s, uploading.Archive())
		done := s.expire(t, s.plan(t, snapshot.Policy{Last: 1}))
		wantNames(t, "orphans", done.Orphans, c[1], killed)
		s.wantStored(t, []snapshot.Name{c[0], aged("f", "m", 2)}, uploading.Archive(), protected.Archive(), string(protected)+".keep")
	})
}

// An archive whose manifest came after the plan is no orphan any more.
func TestExpireLooksAgainAtOrphans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(t)
		name := s.add(t, "c", "n", 100)
		time.Sleep(25 * time.Hour)
		young := s.add(t, "c", "n", 0)
		uploading := aged("d", "n", 0)
		mustPut(t, s, uploading.Archive())
		done := s.expire(t, &snapshot.Plan{Orphans: []snapshot.Name{name, uploading, aged("c", "n", 5)}})
		wantNames(t, "orphans", done.Orphans)
		s.wantStored(t, []snapshot.Name{name, young}, uploading.Archive())
	})
}

// A clock that is two days ahead makes no orphan of a backup that is being
// written.
func TestOrphansByAnotherClock(t *testing.T) {
	s := newShelf(t)
	s.addAll(t, "c", 2)
	mustPut(t, s, aged("c", "n", 0).Archive())
	policy := snapshot.Policy{Last: 2}
	plan, err := snapshot.PlanExpiry(t.Context(), s, "", policy, []string{s.verifier}, time.Now().Add(48*time.Hour))
	if err != nil || len(plan.Orphans) != 0 {
		t.Errorf("got %v, %v", plan.Orphans, err)
	}
}
