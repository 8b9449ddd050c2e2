package snapshot

import (
	"slices"
	"time"
)

const (
	// gapFactor is how many times longer than usual a gap is.
	gapFactor = 3
	// gapHistory is how many intervals make what is usual, gapNeeds how many
	// there must be.
	gapHistory, gapNeeds = 10, 3
)

// gaps finds intervals between snapshots of one manager that are much longer
// than the median of those before it. Retention makes intervals longer the
// older they are, and so no gap where there was none.
func gaps(cluster []*Manifest) []Break {
	var breaks []Break
	previous, intervals := map[string]*Manifest{}, map[string][]time.Duration{}
	for _, m := range cluster {
		node := m.Name.Node()
		before := previous[node]
		previous[node] = m
		if before == nil {
			continue
		}
		interval := m.Name.Time().Sub(before.Name.Time())
		if usual, ok := median(intervals[node]); ok && interval > gapFactor*usual {
			breaks = append(breaks, *newBreak(Gap, before, m, "no snapshot for %s, usual is one in %s",
				interval.Round(time.Second), usual.Round(time.Second)))
		}
		intervals[node] = append(intervals[node], interval)
	}
	return breaks
}

// median is that of the last intervals.
func median(intervals []time.Duration) (usual time.Duration, ok bool) {
	last := intervals[max(0, len(intervals)-gapHistory):]
	if len(last) < gapNeeds {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(last))
	return sorted[len(sorted)/2], true
}
