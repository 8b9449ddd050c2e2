package recover

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/swarmkit/v2/api"
)

// rejoin brings one manager back as a fresh member: never by copying a raft
// directory, always by leave and join. A member that a run which was killed
// left half joined is never made to leave: it is a voter already, and without
// it there would be no quorum (moby#30847).
func (r *run) rejoin(ctx context.Context, name string) error {
	m, d, err := r.named(name)
	if err != nil {
		return err
	}
	st, err := r.awaitDaemon(ctx, m, d)
	if err != nil {
		return err
	}
	joined, err := r.hasJoined(ctx, m, st)
	if err != nil {
		return err
	}
	if !joined {
		if err := r.join(ctx, m, d, st); err != nil {
			return err
		}
	}
	if err := r.awaitReachable(ctx, name, d); err != nil {
		return err
	}
	return r.dress(ctx, m, d)
}

func (r *run) join(ctx context.Context, m Manager, d Daemon, st Status) error {
	if err := r.leaveLost(ctx, m, d, st); err != nil {
		return err
	}
	token, err := r.o.Gather.Survivor.ManagerToken(ctx)
	if err != nil {
		return err
	}
	join := Join{Remote: r.plan().Address, Advertise: m.Addr, Token: token}
	if err := d.Join(ctx, join); err != nil {
		return fmt.Errorf("join %s: %w", m.Name, err)
	}
	return nil
}

// hasJoined says whether the daemon is in the recovered swarm already.
func (r *run) hasJoined(ctx context.Context, m Manager, st Status) (joined bool, err error) {
	if st.State == StateInactive {
		return false, nil
	}
	err = poll(ctx, leadLimit, "the survivor lists its nodes", func() (bool, error) {
		nodes, err := r.o.Gather.Survivor.Nodes(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // a joining voter may cost the leader its seat for a moment
		}
		joined = slices.ContainsFunc(nodes, func(n Node) bool { return isNode(n, m, st) })
		return true, nil
	})
	return joined, err
}

// isNode says whether n is the daemon as a member: under a new node id, or
// under its old one if it found its way back by itself; the old one alone is
// what is left of the lost manager. A locked daemon does not tell its id: its
// host name counts.
func isNode(n Node, m Manager, st Status) bool {
	if st.NodeID == "" {
		return n.Voter && n.Hostname == m.Name
	}
	return n.Manager && n.ID == st.NodeID && (n.ID != m.NodeID || n.Voter)
}

func (r *run) awaitReachable(ctx context.Context, name string, d Daemon) error {
	return poll(ctx, r.o.Wait, name+" is Reachable", func() (bool, error) {
		st, err := d.Status(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // not up yet is an answer
		}
		if st.State == StateLocked {
			return false, d.Unlock(ctx, r.o.Gather.Key)
		}
		return st.State == StateActive && r.isReachable(ctx, st.NodeID), nil
	})
}

func (r *run) named(name string) (Manager, Daemon, error) {
	for _, m := range r.plan().Evidence.Managers {
		for _, d := range r.o.Gather.Managers {
			if m.Name == name && d.Name == name {
				return m, d.Daemon, nil
			}
		}
	}
	return Manager{}, nil, fmt.Errorf("the plan joins %s again: name it with the same --manager as in the plan", name)
}

// isReachable says whether the recovered swarm has that node as a reachable
// voter.
func (r *run) isReachable(ctx context.Context, nodeID string) bool {
	nodes, err := r.o.Gather.Survivor.Nodes(ctx)
	return err == nil && slices.ContainsFunc(nodes, func(n Node) bool {
		return n.ID == nodeID && n.Voter && n.Reachable
	})
}

// leaveLost makes a daemon forget the lost swarm, unless it is in another one
// or its swarm is not lost.
func (r *run) leaveLost(ctx context.Context, m Manager, d Daemon, st Status) error {
	if st.State == StateInactive {
		return nil
	}
	if other := st.ClusterID; other != "" && other != r.plan().Evidence.Contents.ClusterID {
		return fmt.Errorf("%s is in the swarm %s: %w", m.Name, other, ErrOtherSwarm)
	}
	if st.Control {
		nodes, err := d.Nodes(ctx)
		if err == nil && slices.ContainsFunc(nodes, func(n Node) bool { return n.Leader && n.ID != r.plan().Evidence.Contents.NodeID }) {
			return fmt.Errorf("%s follows another leader: %w", m.Name, ErrQuorumAlive)
		}
	}
	r.o.Progress(m.Name + " leaves the lost swarm")
	if err := d.Leave(ctx); err != nil {
		return fmt.Errorf("%s leaves the lost swarm: %w", m.Name, err)
	}
	return nil
}

// awaitDaemon waits until the daemon answers and is not in the middle of a
// join, for as long as that may take the engine.
func (r *run) awaitDaemon(ctx context.Context, m Manager, d Daemon) (st Status, err error) {
	told := false
	err = poll(ctx, r.o.Wait, "dockerd on "+m.Name+" answers", func() (bool, error) {
		var err error
		if st, err = d.Status(ctx); err == nil {
			return st.State != StatePending || st.NodeID != "", nil
		}
		if !told {
			r.o.Progress(fmt.Sprintf("waiting for dockerd on %s: start it now, and no other manager", m.Name))
			told = true
		}
		return false, nil
	})
	return st, err
}

// dress gives the new node object what the old one had, and removes the old.
func (r *run) dress(ctx context.Context, m Manager, d Daemon) error {
	st, err := d.Status(ctx)
	if err != nil {
		return err
	}
	if st.NodeID == m.NodeID { // it came back with its log
		return nil
	}
	old, err := r.oldNode(m.NodeID)
	if err != nil {
		return err
	}
	if old != nil {
		availability := strings.ToLower(old.Spec.Availability.String())
		if err := r.o.Gather.Survivor.DressNode(ctx, st.NodeID, old.Spec.Annotations.Labels, availability); err != nil {
			return err
		}
	}
	return r.removeNode(ctx, m.NodeID)
}

// removeGhosts removes the node objects of the old voters that were silent,
// but not of one that is a voter again: a manager that was only cut off finds
// its way back by itself, and needs its node object for that.
func (r *run) removeGhosts(ctx context.Context) error {
	for _, p := range r.plan().Evidence.Peers {
		if p.Alive {
			continue
		}
		if err := r.removeNode(ctx, p.NodeID); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) removeNode(ctx context.Context, id string) error {
	nodes, err := r.o.Gather.Survivor.Nodes(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(nodes, func(n Node) bool { return n.ID == id && !n.Voter }) {
		return nil
	}
	return r.o.Gather.Survivor.RemoveNode(ctx, id)
}

func (r *run) oldNode(id string) (*api.Node, error) {
	state, err := r.before()
	if err != nil {
		return nil, err
	}
	return state.Node(id)
}
