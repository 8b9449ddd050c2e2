package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/client"
)

// Cluster is what the swarm says of itself as a whole.
type Cluster struct {
	ID string
	// Version is Cluster.Meta.Version.Index: it grows with each change of the
	// cluster object, and becomes the kek-version of node keys.
	Version  uint64
	Autolock bool
}

// Cluster asks for it. It needs a leader.
func (c *Client) Cluster(ctx context.Context) (Cluster, error) {
	s, err := c.swarm(ctx, "inspect swarm")
	if err != nil {
		return Cluster{}, err
	}
	return Cluster{
		ID: s.Swarm.ID, Version: s.Swarm.Version.Index,
		Autolock: s.Swarm.Spec.EncryptionConfig.AutoLockManagers,
	}, nil
}

func (c *Client) swarm(ctx context.Context, verb string) (s client.SwarmInspectResult, err error) {
	err = c.call(ctx, verb, callLimit, func(ctx context.Context) error {
		s, err = c.api.SwarmInspect(ctx, client.SwarmInspectOptions{})
		return err
	})
	return s, err
}

// RotateUnlockKey gives the swarm another unlock key, as `docker swarm
// unlock-key --rotate` does: its spec is sent as it is. It needs a leader. An
// error does not mean that nothing was changed: UnlockKey tells. With autolock
// off, nothing is (swarmkit manager/controlapi/cluster.go).
//
// The managers that are up encrypt their node keys anew within 2 s; one that is
// down keeps the old key until it was unlocked with it.
func (c *Client) RotateUnlockKey(ctx context.Context) error {
	const verb = "rotate unlock key"
	s, err := c.swarm(ctx, verb)
	if err != nil {
		return err
	}
	if !s.Swarm.Spec.EncryptionConfig.AutoLockManagers {
		return fmt.Errorf("%s: %w", verb, ErrNoAutolock)
	}
	return c.call(ctx, verb, callLimit, func(ctx context.Context) error {
		_, err := c.api.SwarmUpdate(ctx, client.SwarmUpdateOptions{
			Version: s.Swarm.Version, Spec: s.Swarm.Spec, RotateManagerUnlockKey: true,
		})
		return err
	})
}

// ErrNoAutolock is returned by RotateUnlockKey: the swarm has no unlock key.
var ErrNoAutolock = errors.New("autolock is off: the swarm has no unlock key")
