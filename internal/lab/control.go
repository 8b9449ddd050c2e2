package lab

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// Limits of what the engine is waited for. The first start after a SIGKILL
// took about 10 s on engine 29.7.2.
const (
	// StopTimeout is how long Stop lets a daemon take unless told otherwise.
	StopTimeout  = 30 * time.Second
	startTimeout = 60 * time.Second
	killTimeout  = 10 * time.Second
)

// Kill ends dockerd and containerd of the named nodes with SIGKILL, as a crash
// would; shims and containers stay. A daemon that is down is no error.
func (l *Lab) Kill(names ...string) error {
	nodes, err := l.named(names)
	if err != nil {
		return err
	}
	return each(nodes, (*Node).kill)
}

func (n *Node) kill() error {
	ctx, cancel := context.WithTimeout(context.Background(), killTimeout)
	defer cancel()
	err := poll(ctx, func() (bool, error) {
		left := n.daemons()
		for _, p := range left {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("kill daemon of %s: %w", n.Name, err)
	}
	return nil
}

// Stop asks dockerd of the named nodes to end, then containerd, and kills what
// has not ended within limit: a manager that is locked or has no leader does
// not obey SIGTERM. A daemon that is down is no error.
func (l *Lab) Stop(ctx context.Context, limit time.Duration, names ...string) error {
	nodes, err := l.named(names)
	if err != nil {
		return err
	}
	return each(nodes, func(n *Node) error { return n.stop(ctx, limit) })
}

func (n *Node) stop(ctx context.Context, limit time.Duration) error {
	stopping, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, comm := range []string{dockerdComm, containerdComm} {
		if err := n.terminate(stopping, comm); err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("stop daemon of %s: %w", n.Name, ctx.Err())
	}
	if len(n.daemons()) > 0 {
		n.lab.reportf("%s: still running after %s, killed", n.Name, limit)
	}
	return n.kill()
}

// terminate sends SIGTERM once, for a second one makes dockerd give up its
// orderly end, and waits.
func (n *Node) terminate(ctx context.Context, comm string) error {
	for _, p := range n.running(comm) {
		_ = syscall.Kill(p.pid, syscall.SIGTERM)
	}
	return poll(ctx, func() (bool, error) { return len(n.running(comm)) == 0, nil })
}

func (n *Node) running(comm string) []process {
	var found []process
	for _, p := range n.daemons() {
		if p.comm == comm {
			found = append(found, p)
		}
	}
	return found
}

// Start starts the named nodes' daemons and returns when their API answers. It
// does not unlock. A daemon that is up is no error.
func (l *Lab) Start(ctx context.Context, names ...string) error {
	nodes, err := l.named(names)
	if err != nil {
		return err
	}
	return each(nodes, func(n *Node) error { return n.start(ctx) })
}

func (n *Node) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	unlock, err := durable.Lock(ctx, n.path("start.lock"))
	if err != nil {
		return fmt.Errorf("start %s: %w", n.Name, err)
	}
	return errors.Join(n.startLocked(ctx), unlock())
}

func (n *Node) startLocked(ctx context.Context) error {
	daemon, err := n.ensureRunning()
	if err != nil {
		return err
	}
	return n.waitAPI(ctx, daemon)
}

func (n *Node) ensureRunning() (process, error) {
	if running := n.running(dockerdComm); len(running) > 0 {
		return running[0], nil
	}
	// A containerd without its dockerd is a rest of a crash.
	if err := n.kill(); err != nil {
		return process{}, err
	}
	return n.launch()
}

// waitAPI returns when the engine answers, or as soon as its process is gone.
func (n *Node) waitAPI(ctx context.Context, daemon process) error {
	err := n.with(func(c *client.Client) error {
		return poll(ctx, func() (bool, error) {
			if !daemon.alive() {
				return false, fmt.Errorf("dockerd ended: %s", n.lastWords())
			}
			_, err := c.Info(ctx, client.InfoOptions{})
			return err == nil, nil
		})
	})
	if err != nil {
		return fmt.Errorf("start daemon of %s: %w", n.Name, err)
	}
	return nil
}
