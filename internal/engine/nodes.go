package engine

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// Node is a member of the swarm, as the managers list it. The strings are
// Docker's own words.
type Node struct {
	ID           string
	Hostname     string
	Addr         string // IP address that the managers see it come from
	Role         string // desired: manager, worker
	State        string // ready, down, unknown, disconnected
	Availability string // active, pause, drain
	Engine       string // version
}

// Manager is a node of role manager. Its Addr is that of its raft member.
type Manager struct {
	NodeID       string
	Hostname     string
	Addr         string // host:port, empty for a ghost
	Reachability string // reachable, unreachable, unknown; empty for a ghost
	Leader       bool
	State        string
	Availability string
	// Ghost: role manager, but no raft member. What a dead manager leaves
	// behind after a recovery, or a promotion under way.
	Ghost bool
}

// Nodes lists all nodes. It needs a leader.
func (c *Client) Nodes(ctx context.Context) ([]Node, error) {
	list, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	var nodes []Node
	for _, n := range list {
		nodes = append(nodes, Node{
			ID:           n.ID,
			Hostname:     n.Description.Hostname,
			Addr:         n.Status.Addr,
			Role:         string(n.Spec.Role),
			State:        string(n.Status.State),
			Availability: string(n.Spec.Availability),
			Engine:       n.Description.Engine.EngineVersion,
		})
	}
	return nodes, nil
}

// Managers lists the managers, ghosts among them. It needs a leader.
//
// When the quorum is lost the list goes on for a while: with two of three
// killed it showed both as unreachable within 1.5 s, and the survivor as the
// leader for 17 s; calls then took 20 s to fail, and from 28 s on ErrNoLeader
// came at once (Docker 20.10.24).
func (c *Client) Managers(ctx context.Context) ([]Manager, error) {
	list, err := c.nodes(ctx)
	if err != nil {
		return nil, err
	}
	var managers []Manager
	for _, n := range list {
		if n.ManagerStatus != nil || n.Spec.Role == swarm.NodeRoleManager {
			managers = append(managers, manager(n))
		}
	}
	return managers, nil
}

func manager(n swarm.Node) Manager {
	m := Manager{
		NodeID:       n.ID,
		Hostname:     n.Description.Hostname,
		State:        string(n.Status.State),
		Availability: string(n.Spec.Availability),
		Ghost:        n.ManagerStatus == nil,
	}
	if !m.Ghost {
		m.Addr = n.ManagerStatus.Addr
		m.Reachability = string(n.ManagerStatus.Reachability)
		m.Leader = n.ManagerStatus.Leader
	}
	return m
}

func (c *Client) nodes(ctx context.Context) ([]swarm.Node, error) {
	var list client.NodeListResult
	err := c.call(ctx, "list nodes", callLimit, func(ctx context.Context) (err error) {
		list, err = c.api.NodeList(ctx, client.NodeListOptions{})
		return err
	})
	return list.Items, err
}

// SetRole promotes or demotes a node: role is manager or worker. It returns
// when the wish is recorded; WaitReachable waits for a new manager.
func (c *Client) SetRole(ctx context.Context, nodeID, role string) error {
	return c.call(ctx, "set role of node "+nodeID, callLimit, func(ctx context.Context) error {
		n, err := c.api.NodeInspect(ctx, nodeID, client.NodeInspectOptions{})
		if err != nil {
			return err
		}
		spec := n.Node.Spec
		spec.Role = swarm.NodeRole(role)
		_, err = c.api.NodeUpdate(ctx, nodeID, client.NodeUpdateOptions{Version: n.Node.Version, Spec: spec})
		return err
	})
}

// RemoveNode removes a node's object; one that is gone already is no error.
// force removes it also while the managers think it alive, and is the way to
// remove a ghost: its demotion fails with "can't find manager in raft
// memberlist".
func (c *Client) RemoveNode(ctx context.Context, nodeID string, force bool) error {
	return c.call(ctx, "remove node "+nodeID, callLimit, func(ctx context.Context) error {
		_, err := c.api.NodeRemove(ctx, nodeID, client.NodeRemoveOptions{Force: force})
		if errdefs.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// WaitReachable polls until the manager takes part in raft: its member is
// listed as reachable, and if this engine is the node itself, it is active
// and its control API available. It ends with ctx, and says what it saw last.
func (c *Client) WaitReachable(ctx context.Context, nodeID string) error {
	var last string
	err := poll(ctx, func(ctx context.Context) (done bool, _ error) {
		done, last = c.reachable(ctx, nodeID)
		return done, nil
	})
	if err != nil {
		return fmt.Errorf("wait for manager %s: %w (last: %s)", nodeID, err, last)
	}
	return nil
}

func (c *Client) reachable(ctx context.Context, nodeID string) (ok bool, seen string) {
	st, err := c.Status(ctx)
	if err != nil {
		return false, err.Error()
	}
	if st.State != StateActive || !st.ControlAvailable {
		return false, fmt.Sprintf("the engine asked is %s %s", st.State, st.Error)
	}
	managers, err := c.Managers(ctx)
	if err != nil {
		return false, err.Error()
	}
	for _, m := range managers {
		if m.NodeID == nodeID {
			return m.Reachability == string(swarm.ReachabilityReachable), "it is listed as " + m.Reachability
		}
	}
	return false, "it is not listed"
}
