package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// matrixCase is one way to lose a quorum and to recover it.
type matrixCase struct {
	engine   string
	autolock bool
	method   string // force-new-cluster, rebuild, or readdress: rebuild at a new address
	allDown  bool   // the survivor is killed with the others
}

func (c matrixCase) String() string {
	lock, how := "open", "survivor-up"
	if c.autolock {
		lock = "autolock"
	}
	if c.allDown {
		how = "all-killed"
	}
	return strings.Join([]string{engineName(c.engine), lock, c.method, how}, "/")
}

// engineName is the version of an unpacked engine, or "installed".
func engineName(dockerd string) string {
	parts := strings.Split(dockerd, "/")
	if i := slices.Index(parts, "engines"); i >= 0 && i+1 < len(parts) {
		return parts[i+1]
	}
	return "installed"
}

// matrixCases are all of them with SWARMDR_MATRIX=all, and otherwise a sample
// in which every engine, method and kind occurs.
func matrixCases(engines []string) []matrixCase {
	var all, sample []matrixCase
	methods := []string{"force-new-cluster", "rebuild", "readdress"}
	for i, engine := range engines {
		for lock, autolock := range []bool{true, false} {
			for j, method := range methods {
				c := matrixCase{engine, autolock, method, (i+lock)%2 == 0}
				all = append(all, c)
				if autolock == ((i+j)%2 == 0) && j != (i+1)%3 {
					sample = append(sample, c)
				}
			}
		}
	}
	if os.Getenv("SWARMDR_MATRIX") == "all" {
		return all
	}
	return sample
}

// TestMatrix loses two of three managers and brings all three back, with every
// acknowledged write.
func TestMatrix(t *testing.T) {
	for _, c := range matrixCases(labtest.Engines(t)) {
		t.Run(c.String(), func(t *testing.T) { loseAndRecover(t, c) })
	}
}

func loseAndRecover(t *testing.T, c matrixCase) {
	f := newFixture(t, lab.Options{Managers: 3, Workers: 1, Autolock: c.autolock, Dockerd: c.engine})
	survivor := f.leader()
	others := f.others(survivor)
	f.populate(survivor)
	f.label(survivor, others[0])
	f.eventually("w1 runs a task", func() bool { return f.tasks("w1") == 1 })
	container := f.container("w1")
	acked := f.secrets(survivor, "acked", 5)
	if c.allDown {
		f.kill(append(others, survivor)...)
		f.start(survivor)
	} else {
		f.kill(others...)
	}
	f.lose(others)

	flags := f.recoverFlags(c, others)
	plan := f.plan(survivor, flags)
	f.runRecovery(survivor, plan.Token, flags, others)

	f.wantManagers(survivor)
	f.wantSecrets(survivor, acked)
	f.wantKey(survivor, c.autolock)
	f.wantLabel(survivor, others[0])
	if c.method != "readdress" { // workers know the old addresses only
		f.wantReady(survivor, "w1")
	}
	if got := f.container("w1"); got != container {
		t.Errorf("the container on w1 was %s and is %s", container, got)
	}
	f.kill(survivor)
	f.eventually("another manager leads", func() bool {
		out, _, _ := f.try(others[0], "quorum", "-o", "json")
		return strings.Contains(out, `"leader": true`) && strings.Contains(out, `"reachable": 2`)
	})
}

type planJSON struct {
	Token  string `json:"token"`
	Method string `json:"method"`
}

func (f *fixture) recoverFlags(c matrixCase, others []string) []string {
	var flags []string
	if c.method == "readdress" {
		flags = append(flags, "--advertise-addr", "10.99.0.200")
	} else {
		flags = append(flags, "--method", c.method)
	}
	for _, name := range others {
		flags = append(flags, "--manager", name+"="+f.node(name).DockerHost())
	}
	return flags
}

func (f *fixture) plan(node string, flags []string) planJSON {
	f.Helper()
	if slices.Contains(flags, "10.99.0.200") {
		f.addAddress(node, "10.99.0.200/24")
	}
	var p planJSON
	f.decode(f.on(node, append([]string{"recover", "plan", "-o", "json"}, flags...)...), &p)
	text := f.on(node, append([]string{"recover", "plan"}, flags...)...)
	if p.Token == "" || !strings.Contains(text, p.Token) {
		f.Fatalf("no token %q in\n%s", p.Token, text)
	}
	return p
}

// lose takes the disks of the killed managers away: their hosts come back new.
func (f *fixture) lose(names []string) {
	f.Helper()
	for _, name := range names {
		if err := os.RemoveAll(f.node(name).SwarmDir()); err != nil {
			f.Fatal(err)
		}
	}
}

// runRecovery starts the lost hosts as an operator would, once the survivor
// asks for them.
func (f *fixture) runRecovery(node, token string, flags, others []string) {
	f.Helper()
	f.start(others...)
	out := f.on(node, append([]string{"recover", "run", "--confirm", token}, flags...)...)
	if strings.Contains(out, "[ ]") || !strings.Contains(out, "finished") {
		f.Errorf("unfinished:\n%s", out)
	}
	if status := f.on(node, "recover", "status"); status != out {
		f.Errorf("status says\n%s\nand run said\n%s", status, out)
	}
	if again := f.on(node, append([]string{"recover", "run", "--confirm", token}, flags...)...); again != out {
		f.Errorf("a second run said\n%s", again)
	}
}

// wantManagers waits until all three managers are well.
func (f *fixture) wantManagers(node string) {
	f.Helper()
	const n = 3
	var q struct {
		Status    string `json:"status"`
		Voters    int    `json:"voters"`
		Reachable int    `json:"reachable"`
	}
	f.eventually(fmt.Sprintf("%d managers are well", n), func() bool {
		out, _, code := f.try(node, "quorum", "-o", "json")
		f.decode(out, &q)
		return code == 0 && q.Voters == n && q.Reachable == n
	})
}

func (f *fixture) wantSecrets(node string, ids []string) {
	f.Helper()
	r, err := f.client(node).SecretList(f.Context(), client.SecretListOptions{})
	if err != nil {
		f.Fatal(err)
	}
	have := map[string]bool{}
	for _, s := range r.Items {
		have[s.ID] = true
	}
	for _, id := range ids {
		if !have[id] {
			f.Errorf("the acknowledged secret %s is lost", id)
		}
	}
}

func (f *fixture) wantKey(node string, autolock bool) {
	f.Helper()
	r, err := f.client(node).SwarmGetUnlockKey(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	want := ""
	if autolock {
		want = f.unlockKey()
	}
	if r.Key != want {
		f.Error("the unlock key is another one")
	}
	for _, n := range f.lab.Nodes() {
		if n.Role != lab.Manager {
			continue
		}
		file := filepath.Join(n.SwarmDir(), "certificates/swarm-node.key")
		f.eventually("the key file of "+n.Name+" is locked as autolock says", func() bool {
			pem, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(pem), "ENCRYPTED") == autolock
		})
	}
}

func (f *fixture) tasks(node string) int {
	r, err := f.client(node).ContainerList(f.Context(), client.ContainerListOptions{})
	if err != nil {
		return -1
	}
	return len(r.Items)
}

func (f *fixture) container(node string) string {
	f.Helper()
	r, err := f.client(node).ContainerList(f.Context(), client.ContainerListOptions{})
	if err != nil || len(r.Items) != 1 {
		f.Fatalf("containers on %s: %v, %v", node, r.Items, err)
	}
	return r.Items[0].ID
}

func (f *fixture) wantReady(node, worker string) {
	f.Helper()
	f.eventually(worker+" is ready", func() bool {
		r, err := f.client(node).NodeList(f.Context(), client.NodeListOptions{})
		if err != nil {
			return false
		}
		for _, n := range r.Items {
			if n.Description.Hostname == worker && n.Status.State == "ready" {
				return true
			}
		}
		return false
	})
}

// label marks a node as an operator does; it has to survive the recovery.
func (f *fixture) label(node, target string) {
	f.Helper()
	c := f.client(node)
	for _, n := range f.nodes(node) {
		if n.Description.Hostname != target {
			continue
		}
		n.Spec.Labels = map[string]string{"rack": "r7"}
		if _, err := c.NodeUpdate(f.Context(), n.ID, client.NodeUpdateOptions{Version: n.Version, Spec: n.Spec}); err != nil {
			f.Fatal(err)
		}
	}
}

func (f *fixture) wantLabel(node, target string) {
	f.Helper()
	for _, n := range f.nodes(node) {
		if n.Description.Hostname == target && n.Spec.Labels["rack"] != "r7" {
			f.Errorf("%s lost its labels: %v", target, n.Spec.Labels)
		}
	}
}
