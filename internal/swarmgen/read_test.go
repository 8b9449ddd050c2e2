package swarmgen_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/ca/keyutils"
	"github.com/moby/swarmkit/v2/manager"
	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state/raft"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
	"github.com/moby/swarmkit/v2/manager/state/store"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/swarmdr/swarmdr/internal/swarmgen"
)

// engine reads a copy of a directory with swarmkit's own code, as a manager
// does when it starts.
type engine struct {
	snapshot *raftpb.Snapshot
	log      storage.WALData
	state    *api.StoreSnapshot
	cert     []byte
	keys     raft.EncryptionKeys
}

func startEngine(t *testing.T, dir string, e swarmgen.Expect) engine {
	t.Helper()
	var started engine
	copied := filepath.Join(t.TempDir(), "swarm")
	must(t, os.CopyFS(copied, os.DirFS(dir)))
	krw := started.readKeys(t, copied, e)
	deks, err := manager.NewRaftDEKManager(krw, fips(e))
	must(t, err)
	started.keys = deks.GetKeys()
	logger := &storage.EncryptedRaftLogger{StateDir: filepath.Join(copied, "raft"), FIPS: fips(e)}
	defer logger.Close(t.Context())
	must(t, started.readLog(t, logger))
	started.replay(t)
	return started
}

func fips(e swarmgen.Expect) bool { return strings.HasPrefix(e.ClusterID, "FIPS.") }

func (s *engine) readKeys(t *testing.T, dir string, e swarmgen.Expect) *ca.KeyReadWriter {
	t.Helper()
	var kek []byte
	var err error
	if e.UnlockKey != "" {
		kek, err = encryption.ParseHumanReadableKey(e.UnlockKey)
		must(t, err)
	}
	krw := ca.NewKeyReadWriter(ca.NewConfigPaths(filepath.Join(dir, "certificates")).Node, kek, manager.RaftDEKData{FIPS: fips(e)})
	if fips(e) {
		krw.SetKeyFormatter(keyutils.FIPS)
	}
	s.cert, _, err = krw.Read()
	must(t, err)
	return krw
}

// readLog is what swarmkit manager/state/raft/storage.go, readFromDisk, does.
func (s *engine) readLog(t *testing.T, logger *storage.EncryptedRaftLogger) error {
	t.Helper()
	logger.EncryptionKey = s.keys.CurrentDEK
	if s.keys.PendingDEK != nil {
		logger.EncryptionKey = s.keys.PendingDEK
	}
	var err error
	s.snapshot, s.log, err = logger.BootstrapFromDisk(t.Context())
	if cannot := (encryption.ErrCannotDecrypt{}); s.keys.PendingDEK != nil && errors.As(err, &cannot) {
		s.snapshot, s.log, err = logger.BootstrapFromDisk(t.Context(), s.keys.CurrentDEK)
	}
	return err
}

func (s *engine) replay(t *testing.T) {
	t.Helper()
	replayed := store.NewMemoryStore(nil)
	defer replayed.Close()
	if s.snapshot != nil {
		var whole api.Snapshot
		must(t, whole.Unmarshal(s.snapshot.Data))
		must(t, replayed.Restore(&whole.Store))
	}
	for _, entry := range s.log.Entries {
		if entry.Type != raftpb.EntryNormal || len(entry.Data) == 0 {
			continue
		}
		var request api.InternalRaftRequest
		must(t, request.Unmarshal(entry.Data))
		must(t, replayed.ApplyStoreActions(request.Action))
	}
	replayed.View(func(tx store.ReadTx) {
		var err error
		s.state, err = replayed.Save(tx)
		must(t, err)
	})
}

func (s *engine) last() uint64 {
	if n := len(s.log.Entries); n > 0 {
		return s.log.Entries[n-1].Index
	}
	return s.snapshotIndex()
}

func (s *engine) snapshotIndex() uint64 {
	if s.snapshot == nil {
		return 0
	}
	return s.snapshot.Metadata.Index
}

// voters follows the snapshot and the configuration changes behind it.
func (s *engine) voters(t *testing.T) []uint64 {
	t.Helper()
	var ids []uint64
	if s.snapshot != nil {
		ids = slices.Clone(s.snapshot.Metadata.ConfState.Voters)
	}
	for _, entry := range s.log.Entries {
		if entry.Type != raftpb.EntryConfChange {
			continue
		}
		var change raftpb.ConfChange
		must(t, change.Unmarshal(entry.Data))
		ids = slices.DeleteFunc(ids, func(id uint64) bool { return id == change.NodeID })
		if change.Type == raftpb.ConfChangeAddNode {
			ids = append(ids, change.NodeID)
		}
	}
	slices.Sort(ids)
	return ids
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
