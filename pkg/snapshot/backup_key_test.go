package snapshot_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func newUnlockKey(t *testing.T) unlock.Key {
	t.Helper()
	key, err := unlock.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// rotate locks the node key in the directory with another key, as the engine
// does some time after the swarm told that key.
func (r *rig) rotate(t *testing.T, from, to unlock.Key) {
	t.Helper()
	path := filepath.Join(r.Dir, keyFile)
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := unlock.OpenNodeKey(old, from)
	if err != nil {
		t.Fatal(err)
	}
	locked, err := k.Lock(to, k.KEKVersion()+1)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, locked, 0o600); err != nil {
		t.Fatal(err)
	}
}

// KEK rotated between the time that the key was read and the copy.
func TestBackupReadsTheKeyAgain(t *testing.T) {
	cases := map[string]struct {
		mode snapshot.Mode
		step string // rotated when this begins, "" for before the backup
	}{
		"before":         {snapshot.Hot, ""},
		"hot copy":       {snapshot.Hot, "copy "},
		"cold, early":    {snapshot.Cold, "copy the closed"},
		"cold, stopping": {snapshot.Cold, "stop "},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, fixture.Autolock, c.mode)
			first, second := r.Key, newUnlockKey(t)
			r.Key, r.ReadKey = first, func(context.Context) (unlock.Key, error) { return second, nil }
			copies, rotated := 0, false
			turn := func(step string) {
				if strings.HasPrefix(step, "copy "+r.Dir) {
					copies++
				}
				if !rotated && strings.HasPrefix(step, c.step) {
					r.rotate(t, first, second)
					rotated = true
				}
			}
			r.Progress = turn
			if c.step == "" {
				turn("")
			}
			m, err := snapshot.Backup(t.Context(), r.BackupOptions)
			if err != nil || copies != 1 || m.Contents.KeyFingerprint != second.Fingerprint() {
				t.Fatalf("%d copies, %v, %v", copies, m, err)
			}
			r.Key = second
			r.wantRestorable(t, m)
		})
	}
}

// The swarm tells the new key some time before the node key is locked with it.
func TestBackupWaitsForTheNewKey(t *testing.T) {
	for _, mode := range []snapshot.Mode{snapshot.Hot, snapshot.Cold} {
		t.Run(string(mode), func(t *testing.T) {
			r := newRig(t, fixture.Autolock, mode)
			first, second, reads := r.Key, newUnlockKey(t), 0
			r.Key, r.ReadKey = second, func(context.Context) (unlock.Key, error) {
				if reads++; reads == 3 {
					r.rotate(t, first, second)
				}
				return second, nil
			}
			m, err := snapshot.Backup(t.Context(), r.BackupOptions)
			if err != nil || reads != 3 || m.Contents.KeyFingerprint != second.Fingerprint() {
				t.Fatalf("%d reads, %v, %v", reads, m, err)
			}
		})
	}
}

// Rotated twice during one hot copy: the key that is read is of neither.
func TestBackupHotCopiesAnewForANewerKey(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	first, second, third, copies := r.Key, newUnlockKey(t), newUnlockKey(t), 0
	r.ReadKey = func(context.Context) (unlock.Key, error) { return third, nil }
	r.Progress = func(step string) {
		switch {
		case strings.HasPrefix(step, "copy "):
			if copies++; copies == 1 {
				r.rotate(t, first, second)
			}
		case strings.HasPrefix(step, "try again"):
			r.rotate(t, second, third)
		}
	}
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if err != nil || copies != 2 || m.Contents.KeyFingerprint != third.Fingerprint() {
		t.Fatalf("%d copies, %v, %v", copies, m, err)
	}
}

func TestBackupGivesUpOnAWrongKey(t *testing.T) {
	for _, mode := range []snapshot.Mode{snapshot.Hot, snapshot.Cold} {
		t.Run(string(mode), func(t *testing.T) {
			r := newRig(t, fixture.Autolock, mode)
			r.Key = newUnlockKey(t)
			reads := 0
			r.ReadKey = func(context.Context) (unlock.Key, error) { reads++; return r.Key, nil }
			synctest.Test(t, func(t *testing.T) { // the waits take no time
				_, err := snapshot.Backup(t.Context(), r.BackupOptions)
				if !errors.Is(err, unlock.ErrWrongKey) || reads < 5 {
					t.Errorf("after %d reads: %v", reads, err)
				}
			})
			r.wantCalls(t, "ready")
			r.wantNothing(t)
		})
	}
}

func TestBackupKeyCannotBeReadAgain(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	r.Key = newUnlockKey(t)
	r.ReadKey = func(context.Context) (unlock.Key, error) { return unlock.Key{}, errFault }
	r.fails(t, errFault)
}

func TestBackupCanceledWhileItWaitsForTheKey(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	r.Key = newUnlockKey(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.ReadKey = func(context.Context) (unlock.Key, error) { cancel(); return r.Key, nil }
	if _, err := snapshot.Backup(ctx, r.BackupOptions); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	r.wantNothing(t)
}
