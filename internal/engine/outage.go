package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/internal/quorum"
)

var (
	// ErrUnsafe is returned by Outage.Stop when the swarm would lose its quorum.
	ErrUnsafe = errors.New("not safe to stop")
	// ErrBusy is returned by Recall when the process that stopped the engine
	// is still at work.
	ErrBusy = errors.New("another swarmdr holds the engine down")
)

// upLimit bounds how long a started engine may take to be a reachable manager
// again: a start after SIGKILL takes 10 s, an unlock up to 23 s.
const upLimit = 3 * time.Minute

// Outage is a planned stop of this manager's daemon. Before the daemon is
// stopped a record is written, and a guard process started that outlives this
// one; whoever finds the record and not its writer starts the daemon again.
type Outage struct {
	Client  *Client
	Control Control
	// Key returns the unlock key in the form SWMKEY-1-…, empty for none.
	Key      func(context.Context) (string, error)
	StateDir string
	// Guard starts a process that calls Recall when this one is gone.
	Guard func(ctx context.Context) error
	// AllowOutage lets the only manager of a swarm be stopped.
	AllowOutage bool
	// Anyway skips the question whether the quorum bears it: there is none.
	Anyway bool
}

// record is what is known of an engine that is down on purpose.
type record struct {
	PID    int       `json:"pid"`
	Start  uint64    `json:"start_time"`
	NodeID string    `json:"node_id"`
	Since  time.Time `json:"since"`
}

func (o *Outage) path() string { return filepath.Join(o.StateDir, "engine-down.json") }

// Stop stops the daemon. It refuses with ErrUnsafe, before anything is done,
// unless a majority stays reachable without this manager.
func (o *Outage) Stop(ctx context.Context) error {
	nodeID, err := o.mayStop(ctx)
	if err != nil {
		return err
	}
	if err := o.write(nodeID); err != nil {
		return err
	}
	if err := o.Guard(ctx); err != nil {
		return errors.Join(fmt.Errorf("start guard: %w", err), durable.Remove(o.path()))
	}
	return o.Control.Stop(ctx)
}

func (o *Outage) mayStop(ctx context.Context) (nodeID string, err error) {
	if o.Anyway {
		return "", nil
	}
	st, err := o.Client.Status(ctx)
	if err != nil {
		return "", err
	}
	view, err := o.Client.Quorum(ctx)
	if err != nil {
		return "", fmt.Errorf("%w: the managers cannot be counted: %w", ErrUnsafe, err)
	}
	safe, reason := quorum.Judge(view).SafeToStop(st.NodeID)
	if !safe && !(o.AllowOutage && len(view.Voters) == 1) {
		return "", fmt.Errorf("%w: %s", ErrUnsafe, reason)
	}
	return st.NodeID, nil
}

func (o *Outage) write(nodeID string) error {
	start, err := StartTime(os.Getpid())
	if err != nil {
		return err
	}
	data, err := json.Marshal(record{os.Getpid(), start, nodeID, time.Now().UTC()})
	if err != nil {
		return fmt.Errorf("encode record: %w", err)
	}
	return durable.WriteFile(o.path(), data, 0o600)
}

func (o *Outage) read() (*record, error) {
	data, err := os.ReadFile(o.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	r := &record{}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read record %s: %v", o.path(), err)
	}
	return r, nil
}

// Start brings the daemon up, unlocks it, waits until it is a reachable
// manager, and removes the record. Without a record it does nothing: the
// daemon was not stopped. With Anyway it starts the daemon in any case, and
// waits for nothing but its API.
func (o *Outage) Start(ctx context.Context) error {
	r, err := o.read()
	if err != nil || r == nil && !o.Anyway {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, upLimit)
	defer cancel()
	if err := o.Control.Start(ctx); err != nil {
		return err
	}
	if err := o.Client.WaitAPI(ctx); err != nil {
		return err
	}
	if r != nil && r.NodeID != "" {
		if err := o.bringBack(ctx, r.NodeID); err != nil {
			return err
		}
	}
	return durable.Remove(o.path())
}

func (o *Outage) bringBack(ctx context.Context, nodeID string) error {
	st, err := o.Client.Status(ctx)
	if err != nil {
		return err
	}
	if st.State == StateLocked {
		key, err := o.Key(ctx)
		if err != nil {
			return err
		}
		if err := o.Client.Unlock(ctx, key); err != nil {
			return err
		}
	}
	return o.Client.WaitReachable(ctx, nodeID)
}

// Recall starts a daemon that a process which is gone left down; the guard and
// every new run call it. It reports whether there was one. With wait it waits
// for the end of that process, else that process is ErrBusy. Of several at once
// one does the work and the others wait for it.
func (o *Outage) Recall(ctx context.Context, wait bool) (bool, error) {
	r, err := o.read()
	if r == nil || err != nil {
		return false, err
	}
	if err := o.awaitGone(ctx, r, wait); err != nil {
		return false, err
	}
	lock, err := durable.LockFile(ctx, filepath.Join(o.StateDir, "outage.lock"))
	if err != nil {
		return false, err
	}
	defer lock.Close()
	now, err := o.read()
	if err != nil || now == nil || *now != *r {
		return false, err
	}
	return true, o.Start(context.WithoutCancel(ctx))
}

func (o *Outage) awaitGone(ctx context.Context, r *record, wait bool) error {
	if !wait {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
	}
	if err := WaitGone(ctx, r.PID, r.Start); err != nil {
		return fmt.Errorf("%w: process %d: %w", ErrBusy, r.PID, err)
	}
	return nil
}
