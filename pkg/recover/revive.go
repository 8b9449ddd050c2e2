package recover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/swarmdr/swarmdr/pkg/unlock"
)

const (
	pollEvery = 200 * time.Millisecond
	// leadLimit bounds how long the survivor may take to lead: an election
	// timeout is at most 20 s (swarmkit raft.go: 10 ticks of 1 s, doubled).
	leadLimit = 90 * time.Second
)

// revive makes the survivor the leader of its swarm, from whatever state a run
// that was cut off left it in.
func (r *run) revive(ctx context.Context) error {
	v := &revival{run: r}
	err := poll(ctx, leadLimit, "the survivor leads", func() (bool, error) { return v.ask(ctx) })
	if errors.Is(err, ErrTimeout) {
		return fmt.Errorf("%w: dockerd is %s", err, strings.TrimSpace(v.last.State+" "+v.last.Error))
	}
	if err != nil || !r.plan().Evidence.Contents.Autolock {
		return err
	}
	return poll(ctx, leadLimit, "the node key is locked again", r.keyLocked)
}

type revival struct {
	*run
	last   Status
	forced bool
}

// ask does what the survivor needs next and says whether it leads.
func (v *revival) ask(ctx context.Context) (bool, error) {
	st, err := v.o.Gather.Survivor.Status(ctx)
	if err != nil {
		return false, nil //nolint:nilerr // the API may not answer yet
	}
	v.last = st
	switch st.State {
	case StateLocked:
		return false, v.o.Gather.Survivor.Unlock(ctx, v.o.Gather.Key)
	case StateInactive:
		if v.plan().Method != ForceNewCluster || v.forced {
			return false, errors.New("dockerd came up outside of any swarm")
		}
		v.forced = true
		return false, v.force(ctx)
	}
	return v.leads(ctx, st), nil
}

func (r *run) force(ctx context.Context) error {
	e := r.plan().Evidence
	forceRotate, err := r.forceRotate()
	if err != nil {
		return err
	}
	set, err := readSettings(r.journal.Aside)
	if err != nil {
		return err
	}
	return r.o.Gather.Survivor.ForceNewCluster(ctx, ForceRequest{
		Listen: set.ListenAddr, Advertise: e.Contents.Address, DataPath: set.DataPathAddr,
		Autolock: e.Contents.Autolock, ForceRotate: forceRotate,
	})
}

func (r *run) leads(ctx context.Context, st Status) bool {
	if !st.Control {
		return false
	}
	nodes, err := r.o.Gather.Survivor.Nodes(ctx)
	return err == nil && slices.ContainsFunc(nodes, func(n Node) bool { return n.Leader && n.ID == st.NodeID })
}

// keyLocked says whether the engine has encrypted the node key again; after a
// force-new-cluster that takes it about two seconds.
func (r *run) keyLocked() (bool, error) {
	file, err := os.ReadFile(filepath.Join(r.plan().Evidence.Dir, nodeKeyFile))
	if err != nil {
		return false, nil //nolint:nilerr // the engine replaces the file
	}
	info, err := unlock.InspectNodeKey(file)
	return err == nil && info.Locked, nil
}

// poll asks until it is told yes, gets an error, or limit has passed.
func poll(ctx context.Context, limit time.Duration, what string, ask func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, ErrTimeout)
	defer cancel()
	for {
		ok, err := ask()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, context.Cause(ctx))
		case <-time.After(pollEvery):
		}
	}
}
