package snapshot

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Break is where the snapshots of one cluster do not follow from each other.
type Break struct {
	Kind  BreakKind `json:"kind"`
	Names []Name    `json:"names"` // the earlier one first
	Words string    `json:"words"`
}

// BreakKind is what kind of break it is.
type BreakKind string

// Backwards is a log that lost entries, or a manager that lags behind the
// others: it was rolled back, restored or cut off. Fork is two histories under
// one cluster id. Gap is a time without snapshots that others do not have.
const (
	Backwards BreakKind = "backwards"
	Fork      BreakKind = "fork"
	Gap       BreakKind = "gap"
)

// maxLag is by how much a manager may be behind another, clocks included.
const maxLag = 10 * time.Minute

// Chain finds breaks between the snapshots of each cluster, in order of time.
// It needs all manifests of a cluster and is content with those that retention
// left.
//
// Raft holds that within one history a term and an index name one entry, that
// what was committed in a term is in the logs of all later terms, and that no
// log loses what was committed. A restore breaks that on purpose, and is found
// once: after a break the history is followed from there.
func Chain(manifests []*Manifest) []Break {
	clusters := map[string][]*Manifest{}
	for _, m := range manifests {
		clusters[m.Name.Cluster()] = append(clusters[m.Name.Cluster()], m)
	}
	breaks := []Break{}
	for _, id := range slices.Sorted(maps.Keys(clusters)) {
		cluster := clusters[id]
		slices.SortFunc(cluster, func(a, b *Manifest) int {
			return cmp.Or(a.Name.Time().Compare(b.Name.Time()), cmp.Compare(a.Name, b.Name))
		})
		breaks = append(breaks, breaksOf(cluster)...)
		breaks = append(breaks, gaps(cluster)...)
	}
	return breaks
}

func breaksOf(cluster []*Manifest) []Break {
	var breaks []Break
	previous, h := map[string]*Manifest{}, newHistory()
	for _, m := range cluster {
		b := wentBack(previous[m.Name.Node()], m)
		if b == nil {
			b = h.forks(m)
		}
		if b == nil {
			b = h.lags(m)
		}
		if b != nil {
			breaks, h = append(breaks, *b), newHistory()
		}
		h.add(m)
		previous[m.Name.Node()] = m
	}
	return breaks
}

// position is how far a log is. Raft compares logs so.
func position(a, b *Manifest) int {
	return cmp.Or(cmp.Compare(a.Contents.Term, b.Contents.Term), cmp.Compare(a.Contents.Index, b.Contents.Index))
}

// wentBack compares two snapshots of one manager. The last entries of a log may
// be replaced by a later leader's, but never committed ones.
func wentBack(before, m *Manifest) *Break {
	if before == nil || position(m, before) >= 0 && m.Contents.Index >= before.Contents.Commit {
		return nil
	}
	return newBreak(Backwards, before, m, "the log of this manager lost entries: %s before, %s now", at(before), at(m))
}

// history is what is known of the cluster's one log.
type history struct {
	head    *Manifest
	entries map[uint64]*Manifest // by index
	commits map[uint64]*Manifest // by term, that with the highest commit index
}

func newHistory() *history {
	return &history{entries: map[uint64]*Manifest{}, commits: map[uint64]*Manifest{}}
}

func (h *history) add(m *Manifest) {
	if h.head == nil || position(m, h.head) > 0 {
		h.head = m
	}
	h.entries[m.Contents.Index] = m
	term := m.Contents.Term
	if c := h.commits[term]; c == nil || m.Contents.Commit > c.Contents.Commit {
		h.commits[term] = m
	}
}

func (h *history) forks(m *Manifest) *Break {
	c := m.Contents
	if e := h.entries[c.Index]; e != nil {
		if e.Contents.Term != c.Term && e.Name.Node() != m.Name.Node() {
			return newBreak(Fork, e, m, "entry %d has term %d in one and term %d in the other: one of them was never committed, or there are two swarms",
				c.Index, e.Contents.Term, c.Term)
		}
		if e.Contents.Term == c.Term && e.Tool == m.Tool && (e.Contents.Voters != c.Voters || !maps.Equal(e.Contents.Objects, c.Objects)) {
			return newBreak(Fork, e, m, "both end at %s and hold different objects", at(m))
		}
	}
	for _, term := range slices.Sorted(maps.Keys(h.commits)) {
		e := h.commits[term]
		if term < c.Term && c.Index <= e.Contents.Commit {
			return newBreak(Fork, e, m, "entry %d was committed in term %d, but one of a later term lies before it: %s",
				e.Contents.Commit, term, at(m))
		}
	}
	return nil
}

func (h *history) lags(m *Manifest) *Break {
	if h.head == nil || position(m, h.head) >= 0 {
		return nil
	}
	behind := m.Name.Time().Sub(h.head.Name.Time())
	if behind <= maxLag {
		return nil
	}
	return newBreak(Backwards, h.head, m, "this manager is at %s, another was at %s %s before",
		at(m), at(h.head), behind.Round(time.Second))
}

func at(m *Manifest) string {
	return fmt.Sprintf("index %d, term %d", m.Contents.Index, m.Contents.Term)
}

func newBreak(kind BreakKind, before, m *Manifest, format string, args ...any) *Break {
	return &Break{kind, []Name{before.Name, m.Name}, fmt.Sprintf(format, args...)}
}
