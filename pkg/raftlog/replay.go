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
	actions     []rawAction
	plain       *[]byte // that the actions are parts of
	conf        *ConfChange
}

// replay reads the entries from one index through another and applies those
// behind base.
func (l *Log) replay(base SnapshotInfo, from, through uint64) (*State, Coverage, error) {
	r, err := l.restore(base)
	if err != nil {
		return nil, Coverage{}, err
	}
	err = r.run(l.steps(from, through), through)
	if err == nil {
		err = r.state.check()
	}
	return r.finish(l), r.covered, err
}

// replayer is a replay on its way.
type replayer struct {
	base    SnapshotInfo
	state   *State
	members membership
	covered Coverage
}

func (r *replayer) run(steps iter.Seq2[step, error], through uint64) error {
	for s, err := range steps {
		if err != nil {
			return err
		}
		if s.index > through {
			return nil
		}
		r.covered.count(s)
		if s.index <= r.base.Index {
			continue
		}
		if err := r.step(&s); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) step(s *step) error {
	if s.unreadable {
		return fmt.Errorf("replay entry %d: %w", s.index, ErrOldKey)
	}
	if !r.state.exchange(s) {
		r.state.apply(s.index, s.actions)
	}
	r.state.Index, r.state.Term = s.index, s.term
	if s.conf != nil {
		r.members.apply(*s.conf)
	}
	return nil
}

func (r *replayer) finish(l *Log) *State {
	st := r.state
	st.HighestTerm = max(l.scan.state.Term, l.LastTerm(), st.Term)
	st.Members, st.Removed = r.members.list(), sortedIDs(r.members.removed)
	st.EverSeen = l.everSeen(st)
	return st
}

func (l *Log) steps(from, through uint64) iter.Seq2[step, error] {
	return walk(again[step](l, from), func(b *batch[step], it *item[step]) {
		if it.raw.Index <= through {
			l.work(b, it)
		}
		it.out.index = it.raw.Index
	})
}

func (l *Log) work(b *batch[step], it *item[step]) {
	it.out, it.err = l.step(b, it)
	it.out.index, it.out.term = it.raw.Index, it.raw.Term
}

// step decrypts and checks an entry.
func (l *Log) step(b *batch[step], it *item[step]) (step, error) {
	at, raw := it.at, it.raw
	plain, err := l.decrypt(raw.Index, at, raw.Data, &it.plain)
	if errors.Is(err, ErrOldKey) {
		return step{unreadable: true}, nil
	}
	if err != nil {
		return step{}, err
	}
	if raw.Type == raftpb.EntryConfChange {
		cc, damage := decodeConfChange(plain)
		if damage != nil {
			return step{}, at.mark(damage)
		}
		cc.Index = raw.Index
		return step{conf: &cc}, nil
	}
	if raw.Type != raftpb.EntryNormal {
		return step{}, fmt.Errorf("entry %d has type %s: %w", raw.Index, raw.Type, ErrNewerFormat)
	}
	start := len(b.actions)
	b.actions, err = appendActions(b.actions, plain)
	if err != nil {
		return step{}, at.mark(fmt.Errorf("decode entry %d in %s: %w", raw.Index, at, err))
	}
	return step{actions: b.actions[start:], plain: &it.plain}, nil
}

// restore begins with what a raft snapshot holds, or with nothing for the zero
// value.
func (l *Log) restore(info SnapshotInfo) (*replayer, error) {
	r := &replayer{base: info, state: NewState(), members: newMembership(api.ClusterSnapshot{})}
	if info.Index == 0 {
		return r, nil
	}
	content, err := l.content(info)
	if err != nil {
		return nil, err
	}
	r.state.Index, r.state.Term = info.Index, info.Term
	r.members = newMembership(content.members)
	if err := content.fill(r.state); err != nil {
		return nil, info.mark(err)
	}
	return r, nil
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
