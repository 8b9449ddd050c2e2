package recover

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// before replays the directory that was set aside: what there was.
func (r *run) before() (*raftlog.State, error) {
	proof, err := snapshot.Prove(os.DirFS(r.journal.Aside), r.o.Gather.Key)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.journal.Aside, err)
	}
	if r.plan().DiscardTail {
		return proof.Log.State(raftlog.StateOptions{CommittedOnly: true})
	}
	return proof.State, nil
}

func (r *run) forceRotate() (uint64, error) {
	state, err := r.before()
	if err != nil {
		return 0, err
	}
	cluster, err := state.Cluster()
	if err != nil {
		return 0, err
	}
	return cluster.Spec.CAConfig.ForceRotate, nil
}

// compare looks for every object of the log in the recovered swarm. Objects
// that are new there are no error: the swarm lives.
func (r *run) compare(ctx context.Context) error {
	state, err := r.before()
	if err != nil {
		return err
	}
	have, err := r.o.Gather.Survivor.Objects(ctx)
	if err != nil {
		return err
	}
	var lost []string
	total := 0
	for kind, ids := range wanted(state) {
		total += len(ids)
		for _, id := range ids {
			if !slices.Contains(have[kind], id) {
				lost = append(lost, strings.TrimSuffix(kind, "s")+" "+id)
			}
		}
	}
	if len(lost) > 0 {
		slices.Sort(lost)
		return fmt.Errorf("%w: %s", ErrLost, strings.Join(lost, ", "))
	}
	r.o.Progress(fmt.Sprintf("all %d objects are there", total))
	return nil
}

// wanted are the ids that the swarm API lists, by its kinds.
func wanted(s *raftlog.State) map[string][]string {
	return map[string][]string{
		"nodes":    ids(s.OfKind(raftlog.KindNode)),
		"services": ids(s.OfKind(raftlog.KindService)),
		"networks": networks(s),
		"secrets":  ids(s.OfKind(raftlog.KindSecret)),
		"configs":  ids(s.OfKind(raftlog.KindConfig)),
	}
}

// networks leaves out those that the engine predefines for bridge and host:
// the swarm API does not list them.
func networks(s *raftlog.State) []string {
	return ids(slices.DeleteFunc(s.OfKind(raftlog.KindNetwork), func(o raftlog.Object) bool {
		return o.Label("com.docker.swarm.predefined") != ""
	}))
}

func ids(objects []raftlog.Object) []string {
	all := make([]string, len(objects))
	for i, o := range objects {
		all[i] = o.ID
	}
	return all
}

// prove checks the recovered swarm as a whole.
func (r *run) prove(ctx context.Context) error {
	want := 1 + len(r.plan().Evidence.Managers)
	err := poll(ctx, r.o.Wait, fmt.Sprintf("%d managers are Reachable", want), func() (bool, error) {
		nodes, err := r.o.Gather.Survivor.Nodes(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // an election may be under way
		}
		return countReachable(nodes) >= want, nil
	})
	if err != nil {
		return err
	}
	return r.proveKey(ctx)
}

func countReachable(nodes []Node) int {
	n := 0
	for _, node := range nodes {
		if node.Voter && node.Reachable {
			n++
		}
	}
	return n
}

func (r *run) proveKey(ctx context.Context) error {
	key, err := r.o.Gather.Survivor.UnlockKey(ctx)
	if err != nil {
		return err
	}
	want := unlock.Key{}
	if r.plan().Evidence.Contents.Autolock {
		want = r.o.Gather.Key
	}
	if !key.Equal(want) {
		return fmt.Errorf("the unlock key is not the one from before: %w", ErrLost)
	}
	return nil
}
