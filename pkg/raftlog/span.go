package raftlog

import (
	"cmp"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3/raftpb"
)

// spot is where a record stands: the number of its segment, and the first byte
// in it.
type spot struct {
	segment int
	offset  int64
}

func (a spot) before(b spot) bool {
	return cmp.Or(cmp.Compare(a.segment, b.segment), cmp.Compare(a.offset, b.offset)) < 0
}

// span tells which entries a log has, in a space that grows with its terms and
// its replaced entries, of which there are few.
type span struct {
	first uint64 // index of the first entry
	count uint64
	terms []termRun // ascending
	cuts  []cut     // in the order of the log
}

// termRun begins where the term changes.
type termRun struct{ from, term uint64 }

// cut: what stands before the spot and has this index or a higher one was
// replaced.
type cut struct {
	at          spot
	index, last uint64 // first and last index that it replaces
}

func newSpan() span { return span{first: 1} }

// last is the index of the last entry, first-1 when there is none.
func (s *span) last() uint64 { return s.first + s.count - 1 }

// term returns the term of an entry of the log.
func (s *span) term(index uint64) (uint64, bool) {
	if s.count == 0 || index < s.first || index > s.last() {
		return 0, false
	}
	i, found := slices.BinarySearchFunc(s.terms, index, func(r termRun, index uint64) int { return cmp.Compare(r.from, index) })
	if !found {
		i--
	}
	return s.terms[i].term, true
}

func (s *span) follows(e raftpb.Entry) *DamageError {
	if e.Index == 0 || e.Term == 0 {
		return &DamageError{Breaks: Entries, What: fmt.Sprintf("entry has index %d and term %d", e.Index, e.Term)}
	}
	if s.count == 0 {
		s.first = e.Index
		return nil
	}
	if e.Index < s.first || e.Index > s.last()+1 {
		return &DamageError{Breaks: Entries, What: fmt.Sprintf("entry %d does not follow entries %d to %d", e.Index, s.first, s.last())}
	}
	before, _ := s.term(e.Index - 1)
	replaced, _ := s.term(e.Index)
	if highest := max(before, replaced); e.Term < highest {
		return &DamageError{Breaks: Entries, What: fmt.Sprintf("entry %d has term %d after term %d", e.Index, e.Term, highest)}
	}
	return nil
}

// add appends an entry that follows.
func (s *span) add(e raftpb.Entry) {
	if n := len(s.terms); n == 0 || s.terms[n-1].term != e.Term {
		s.terms = append(s.terms, termRun{from: e.Index, term: e.Term})
	}
	s.count++
}

// truncate drops the entries from index on, which stand before the spot.
func (s *span) truncate(index uint64, at spot) {
	s.cuts = append(s.cuts, cut{at: at, index: index, last: s.last()})
	s.count = index - s.first
	for n := len(s.terms); n > 0 && s.terms[n-1].from >= index; n-- {
		s.terms = s.terms[:n-1]
	}
}

// replacedBehind tells whether an entry behind an index was replaced.
func (s *span) replacedBehind(index uint64) bool {
	return slices.ContainsFunc(s.cuts, func(c cut) bool { return c.last > index })
}

// survivors tells, for spots in the order of the log, which entries are left.
type survivors struct {
	cuts   []cut
	lowest []uint64 // of the cuts from here on
}

func (s *span) survivors() *survivors {
	alive := &survivors{cuts: s.cuts, lowest: make([]uint64, len(s.cuts))}
	for i := len(s.cuts) - 1; i >= 0; i-- {
		alive.lowest[i] = s.cuts[i].index
		if i+1 < len(s.cuts) {
			alive.lowest[i] = min(alive.lowest[i], alive.lowest[i+1])
		}
	}
	return alive
}

// has tells whether the entry at the spot was not replaced later on.
func (s *survivors) has(at spot, index uint64) bool {
	for len(s.cuts) > 0 && !at.before(s.cuts[0].at) {
		s.cuts, s.lowest = s.cuts[1:], s.lowest[1:]
	}
	return len(s.cuts) == 0 || index < s.lowest[0]
}
