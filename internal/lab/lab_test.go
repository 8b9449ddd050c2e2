package lab_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/config"
	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

const tool = "./testdata/swarmdr"

// TestSwarm does with one autolocked swarm of three managers and a worker all
// that a lab is for. Each part leaves the swarm whole.
func TestSwarm(t *testing.T) {
	labtest.Need(t)
	begin := time.Now()
	exe := labtest.Build(t, tool)
	built := time.Now()
	l := labtest.Up(t, lab.Options{Managers: 3, Workers: 1, Autolock: true, Swarmdr: exe})
	t.Logf("build %v, up %v", built.Sub(begin).Round(time.Millisecond), time.Since(built).Round(time.Millisecond))

	t.Run("list", func(t *testing.T) { testList(t, l) })
	t.Run("unlock key", func(t *testing.T) { testUnlockKey(t, l) })
	t.Run("config", func(t *testing.T) { testConfig(t, l) })
	t.Run("command", func(t *testing.T) { testCommand(t, l) })
	t.Run("exec", func(t *testing.T) { testExec(t, l, exe) })
	t.Run("tasks", func(t *testing.T) { testTasks(t, l) })
	t.Run("partition", func(t *testing.T) { testPartition(t, l) })
	t.Run("kill and start", func(t *testing.T) { testKill(t, l) })
	t.Run("stop and start", func(t *testing.T) { testStop(t, l) })
	t.Run("silent", func(t *testing.T) { testSilent(t, l) })
	t.Run("unknown node", func(t *testing.T) { testUnknownNode(t, l) })
	t.Run("down", func(t *testing.T) { testDown(t, l) })
}

func testList(t *testing.T, l *lab.Lab) {
	all := l.List(t.Context())
	if len(all) != 4 {
		t.Fatalf("%d nodes listed, want 4", len(all))
	}
	for i, want := range []string{"m1", "m2", "m3", "w1"} {
		s := all[i]
		if s.Name != want || s.State != "active" || s.PID == 0 || s.EngineVersion == "" {
			t.Errorf("listed %+v, want an active %s", s, want)
		}
	}
	if m1, w1 := all[0], all[3]; m1.Role != lab.Manager || w1.Role != lab.Worker || m1.Address != "10.99.0.11" {
		t.Errorf("listed %+v and %+v", m1, w1)
	}
	data, err := json.Marshal(all[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"name", "role", "address", "docker_host", "data_root", "pid", "engine_version", "state"} {
		if !strings.Contains(string(data), `"`+key+`":`) {
			t.Errorf("no %q in %s", key, data)
		}
	}
}

func testUnlockKey(t *testing.T, l *lab.Lab) {
	info, err := os.Stat(l.UnlockKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("unlock key has mode %v", info.Mode())
	}
	if !strings.HasPrefix(unlockKey(t, l), "SWMKEY-1-") {
		t.Error("unlock key file does not hold an unlock key")
	}
	for _, name := range []string{"m1", "m2", "m3"} {
		pem, err := os.ReadFile(node(t, l, name).SwarmDir() + "/certificates/swarm-node.key")
		if err != nil || !strings.Contains(string(pem), "ENCRYPTED") {
			t.Errorf("node key of %s is not locked (%v)", name, err)
		}
	}
}

// testConfig reads the nodes' configuration as swarmdr does and runs the
// commands in it.
func testConfig(t *testing.T, l *lab.Lab) {
	w1 := node(t, l, "w1")
	c, err := config.Load(w1.ConfigFile())
	if err != nil {
		t.Fatal(err)
	}
	if c.Host != w1.DockerHost() || c.SwarmDir != w1.SwarmDir() || c.UnlockKeyFile != l.UnlockKeyFile() {
		t.Errorf("configuration %+v", c)
	}
	for _, step := range []struct {
		argv []string
		up   bool
	}{{c.Engine.Stop, false}, {c.Engine.Start, true}} {
		if out, err := exec.Command(step.argv[0], step.argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("run %q: %v\n%s", step.argv, err, out)
		}
		if up := w1.PID() != 0; up != step.up {
			t.Errorf("engine is up: %v after %q", up, step.argv)
		}
	}
}

func testTasks(t *testing.T, l *lab.Lab) {
	c := connect(t, l, "m1")
	spec := swarm.ServiceSpec{
		Annotations:  swarm.Annotations{Name: "tasks"},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: lab.TaskImage}},
		Mode:         swarm.ServiceMode{Global: &swarm.GlobalService{}},
	}
	if _, err := c.ServiceCreate(t.Context(), client.ServiceCreateOptions{Spec: spec}); err != nil {
		t.Fatal(err)
	}
	running := map[string]bool{}
	eventually(t, "a task runs on each node", func() bool {
		tasks, err := c.TaskList(t.Context(), client.TaskListOptions{})
		clear(running)
		for _, task := range tasks.Items {
			running[task.NodeID] = task.Status.State == swarm.TaskStateRunning && task.Status.ContainerStatus.PID != 0
		}
		return err == nil && len(running) == len(l.Nodes()) && !hasFalse(running)
	})
}

func hasFalse(m map[string]bool) bool {
	for _, v := range m {
		if !v {
			return true
		}
	}
	return false
}

func testPartition(t *testing.T, l *lab.Lab) {
	dial := func(from, to string) string {
		return strings.TrimSpace(output(t, l, from, "swarmdr", "lab", "dial", node(t, l, to).Address.String()+":2377"))
	}
	expect := func(when, from, to, want string) {
		t.Helper()
		if got := dial(from, to); got != want {
			t.Errorf("%s: %s to %s: %s, want %s", when, from, to, got, want)
		}
	}
	reachable := func(want swarm.Reachability) func() bool {
		return func() bool { return reachability(t, l, "m3") == want }
	}

	must(t, l.Partition("m3", "m1"))
	expect("m3 cut from m1", "m3", "m1", "silence")
	expect("m3 cut from m1", "m1", "m3", "silence")
	expect("m3 cut from m1", "m3", "m2", "connected")
	must(t, l.Partition("m3"))
	expect("m3 cut from all", "m3", "m2", "silence")
	expect("m3 cut from all", "m1", "m2", "connected")
	eventually(t, "the swarm misses m3", reachable(swarm.ReachabilityUnreachable))
	must(t, l.Heal("m3"))
	expect("healed", "m3", "m1", "connected")
	expect("healed", "m2", "m3", "connected")
	eventually(t, "m3 is back", reachable(swarm.ReachabilityReachable))
	must(t, l.Heal()) // nothing to heal is fine
}

func testKill(t *testing.T, l *lab.Lab) {
	eventually(t, "a task runs on m3", func() bool { return countProcesses(t, l, "m3", "containerd-shim") > 0 })
	shims := countProcesses(t, l, "m3", "containerd-shim")
	must(t, l.Kill("m3"))
	if pid := node(t, l, "m3").PID(); pid != 0 {
		t.Errorf("dockerd of m3 is still there: pid %d", pid)
	}
	if n := countProcesses(t, l, "m3", "containerd"); n != 0 {
		t.Errorf("%d containerd on m3 after the kill", n)
	}
	if n := countProcesses(t, l, "m3", "containerd-shim"); n != shims {
		t.Errorf("%d shims on m3 after the kill, %d before", n, shims)
	}
	if s := l.List(t.Context())[2]; s.State != lab.StateDown || s.EngineVersion == "" {
		t.Errorf("killed node listed as %+v", s)
	}
	must(t, l.Kill("m3")) // again is fine
	begin := time.Now()
	must(t, l.Start(t.Context(), "m3"))
	t.Logf("start after kill: %v", time.Since(begin).Round(time.Millisecond))
	unlock(t, l, "m3")
}

func testStop(t *testing.T, l *lab.Lab) {
	must(t, l.Stop(t.Context(), lab.StopTimeout, "m3", "w1"))
	must(t, l.Stop(t.Context(), lab.StopTimeout, "w1"))
	if node(t, l, "m3").PID()+node(t, l, "w1").PID() != 0 {
		t.Error("daemons run after stop")
	}
	if out := output(t, l, "m3", "hostname"); out != "m3\n" {
		t.Errorf("a stopped host is called %q", out)
	}
	must(t, l.Start(t.Context(), "m3", "w1"))
	pid := node(t, l, "w1").PID()
	must(t, l.Start(t.Context(), "w1"))
	if now := node(t, l, "w1").PID(); now != pid || pid == 0 {
		t.Errorf("a second start made pid %d of %d", now, pid)
	}
	unlock(t, l, "m3")
}

// testSilent freezes a daemon: it runs, answers nothing and obeys nothing.
func testSilent(t *testing.T, l *lab.Lab) {
	must(t, syscall.Kill(node(t, l, "w1").PID(), syscall.SIGSTOP))
	begin := time.Now()
	all := l.List(t.Context())
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("list took %v", took)
	}
	if w1 := all[3]; w1.State != lab.StateSilent || w1.PID == 0 || all[0].State != "active" {
		t.Errorf("listed %+v", all)
	}
	defer func(report func(string)) { l.Report = report }(l.Report)
	said := ""
	l.Report = func(line string) { said += line }
	must(t, l.Stop(t.Context(), time.Second, "w1"))
	if node(t, l, "w1").PID() != 0 || !strings.Contains(said, "w1: still running after 1s, killed") {
		t.Errorf("stop of a frozen daemon said %q", said)
	}
	must(t, l.Start(t.Context(), "w1"))
}

func testUnknownNode(t *testing.T, l *lab.Lab) {
	pid := node(t, l, "w1").PID()
	if err := l.Kill("w1", "m9"); !errors.Is(err, lab.ErrNoNode) {
		t.Errorf("kill of an unknown node: %v", err)
	}
	if err := l.Partition("m1", "m9"); !errors.Is(err, lab.ErrNoNode) {
		t.Errorf("partition from an unknown node: %v", err)
	}
	if node(t, l, "w1").PID() != pid {
		t.Error("w1 was killed although another name was unknown")
	}
}

// testDown leaves a manager locked, one killed with its task orphaned, and a
// process of the user on the last.
func testDown(t *testing.T, l *lab.Lab) {
	eventually(t, "a task runs on m1", func() bool { return countProcesses(t, l, "m1", "containerd-shim") > 0 })
	must(t, l.Stop(t.Context(), lab.StopTimeout, "m2"))
	must(t, l.Start(t.Context(), "m2"))
	must(t, l.Kill("m1"))
	guest := node(t, l, "m3").Command(context.Background(), "sleep", "600")
	must(t, guest.Start())
	ended := make(chan error, 1)
	go func() { ended <- guest.Wait() }()
	killShims(t, l, "m1") // nobody sees to its tasks now
	check := leftovers(t, l)
	begin := time.Now()
	must(t, l.Down(t.Context()))
	t.Logf("down: %v", time.Since(begin).Round(time.Millisecond))
	if err := <-ended; err == nil {
		t.Error("a process on a host outlived the host")
	}
	check()
	if _, err := lab.Load(l.Dir()); !errors.Is(err, lab.ErrNoLab) {
		t.Errorf("load after down: %v", err)
	}
}
