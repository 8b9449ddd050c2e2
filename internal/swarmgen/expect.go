package swarmgen

import (
	"path/filepath"
	"slices"

	"github.com/moby/swarmkit/v2/api"
)

// Warning is something that a reader has to tell of.
type Warning string

// The warnings.
const (
	PlaintextLog         Warning = "plaintext log"                   // the log itself is not encrypted
	PlaintextLeftover    Warning = "plaintext leftover"              // an old log lies beside the encrypted one
	MigrationLeftover    Warning = "migration leftover"              // a *.tmp directory
	CAKeyOnDisk          Warning = "CA key on disk"                  // certificates/swarm-root-ca.key, as 1.12 wrote it
	ExternalCASigns      Warning = "external CA"                     // the cluster has no CA key
	MarkerWithoutFile    Warning = "marker without its file"         // of a raft snapshot
	TornSnapshotFile     Warning = "torn raft snapshot"              // its file was not written whole
	FileWithoutMarker    Warning = "file without its marker"         // of a raft snapshot
	CommitBeforeSnapshot Warning = "commit before the raft snapshot" // moby#46825
	TornTail             Warning = "torn tail"                       // the last record was not written whole
	RotationPending      Warning = "DEK rotation pending"            // raft-dek-pending
	RotationOwed         Warning = "DEK rotation owed"               // raft-dek-needs-rotation
)

// Expect is what a reader has to find in a directory.
type Expect struct {
	// State is the whole state after the last entry that can be read, as
	// swarmkit's own store has it. Objects are the ids in it by kind, sorted;
	// kinds as in StoreAction: node, service, network, task, cluster, secret,
	// resource, extension, config, volume.
	State   *api.StoreSnapshot
	Objects map[string][]string

	Last   uint64 // index of the last entry that can be read
	Term   uint64 // of the last entry that can be read
	Commit uint64 // the commit index on disk
	Tail   int    // entries beyond it
	// RaftSnapshot is the index of the raft snapshot that swarmkit begins
	// with, 0 for none. RaftSnapshots and Segments are the files there are.
	RaftSnapshot  uint64
	RaftSnapshots int
	Segments      int
	Overwritten   int // entries that a later leader replaced

	Locked    bool
	UnlockKey string // SWMKEY-1-…; empty unless Locked
	NodeID    string
	ClusterID string
	Self      api.RaftMember
	Members   []uint64 // raft ids of the voters, sorted

	// TornFile and TornAt are the segment and the offset of the record that was
	// not written whole; TornFile is empty when none is torn.
	TornFile string
	TornAt   int64

	Warnings []Warning
	// EngineFails says that swarmkit cannot start from the directory as it is.
	EngineFails bool
}

func (e *Expect) warn(w Warning) {
	if !slices.Contains(e.Warnings, w) {
		e.Warnings = append(e.Warnings, w)
	}
}

// Warns tells whether w is expected.
func (e *Expect) Warns(w Warning) bool { return slices.Contains(e.Warnings, w) }

// Expect tells what a reader has to find, after Close or Kill.
func (s *Swarm) Expect() Expect {
	s.t.Helper()
	if !s.closed {
		s.t.Fatal("the directory is still written to")
	}
	e := s.expect
	e.Last, e.Commit, e.RaftSnapshot = s.lastRead(), s.written, s.base
	e.Term = s.termOf(e.Last)
	e.Tail = int(e.Last - min(e.Last, max(e.Commit, e.RaftSnapshot)))
	e.State = s.StateAt(e.Last)
	e.Objects = idsOf(e.State)
	e.Locked, e.UnlockKey = s.id.kek != nil, s.UnlockKey()
	e.NodeID, e.ClusterID, e.Self = s.id.self.NodeID, s.id.cluster, s.id.self
	e.Members = sorted(s.voters())
	e.RaftSnapshots = s.count(s.SnapDir(), "*.snap")
	e.Segments = s.count(s.WALDir(), "*.wal")
	s.expectByKeys(&e)
	return e
}

// expectByKeys adds what the headers of the node key and the options tell.
func (s *Swarm) expectByKeys(e *Expect) {
	if s.o.ExternalCA {
		e.warn(ExternalCASigns)
	}
	if s.o.Layout != Encrypted {
		e.warn(PlaintextLog)
		e.warn(CAKeyOnDisk)
		return
	}
	if s.id.keys().PendingDEK != nil {
		e.warn(RotationPending)
	}
	if s.id.rotationOwed() {
		e.warn(RotationOwed)
	}
}

// lastRead is the last index on disk: a torn record took its entry with it.
func (s *Swarm) lastRead() uint64 {
	if s.expect.Last != 0 {
		return s.expect.Last
	}
	return s.Index()
}

func (s *Swarm) termOf(index uint64) uint64 {
	for _, e := range s.log {
		if e.Index == index {
			return e.Term
		}
	}
	return 0
}

func (s *Swarm) count(dir, pattern string) int {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	must(s.t, err)
	return len(found)
}

// idsOf lists the ids of all objects by kind.
func idsOf(state *api.StoreSnapshot) map[string][]string {
	ids := map[string][]string{}
	add := func(kind, id string) { ids[kind] = append(ids[kind], id) }
	for _, o := range state.Nodes {
		add("node", o.ID)
	}
	for _, o := range state.Services {
		add("service", o.ID)
	}
	for _, o := range state.Networks {
		add("network", o.ID)
	}
	for _, o := range state.Tasks {
		add("task", o.ID)
	}
	for _, o := range state.Clusters {
		add("cluster", o.ID)
	}
	for _, o := range state.Secrets {
		add("secret", o.ID)
	}
	for _, o := range state.Resources {
		add("resource", o.ID)
	}
	for _, o := range state.Extensions {
		add("extension", o.ID)
	}
	for _, o := range state.Configs {
		add("config", o.ID)
	}
	for _, o := range state.Volumes {
		add("volume", o.ID)
	}
	for _, of := range ids {
		slices.Sort(of)
	}
	return ids
}
