package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
	"github.com/swarmdr/swarmdr/internal/quorum/probe"
	recovery "github.com/swarmdr/swarmdr/pkg/recover"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// askLimit is for the calls that a recovery makes while there may be no
// quorum and the engine's own answer would take 20 s or never come.
const askLimit = 8 * time.Second

// Daemon is a client in the words of package recovery.
type Daemon struct{ Client *Client }

var _ recovery.Survivor = Daemon{}

// Status implements recovery.Daemon.
func (d Daemon) Status(ctx context.Context) (recovery.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	st, err := d.Client.Status(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", recovery.ErrTimeout, err)
	}
	return recovery.Status{
		Hostname: st.Hostname, Engine: st.Version, State: string(st.State), NodeID: st.NodeID,
		ClusterID: st.ClusterID, Addr: st.NodeAddr, Control: st.ControlAvailable, Error: st.Error,
	}, err
}

// Nodes implements recovery.Daemon.
func (d Daemon) Nodes(ctx context.Context) ([]recovery.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	list, err := d.Client.nodes(ctx)
	if err != nil {
		return nil, err
	}
	var nodes []recovery.Node
	for _, n := range list {
		m := manager(n)
		nodes = append(nodes, recovery.Node{
			ID: n.ID, Hostname: m.Hostname, Addr: m.Addr, Manager: n.Spec.Role == swarm.NodeRoleManager,
			Voter: !m.Ghost, Reachable: m.Reachability == string(swarm.ReachabilityReachable), Leader: m.Leader,
		})
	}
	return nodes, nil
}

// Join implements recovery.Daemon. A join that goes on in the background is
// no error: the caller waits for the node.
func (d Daemon) Join(ctx context.Context, j recovery.Join) error {
	err := d.Client.Join(ctx, JoinOptions{Remotes: []string{j.Remote}, Token: NewSecret(j.Token), AdvertiseAddr: j.Advertise})
	if errors.Is(err, ErrJoinPending) {
		return nil
	}
	return err
}

// Leave implements recovery.Daemon.
func (d Daemon) Leave(ctx context.Context) error { return d.Client.LeaveForce(ctx) }

// Unlock implements recovery.Survivor.
func (d Daemon) Unlock(ctx context.Context, key unlock.Key) error {
	return d.Client.Unlock(ctx, key.Reveal())
}

// ForceNewCluster implements recovery.Survivor.
func (d Daemon) ForceNewCluster(ctx context.Context, r recovery.ForceRequest) error {
	_, err := d.Client.ForceNewCluster(ctx, ForceNewClusterOptions{
		AdvertiseAddr: r.Advertise, ListenAddr: r.Listen, DataPathAddr: r.DataPath,
		AutoLock: r.Autolock, ForceRotate: r.ForceRotate,
	})
	return err
}

// ManagerToken implements recovery.Survivor.
func (d Daemon) ManagerToken(ctx context.Context) (string, error) {
	tokens, err := d.Client.JoinTokens(ctx)
	return tokens.Manager.Reveal(), err
}

// UnlockKey implements recovery.Survivor.
func (d Daemon) UnlockKey(ctx context.Context) (unlock.Key, error) {
	text, err := d.Client.UnlockKey(ctx)
	if err != nil || text == "" {
		return unlock.Key{}, err
	}
	return unlock.ParseKey(text)
}

// Objects implements recovery.Survivor.
func (d Daemon) Objects(ctx context.Context) (map[string][]string, error) {
	inv, err := d.Client.Inventory(ctx)
	return map[string][]string{
		"nodes": inv.Nodes, "services": inv.Services, "networks": inv.Networks,
		"secrets": inv.Secrets, "configs": inv.Configs,
	}, err
}

// RemoveNode implements recovery.Survivor.
func (d Daemon) RemoveNode(ctx context.Context, id string) error {
	return d.Client.RemoveNode(ctx, id, true)
}

// DressNode implements recovery.Survivor.
func (d Daemon) DressNode(ctx context.Context, id string, labels map[string]string, availability string) error {
	return d.Client.call(ctx, "update node "+id, callLimit, func(ctx context.Context) error {
		n, err := d.Client.api.NodeInspect(ctx, id, client.NodeInspectOptions{})
		if err != nil {
			return err
		}
		spec := n.Node.Spec
		spec.Labels, spec.Availability = labels, swarm.NodeAvailability(availability)
		_, err = d.Client.api.NodeUpdate(ctx, id, client.NodeUpdateOptions{Version: n.Node.Version, Spec: spec})
		return err
	})
}

// Prober implements recovery.Prober over the managers' own ports.
type Prober struct{ Limit time.Duration }

// Probe implements recovery.Prober.
func (p Prober) Probe(ctx context.Context, addrs []string) []string {
	ids := make([]string, len(addrs))
	for i, r := range probe.Peers(ctx, addrs, p.Limit) {
		if r.Err == nil {
			ids[i] = r.Answer.NodeID
		}
	}
	return ids
}
