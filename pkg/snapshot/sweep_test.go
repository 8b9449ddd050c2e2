package snapshot_test

import (
	"errors"
	"testing"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// The backup that was killed is gone from the spool, the whole one stays.
func TestSweep(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if err != nil {
		t.Fatal(err)
	}
	killed := aged("c", "n", 1)
	mustPut(t, r.store.Store, killed.Archive())
	if err := snapshot.Sweep(t.Context(), r.store); err != nil {
		t.Fatal(err)
	}
	entries, err := snapshot.Entries(t.Context(), r.store, "")
	if err != nil || len(entries) != 1 {
		t.Errorf("%+v, %v", entries, err)
	}
	r.wantRestorable(t, m)
}

func TestSweepFails(t *testing.T) {
	s := &erasingStore{Store: second().Store, fail: map[string]error{}}
	killed := aged("c", "n", 1)
	mustPut(t, s, killed.Archive())
	s.fail[killed.Archive()] = errFault
	if err := snapshot.Sweep(t.Context(), s); !errors.Is(err, errFault) || !errors.Is(err, snapshot.ErrStore) {
		t.Errorf("got %v", err)
	}
}
