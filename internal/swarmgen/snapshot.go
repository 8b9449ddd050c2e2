package swarmgen

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/raft/v3/raftpb"
)

// Snapshot takes a raft snapshot of all that was applied and collects garbage,
// keeping keep older ones.
func (s *Swarm) Snapshot(keep uint64) {
	s.t.Helper()
	meta := s.saveSnapshot()
	must(s.t, s.logger.GC(meta.Index, meta.Term, keep))
	s.base = meta.Index
}

// SnapshotWithoutFile leaves what a crash leaves between the two writes of a
// raft snapshot: its marker is in the log, its file is not there, and nothing
// was collected (swarmkit storage.go, SaveSnapshot).
func (s *Swarm) SnapshotWithoutFile() {
	s.t.Helper()
	meta := s.saveSnapshot()
	must(s.t, os.Remove(s.snapFile(meta)))
	s.expect.warn(MarkerWithoutFile)
}

// TornSnapshot leaves what a crash leaves while the file is written: half of
// it. Swarmkit renames it to *.broken when it reads.
func (s *Swarm) TornSnapshot() {
	s.t.Helper()
	meta := s.saveSnapshot()
	info, err := os.Stat(s.snapFile(meta))
	must(s.t, err)
	must(s.t, os.Truncate(s.snapFile(meta), info.Size()/2))
	s.expect.warn(TornSnapshotFile)
}

func (s *Swarm) snapFile(meta raftpb.SnapshotMetadata) string {
	return filepath.Join(s.SnapDir(), fmt.Sprintf("%016x-%016x.snap", meta.Term, meta.Index))
}

func (s *Swarm) saveSnapshot() raftpb.SnapshotMetadata {
	s.t.Helper()
	snapshot := s.raftSnapshot(saved(s.t, s.store))
	must(s.t, s.sized(func() error { return s.logger.SaveSnapshot(snapshot) }))
	return snapshot.Metadata
}

func (s *Swarm) raftSnapshot(content *api.StoreSnapshot) raftpb.Snapshot {
	s.t.Helper()
	whole := api.Snapshot{Version: api.Snapshot_V0, Store: *content}
	for _, id := range sorted(s.voters()) {
		whole.Membership.Members = append(whole.Membership.Members, s.members[id])
	}
	whole.Membership.Removed = s.removed
	data, err := whole.Marshal()
	must(s.t, err)
	return raftpb.Snapshot{
		Data:     data,
		Metadata: raftpb.SnapshotMetadata{Index: s.Index(), Term: s.term, ConfState: s.confState()},
	}
}

// Miss runs write while this manager is cut off: the swarm goes on, and none of
// it reaches this log until Receive.
func (s *Swarm) Miss(write func()) {
	s.t.Helper()
	s.writeCommit()
	s.missed = true
	write()
	s.missed = false
}

// Receive takes the leader's snapshot of all that was missed: the log jumps.
// The hard state that commits it follows; unless the manager crashes in
// between, which crash says (moby#46825: raft then panics at every start).
func (s *Swarm) Receive(crash bool) {
	s.t.Helper()
	s.Snapshot(0)
	if crash {
		s.commit = s.written
		s.expect.warn(CommitBeforeSnapshot)
		s.expect.EngineFails = true
		return
	}
	s.written = s.commit
	s.writeHardState()
}

func sorted(ids []uint64) []uint64 {
	slices.Sort(ids)
	return ids
}
