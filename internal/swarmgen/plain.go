package swarmgen

import (
	"context"
	"encoding/pem"
	"os"
	"path/filepath"

	"github.com/moby/swarmkit/v2/ca"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
)

// plainLogger writes as engines did before they encrypted: entries are not
// wrapped in a MaybeEncryptedRecord at all. The markers have a conf_state,
// which those engines did not write and etcd's writer of today insists on.
type plainLogger struct {
	wal     storage.WAL
	snap    storage.Snapshotter
	snapDir string
}

func newPlainLogger(raftDir string, l Layout, metadata []byte) (*plainLogger, error) {
	walName, snapName := l.dirs()
	p := &plainLogger{snapDir: filepath.Join(raftDir, snapName)}
	if err := os.MkdirAll(p.snapDir, 0o700); err != nil {
		return nil, err
	}
	p.snap = storage.OriginalSnap.New(p.snapDir)
	var err error
	p.wal, err = storage.OriginalWAL.Create(filepath.Join(raftDir, walName), metadata)
	return p, err
}

func (p *plainLogger) SaveEntries(st raftpb.HardState, entries []raftpb.Entry) error {
	return p.wal.Save(st, entries)
}

func (p *plainLogger) SaveSnapshot(s raftpb.Snapshot) error {
	marker := walpb.Snapshot{Index: s.Metadata.Index, Term: s.Metadata.Term, ConfState: &s.Metadata.ConfState}
	if err := p.wal.SaveSnapshot(marker); err != nil {
		return err
	}
	return p.snap.SaveSnap(s)
}

// GC keeps what is old: nothing here needs it gone.
func (p *plainLogger) GC(uint64, uint64, uint64) error { return nil }

// Close closes once; as that of the engine's logger it has no error to give.
func (p *plainLogger) Close(context.Context) {
	if p.wal != nil {
		_ = p.wal.Close()
		p.wal = nil
	}
}

// writeLegacyKeys takes the kek-version header off the node key, and puts the
// CA key where 1.12 had it (swarmkit at v1.12, ca/certificates.go,
// CreateAndWriteRootCA).
func (id *identityOf) writeLegacyKeys() error {
	file, err := os.ReadFile(id.paths.Node.Key)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(file)
	block.Headers = nil
	if err := os.WriteFile(id.paths.Node.Key, pem.EncodeToMemory(block), 0o600); err != nil {
		return err
	}
	return id.writeCAKey(id.paths.RootCA)
}

func (id *identityOf) writeCAKey(to ca.CertPaths) error {
	signer, err := id.root.Signer()
	if err != nil {
		return err
	}
	return os.WriteFile(to.Key, signer.Key, 0o600)
}
