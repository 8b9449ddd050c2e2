package snapshot_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

func TestExtendLocks(t *testing.T) {
	s := snapshottest.NewMem()
	now := time.Now().UTC()
	var kept []snapshot.Kept
	for i := range 4 {
		name := snapshot.NewName("c", "n", now.Add(-time.Duration(i)*time.Hour))
		put(t, s, name.Archive(), []byte("x"))
		put(t, s, name.Manifest(), []byte("x"))
		kept = append(kept, snapshot.Kept{Candidate: snapshot.Candidate{Name: name}})
	}
	longer, until := now.Add(48*time.Hour), now.Add(24*time.Hour)
	must(t, s.Lock(t.Context(), kept[1].Name.Archive(), longer))
	must(t, s.Lock(t.Context(), kept[1].Name.Manifest(), longer))
	must(t, s.Lock(t.Context(), kept[2].Name.Archive(), longer)) // a kill came before the manifest
	kept[3].Future = true
	gone := snapshot.Kept{Candidate: snapshot.Candidate{Name: snapshot.NewName("c", "n", now.Add(-9*time.Hour))}}
	plan := &snapshot.Plan{Keep: append(kept, gone)}
	for i, want := range [][]snapshot.Name{{kept[0].Name, kept[2].Name}, {}} {
		got, err := snapshot.ExtendLocks(t.Context(), s, plan, until)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("run %d: %s, %v; want %s", i, got, err, want)
		}
	}
	for object, want := range map[string]time.Time{
		kept[0].Name.Archive(): until, kept[0].Name.Manifest(): until,
		kept[1].Name.Archive(): longer, kept[2].Name.Archive(): longer, kept[2].Name.Manifest(): until,
		kept[3].Name.Archive(): {},
	} {
		if got, err := s.LockedUntil(t.Context(), object); err != nil || got.Sub(want).Abs() > time.Second {
			t.Errorf("%s: locked until %s, %v; want %s", object, got, err, want)
		}
	}
}

func TestExtendLocksWithout(t *testing.T) {
	noLocks := struct{ snapshot.Store }{snapshottest.NewMem()}
	if _, err := snapshot.ExtendLocks(t.Context(), noLocks, &snapshot.Plan{}, time.Now()); !errors.Is(err, snapshot.ErrNoLock) {
		t.Errorf("got %v", err)
	}
}
