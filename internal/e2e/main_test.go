// Package e2e drives the swarmdr command against real swarms: backup, loss,
// recovery, and what may go wrong in between.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
	"github.com/swarmdr/swarmdr/internal/lab/labtest"
)

// exe is the command under test, built once.
var exe string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "swarmdr-e2e-")
	if err != nil {
		panic(err)
	}
	exe = filepath.Join(dir, "swarmdr")
	build := exec.Command("go", "build", "-o", exe, labtest.Command)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// fixture is a lab and what the tests keep beside it.
type fixture struct {
	*testing.T
	lab       *lab.Lab
	dir       string // identity, store
	recipient string
}

func newFixture(t *testing.T, o lab.Options) *fixture {
	t.Helper()
	o.Swarmdr = exe
	f := &fixture{T: t, lab: labtest.Up(t, o), dir: t.TempDir()}
	f.recipient = strings.TrimSpace(f.run(exec.Command(exe, "key", "new", f.identity())))
	return f
}

func (f *fixture) identity() string { return filepath.Join(f.dir, "identity.txt") }
func (f *fixture) storeDir() string { return filepath.Join(f.dir, "store") }
func (f *fixture) store() string    { return "file://" + f.storeDir() }

func (f *fixture) node(name string) *lab.Node {
	f.Helper()
	n, err := f.lab.Node(name)
	if err != nil {
		f.Fatal(err)
	}
	return n
}

// on runs swarmdr as on that host; it returns stdout and fails the test unless
// the exit code is 0.
func (f *fixture) on(node string, args ...string) string {
	f.Helper()
	out, stderr, code := f.try(node, args...)
	if code != 0 {
		f.Fatalf("on %s: swarmdr %s: exit %d\n%s%s", node, strings.Join(args, " "), code, out, stderr)
	}
	return out
}

// try is on with any exit code.
func (f *fixture) try(node string, args ...string) (stdout, stderr string, code int) {
	f.Helper()
	cmd := f.node(node).Command(f.Context(), exe, args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		f.Fatalf("on %s: swarmdr %s: %v", node, strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func (f *fixture) run(cmd *exec.Cmd) string {
	f.Helper()
	out, err := cmd.Output()
	if err != nil {
		f.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	return string(out)
}

// wantExit runs swarmdr and wants this exit code and these words on stderr.
func (f *fixture) wantExit(code int, words, node string, args ...string) {
	f.Helper()
	out, stderr, got := f.try(node, args...)
	if got != code || !strings.Contains(stderr, words) {
		f.Errorf("swarmdr %s: exit %d, want %d and %q\n%s%s", strings.Join(args, " "), got, code, words, out, stderr)
	}
	if code != 0 && !strings.Contains(stderr, "hint: ") {
		f.Errorf("swarmdr %s: no hint\n%s", strings.Join(args, " "), stderr)
	}
}

func (f *fixture) client(node string) *client.Client {
	f.Helper()
	c, err := f.node(node).Client()
	if err != nil {
		f.Fatal(err)
	}
	return c
}

// secrets creates n secrets and returns the ids of those that the engine
// acknowledged; the first that it does not acknowledge ends it.
func (f *fixture) secrets(node, prefix string, n int) []string {
	f.Helper()
	var ids []string
	for i := range n {
		id, err := f.secret(node, fmt.Sprintf("%s-%d", prefix, i))
		if err != nil {
			f.Fatalf("create secret %d: %v", i, err)
		}
		ids = append(ids, id)
	}
	return ids
}

func (f *fixture) secret(node, name string) (string, error) {
	r, err := f.client(node).SecretCreate(f.Context(), client.SecretCreateOptions{
		Spec: swarm.SecretSpec{Annotations: swarm.Annotations{Name: name}, Data: []byte(canary + name)},
	})
	return r.ID, err
}

// canary is in every secret of these tests; no output may show it.
const canary = "canary-7f3a-"

// populate makes one of each object, and a running task on every node.
func (f *fixture) populate(node string) {
	f.Helper()
	c, ctx := f.client(node), f.Context()
	f.secrets(node, "secret", 3)
	if _, err := c.ConfigCreate(ctx, client.ConfigCreateOptions{Spec: swarm.ConfigSpec{
		Annotations: swarm.Annotations{Name: "config"}, Data: []byte("plain"),
	}}); err != nil {
		f.Fatal(err)
	}
	if _, err := c.NetworkCreate(ctx, "front", client.NetworkCreateOptions{Driver: "overlay"}); err != nil {
		f.Fatal(err)
	}
	if _, err := c.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: swarm.ServiceSpec{
		Annotations:  swarm.Annotations{Name: "web"},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: lab.TaskImage, Env: []string{"PASSWORD=" + canary}}},
		Mode:         swarm.ServiceMode{Global: &swarm.GlobalService{}},
	}}); err != nil {
		f.Fatal(err)
	}
}

// leader is the name of the manager that leads.
func (f *fixture) leader() string {
	f.Helper()
	var q struct {
		Managers []struct {
			Hostname string `json:"hostname"`
			Leader   bool   `json:"leader"`
		} `json:"managers"`
	}
	f.decode(f.on("m1", "quorum", "-o", "json"), &q)
	for _, m := range q.Managers {
		if m.Leader {
			return m.Hostname
		}
	}
	f.Fatal("no leader")
	return ""
}

func (f *fixture) decode(text string, into any) {
	f.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		f.Fatalf("%v in\n%s", err, text)
	}
}

// others are the managers but one.
func (f *fixture) others(name string) []string {
	var names []string
	for _, n := range f.lab.Nodes() {
		if n.Role == lab.Manager && n.Name != name {
			names = append(names, n.Name)
		}
	}
	return names
}

func (f *fixture) kill(names ...string) {
	f.Helper()
	if err := f.lab.Kill(names...); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) start(names ...string) {
	f.Helper()
	if err := f.lab.Start(f.Context(), names...); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) unlockKey() string {
	f.Helper()
	key, err := os.ReadFile(f.lab.UnlockKeyFile())
	if err != nil {
		f.Fatal(err)
	}
	return strings.TrimSpace(string(key))
}

// eventually polls until ok or a minute has passed.
func (f *fixture) eventually(what string, ok func() bool) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	for !ok() {
		select {
		case <-ctx.Done():
			f.Fatalf("not within a minute: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
