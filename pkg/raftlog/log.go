package raftlog

// Self returns the manager that wrote the log. With a decrypter its address is
// the one of today, without, that of the day it joined.
func (l *Log) Self() Member { return l.self }

// HardState returns the hard state as it stands on disk.
func (l *Log) HardState() HardState {
	st := l.scan.state
	return HardState{Term: st.Term, Vote: st.Vote, Commit: st.Commit}
}

// FirstIndex returns the index of the first entry, LastIndex()+1 if there is
// none. Entries before the raft snapshot are often still there.
func (l *Log) FirstIndex() uint64 {
	if l.scan.span.count == 0 {
		return l.RaftSnapshot().Index + 1
	}
	return l.scan.span.first
}

// LastIndex returns the index of the last entry, or that of the raft snapshot
// if nothing follows it.
func (l *Log) LastIndex() uint64 {
	return max(l.lastEntry(), l.RaftSnapshot().Index)
}

func (l *Log) lastEntry() uint64 {
	if l.scan.span.count == 0 {
		return 0
	}
	return l.scan.span.last()
}

// LastTerm returns the term of the entry at [Log.LastIndex].
func (l *Log) LastTerm() uint64 {
	if term, ok := l.scan.span.term(l.LastIndex()); ok {
		return term
	}
	return l.RaftSnapshot().Term
}

// RaftSnapshot returns the newest usable raft snapshot, the zero value when
// there is none, as in a young swarm.
func (l *Log) RaftSnapshot() SnapshotInfo {
	if len(l.snaps) == 0 {
		return SnapshotInfo{}
	}
	return l.snaps[0]
}

// Announced returns index and term of the newest raft snapshot that the log has
// a marker for, zeros without any. The engine writes the marker first, so its
// file may be missing after a crash, and the log is complete without it.
func (l *Log) Announced() (index, term uint64) {
	for _, m := range l.scan.markers {
		if m.Index > index {
			index, term = m.Index, m.Term
		}
	}
	return index, term
}

// Segments returns the paths of the segments that were read, in order.
func (l *Log) Segments() []string {
	paths := make([]string, len(l.scan.segments))
	for i, s := range l.scan.segments {
		paths[i] = s.path
	}
	return paths
}

// BrokenSnapshots returns the raft snapshots that cannot be read, though the
// log is complete without them. A manager that lost power while it wrote one
// leaves it like this.
func (l *Log) BrokenSnapshots() []*DamageError { return l.broken }

// Torn returns where the last record was torn, nil if it was not.
func (l *Log) Torn() *TornTail { return l.scan.torn }

// Damage returns where a log opened by [OpenDamaged] ends, nil if intact.
func (l *Log) Damage() *DamageError { return l.damage }

// Clear tells whether the log is one of Docker 1.12 or of a development build,
// which did not encrypt.
func (l *Log) Clear() bool { return l.layout.clear }

// OldDirs returns the directories of older log formats that still lie beside
// the log, below the swarm directory. They hold secrets in clear.
func (l *Log) OldDirs() []string { return l.old }
