// Package quorum turns what was seen of a swarm's managers into a verdict:
// is there a quorum, how many more managers may fail, may this one be stopped.
//
// It is pure: no I/O, no clock, no logs. Whoever looks, be it at the Docker
// API or at the managers' own ports (package probe), hands in a [View];
// [Judge] decides.
package quorum

// Reach is what one look at a manager said.
type Reach int

const (
	// Unknown: nobody could be asked.
	Unknown Reach = iota
	// Reachable: it takes part.
	Reachable
	// Unreachable: it was looked for in vain.
	Unreachable
)

// String is the word that Docker uses, in lower case.
func (r Reach) String() string {
	switch r {
	case Reachable:
		return "reachable"
	case Unreachable:
		return "unreachable"
	default:
		return "unknown"
	}
}

// Combine takes two independent looks at one manager, the raft leader's and a
// probe of its port, and keeps the worse one: the leader learns late of a
// manager whose host is gone, and a port that answers is not yet a member that
// keeps up. An unknown does not count.
func Combine(a, b Reach) Reach {
	return max(a, b)
}

// Voter is a raft member, that is a manager whose vote counts.
type Voter struct {
	ID       string // node id
	Hostname string // may be empty
	Addr     string // host:port of its raft member, may be empty
	Reach    Reach
	Leader   bool
}

// View is what was seen at one moment.
type View struct {
	// Voters are the raft members, each once. Node objects are not voters: a
	// removed manager may leave one behind.
	Voters []Voter
	// Ghosts names nodes of role manager that are no raft member: remains of a
	// dead manager, or a promotion under way.
	Ghosts []string
	// LeaderKnown says that the view can tell the leader, so that none marked
	// means there is none. The API can; a probe of ports cannot.
	LeaderKnown bool
}

// Majority is how many of n voters a quorum needs.
func Majority(n int) int { return n/2 + 1 }
