package recover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// fakeSwarm is no swarm: it plays dockerd on the survivor and on the others as
// far as a recovery sees them. What it knows of objects it reads from the
// directory that the recovery put in place, so that what is written there
// counts. Its effects are noted in calls.
type fakeSwarm struct {
	t     testing.TB
	swarm *fixture.Swarm
	calls []string

	peersBack bool // the lost managers answer on their ports
	// hook sees each effect before and after; an error of it is the call's.
	hook func(call string, after bool) error

	down   bool
	state  string // of the survivor, while it is up
	others map[string]*fakeDaemon
	joined []Node
	gone   []string // node objects that were removed
	later  []event
}

// event is what happens by itself. It does so in the first call after its time,
// as nobody sees it before.
type event struct {
	at time.Time
	do func()
}

func (s *fakeSwarm) after(d time.Duration, do func()) {
	s.later = append(s.later, event{time.Now().Add(d), do})
}

func (s *fakeSwarm) settle() {
	due := func(e event) bool { return !e.at.After(time.Now()) }
	for _, e := range s.later {
		if due(e) {
			e.do()
		}
	}
	s.later = slices.DeleteFunc(s.later, due)
}

func newFakeSwarm(t testing.TB, recording string) *fakeSwarm {
	s := &fakeSwarm{t: t, swarm: fixture.Copy(t, recording), others: map[string]*fakeDaemon{}}
	s.state = s.bootState()
	for _, name := range []string{"m1", "m2"} {
		s.others[name] = &fakeDaemon{swarm: s, name: name, state: StateInactive}
	}
	return s
}

// effect notes a call and does it, unless the hook objects.
func (s *fakeSwarm) effect(call string, do func() error) error {
	if s.hook != nil {
		if err := s.hook(call, false); err != nil {
			return err
		}
	}
	s.calls = append(s.calls, call)
	if err := do(); err != nil {
		return err
	}
	if s.hook != nil {
		return s.hook(call, true)
	}
	return nil
}

func (s *fakeSwarm) count(prefix string) int {
	n := 0
	for _, call := range s.calls {
		if strings.HasPrefix(call, prefix) {
			n++
		}
	}
	return n
}

// Stop and Start are Control.
func (s *fakeSwarm) Stop(ctx context.Context) error {
	return s.effect("stop", func() error {
		s.down = true
		return ctx.Err()
	})
}

func (s *fakeSwarm) Start(ctx context.Context) error {
	return s.effect("start", func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if s.down {
			s.down, s.state = false, s.bootState()
		}
		return nil
	})
}

// bootState is what dockerd comes up as on what it finds.
func (s *fakeSwarm) bootState() string {
	if _, err := os.Stat(filepath.Join(s.swarm.Dir, dockerState)); err != nil {
		return StateInactive
	}
	if s.keyInfo().Locked {
		return StateLocked
	}
	if p := s.proof(); len(p.State.Members) > 1 {
		return StatePending
	}
	return StateActive
}

func (s *fakeSwarm) keyFile() []byte {
	file, err := os.ReadFile(filepath.Join(s.swarm.Dir, nodeKeyFile))
	if err != nil {
		s.t.Fatal(err)
	}
	return file
}

func (s *fakeSwarm) keyInfo() unlock.Info {
	info, err := unlock.InspectNodeKey(s.keyFile())
	if err != nil {
		s.t.Fatal(err)
	}
	return info
}

func (s *fakeSwarm) proof() *snapshot.Proof {
	p, err := snapshot.Prove(os.DirFS(s.swarm.Dir), s.swarm.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

var errDown = errors.New("connection refused")

func (s *fakeSwarm) Status(ctx context.Context) (Status, error) {
	s.settle()
	if s.down {
		return Status{}, errDown
	}
	st := Status{Hostname: "m3", Engine: "28.5.2", State: s.state, Control: s.state == StateActive}
	if s.state == StateActive || s.state == StatePending {
		st.NodeID = s.proof().Contents.NodeID
	}
	return st, ctx.Err()
}

func (s *fakeSwarm) leads() error {
	s.settle()
	if s.down {
		return errDown
	}
	if s.state != StateActive {
		return errors.New("the swarm does not have a leader")
	}
	return nil
}

func (s *fakeSwarm) Nodes(context.Context) ([]Node, error) {
	if err := s.leads(); err != nil {
		return nil, err
	}
	p := s.proof()
	nodes := slices.Clone(s.joined)
	for _, n := range p.State.OfKind(raftlog.KindNode) {
		id := n.ID
		again := slices.ContainsFunc(s.joined, func(n Node) bool { return n.ID == id })
		if again || slices.Contains(s.gone, id) {
			continue
		}
		self := id == p.Contents.NodeID
		nodes = append(nodes, Node{ID: id, Hostname: n.Name, Manager: true, Voter: self, Reachable: self, Leader: self})
	}
	return nodes, nil
}

func (s *fakeSwarm) Join(context.Context, Join) error {
	return errors.New("the survivor is not joined")
}
func (s *fakeSwarm) Leave(context.Context) error { return errors.New("the survivor does not leave") }

func (s *fakeSwarm) Unlock(_ context.Context, key unlock.Key) error {
	return s.effect("unlock", func() error {
		if _, err := unlock.OpenNodeKey(s.keyFile(), key); err != nil {
			return err
		}
		s.state = StateActive
		return nil
	})
}

// ForceNewCluster refuses what the engine refuses, and locks the key again.
func (s *fakeSwarm) ForceNewCluster(_ context.Context, r ForceRequest) error {
	return s.effect(fmt.Sprintf("force %s autolock=%v", r.Advertise, r.Autolock), func() error {
		if s.state != StateInactive || s.keyInfo().Locked {
			return errors.New("swarm is encrypted and needs to be unlocked")
		}
		if r.Autolock {
			s.lockKey()
		}
		s.write(dockerState, []byte("{}"))
		s.state = StateActive
		return nil
	})
}

func (s *fakeSwarm) lockKey() {
	key, err := unlock.OpenNodeKey(s.keyFile(), unlock.Key{})
	if err != nil {
		s.t.Fatal(err)
	}
	locked, err := key.Lock(s.swarm.Key, 9)
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(nodeKeyFile, locked)
}

func (s *fakeSwarm) write(name string, data []byte) {
	if err := os.WriteFile(filepath.Join(s.swarm.Dir, name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *fakeSwarm) ManagerToken(context.Context) (string, error) { return "token", s.leads() }

func (s *fakeSwarm) UnlockKey(context.Context) (unlock.Key, error) {
	if !s.keyInfo().Locked {
		return unlock.Key{}, s.leads()
	}
	return s.swarm.Key, s.leads()
}

func (s *fakeSwarm) Objects(context.Context) (map[string][]string, error) {
	if err := s.leads(); err != nil {
		return nil, err
	}
	return wanted(s.proof().State), nil
}

func (s *fakeSwarm) RemoveNode(_ context.Context, id string) error {
	return s.effect("remove "+s.hostname(id), func() error {
		s.gone = append(s.gone, id)
		return nil
	})
}

func (s *fakeSwarm) hostname(id string) string {
	n, _ := s.proof().State.Object(raftlog.KindNode, id)
	return n.Name
}

func (s *fakeSwarm) DressNode(_ context.Context, id string, labels map[string]string, availability string) error {
	return s.effect(fmt.Sprintf("dress %s %v %s", id, labels, availability), func() error { return nil })
}

// Probe is Prober: nobody answers, unless all are said to be back.
func (s *fakeSwarm) Probe(_ context.Context, addrs []string) []string {
	ids := make([]string, len(addrs))
	if s.peersBack {
		for i, addr := range addrs {
			ids[i] = "back-at-" + addr
		}
	}
	return ids
}

// fakeDaemon plays dockerd on another host; it joins under the node id
// new-NAME.
type fakeDaemon struct {
	swarm *fakeSwarm
	name  string
	state string
	id    string // its node id, if any
	join  Join   // what it was asked
	down  bool

	cluster, leader string // those of the swarm that it is in, if not of this one
}

func (d *fakeDaemon) Status(context.Context) (Status, error) {
	d.swarm.settle()
	if d.down {
		return Status{}, errDown
	}
	st := Status{Hostname: d.name, State: d.state, Control: d.state == StateActive, ClusterID: d.cluster}
	if d.state != StateLocked && d.state != StateInactive {
		st.NodeID = d.id
	}
	return st, nil
}

func (d *fakeDaemon) Nodes(ctx context.Context) ([]Node, error) {
	if d.leader != "" {
		return []Node{{ID: d.leader, Leader: true}}, nil
	}
	return d.swarm.Nodes(ctx)
}

func (d *fakeDaemon) Unlock(context.Context, unlock.Key) error {
	return d.swarm.effect("unlock "+d.name, func() error {
		d.state = StateActive
		return nil
	})
}

func (d *fakeDaemon) Join(_ context.Context, j Join) error {
	return d.swarm.effect("join "+d.name, func() error {
		if d.state != StateInactive {
			return errors.New("this node is already part of a swarm")
		}
		d.state, d.id, d.join = StateActive, "new-"+d.name, j
		d.swarm.joined = append(d.swarm.joined, Node{ID: d.id, Hostname: d.name, Manager: true, Voter: true, Reachable: true})
		return nil
	})
}

func (d *fakeDaemon) Leave(context.Context) error {
	return d.swarm.effect("leave "+d.name, func() error {
		if slices.ContainsFunc(d.swarm.joined, func(n Node) bool { return n.ID == d.id }) {
			d.swarm.t.Errorf("%s was a voter and was made to leave", d.name)
		}
		d.state, d.id = StateInactive, ""
		return nil
	})
}

// options are those of a recovery that joins m1 and m2 again.
func (s *fakeSwarm) options(stateDir string, plan PlanOptions) RunOptions {
	o := RunOptions{
		Gather:  GatherOptions{Dir: s.swarm.Dir, Key: s.swarm.Key, Survivor: s, Prober: s},
		Plan:    plan,
		Control: s, StateDir: stateDir, Wait: time.Minute,
	}
	for _, name := range []string{"m1", "m2"} {
		o.Gather.Managers = append(o.Gather.Managers, NamedDaemon{Name: name, Host: "ssh://" + name, Daemon: s.others[name]})
	}
	return o
}

func planned(t testing.TB, o RunOptions) *Plan {
	t.Helper()
	e, err := Gather(t.Context(), o.Gather)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, o.Plan)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
