package engine

import (
	"context"

	"github.com/moby/moby/api/types/swarm"
	"github.com/swarmdr/swarmdr/internal/quorum"
)

// Quorum is the leader's view of the managers. It needs a leader.
func (c *Client) Quorum(ctx context.Context) (quorum.View, error) {
	managers, err := c.Managers(ctx)
	if err != nil {
		return quorum.View{}, err
	}
	view := quorum.View{LeaderKnown: true}
	for _, m := range managers {
		if m.Ghost {
			view.Ghosts = append(view.Ghosts, m.Hostname)
			continue
		}
		view.Voters = append(view.Voters, quorum.Voter{
			ID: m.NodeID, Hostname: m.Hostname, Addr: m.Addr, Leader: m.Leader, Reach: reach(m.Reachability),
		})
	}
	return view, nil
}

func reach(word string) quorum.Reach {
	switch swarm.Reachability(word) {
	case swarm.ReachabilityReachable:
		return quorum.Reachable
	case swarm.ReachabilityUnreachable:
		return quorum.Unreachable
	}
	return quorum.Unknown
}
