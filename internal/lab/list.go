package lab

import (
	"context"
	"time"

	"github.com/moby/moby/client"
)

// States of a node beside those that the engine reports (inactive, pending,
// active, error, locked).
const (
	StateDown    = "down"   // no dockerd runs
	StateSilent  = "silent" // it runs, but its API does not answer
	statusPeriod = 2 * time.Second
)

// Status is what is known of a node from outside. EngineVersion is the running
// one's, or that of the executable when none answers.
type Status struct {
	Name          string `json:"name"`
	Role          Role   `json:"role"`
	Address       string `json:"address"`
	DockerHost    string `json:"docker_host"`
	DataRoot      string `json:"data_root"`
	PID           int    `json:"pid"`
	EngineVersion string `json:"engine_version"`
	State         string `json:"state"`
}

// List asks all nodes at once, for 2 s at most.
func (l *Lab) List(ctx context.Context) []Status {
	ctx, cancel := context.WithTimeout(ctx, statusPeriod)
	defer cancel()
	all := make([]Status, len(l.nodes))
	index := map[*Node]int{}
	for i, n := range l.nodes {
		index[n] = i
	}
	_ = each(l.nodes, func(n *Node) error {
		all[index[n]] = n.status(ctx)
		return nil
	})
	return all
}

func (n *Node) status(ctx context.Context) Status {
	s := Status{
		Name: n.Name, Role: n.Role, Address: n.Address.String(), DockerHost: n.DockerHost(),
		DataRoot: n.DataRoot(), PID: n.PID(), EngineVersion: n.EngineVersion, State: StateDown,
	}
	if s.PID == 0 {
		return s
	}
	s.State = StateSilent
	_ = n.with(func(c *client.Client) error {
		res, err := c.Info(ctx, client.InfoOptions{})
		if err == nil {
			s.EngineVersion, s.State = res.Info.ServerVersion, string(res.Info.Swarm.LocalNodeState)
		}
		return err
	})
	return s
}
