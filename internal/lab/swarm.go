package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/durable"
)

const (
	swarmPort   = "2377"
	listenAddr  = "0.0.0.0:" + swarmPort
	joinTimeout = 60 * time.Second
	lockTimeout = 30 * time.Second
)

// formSwarm makes the first manager a swarm and joins the others: managers one
// after another, each waited for until Reachable, then the workers.
func (l *Lab) formSwarm(ctx context.Context) error {
	return l.nodes[0].with(func(first *client.Client) error {
		if err := l.initSwarm(ctx, first); err != nil {
			return fmt.Errorf("init swarm: %v", err)
		}
		cluster, err := first.SwarmInspect(ctx, client.SwarmInspectOptions{})
		if err != nil {
			return fmt.Errorf("read join tokens: %v", err)
		}
		tokens := cluster.Swarm.JoinTokens
		for _, n := range l.managers()[1:] {
			if err := n.join(ctx, first, tokens.Manager); err != nil {
				return err
			}
		}
		return each(l.workers(), func(n *Node) error { return n.join(ctx, first, tokens.Worker) })
	})
}

func (l *Lab) initSwarm(ctx context.Context, first *client.Client) error {
	_, err := first.SwarmInit(ctx, client.SwarmInitOptions{
		ListenAddr: listenAddr, AdvertiseAddr: l.nodes[0].Address.String(),
		Spec:             swarm.Spec{EncryptionConfig: swarm.EncryptionConfig{AutoLockManagers: l.Autolock()}},
		AutoLockManagers: l.Autolock(),
	})
	return err
}

// join adds the node to the swarm and waits until the first manager counts it.
func (n *Node) join(ctx context.Context, first *client.Client, token string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	err := n.with(func(c *client.Client) error {
		_, err := c.SwarmJoin(ctx, client.SwarmJoinOptions{
			ListenAddr: listenAddr, AdvertiseAddr: n.Address.String(),
			RemoteAddrs: []string{n.lab.nodes[0].Address.String() + ":" + swarmPort}, JoinToken: token,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("join %s: %v", n.Name, err)
	}
	err = poll(ctx, func() (bool, error) { return n.counts(ctx, first), nil })
	if err != nil {
		return fmt.Errorf("wait for %s to be counted: %v", n.Name, err)
	}
	return nil
}

// counts says whether the swarm has the node as ready and, if it is a manager,
// as a reachable one.
func (n *Node) counts(ctx context.Context, manager *client.Client) bool {
	list, err := manager.NodeList(ctx, client.NodeListOptions{})
	if err != nil {
		return false
	}
	for _, item := range list.Items {
		if item.Description.Hostname != n.Name || item.Status.State != swarm.NodeStateReady {
			continue
		}
		ms := item.ManagerStatus
		return n.Role == Worker || ms != nil && ms.Reachability == swarm.ReachabilityReachable
	}
	return false
}

// saveUnlockKey writes DIR/unlock.key and waits until every manager has its
// node key encrypted: the engine answers before that, about 2 s.
func (l *Lab) saveUnlockKey(ctx context.Context) error {
	if !l.Autolock() {
		return nil
	}
	key := ""
	err := l.nodes[0].with(func(c *client.Client) error {
		res, err := c.SwarmGetUnlockKey(ctx)
		key = res.Key
		return err
	})
	if err != nil {
		return fmt.Errorf("read unlock key: %v", err)
	}
	if err := durable.WriteFile(l.UnlockKeyFile(), []byte(key+"\n"), 0o600); err != nil {
		return err
	}
	return each(l.managers(), func(n *Node) error { return n.waitLocked(ctx) })
}

func (n *Node) waitLocked(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	key := filepath.Join(n.SwarmDir(), "certificates/swarm-node.key")
	err := poll(ctx, func() (bool, error) {
		pem, err := os.ReadFile(key)
		return err == nil && bytes.Contains(pem, []byte("ENCRYPTED")), nil
	})
	if err != nil {
		return fmt.Errorf("wait for %s to lock its key: %w", n.Name, err)
	}
	return nil
}
