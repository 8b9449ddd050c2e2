package quorum

import "fmt"

// Status grades a verdict. Its number is the exit code that Nagios plugins use.
//
//	ok        0  a leader, an odd number of managers, all reachable, one or more may fail
//	warning   1  a quorum, but something in Warnings: a manager unreachable or
//	             not asked, an even number or a single one, a ghost, the
//	             leader not known
//	critical  2  no quorum, or a quorum without a leader
//	unknown   3  no manager known, or those that could not be asked decide
type Status int

// The grades, from best to worst but for the last, which is none.
const (
	StatusOK Status = iota
	StatusWarning
	StatusCritical
	StatusUnknown
)

// String is the grade's name in lower case.
func (s Status) String() string {
	switch s {
	case StatusOK:
		return "ok"
	case StatusWarning:
		return "warning"
	case StatusCritical:
		return "critical"
	default:
		return "unknown"
	}
}

// Verdict is what a View comes to.
type Verdict struct {
	View View

	Voters    int // raft members
	Reachable int // of them surely reachable
	Unasked   int // of them neither reachable nor unreachable
	Majority  int // reachable ones needed, Voters/2+1
	// MayFail is how many more managers may fail before the quorum is lost.
	// Those that could not be asked count as failed already.
	MayFail   int
	HasQuorum bool   // a majority is surely reachable
	Leader    string // node id, empty if none was seen

	Status   Status
	Warnings []string // why not ok although there is a quorum, for people
}

// Judge decides. It never fails: an empty view is StatusUnknown.
func Judge(v View) Verdict {
	d := Verdict{View: v, Voters: len(v.Voters)}
	for _, m := range v.Voters {
		switch m.Reach {
		case Reachable:
			d.Reachable++
		case Unknown:
			d.Unasked++
		}
		if m.Leader {
			d.Leader = m.ID
		}
	}
	d.Majority = Majority(d.Voters)
	d.MayFail = max(d.Reachable-d.Majority, 0)
	d.HasQuorum = d.Voters > 0 && d.Reachable >= d.Majority
	d.Warnings = d.warnings()
	d.Status = d.status()
	return d
}

func (d Verdict) status() Status {
	leaderless := d.View.LeaderKnown && d.Leader == ""
	switch {
	case d.Voters == 0:
		return StatusUnknown
	case !d.HasQuorum && d.Reachable+d.Unasked >= d.Majority:
		return StatusUnknown
	case !d.HasQuorum, leaderless:
		return StatusCritical
	case len(d.Warnings) > 0:
		return StatusWarning
	default:
		return StatusOK
	}
}

func (d Verdict) warnings() []string {
	var w []string
	if gone := d.Voters - d.Reachable - d.Unasked; gone > 0 {
		w = append(w, managers(gone)+" unreachable")
	}
	if d.Unasked > 0 {
		w = append(w, managers(d.Unasked)+" could not be asked")
	}
	switch {
	case d.Voters == 1:
		w = append(w, "a single manager: there is no other to carry on")
	case d.Voters > 0 && d.Voters%2 == 0:
		w = append(w, fmt.Sprintf("%d managers bear no more failures than %d", d.Voters, d.Voters-1))
	}
	if d.HasQuorum && !d.View.LeaderKnown {
		w = append(w, "the leader is not known")
	}
	for _, g := range d.View.Ghosts {
		w = append(w, fmt.Sprintf("%s has the role manager but is no raft member", g))
	}
	return w
}
