package swarmgen

import (
	"context"
	"errors"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/state"
	"github.com/moby/swarmkit/v2/manager/state/store"
	"go.etcd.io/raft/v3/raftpb"
)

// Index is that of the last entry, or of the raft snapshot behind it.
func (s *Swarm) Index() uint64 {
	if len(s.log) == 0 {
		return s.base
	}
	return max(s.base, s.log[len(s.log)-1].Index)
}

// Update makes one entry of what change does to swarmkit's store.
func (s *Swarm) Update(change func(tx store.Tx) error) {
	s.t.Helper()
	must(s.t, s.store.Update(change))
}

// entry writes the next entry as raft does: first the hard state that commits
// what went before, then the entry; the commit of this one is written with the
// next.
func (s *Swarm) entry(kind raftpb.EntryType, data []byte) {
	s.t.Helper()
	e := raftpb.Entry{Index: s.Index() + 1, Term: s.term, Type: kind, Data: data}
	s.log = append(s.log, e)
	if s.missed {
		s.commit = e.Index
		return
	}
	s.writeCommit()
	must(s.t, s.sized(func() error { return s.logger.SaveEntries(raftpb.HardState{}, []raftpb.Entry{e}) }))
	if !s.hold {
		s.commit = e.Index
	}
}

func (s *Swarm) writeCommit() {
	s.t.Helper()
	if s.written == s.commit {
		return
	}
	s.written = s.commit
	s.writeHardState()
}

func (s *Swarm) writeHardState() {
	s.t.Helper()
	st := raftpb.HardState{Term: s.term, Vote: s.id.self.RaftID, Commit: s.commit}
	must(s.t, s.sized(func() error { return s.logger.SaveEntries(st, nil) }))
}

// Elect begins a term as raft does, with an empty entry.
func (s *Swarm) Elect() {
	s.t.Helper()
	s.term++
	s.written = s.commit
	s.writeHardState()
	s.entry(raftpb.EntryNormal, nil)
}

// AddMember is the entry by which a member joins or moves; RemoveMember that
// by which it goes.
func (s *Swarm) AddMember(m api.RaftMember) {
	s.t.Helper()
	s.members[m.RaftID] = &m
	context, err := m.Marshal()
	must(s.t, err)
	s.confChange(raftpb.ConfChange{Type: raftpb.ConfChangeAddNode, NodeID: m.RaftID, Context: context})
}

// RemoveMember takes the member out of the voters for good.
func (s *Swarm) RemoveMember(raftID uint64) {
	s.t.Helper()
	delete(s.members, raftID)
	s.removed = append(s.removed, raftID)
	s.confChange(raftpb.ConfChange{Type: raftpb.ConfChangeRemoveNode, NodeID: raftID})
}

func (s *Swarm) confChange(cc raftpb.ConfChange) {
	s.t.Helper()
	data, err := cc.Marshal()
	must(s.t, err)
	s.entry(raftpb.EntryConfChange, data)
}

// Uncommitted runs write; its entries stay beyond the commit index.
func (s *Swarm) Uncommitted(write func()) {
	s.t.Helper()
	before := s.hold
	s.hold = true
	write()
	s.hold = before
}

// Overwrite lets a new leader of the next term replace the entries from index
// on, none of them committed, by what follows.
func (s *Swarm) Overwrite(index uint64) {
	s.t.Helper()
	if index <= s.commit {
		s.t.Fatal("a committed entry cannot be replaced")
	}
	s.expect.Overwritten += int(s.Index() - index + 1)
	s.log = s.log[:index-s.log[0].Index]
	s.restore(s.StateAt(s.Index()))
	s.Elect()
}

func (s *Swarm) restore(content *api.StoreSnapshot) {
	s.t.Helper()
	must(s.t, s.store.Restore(content))
}

// ProposeValue implements state.Proposer for the store.
func (s *Swarm) ProposeValue(_ context.Context, actions []api.StoreAction, commit func()) error {
	data, err := (&api.InternalRaftRequest{ID: s.Index() + 1, Action: actions}).Marshal()
	if err != nil {
		return err
	}
	s.entry(raftpb.EntryNormal, data)
	commit()
	return nil
}

// GetVersion implements state.Proposer: the last index that was applied.
func (s *Swarm) GetVersion() *api.Version { return &api.Version{Index: s.Index()} }

// ChangesBetween implements state.Proposer; nobody watches here.
func (s *Swarm) ChangesBetween(api.Version, api.Version) ([]state.Change, error) {
	return nil, errors.New("changes are not kept")
}

// StateAt is what swarmkit's store holds after the entries up to index.
func (s *Swarm) StateAt(index uint64) *api.StoreSnapshot {
	s.t.Helper()
	replayed := store.NewMemoryStore(nil)
	defer func() { _ = replayed.Close() }() // never fails
	for _, e := range s.log {
		if e.Index <= index && e.Type == raftpb.EntryNormal && len(e.Data) > 0 {
			var request api.InternalRaftRequest
			must(s.t, request.Unmarshal(e.Data))
			must(s.t, replayed.ApplyStoreActions(request.Action))
		}
	}
	return saved(s.t, replayed)
}

func saved(t TB, s *store.MemoryStore) *api.StoreSnapshot {
	t.Helper()
	var content *api.StoreSnapshot
	var err error
	s.View(func(tx store.ReadTx) { content, err = s.Save(tx) })
	must(t, err)
	return content
}
