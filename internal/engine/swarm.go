package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"
)

// changeLimit is for calls that stop and start the node within the engine.
const changeLimit = 60 * time.Second

const defaultListenAddr = "0.0.0.0:2377"

// JoinTokens let a node into the swarm.
type JoinTokens struct {
	Worker, Manager Secret
}

// JoinTokens asks for the tokens. It needs a leader.
func (c *Client) JoinTokens(ctx context.Context) (JoinTokens, error) {
	var s client.SwarmInspectResult
	err := c.call(ctx, "read join tokens", callLimit, func(ctx context.Context) (err error) {
		s, err = c.api.SwarmInspect(ctx, client.SwarmInspectOptions{})
		return err
	})
	if err != nil {
		return JoinTokens{}, err
	}
	tokens := s.Swarm.JoinTokens
	return JoinTokens{Worker: NewSecret(tokens.Worker), Manager: NewSecret(tokens.Manager)}, nil
}

// ForceNewClusterOptions say what the engine cannot take from its directory.
type ForceNewClusterOptions struct {
	// AdvertiseAddr is required: with a missing or ambiguous one the engine
	// has already stopped the node when it finds out, and stays half-dead.
	AdvertiseAddr string
	ListenAddr    string // 0.0.0.0:2377 if empty
	DataPathAddr  string // as the cluster had it, empty for AdvertiseAddr's
	DataPathPort  uint32 // as the cluster has it, 0 for 4789

	// AutoLock and ForceRotate must be as the cluster has them in its spec
	// (EncryptionConfig.AutoLockManagers, CAConfig.ForceRotate). The engine
	// merges a spec over the cluster's and takes these two unconditionally
	// (moby daemon/cluster/convert/swarm.go, MergeSwarmSpecToGRPC): false
	// turns autolock off, another number starts a rotation of the CA.
	AutoLock    bool
	ForceRotate uint64
}

// ForceNewCluster makes the engine the single manager of the swarm in its
// swarm directory and returns its node id. The rest of the cluster's spec
// stays as it is: what is zero or empty in the request is not merged.
//
// It fails on a manager whose key file is encrypted: ErrLocked, and then the
// node is out of service until the daemon is restarted.
func (c *Client) ForceNewCluster(ctx context.Context, o ForceNewClusterOptions) (nodeID string, err error) {
	const verb = "force new cluster"
	if o.AdvertiseAddr == "" {
		return "", errors.New(verb + ": no advertise address")
	}
	var res client.SwarmInitResult
	err = c.call(ctx, verb, changeLimit, func(ctx context.Context) (err error) {
		res, err = c.api.SwarmInit(ctx, o.request())
		return err
	})
	return res.NodeID, err
}

func (o ForceNewClusterOptions) request() client.SwarmInitOptions {
	return client.SwarmInitOptions{
		ForceNewCluster:  true,
		ListenAddr:       orDefault(o.ListenAddr),
		AdvertiseAddr:    o.AdvertiseAddr,
		DataPathAddr:     o.DataPathAddr,
		DataPathPort:     o.DataPathPort,
		AutoLockManagers: o.AutoLock,
		Spec: swarm.Spec{
			CAConfig:         swarm.CAConfig{ForceRotate: o.ForceRotate},
			EncryptionConfig: swarm.EncryptionConfig{AutoLockManagers: o.AutoLock},
		},
	}
}

func orDefault(listen string) string {
	if listen == "" {
		return defaultListenAddr
	}
	return listen
}

// JoinOptions say which swarm to join and as what: the token decides.
type JoinOptions struct {
	Remotes       []string // host:port of managers; engines try the first alone
	Token         Secret
	AdvertiseAddr string // empty: the engine picks, and fails if it cannot
	ListenAddr    string // 0.0.0.0:2377 if empty
	DataPathAddr  string
}

// Join makes the engine a node of a swarm. The engine waits 20 s, then goes
// on in the background: ErrJoinPending.
func (c *Client) Join(ctx context.Context, o JoinOptions) error {
	return c.call(ctx, "join swarm", changeLimit, func(ctx context.Context) error {
		_, err := c.api.SwarmJoin(ctx, client.SwarmJoinOptions{
			RemoteAddrs:   o.Remotes,
			JoinToken:     o.Token.Reveal(),
			AdvertiseAddr: o.AdvertiseAddr,
			ListenAddr:    orDefault(o.ListenAddr),
			DataPathAddr:  o.DataPathAddr,
		})
		return err
	})
}

// LeaveForce takes the engine out of its swarm and deletes its swarm
// directory: a copy must have been set aside. It does not take the manager out
// of raft: the others go on counting its vote until it is removed there. A
// node in no swarm is no error.
func (c *Client) LeaveForce(ctx context.Context) error {
	st, err := c.Status(ctx)
	if err != nil {
		return fmt.Errorf("leave swarm: %w", err)
	}
	if st.State == StateInactive {
		return nil
	}
	return c.call(ctx, "leave swarm", changeLimit, func(ctx context.Context) error {
		_, err := c.api.SwarmLeave(ctx, client.SwarmLeaveOptions{Force: true})
		return err
	})
}
