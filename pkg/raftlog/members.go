package raftlog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/raft/v3/raftpb"
)

// ConfChange is a change of the raft membership.
type ConfChange struct {
	// Index is that of its entry.
	Index uint64
	// Op is create for a member that joins, update for one with a new
	// address, remove for one that leaves for good.
	Op Op
	// Member has only its raft ID when Op is remove.
	Member Member
}

// confChange decrypts a membership change.
func (l *Log) confChange(conf confData) (ConfChange, error) {
	plain, err := l.decrypt(conf.index, conf.at, conf.data, nil)
	if err != nil {
		return ConfChange{}, err
	}
	cc, damage := decodeConfChange(plain)
	if damage != nil {
		return ConfChange{}, conf.at.mark(damage)
	}
	cc.Index = conf.index
	return cc, nil
}

func decodeConfChange(plain []byte) (ConfChange, *DamageError) {
	var raw raftpb.ConfChange
	if damage := decode(plain, &raw, "membership change"); damage != nil {
		return ConfChange{}, damage
	}
	ops := map[raftpb.ConfChangeType]Op{
		raftpb.ConfChangeAddNode: Create, raftpb.ConfChangeUpdateNode: Update, raftpb.ConfChangeRemoveNode: Remove,
	}
	op, ok := ops[raw.Type]
	if !ok {
		return ConfChange{}, &DamageError{Breaks: Content, What: fmt.Sprintf("membership change of unknown type %d", raw.Type)}
	}
	var member api.RaftMember
	if damage := decode(raw.Context, &member, "member"); damage != nil {
		return ConfChange{}, damage
	}
	m := memberOf(&member)
	m.RaftID = raw.NodeID
	return ConfChange{Op: op, Member: m}, nil
}

func memberOf(m *api.RaftMember) Member {
	return Member{RaftID: m.RaftID, NodeID: m.NodeID, Addr: m.Addr}
}

// membership is who is in, and who may never come back.
type membership struct {
	current map[uint64]Member
	removed map[uint64]bool
}

func newMembership(snap api.ClusterSnapshot) membership {
	m := membership{current: map[uint64]Member{}, removed: map[uint64]bool{}}
	for _, member := range snap.Members {
		m.current[member.RaftID] = memberOf(member)
	}
	for _, id := range snap.Removed {
		m.removed[id] = true
		delete(m.current, id)
	}
	return m
}

// apply does what the engine does (registerNode, UpdateMember and RemoveMember
// below manager/state/raft): who was removed is not let in again.
func (m membership) apply(cc ConfChange) {
	id := cc.Member.RaftID
	old, known := m.current[id]
	switch {
	case cc.Op == Remove:
		m.removed[id] = true
		delete(m.current, id)
	case m.removed[id]:
	case cc.Op == Create && !known:
		m.current[id] = cc.Member
	case known && cc.Member.Addr != "":
		old.Addr = cc.Member.Addr
		m.current[id] = old
	}
}

// membersIn returns the membership as of an index, from that of a raft snapshot
// before it.
func (l *Log) membersIn(base *content, from, through uint64) membership {
	m := newMembership(base.members)
	for _, cc := range l.confs {
		if cc.Index > from && cc.Index <= through {
			m.apply(cc)
		}
	}
	return m
}

func (m membership) list() []Member {
	return slices.SortedFunc(maps.Values(m.current), func(a, b Member) int {
		return cmp.Compare(a.RaftID, b.RaftID)
	})
}
