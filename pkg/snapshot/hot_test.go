package snapshot_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// A log that is being written may be caught in the middle; the next copy does.
func TestBackupHotRetriesDamage(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	copies := 0
	r.Progress = func(step string) {
		if strings.HasPrefix(step, "copy ") {
			copies++
			if copies <= 2 { // damaged, then whole again
				flip(t, segment(t, r.Dir), 4000)
			}
		}
	}
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if err != nil || copies != 2 {
		t.Fatalf("%d copies, %v", copies, err)
	}
	r.wantRestorable(t, m)
}

// The certificate may be caught before its key is: both are renewed when
// autolock is switched on.
func TestBackupHotRetriesAMixture(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	own := filepath.Join(r.Dir, "certificates/swarm-node.crt")
	right, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile(filepath.Join(fixture.Copy(t, fixture.Plain).Dir, "certificates/swarm-node.crt"))
	if err != nil {
		t.Fatal(err)
	}
	copies := 0
	r.Progress = func(step string) {
		if strings.HasPrefix(step, "copy ") {
			err = errors.Join(err, os.WriteFile(own, [][]byte{other, right}[copies], 0o600))
			copies++
		}
	}
	m, failed := snapshot.Backup(t.Context(), r.BackupOptions)
	if failed != nil || err != nil || copies != 2 {
		t.Fatalf("%d copies, %v, %v", copies, failed, err)
	}
	r.wantRestorable(t, m)
}

// changing replaces a name in the directory each time Stage asks whether to go
// on, until it did so often enough.
type changing struct {
	context.Context
	dir   string
	left  *int
	stage *int
}

func (c changing) Err() error {
	if *c.left > 0 {
		*c.left--
		*c.stage++
		path := filepath.Join(c.dir, fmt.Sprintf("certificates/.new-%d", *c.stage))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return err
		}
	}
	return c.Context.Err()
}

func TestBackupHotRetriesChanges(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	left, n, copies := 1, 0, 0
	r.Progress = func(step string) {
		if strings.HasPrefix(step, "copy ") {
			copies++
		}
	}
	m, err := snapshot.Backup(changing{t.Context(), r.Dir, &left, &n}, r.BackupOptions)
	if err != nil || copies != 2 {
		t.Fatalf("%d copies, %v", copies, err)
	}
	r.wantRestorable(t, m)
}

func TestBackupHotGivesUp(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	copies := 0
	r.Progress = func(step string) {
		if strings.HasPrefix(step, "copy ") {
			copies++
		}
	}
	synctest.Test(t, func(t *testing.T) { // the waits between the copies take no time
		left, n := 1<<20, 0
		_, err := snapshot.Backup(changing{t.Context(), r.Dir, &left, &n}, r.BackupOptions)
		if !errors.Is(err, snapshot.ErrChanged) {
			t.Errorf("got %v", err)
		}
	})
	if copies != snapshot.HotTries {
		t.Errorf("%d copies", copies)
	}
	r.wantNothing(t)
}

func TestBackupHotDoesNotRetryAWrongKey(t *testing.T) {
	r := newRig(t, fixture.Autolock, snapshot.Hot)
	copies := 0
	r.Progress = func(step string) {
		if strings.HasPrefix(step, "copy ") {
			copies++
			otherKey(r)
		}
	}
	r.fails(t, unlock.ErrCannotDecrypt)
	if copies != 1 {
		t.Errorf("%d copies", copies)
	}
}
