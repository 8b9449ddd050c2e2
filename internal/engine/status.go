package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/moby/moby/client"
)

// NodeState is what an engine says of its own part in a swarm.
type NodeState string

// The states, as /info names them (moby api/types/swarm). A locked or pending
// node answers /info like a healthy one.
const (
	StateInactive NodeState = "inactive" // in no swarm
	StatePending  NodeState = "pending"  // starting, or a manager without a leader
	StateActive   NodeState = "active"
	StateError    NodeState = "error" // see Status.Error
	StateLocked   NodeState = "locked"
)

// Status is what /info says of the engine and its node.
type Status struct {
	Version  string // engine version, such as 20.10.24+dfsg1
	DataRoot string // the swarm directory is its subdirectory swarm
	Hostname string

	State            NodeState
	NodeID           string // empty while locked
	NodeAddr         string // advertised IP address
	ClusterID        string // only from a manager with a leader
	ControlAvailable bool   // an active manager, even if the quorum is lost
	Error            string // the engine's words, such as those on a missing leader
	// Remotes are the managers that the node knows, by node id; addresses are
	// host:port. Also told without a quorum, but not while locked.
	Remotes map[string]string
}

// Status asks /info. An engine without a quorum may take 20 s to answer.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var info client.SystemInfoResult
	err := c.call(ctx, "read engine status", callLimit, func(ctx context.Context) (err error) {
		info, err = c.api.Info(ctx, client.InfoOptions{})
		return err
	})
	if err != nil {
		return Status{}, err
	}
	return status(info), nil
}

func status(r client.SystemInfoResult) Status {
	s := r.Info.Swarm
	st := Status{
		Version:          r.Info.ServerVersion,
		DataRoot:         r.Info.DockerRootDir,
		Hostname:         r.Info.Name,
		State:            NodeState(s.LocalNodeState),
		NodeID:           s.NodeID,
		NodeAddr:         s.NodeAddr,
		ControlAvailable: s.ControlAvailable,
		Error:            s.Error,
		Remotes:          map[string]string{},
	}
	if s.Cluster != nil {
		st.ClusterID = s.Cluster.ID
	}
	for _, p := range s.RemoteManagers {
		st.Remotes[p.NodeID] = p.Addr
	}
	return st
}

// pingLimit ends one attempt of WaitAPI: docker.socket takes a connection
// even when no daemon will ever read from it.
const pingLimit = 5 * time.Second

// WaitAPI polls until the engine answers or ctx is done. It returns at once
// for an engine that is too old.
func (c *Client) WaitAPI(ctx context.Context) error {
	var last error
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		last = c.call(ctx, "ping engine", pingLimit, func(ctx context.Context) error {
			_, err := c.api.Ping(ctx, client.PingOptions{})
			return err
		})
		if isTooOld(last) {
			return false, last
		}
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for engine: %w (last: %v)", err, last)
	}
	return nil
}
