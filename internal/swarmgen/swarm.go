package swarmgen

import (
	"context"
	"os"
	"path/filepath"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/encryption"
	"github.com/moby/swarmkit/v2/manager/state/raft/storage"
	"github.com/moby/swarmkit/v2/manager/state/store"
	"go.etcd.io/raft/v3/raftpb"
)

// Swarm is a manager's swarm directory while it is written. It plays the raft
// node between swarmkit's store and swarmkit's logger. What goes wrong ends the
// test. End it with Close or Kill before the directory is read.
type Swarm struct {
	Dir string

	t      TB
	o      Options
	id     *identityOf
	logger logger
	store  *store.MemoryStore
	closed bool

	term    uint64
	commit  uint64 // what is committed
	written uint64 // the commit index that was written
	hold    bool   // entries are not committed
	missed  bool   // entries do not reach this manager
	log     []raftpb.Entry
	base    uint64 // the snapshot the reader begins with
	members map[uint64]*api.RaftMember
	removed []uint64
	expect  Expect
}

// logger is what an EncryptedRaftLogger does for a running raft node.
type logger interface {
	SaveEntries(raftpb.HardState, []raftpb.Entry) error
	SaveSnapshot(raftpb.Snapshot) error
	GC(index, term, keepOldSnapshots uint64) error
	Close(context.Context)
}

// New makes dir, which must not exist, and writes what an engine writes when a
// swarm is founded.
func New(t TB, dir string, o Options) *Swarm {
	t.Helper()
	s := create(t, dir, o)
	s.found()
	return s
}

func create(t TB, dir string, o Options) *Swarm {
	t.Helper()
	o = o.withDefaults()
	must(t, os.Mkdir(dir, 0o700))
	s := &Swarm{Dir: dir, t: t, o: o, members: map[uint64]*api.RaftMember{}}
	var err error
	s.id, err = newIdentity(dir, o)
	must(t, err)
	s.openLog()
	return s
}

func (s *Swarm) sized(write func() error) error { return withSegments(s.o.SegmentBytes, write) }

func (s *Swarm) bootstrap(metadata []byte) error {
	if s.o.Layout != Encrypted {
		plain, err := newPlainLogger(s.raftDir(), s.o.Layout, metadata)
		s.logger = plain
		return err
	}
	encrypted := &storage.EncryptedRaftLogger{StateDir: s.raftDir(), EncryptionKey: s.id.dek(), FIPS: s.o.fernet()}
	s.logger = encrypted
	return encrypted.BootstrapNew(metadata)
}

func (s *Swarm) raftDir() string { return filepath.Join(s.Dir, "raft") }

// WALDir is where the segments are, SnapDir where the raft snapshots are.
func (s *Swarm) WALDir() string {
	name, _ := s.o.Layout.dirs()
	return filepath.Join(s.raftDir(), name)
}

// SnapDir is the directory of the raft snapshots.
func (s *Swarm) SnapDir() string {
	_, name := s.o.Layout.dirs()
	return filepath.Join(s.raftDir(), name)
}

// UnlockKey is the SWMKEY of the swarm, empty unless it is autolocked.
func (s *Swarm) UnlockKey() string {
	if s.id.kek == nil {
		return ""
	}
	return encryption.HumanReadableKey(s.id.kek)
}

// NodeID and ClusterID are those of the certificate.
func (s *Swarm) NodeID() string { return s.id.self.NodeID }

// ClusterID is that of the certificate and of the cluster object.
func (s *Swarm) ClusterID() string { return s.id.cluster }

// Self is the raft member that the log's metadata names.
func (s *Swarm) Self() api.RaftMember { return s.id.self }

// Close stops the manager in order: what is committed is written.
func (s *Swarm) Close() {
	s.t.Helper()
	if !s.closed {
		s.writeCommit()
	}
	s.release()
}

// Kill stops it at once: the commit index on disk stays behind, and the file
// that was allocated in advance stays.
func (s *Swarm) Kill() {
	s.t.Helper()
	s.release()
	if s.o.Layout != Docker112 {
		must(s.t, os.WriteFile(filepath.Join(s.WALDir(), "0.tmp"), make([]byte, s.o.SegmentBytes), 0o600))
	}
}

func (s *Swarm) release() {
	if s.closed {
		return
	}
	s.closed = true
	s.logger.Close(context.Background())
	_ = s.store.Close() // never fails
	if g, today := s.o.writtenBy(); !today {
		must(s.t, age(s.WALDir(), g))
	}
}
