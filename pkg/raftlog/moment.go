package raftlog

import (
	"fmt"
	"slices"
	"time"
)

// IndexAt returns the index that the log had reached at t: the last one before
// the first entry that was written after t. A time after the last entry means
// that.
//
// Entries are dated by the clock of their leader: see [Entry.Time]. Removals,
// empty entries and membership changes have no time of their own and count as
// their predecessor, and so do entries of a key that the manager has dropped.
//
// The errors are those of [Log.Entries], and [ErrNotInLog] where t is before the
// oldest state that the log can still tell.
func (l *Log) IndexAt(t time.Time) (uint64, error) {
	p, err := l.past(t)
	if err != nil {
		return 0, err
	}
	base := l.oldestBase(p.unreadable)
	begins := p.begins
	if !p.dated {
		if begins, err = l.newestIn(base); err != nil {
			return 0, err
		}
	}
	if p.last < base.Index || begins.IsZero() || begins.After(t) {
		return 0, fmt.Errorf("%w: %s lies before the oldest state that it tells", ErrNotInLog, t.Format(time.RFC3339))
	}
	return p.last, nil
}

// past is what the entries until a time tell.
type past struct {
	last       uint64 // index of the last of them
	unreadable uint64 // index of the last that is
	dated      bool   // one of them has a time
	begins     time.Time
}

func (l *Log) past(t time.Time) (past, error) {
	p := past{last: l.FirstIndex() - 1}
	for e, err := range Walk(l, 0, dateOf) {
		if err != nil {
			return past{}, err
		}
		if e.unreadable {
			p.unreadable = e.index
		}
		if e.time.After(t) {
			return p, nil
		}
		if !p.dated && !e.time.IsZero() {
			p.dated, p.begins = true, e.time
		}
		p.last = e.index
	}
	p.last = l.LastIndex()
	return p, nil
}

type date struct {
	index      uint64
	time       time.Time
	unreadable bool
}

func dateOf(e Entry) (date, error) {
	return date{index: e.Index, time: e.Time(), unreadable: e.Kind == EntryUnreadable}, nil
}

// oldestBase returns the oldest raft snapshot that a replay can begin with, the
// zero value where it can begin with the first entry of the swarm.
func (l *Log) oldestBase(unreadable uint64) SnapshotInfo {
	if unreadable == 0 && l.FirstIndex() == 1 {
		return SnapshotInfo{}
	}
	for _, info := range slices.Backward(l.snaps) {
		if info.Index >= unreadable {
			return info
		}
	}
	return l.RaftSnapshot()
}

// newestIn returns when the newest object of a raft snapshot was written.
func (l *Log) newestIn(info SnapshotInfo) (time.Time, error) {
	r, err := l.restore(info)
	if err != nil {
		return time.Time{}, err
	}
	var newest time.Time
	for _, o := range r.state.Objects() {
		if t := o.Updated(); t.After(newest) {
			newest = t
		}
	}
	return newest, nil
}
