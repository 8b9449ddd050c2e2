package snapshot_test

import (
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"golang.org/x/sys/unix"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/internal/swarmgen"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// The TestTrapNN are ways in which other tools lost backups. Each shows that
// the way is not taken, and where it can be had, that it fails. Those that need
// a server are in internal/store/s3, those that need an engine in internal/e2e.

// liveRig is a hot backup of a manager whose log swarmkit's own logger has open.
func liveRig(t *testing.T, o swarmgen.Options) (*rig, *swarmgen.Swarm) {
	t.Helper()
	s := swarmgen.New(t, filepath.Join(t.TempDir(), "swarm"), o)
	t.Cleanup(s.Close)
	r := newRig(t, fixture.Plain, snapshot.Hot)
	r.Dir, r.Key = s.Dir, keyOf(t, s.UnlockKey())
	return r, s
}

func (r *rig) backUp(t *testing.T) *snapshot.Manifest {
	t.Helper()
	m, err := snapshot.Backup(t.Context(), r.BackupOptions)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (r *rig) wantSecrets(t *testing.T, m *snapshot.Manifest, want int) {
	t.Helper()
	if got := m.Contents.Objects["secret"]; got != want {
		t.Errorf("%d secrets, want %d", got, want)
	}
}

// swarm-rafttool opens the log with wal.Open, which locks it, and calls
// wal.Repair (swarmkit manager/state/raft/storage/walwrap.go, ReadRepairWAL).
func TestTrap01RepairAndLockOfTheSource(t *testing.T) {
	t.Run("a live log", func(t *testing.T) {
		r, s := liveRig(t, swarmgen.Options{})
		s.Secrets("live", 3)
		if _, err := wal.Open(nil, s.WALDir(), walpb.Snapshot{}); err == nil {
			t.Fatal("the engine does not lock its log")
		}
		before := fingerprint(t, segment(t, r.Dir))
		m := r.backUp(t)
		r.wantSecrets(t, m, 3)
		r.wantRestorable(t, m)
		if fingerprint(t, segment(t, r.Dir)) != before {
			t.Error("the log was changed")
		}
	})
	t.Run("the engine may lock it meanwhile", func(t *testing.T) {
		r := newRig(t, fixture.Autolock, snapshot.Hot)
		locked := 0
		lock := onWrite(func([]byte) error {
			locked++
			return lockAsEngine(segment(t, r.Dir))
		})
		if _, err := snapshot.Stage(t.Context(), r.Dir, snapshot.Hot, lock, nil); err != nil || locked == 0 {
			t.Errorf("locked %d times, %v", locked, err)
		}
	})
	t.Run("a torn log", func(t *testing.T) {
		r := newRig(t, fixture.Torn, snapshot.Hot)
		before := fingerprint(t, r.Dir)
		r.wantRestorable(t, r.backUp(t))
		if fingerprint(t, r.Dir) != before {
			t.Error("the directory was changed")
		}
		if !wal.Repair(nil, filepath.Join(r.Dir, walDir)) || fingerprint(t, r.Dir) == before {
			t.Error("there was nothing to repair")
		}
	})
}

// lockAsEngine takes the lock that etcd takes, and lets go of it.
func lockAsEngine(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
}

// In the middle of a rotation entries are encrypted with the pending DEK
// (swarmkit manager/deks.go); swarm-rafttool looks at it only when there is none.
func TestTrap02PendingDEKInUse(t *testing.T) {
	r, s := liveRig(t, swarmgen.Options{})
	s.Secrets("current", 2)
	s.Autolock()
	s.BeginRotation()
	s.Secrets("pending", 4)
	r.Key = keyOf(t, s.UnlockKey())
	m := r.backUp(t)
	r.wantSecrets(t, m, 6)
	r.wantRestorable(t, m)

	withoutHeader(t, filepath.Join(r.Dir, keyFile), "raft-dek-pending")
	if _, err := snapshot.Prove(os.DirFS(r.Dir), r.Key); !errors.Is(err, unlock.ErrCannotDecrypt) {
		t.Errorf("with the current DEK alone: %v", err)
	}

	recorded := newRig(t, fixture.Rotating, snapshot.Cold)
	recorded.wantRestorable(t, recorded.backUp(t))
}

func withoutHeader(t *testing.T, path, header string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	block, _ := pem.Decode(data)
	if block == nil || block.Headers[header] == "" {
		t.Fatalf("no %s in the node key", header)
	}
	delete(block.Headers, header)
	must(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
}

// The node key in a backup stays locked with the unlock key of that day, which
// `docker swarm unlock-key` does not tell any more (moby docs, "Back up the
// swarm": keep the old key).
func TestTrap03UnlockKeyRotatedSinceTheBackup(t *testing.T) {
	r, s := liveRig(t, swarmgen.Options{Autolock: true})
	s.Secrets("before", 2)
	of := r.backUp(t)
	then := r.Key
	s.RotateKEK()
	now := keyOf(t, s.UnlockKey())

	opened, err := snapshot.Fetch(t.Context(), r.store, of, r.pair.identity, r.ScratchDir)
	must(t, err)
	defer opened.Close()
	if err := snapshot.ProveManifest(opened, of, now); !errors.Is(err, unlock.ErrWrongKey) {
		t.Errorf("with the key of today: %v", err)
	}
	if of.Contents.KeyFingerprint != then.Fingerprint() || then.Equal(now) {
		t.Errorf("the manifest names the key %s, it was %s", of.Contents.KeyFingerprint, then.Fingerprint())
	}
	if err := snapshot.ProveManifest(opened, of, then); err != nil {
		t.Errorf("with the key of that day: %v", err)
	}
	r.Key = now
	if m := r.backUp(t); m.Contents.KeyFingerprint != now.Fingerprint() {
		t.Errorf("a later backup names the key %s", m.Contents.KeyFingerprint)
	}
}

// A raft snapshot is copied, then the engine takes another and removes the
// segments that the first one needs (swarmkit storage.go, GC).
func TestTrap04LogCollectedBehindTheCopiedRaftSnapshot(t *testing.T) {
	r, s := liveRig(t, swarmgen.Options{SegmentBytes: 2 << 10})
	s.Snapshot(0)
	s.Secrets("one", 12)
	old := only(t, s.SnapDir(), "*.snap")
	oldSnapshot, err := os.ReadFile(old)
	must(t, err)
	oldSegment := only(t, s.WALDir(), "*.wal")

	copies, asked := 0, 0
	r.Progress = func(step string) {
		if strings.HasPrefix(step, "copy ") {
			copies++
		}
	}
	before := directories(t, r.Dir) + 2 // the node key and the raft snapshot are copied
	collect := onErr{t.Context(), func() {
		if asked++; asked == before+1 {
			s.Snapshot(0)
			s.Secrets("two", 3)
		}
	}}
	m, err := snapshot.Backup(collect, r.BackupOptions)
	if err != nil || copies != 2 {
		t.Fatalf("%d copies, %v", copies, err)
	}
	r.wantSecrets(t, m, 15)
	r.wantRestorable(t, m)

	if _, err := os.Stat(oldSegment); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("%s was not collected: %v", oldSegment, err)
	}
	must(t, os.Remove(only(t, s.SnapDir(), "*.snap")))
	must(t, os.WriteFile(old, oldSnapshot, 0o600))
	damage := (*raftlog.DamageError)(nil)
	if _, err := snapshot.Prove(os.DirFS(r.Dir), r.Key); !errors.As(err, &damage) {
		t.Errorf("the old raft snapshot with the new segments: %v", err)
	}
}

func directories(t *testing.T, root string) int {
	t.Helper()
	n := 0
	must(t, filepath.WalkDir(root, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			n++
		}
		return err
	}))
	return n
}

// only is the first file that matches.
func only(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) == 0 {
		t.Fatalf("%s in %s: %v, %v", pattern, dir, names, err)
	}
	return names[0]
}
