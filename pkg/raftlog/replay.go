package raftlog

import (
	"errors"
	"fmt"
	"iter"

	"github.com/moby/swarmkit/v2/api"
	"go.etcd.io/raft/v3/raftpb"
)

// StateOptions tells how far to replay. The zero value means the whole log,
// entries beyond the commit index on disk included.
type StateOptions struct {
	// Through is the last index to apply, 0 for the last there is.
	Through uint64
	// CommittedOnly stops at the commit index on disk. The engine's own
	// force-new-cluster does, and loses acknowledged writes by it.
	CommittedOnly bool
}

// State replays the newest fitting raft snapshot and the entries behind it.
// Entries that a later one replaced have no part in it.
//
// The errors are those of [Log.Entries], [ErrNotInLog] and [ErrOldKey].
func (l *Log) State(opts StateOptions) (*State, error) {
	if l.dec == nil {
		return nil, ErrNoDecrypter
	}
	through, err := l.through(opts)
	if err != nil {
		return nil, err
	}
	base, err := l.baseFor(through)
	if err != nil {
		return nil, err
	}
	st, _, err := l.replay(base, base.Index+1, through)
	if err != nil {
		return nil, err
	}
	return st, nil
}

// Coverage is what [Log.Verify] has read.
type Coverage struct {
	// Entries were decrypted and decoded; Unreadable ones stand before the
	// raft snapshot and need a key that the manager has dropped.
	Entries, Unreadable uint64
	// Newer entries hold fields that only a newer engine knows.
	Newer uint64
}

// Verify is [Log.State] of the whole log that also decrypts and decodes the
// entries before the raft snapshot. Where it fails, the state is the one before
// the entry that the error is about, nil if there is none.
func (l *Log) Verify() (*State, Coverage, error) {
	if l.dec == nil {
		return nil, Coverage{}, ErrNoDecrypter
	}
	return l.replay(l.RaftSnapshot(), l.FirstIndex(), l.LastIndex())
}

func (l *Log) through(opts StateOptions) (uint64, error) {
	last := l.LastIndex()
	through := last
	if opts.Through != 0 {
		through = opts.Through
	}
	if through > last {
		return 0, fmt.Errorf("%w: %d is beyond the last entry, %d", ErrNotInLog, through, last)
	}
	if opts.CommittedOnly {
		through = min(through, max(l.scan.state.Commit, l.RaftSnapshot().Index))
	}
	return through, nil
}

// baseFor returns the newest raft snapshot that is not beyond index, the zero
// value where the log itself begins at 1.
func (l *Log) baseFor(index uint64) (SnapshotInfo, error) {
	for _, info := range l.snaps {
		if info.Index <= index {
			return info, nil
		}
	}
	if l.FirstIndex() == 1 {
		return SnapshotInfo{}, nil
	}
	return SnapshotInfo{}, fmt.Errorf("%w: %d is before the oldest raft snapshot", ErrNotInLog, index)
}

// step is an entry on its way into a state.
type step struct {
	index, term uint64
	unreadable  bool
	newer       bool
	request     []byte
	conf        *ConfChange
}

// replay reads the entries from one index through another and applies those
// behind base.
func (l *Log) replay(base SnapshotInfo, from, through uint64) (*State, Coverage, error) {
	var c Coverage
	st, members, err := l.restore(base)
	if err != nil {
		return nil, c, err
	}
	for s, stepErr := range l.steps(from, through) {
		if err = stepErr; err != nil || s.index > through {
			break
		}
		c.count(s)
		if s.index <= base.Index {
			continue
		}
		if err = st.step(s, members); err != nil {
			break
		}
	}
	st.HighestTerm = max(l.scan.state.Term, l.LastTerm(), st.Term)
	st.Members, st.Removed = members.list(), sortedIDs(members.removed)
	st.EverSeen = l.everSeen(st)
	return st, c, err
}

func (c *Coverage) count(s step) {
	if s.unreadable {
		c.Unreadable++
		return
	}
	c.Entries++
	if s.newer {
		c.Newer++
	}
}

func (l *Log) steps(from, through uint64) iter.Seq2[step, error] {
	return walk(l, from, func(b *batch[step], it *item[step]) {
		if it.raw.Index <= through {
			it.out, it.err = l.step(it.at, it.raw, &b.plain)
		}
		it.out.index, it.out.term = it.raw.Index, it.raw.Term
	})
}

// step decrypts and checks an entry.
func (l *Log) step(at spot, raw raftpb.Entry, arena *[]byte) (s step, err error) {
	plain, err := l.decrypt(raw.Index, l.scan.place(at), raw.Data, arena)
	if errors.Is(err, ErrOldKey) {
		return step{unreadable: true}, nil
	}
	if err != nil {
		return step{}, err
	}
	if raw.Type == raftpb.EntryConfChange {
		cc, damage := decodeConfChange(plain)
		if damage != nil {
			return step{}, l.scan.place(at).mark(damage)
		}
		cc.Index = raw.Index
		return step{conf: &cc}, nil
	}
	if raw.Type != raftpb.EntryNormal {
		return step{}, fmt.Errorf("entry %d has type %s: %w", raw.Index, raw.Type, ErrNewerFormat)
	}
	s.request = plain
	if s.newer, err = requestShape.Check(plain); err != nil {
		return step{}, l.scan.place(at).mark(&DamageError{What: "decode request", Err: err})
	}
	return s, nil
}

func (st *State) step(s step, members membership) error {
	if s.unreadable {
		return fmt.Errorf("replay entry %d: %w", s.index, ErrOldKey)
	}
	if err := st.applyRequest(s.index, s.request); err != nil {
		return err
	}
	st.Index, st.Term = s.index, s.term
	if s.conf != nil {
		members.apply(*s.conf)
	}
	return nil
}

// Apply takes in one entry of [Log.Entries] that follows the state: all of its
// actions, or none if one does not fit.
func (st *State) Apply(e Entry) {
	st.Index, st.Term = e.Index, e.Term
	actions := make([]rawAction, len(e.Actions))
	for i, a := range e.Actions {
		actions[i] = rawAction{op: a.Op, kind: rank(a.Object.Kind), id: []byte(a.Object.ID), raw: a.Object.raw}
	}
	st.apply(e.Index, actions)
}

func (st *State) applyRequest(index uint64, request []byte) error {
	st.actions = st.actions[:0]
	err := eachAction(request, index, func(a rawAction) { st.actions = append(st.actions, a) })
	if err != nil {
		return err
	}
	st.apply(index, st.actions)
	return nil
}

// apply does what the engine does (processEntry in manager/state/raft/raft.go):
// an entry with an action that does not fit has no effect at all.
func (st *State) apply(index uint64, actions []rawAction) {
	if what := st.refuse(actions); what != "" {
		st.Refused = append(st.Refused, Refusal{Index: index, What: what})
		return
	}
	for _, a := range actions {
		if a.op == Remove {
			delete(st.tables[a.kind], string(a.id))
		} else {
			st.tables[a.kind].set(a.id, a.raw)
		}
	}
}

// refuse says which action does not fit the objects before it.
func (st *State) refuse(actions []rawAction) string {
	var changed map[objectKey]bool // exists, by the actions before
	if len(actions) > 1 {
		changed = make(map[objectKey]bool, len(actions))
	}
	for _, a := range actions {
		exists, known := changed[objectKey{a.kind, string(a.id)}]
		if !known {
			_, exists = st.tables[a.kind][string(a.id)]
		}
		if exists && a.op == Create {
			return fmt.Sprintf("create %s: object exists", a.id)
		}
		if !exists && a.op != Create {
			return fmt.Sprintf("%s %s: object does not exist", a.op, a.id)
		}
		if changed != nil {
			changed[objectKey{a.kind, string(a.id)}] = a.op != Remove
		}
	}
	return ""
}

type objectKey struct {
	kind int
	id   string
}

// restore returns the state that a raft snapshot holds, an empty one for the
// zero value.
func (l *Log) restore(info SnapshotInfo) (*State, membership, error) {
	st := NewState()
	if info.Index == 0 {
		return st, newMembership(api.ClusterSnapshot{}), nil
	}
	content, err := l.content(info)
	if err != nil {
		return nil, membership{}, err
	}
	st.Index, st.Term = info.Index, info.Term
	if err := content.fill(st); err != nil {
		return nil, membership{}, info.mark(err)
	}
	return st, newMembership(content.members), nil
}

func (l *Log) everSeen(st *State) []uint64 {
	ids := map[uint64]bool{l.self.RaftID: true}
	for _, id := range st.Removed {
		ids[id] = true
	}
	for _, m := range st.Members {
		ids[m.RaftID] = true
	}
	for _, cc := range l.confs {
		ids[cc.Member.RaftID] = true
	}
	for _, info := range l.snaps {
		for _, id := range info.Voters {
			ids[id] = true
		}
	}
	return sortedIDs(ids)
}
