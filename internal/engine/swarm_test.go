package engine_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/engine"
	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/quorum"
	"github.com/swarmdr/swarmdr/internal/quorum/probe"
)

// startLab makes a real swarm for the test.
func startLab(t *testing.T, o lab.Options) *lab.Lab {
	t.Helper()
	needRoot(t)
	needCommands(t, "dockerd", "containerd")
	dir := tempDir(t)
	o.Dir, o.Swarmdr = filepath.Join(dir, "lab"), filepath.Join(dir, "idle")
	build := exec.Command("go", "build", "-o", o.Swarmdr, "./testdata/idle")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, out)
	}
	l, err := lab.Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Down(context.Background()); err != nil {
			t.Errorf("take the lab down: %v", err)
		}
	})
	return l
}

// member is a node of the lab and its engine.
type member struct {
	*lab.Node
	engine *engine.Client
	raw    *client.Client
}

func members(t *testing.T, l *lab.Lab) []member {
	t.Helper()
	var ms []member
	for _, n := range l.Nodes() {
		raw, err := n.Client()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = raw.Close() })
		ms = append(ms, member{n, connect(t, n.DockerHost(), engine.Options{}), raw})
	}
	return ms
}

func (m member) status(t *testing.T) engine.Status {
	t.Helper()
	st, err := m.engine.Status(t.Context())
	if err != nil {
		t.Fatalf("status of %s: %v", m.Name, err)
	}
	return st
}

func limited(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	return ctx
}

// TestSwarm is one story on three autolocked managers, each part on what the
// one before left: healthy, one locked, one replaced, quorum lost.
func TestSwarm(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Options{Managers: 3, Autolock: true})
	ms := members(t, l)
	for _, part := range []struct {
		name string
		test func(*testing.T, *lab.Lab, []member)
	}{
		{"status", testStatus},
		{"managers", testManagers},
		{"inventory", testInventory},
		{"unlock", testUnlock},
		{"probe", testProbe},
		{"replace a manager", testReplace},
		{"quorum lost", testQuorumLost},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(t, l, ms) }) {
			return
		}
	}
}

func testStatus(t *testing.T, _ *lab.Lab, ms []member) {
	for _, m := range ms {
		st := m.status(t)
		if st.State != engine.StateActive || !st.ControlAvailable || st.ClusterID == "" || st.NodeID == "" || st.Error != "" {
			t.Errorf("%s: %+v", m.Name, st)
		}
		if st.Version == "" || st.DataRoot != m.DataRoot() || st.NodeAddr != m.Address.String() {
			t.Errorf("%s: %+v", m.Name, st)
		}
		if len(st.Remotes) != 3 {
			t.Errorf("%s knows the managers %v", m.Name, st.Remotes)
		}
	}
}

func testManagers(t *testing.T, _ *lab.Lab, ms []member) {
	managers, err := ms[0].engine.Managers(t.Context())
	if err != nil || len(managers) != 3 {
		t.Fatalf("%+v, %v", managers, err)
	}
	leaders := 0
	for _, m := range managers {
		if m.Leader {
			leaders++
		}
		if m.Ghost || m.Reachability != "reachable" || m.State != "ready" || m.Availability != "active" || !strings.HasSuffix(m.Addr, ":2377") {
			t.Errorf("%+v", m)
		}
	}
	if leaders != 1 {
		t.Errorf("%d leaders", leaders)
	}
	nodes, err := ms[1].engine.Nodes(t.Context())
	if err != nil || len(nodes) != 3 || nodes[0].Role != "manager" || nodes[0].Engine == "" {
		t.Errorf("%+v, %v", nodes, err)
	}
}

func testInventory(t *testing.T, _ *lab.Lab, ms []member) {
	var want engine.Inventory
	raw := ms[0].raw
	secret, err1 := raw.SecretCreate(t.Context(), client.SecretCreateOptions{
		Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: "s"}, Data: []byte("x")},
	})
	config, err2 := raw.ConfigCreate(t.Context(), client.ConfigCreateOptions{
		Spec: swarm.ConfigSpec{Annotations: swarm.Annotations{Name: "c"}, Data: []byte("x")},
	})
	network, err3 := raw.NetworkCreate(t.Context(), "n", client.NetworkCreateOptions{Driver: "overlay"})
	service, err4 := raw.ServiceCreate(t.Context(), client.ServiceCreateOptions{Spec: swarm.ServiceSpec{
		Annotations:  swarm.Annotations{Name: "v"},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: "nothing"}},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: new(uint64)}},
	}})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	want.Secrets, want.Configs, want.Services = []string{secret.ID}, []string{config.ID}, []string{service.ID}
	inv, err := ms[2].engine.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(inv.Secrets, want.Secrets) || !slices.Equal(inv.Configs, want.Configs) || !slices.Equal(inv.Services, want.Services) {
		t.Errorf("inventory %+v, want %+v", inv, want)
	}
	// ingress and the one made here
	if len(inv.Networks) != 2 || !slices.Contains(inv.Networks, network.ID) || len(inv.Nodes) != 3 {
		t.Errorf("inventory %+v", inv)
	}
}

func testUnlock(t *testing.T, l *lab.Lab, ms []member) {
	m := ms[2]
	id := m.status(t).NodeID
	key, err := ms[0].engine.UnlockKey(t.Context())
	if err != nil || !strings.HasPrefix(key, "SWMKEY-1-") {
		t.Fatalf("unlock key of %d bytes, %v", len(key), err)
	}
	restart(t, l, m)
	if st := m.status(t); st.State != engine.StateLocked || st.ControlAvailable {
		t.Errorf("after a restart: %+v", st)
	}
	if _, err := m.engine.Managers(t.Context()); !errors.Is(err, engine.ErrLocked) {
		t.Errorf("managers, asked of a locked one: %v", err)
	}
	wrong := "SWMKEY-1-" + strings.Repeat("A", 43)
	for _, k := range []string{wrong, "", "no key"} {
		if err := m.engine.Unlock(t.Context(), k); !errors.Is(err, engine.ErrUnlockRefused) {
			t.Errorf("unlock with a wrong key: %v", err)
		}
	}
	start := time.Now()
	if err := m.engine.Unlock(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	t.Logf("unlocked in %v", time.Since(start))
	if err := m.engine.Unlock(t.Context(), key); err != nil {
		t.Errorf("unlock again: %v", err)
	}
	for _, asked := range []member{m, ms[0]} {
		if err := asked.engine.WaitReachable(limited(t, 30*time.Second), id); err != nil {
			t.Error(err)
		}
	}
	t.Logf("reachable after %v", time.Since(start))
}

func restart(t *testing.T, l *lab.Lab, m member) {
	t.Helper()
	if err := l.Stop(t.Context(), 10*time.Second, m.Name); err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context(), m.Name); err != nil {
		t.Fatal(err)
	}
}

// testProbe looks from m1 while m3 is locked.
func testProbe(t *testing.T, l *lab.Lab, ms []member) {
	ids := []string{ms[0].status(t).NodeID, ms[1].status(t).NodeID, ms[2].status(t).NodeID}
	cluster := ms[0].status(t).ClusterID
	key, err := ms[0].engine.UnlockKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	restart(t, l, ms[2])
	results := probeFrom(t, ms[0], ms[0].Address, ms[1].Address, ms[2].Address, netip.MustParseAddr("10.99.0.250"))
	for i, want := range []quorum.Reach{quorum.Reachable, quorum.Reachable, quorum.Unreachable} {
		if got := results[i].Reach(ids[i]); got != want {
			t.Errorf("%s is %v: %+v", ms[i].Name, got, results[i])
		}
	}
	a := results[1].Answer
	if a.ClusterID != cluster || a.Role != "swarm-manager" || !a.NotAfter.After(time.Now()) || a.NotBefore.After(time.Now()) {
		t.Errorf("answer %+v", a)
	}
	if results[3].Err == nil {
		t.Errorf("an address without a host: %+v", results[3])
	}
	if err := ms[2].engine.Unlock(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if err := ms[2].engine.WaitReachable(limited(t, 30*time.Second), ids[2]); err != nil {
		t.Fatal(err)
	}
}

// testReplace takes m3 out for good and lets it in again as a new node.
func testReplace(t *testing.T, _ *lab.Lab, ms []member) {
	m, leader := ms[2], ms[0]
	old := m.status(t).NodeID
	tokens, err := leader.engine.JoinTokens(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := leader.engine.SetRole(t.Context(), old, "worker"); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "demotion", func() error {
		if m.status(t).ControlAvailable {
			return errors.New("still a manager")
		}
		return nil
	})
	for range 2 {
		if err := m.engine.LeaveForce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := leader.engine.RemoveNode(t.Context(), old, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := m.engine.Managers(t.Context()); !errors.Is(err, engine.ErrNotManager) {
		t.Errorf("managers, asked of nobody: %v", err)
	}
	join := engine.JoinOptions{
		Remotes: []string{leader.Address.String() + ":2377"}, Token: tokens.Manager, AdvertiseAddr: m.Address.String(),
	}
	if err := m.engine.Join(t.Context(), join); err != nil {
		t.Fatal(err)
	}
	id := m.status(t).NodeID
	if id == "" || id == old {
		t.Errorf("node id %q after a join, %q before", id, old)
	}
	if err := m.engine.WaitReachable(limited(t, 30*time.Second), id); err != nil {
		t.Fatal(err)
	}
	managers, err := leader.engine.Managers(t.Context())
	if err != nil || len(managers) != 3 {
		t.Errorf("%+v, %v", managers, err)
	}
}

func testQuorumLost(t *testing.T, l *lab.Lab, ms []member) {
	m := ms[0]
	key, err := m.engine.UnlockKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Kill(ms[1].Name, ms[2].Name); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	eventually(t, time.Minute, "loss of the quorum", func() error {
		_, err := m.engine.Managers(t.Context())
		if !errors.Is(err, engine.ErrNoLeader) {
			return errors.Join(errors.New("not yet"), err)
		}
		return nil
	})
	t.Logf("the API says so after %v", time.Since(start))
	if err := m.engine.WaitReachable(limited(t, time.Second), m.status(t).NodeID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("wait: %v", err)
	}

	if err := l.Kill(m.Name); err != nil {
		t.Fatal(err)
	}
	if err := l.Start(t.Context(), m.Name); err != nil {
		t.Fatal(err)
	}
	if err := m.engine.Unlock(limited(t, 4*time.Second), key); !errors.Is(err, engine.ErrUnlockHangs) {
		t.Errorf("unlock without a quorum: %v", err)
	}
	if st := m.status(t); st.State != engine.StatePending {
		t.Errorf("after an unlock that hangs: %+v", st)
	}
	if _, err := m.engine.Managers(t.Context()); err == nil {
		t.Error("managers without a quorum: no error")
	} else {
		t.Logf("managers: %v", err)
	}
}

// TestForceNewClusterKeepsTheSpec: the cluster's spec has something in each
// field that a request could overwrite, and is the same afterwards.
func TestForceNewClusterKeepsTheSpec(t *testing.T) {
	t.Parallel()
	l := startLab(t, lab.Options{Managers: 2})
	ms := members(t, l)
	before := changeSpec(t, ms[0])
	inventory, err := ms[0].engine.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Kill(ms[1].Name); err != nil {
		t.Fatal(err)
	}
	id := ms[0].status(t).NodeID
	got, err := ms[0].engine.ForceNewCluster(t.Context(), engine.ForceNewClusterOptions{
		AdvertiseAddr: ms[0].Address.String(),
		ForceRotate:   before.Spec.CAConfig.ForceRotate,
	})
	if err != nil || got != id {
		t.Fatalf("node id %q, want %q: %v", got, id, err)
	}
	after := inspect(t, ms[0])
	if !equalJSON(t, after.Spec, before.Spec) || after.RootRotationInProgress {
		t.Errorf("spec %+v\nwas %+v", after.Spec, before.Spec)
	}
	if after.TLSInfo.TrustRoot != before.TLSInfo.TrustRoot {
		t.Error("the CA was rotated")
	}
	again, err := ms[0].engine.Inventory(t.Context())
	if err != nil || !equalJSON(t, again, inventory) {
		t.Errorf("inventory %+v, was %+v: %v", again, inventory, err)
	}
	testGhost(t, ms[0], id)
}

// testGhost: the manager that was killed is a node without a raft member, and
// goes when told to.
func testGhost(t *testing.T, m member, id string) {
	managers, err := m.engine.Managers(t.Context())
	if err != nil || len(managers) != 2 {
		t.Fatalf("%+v, %v", managers, err)
	}
	for _, g := range managers {
		if g.Ghost != (g.NodeID != id) {
			t.Errorf("%+v", g)
		}
		if !g.Ghost {
			continue
		}
		if err := m.engine.RemoveNode(t.Context(), g.NodeID, true); err != nil {
			t.Error(err)
		}
	}
	if left, err := m.engine.Managers(t.Context()); err != nil || len(left) != 1 {
		t.Errorf("%+v, %v", left, err)
	}
}

func changeSpec(t *testing.T, m member) swarm.Swarm {
	t.Helper()
	s := inspect(t, m)
	limit, keep := int64(7), uint64(3)
	s.Spec.Labels = map[string]string{"a": "b"}
	s.Spec.Orchestration.TaskHistoryRetentionLimit = &limit
	s.Spec.Raft.SnapshotInterval, s.Spec.Raft.KeepOldSnapshots, s.Spec.Raft.LogEntriesForSlowFollowers = 1234, &keep, 321
	s.Spec.Dispatcher.HeartbeatPeriod = 6 * time.Second
	s.Spec.CAConfig.NodeCertExpiry = 100 * time.Hour
	s.Spec.CAConfig.ForceRotate = 5
	if _, err := m.raw.SwarmUpdate(t.Context(), client.SwarmUpdateOptions{Version: s.Version, Spec: s.Spec}); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "rotation of the CA", func() error {
		s = inspect(t, m)
		if s.RootRotationInProgress {
			return errors.New("in progress")
		}
		return nil
	})
	return s
}

func inspect(t *testing.T, m member) swarm.Swarm {
	t.Helper()
	r, err := m.raw.SwarmInspect(t.Context(), client.SwarmInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Swarm
}

func probeFrom(t *testing.T, m member, addrs ...netip.Addr) []probe.Result {
	t.Helper()
	args := []string{"-test.run=^TestProbeProcess$"}
	for _, a := range addrs {
		args = append(args, a.String()+":2377")
	}
	return runProbe(t, m, args)
}
