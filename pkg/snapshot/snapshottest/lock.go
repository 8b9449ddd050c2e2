package snapshottest

import (
	"errors"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// testLock holds a store that has no locks to saying so, and to nothing else.
func testLock(t *testing.T, s snapshot.Store) {
	locker, ok := s.(snapshot.Locker)
	if !ok {
		return
	}
	if err := s.Put(t.Context(), "c/n/1", data([]byte("x"))); err != nil {
		t.Fatal(err)
	}
	wantLock(t, locker, time.Time{})
	soon := time.Now().Add(3 * time.Second).Truncate(time.Second)
	err := locker.Lock(t.Context(), "c/n/1", soon)
	if errors.Is(err, snapshot.ErrNoLock) {
		wantLock(t, locker, time.Time{})
		wantDelete(t, s, nil)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	locked(t, s, locker, soon)
}

// locked takes a lock to its end.
func locked(t *testing.T, s snapshot.Store, locker snapshot.Locker, soon time.Time) {
	wantLock(t, locker, soon)
	wantDelete(t, s, snapshot.ErrLocked)
	later := soon.Add(time.Second)
	if err := locker.Lock(t.Context(), "c/n/1", later); err != nil {
		t.Errorf("extend: %v", err)
	}
	if err := locker.Lock(t.Context(), "c/n/1", later); err != nil {
		t.Errorf("lock for the same time: %v", err)
	}
	if err := locker.Lock(t.Context(), "c/n/1", soon); !errors.Is(err, snapshot.ErrLocked) {
		t.Errorf("shorten: %v", err)
	}
	wantLock(t, locker, later)
	wantDelete(t, s, snapshot.ErrLocked)
	if got := get(t, s, "c/n/1"); string(got) != "x" {
		t.Errorf("got %q", got)
	}
	if err := locker.Lock(t.Context(), "c/n/none", later); !errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("lock of a missing object: %v", err)
	}
	if _, err := locker.LockedUntil(t.Context(), "c/n/none"); !errors.Is(err, snapshot.ErrNotExist) {
		t.Errorf("lock of a missing object: %v", err)
	}
	time.Sleep(time.Until(later) + 200*time.Millisecond)
	wantDelete(t, s, nil)
	wantList(t, s, "")
}

func wantLock(t *testing.T, l snapshot.Locker, want time.Time) {
	t.Helper()
	if got, err := l.LockedUntil(t.Context(), "c/n/1"); err != nil || !got.Equal(want) {
		t.Errorf("locked until %v, %v; want %v", got, err, want)
	}
}

func wantDelete(t *testing.T, s snapshot.Store, want error) {
	t.Helper()
	if err := s.Delete(t.Context(), "c/n/1"); !errors.Is(err, want) {
		t.Errorf("delete: %v, want %v", err, want)
	}
}
