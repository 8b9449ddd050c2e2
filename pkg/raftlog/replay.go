package raftlog

import (
	"fmt"
	"slices"

	"github.com/moby/swarmkit/v2/api"
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
	st, members, err := l.restore(base)
	if err != nil {
		return nil, err
	}
	for e, err := range l.Entries(base.Index + 1) {
		if err != nil {
			return nil, err
		}
		if e.Index > through {
			break
		}
		if e.Kind == EntryUnreadable {
			return nil, fmt.Errorf("replay entry %d: %w", e.Index, ErrOldKey)
		}
		st.apply(e)
		if e.ConfChange != nil {
			members.apply(*e.ConfChange)
		}
	}
	st.HighestTerm = max(l.scan.state.Term, l.LastTerm(), st.Term)
	st.Members, st.Removed = members.list(), sortedIDs(members.removed)
	st.EverSeen = l.everSeen(st)
	return st, nil
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

// restore returns the state that a raft snapshot holds, an empty one for the
// zero value.
func (l *Log) restore(info SnapshotInfo) (*State, membership, error) {
	st := newState()
	if info.Index == 0 {
		return st, newMembership(api.ClusterSnapshot{}), nil
	}
	content, plain, err := l.content(info)
	if err != nil {
		return nil, membership{}, err
	}
	st.Index, st.Term = info.Index, info.Term
	objects := storeObjects(&content.Store)
	if content.Size() != len(plain) {
		if err := keepUnknown(objects, plain); err != nil {
			return nil, membership{}, fmt.Errorf("decode raft snapshot %s: %w", info.File, err)
		}
	}
	for _, o := range objects {
		if _, err := st.put(Create, o.Value); err != nil {
			return nil, membership{}, &DamageError{File: info.File, What: "restore object", Err: err}
		}
		st.note(Create, o)
	}
	return st, newMembership(content.Membership), nil
}

// storeObjects returns the objects in the order of [Kinds].
func storeObjects(s *api.StoreSnapshot) []Object {
	return slices.Concat(
		each(s.Nodes), each(s.Services), each(s.Networks), each(s.Tasks), each(s.Clusters),
		each(s.Secrets), each(s.Resources), each(s.Extensions), each(s.Configs), each(s.Volumes),
	)
}

func each[T api.StoreObject](values []T) []Object {
	objects := make([]Object, len(values))
	for i, value := range values {
		objects[i] = objectOf(value)
	}
	return objects
}

// apply takes in one entry: all of its actions, or none if one does not fit
// (processEntry in manager/state/raft/raft.go).
func (st *State) apply(e Entry) {
	st.Index, st.Term = e.Index, e.Term
	var undo []func()
	for _, a := range e.Actions {
		back, err := st.put(a.Op, a.Object.Value)
		if err != nil {
			st.Refused = append(st.Refused, Refusal{Index: e.Index, What: err.Error()})
			for _, f := range slices.Backward(undo) {
				f()
			}
			return
		}
		undo = append(undo, back)
	}
	for _, a := range e.Actions {
		st.note(a.Op, a.Object)
	}
}

// note remembers the unknown fields of an object as long as it has any.
func (st *State) note(op Op, o Object) {
	key := objectKey{kind: o.Kind, id: o.ID}
	delete(st.unknown, key)
	if op != Remove && o.unknown != nil {
		st.unknown[key] = o.unknown
	}
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
