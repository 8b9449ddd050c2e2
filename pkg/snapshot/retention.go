package snapshot

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ErrEmptyPolicy is returned by NewPlan for a policy that keeps nothing: it is
// more likely forgotten than meant.
var ErrEmptyPolicy = errors.New("the retention policy keeps nothing")

// ShrinkError is returned by NewPlan for a policy that would remove more than
// half of a manager's snapshots, or of those that are verified.
type ShrinkError struct {
	Cluster, Node string
	Keep, Remove  int
	Verified      bool // the figures are those of the verified snapshots
}

// Error tells the figures.
func (e *ShrinkError) Error() string {
	kind := "snapshots"
	if e.Verified {
		kind = "verified snapshots"
	}
	return fmt.Sprintf("%s/%s: the policy would remove %d of %d %s, more than half",
		e.Cluster, e.Node, e.Remove, e.Keep+e.Remove, kind)
}

// futureLimit is how far the clock of a manager may be ahead of ours.
const futureLimit = 5 * time.Minute

// Candidate is a snapshot that retention decides on.
type Candidate struct {
	Name Name  `json:"name"`
	Size int64 `json:"size"` // of the archive, in bytes
	// Verified says that the snapshot is good as far as is known, see Candidates;
	// Bad that it would be, but for its bad marker. With neither, its manifest
	// cannot be trusted or its archive is another. Problem says why it is not
	// verified.
	Verified  bool   `json:"verified"`
	Bad       bool   `json:"bad,omitempty"`
	Problem   string `json:"problem,omitempty"`
	Protected bool   `json:"protected,omitempty"`
	// LockedUntil is when the store will let go of it; zero without a lock.
	LockedUntil time.Time `json:"locked_until,omitzero"`
}

// Kept is a snapshot that stays, and all reasons for it. Future says that its
// time has not come yet.
type Kept struct {
	Candidate
	Reasons []string `json:"reasons"`
	Future  bool     `json:"future,omitempty"`
}

// Plan is what Expire is to do.
type Plan struct {
	// Prefix is that of all names in the plan.
	Prefix string      `json:"prefix"`
	Keep   []Kept      `json:"keep"`
	Remove []Candidate `json:"remove"`
	// Orphans are the remains of backups and expiries that were killed.
	Orphans []Name `json:"orphans"`

	refused error
}

// NewPlan decides which snapshots stay. It looks at each manager of each
// cluster by itself. These stay:
//
//   - what the policy keeps, as in restic's forget: of each hour, day, ISO week,
//     month or year (UTC) the newest snapshot, and the oldest of all as long as
//     the policy asks for more of them than there are,
//   - the newest verified snapshot, and so that of the cluster too; if none is
//     verified, the newest,
//   - what is protected, and what the store has locked,
//   - snapshots from the future, by more than 5 minutes; they count for nothing.
//
// Verified snapshots, those with a bad marker, and the others never take each
// other's places: the policy is applied to each kind by itself. So planted
// snapshots remove no signed one that would have stayed without them, and nor
// do planted markers, but for the guard of the newest verified.
//
// Errors are ErrEmptyPolicy, those of a malformed name or policy, and
// *ShrinkError, one for each manager, unless policy.AllowShrink. With the
// latter the plan is returned to be shown; Expire refuses it.
func NewPlan(policy Policy, candidates []Candidate, now time.Time) (*Plan, error) {
	if err := policy.check(); err != nil {
		return nil, err
	}
	managers := map[string][]Kept{}
	for _, c := range candidates {
		if _, err := ParseName(string(c.Name)); err != nil {
			return nil, err
		}
		manager := c.Name.manager()
		managers[manager] = append(managers[manager], Kept{Candidate: c, Future: c.Name.Time().After(now.Add(futureLimit))})
	}
	p := &Plan{Keep: []Kept{}, Remove: []Candidate{}, Orphans: []Name{}}
	for _, manager := range slices.Sorted(maps.Keys(managers)) {
		judge(policy, managers[manager], now)
		p.refused = errors.Join(p.refused, p.add(managers[manager]))
	}
	if policy.AllowShrink {
		p.refused = nil
	}
	return p, p.refused
}

// judge writes the reasons into the snapshots of one manager.
func judge(policy Policy, all []Kept, now time.Time) {
	slices.SortFunc(all, func(a, b Kept) int { return cmp.Compare(b.Name, a.Name) })
	kinds := map[kind][]*Kept{}
	var present []*Kept
	for i := range all {
		c := &all[i]
		if c.Future {
			c.reason("future")
			continue
		}
		present = append(present, c)
		kinds[c.kind()] = append(kinds[c.kind()], c)
	}
	for _, snapshots := range kinds {
		policy.apply(snapshots, now)
	}
	keepNewest(kinds[verified], present)
	for _, c := range present {
		if c.Protected {
			c.reason("protected")
		}
		if c.LockedUntil.After(now) {
			c.reason("locked until " + c.LockedUntil.UTC().Format(time.RFC3339))
		}
	}
}

func keepNewest(verified, present []*Kept) {
	switch {
	case len(verified) > 0:
		verified[0].reason("newest verified")
	case len(present) > 0:
		present[0].reason("newest as none is verified")
	}
}

func (k *Kept) reason(words string) { k.Reasons = append(k.Reasons, words) }

// kind is what takes no other kind's place.
type kind int

const (
	verified kind = iota
	bad
	other
)

func (c Candidate) kind() kind {
	switch {
	case c.Verified:
		return verified
	case c.Bad:
		return bad
	}
	return other
}

// add takes over one manager's snapshots, oldest first.
func (p *Plan) add(newestFirst []Kept) error {
	all, good := tally{}, tally{}
	for _, c := range slices.Backward(newestFirst) {
		kept := len(c.Reasons) > 0
		if kept {
			p.Keep = append(p.Keep, c)
		} else {
			p.Remove = append(p.Remove, c.Candidate)
		}
		if c.Future {
			continue
		}
		all.count(kept)
		if c.kind() == verified {
			good.count(kept)
		}
	}
	name := newestFirst[0].Name
	if good.shrinks() {
		return &ShrinkError{name.Cluster(), name.Node(), good.keep, good.remove, true}
	}
	if all.shrinks() {
		return &ShrinkError{name.Cluster(), name.Node(), all.keep, all.remove, false}
	}
	return nil
}

type tally struct{ keep, remove int }

func (t *tally) count(kept bool) {
	if kept {
		t.keep++
	} else {
		t.remove++
	}
}

func (t *tally) shrinks() bool { return t.remove > t.keep }
