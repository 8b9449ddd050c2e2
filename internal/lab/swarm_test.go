package lab_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// What the tests ask a lab, and how they wait.

const patience = 60 * time.Second

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > patience {
			t.Fatalf("not after %v: %s", patience, what)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Logf("%s: %v", what, time.Since(begin).Round(time.Millisecond))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func node(t *testing.T, l *lab.Lab, name string) *lab.Node {
	t.Helper()
	n, err := l.Node(name)
	must(t, err)
	return n
}

func output(t *testing.T, l *lab.Lab, on string, args ...string) string {
	t.Helper()
	out, err := node(t, l, on).Command(t.Context(), args[0], args[1:]...).Output()
	if err != nil {
		t.Fatalf("run %q on %s: %v", args, on, err)
	}
	return string(out)
}

func connect(t *testing.T, l *lab.Lab, name string) *client.Client {
	t.Helper()
	c, err := node(t, l, name).Client()
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func unlockKey(t *testing.T, l *lab.Lab) string {
	t.Helper()
	data, err := os.ReadFile(l.UnlockKeyFile())
	must(t, err)
	return strings.TrimSpace(string(data))
}

// unlock expects the node locked, and leaves it a reachable manager.
func unlock(t *testing.T, l *lab.Lab, name string) {
	t.Helper()
	c := connect(t, l, name)
	eventually(t, name+" is locked", func() bool { return localState(t, c) == swarm.LocalNodeStateLocked })
	_, err := c.SwarmUnlock(t.Context(), client.SwarmUnlockOptions{Key: unlockKey(t, l)})
	must(t, err)
	eventually(t, name+" is back", func() bool { return reachability(t, l, name) == swarm.ReachabilityReachable })
}

func localState(t *testing.T, c *client.Client) swarm.LocalNodeState {
	t.Helper()
	info, err := c.Info(t.Context(), client.InfoOptions{})
	if err != nil {
		return swarm.LocalNodeStateError
	}
	return info.Info.Swarm.LocalNodeState
}

// reachability is what m1 thinks of a manager that is Ready.
func reachability(t *testing.T, l *lab.Lab, name string) swarm.Reachability {
	t.Helper()
	list, err := connect(t, l, "m1").NodeList(t.Context(), client.NodeListOptions{})
	if err != nil {
		return swarm.ReachabilityUnknown
	}
	for _, n := range list.Items {
		if n.Description.Hostname == name && n.ManagerStatus != nil {
			return n.ManagerStatus.Reachability
		}
	}
	return swarm.ReachabilityUnknown
}

// marked are the pids of the lab's processes on a node, by their environment;
// every node if name is empty, every process if comm is.
func marked(t *testing.T, l *lab.Lab, name, comm string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	must(t, err)
	var pids []int
	for _, file := range files {
		env, _ := os.ReadFile(file) // processes come and go
		is, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
		onNode := name == "" || strings.Contains(string(env), "SWARMDR_LAB_NODE="+name+"\x00")
		named := comm == "" || strings.TrimSpace(string(is)) == comm
		if onNode && named && strings.Contains(string(env), "SWARMDR_LAB="+l.Dir()+"\x00") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			must(t, err)
			pids = append(pids, pid)
		}
	}
	return pids
}

func countProcesses(t *testing.T, l *lab.Lab, name, comm string) int {
	t.Helper()
	return len(marked(t, l, name, comm))
}

func killShims(t *testing.T, l *lab.Lab, name string) {
	t.Helper()
	pids := marked(t, l, name, "containerd-shim")
	if len(pids) == 0 {
		t.Errorf("no shim on %s", name)
	}
	for _, pid := range pids {
		must(t, syscall.Kill(pid, syscall.SIGKILL))
	}
}
