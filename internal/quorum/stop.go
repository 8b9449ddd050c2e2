package quorum

import "fmt"

// SafeToStop says whether the manager with this node id can be stopped for a
// while without taking the quorum away: the others that are surely reachable
// must be a majority of all voters. The reason is empty when it is safe.
func (d Verdict) SafeToStop(id string) (safe bool, reason string) {
	m, found := d.voter(id)
	switch {
	case !found:
		return false, "it is not a manager of this swarm"
	case d.Voters == 1:
		return false, "it is the only manager: the swarm would stand still"
	case !d.HasQuorum:
		return false, fmt.Sprintf("there is no quorum: %d of %d reachable, %d needed", d.Reachable, d.Voters, d.Majority)
	case !d.View.LeaderKnown:
		return false, "it is not known who leads"
	case d.Leader == "":
		return false, "the swarm has no leader"
	case m.Reach != Reachable:
		return false, "it is not surely reachable itself"
	case d.Reachable-1 < d.Majority:
		return false, fmt.Sprintf("%d of %d would be left, %d needed", d.Reachable-1, d.Voters, d.Majority)
	default:
		return true, ""
	}
}

// StopOrder is the node ids of the voters in the order in which to stop them
// one at a time: as given, but the leader last, for each stop of a leader
// costs an election.
func (d Verdict) StopOrder() []string {
	var order, leaders []string
	for _, m := range d.View.Voters {
		if m.Leader {
			leaders = append(leaders, m.ID)
			continue
		}
		order = append(order, m.ID)
	}
	return append(order, leaders...)
}

func (d Verdict) voter(id string) (Voter, bool) {
	for _, m := range d.View.Voters {
		if m.ID == id {
			return m, true
		}
	}
	return Voter{}, false
}
