package e2e

import (
	"bufio"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/swarmdr/swarmdr/internal/lab"
)

// followLimit is within which a write is shown.
const followLimit = 2 * time.Second

// TestFollow follows the log of live managers, one of them a follower of the
// leader, while their swarm is worked with.
func TestFollow(t *testing.T) {
	f := newFixture(t, lab.Options{Managers: 3, Autolock: true})
	leader := f.leader()
	other := f.others(leader)[0]
	shown := []*showing{f.follow(leader), f.follow(other)}
	say := func(words string) {
		t.Helper()
		for _, s := range shown {
			s.within(followLimit, words)
		}
	}
	f.secrets(leader, "followed", 3)
	say("secret followed-2: created")
	c, ctx := f.client(leader), t.Context()
	web, err := c.ServiceCreate(ctx, client.ServiceCreateOptions{Spec: webSpec(1)})
	f.check(err)
	say("service web: created (" + lab.TaskImage + ", 1 replica)")
	f.scale(leader, web.ID, 2)
	say("service web: replicas 1 -> 2")
	f.drain(leader, other)
	say("availability active -> drain")
	for _, s := range shown {
		s.interrupt()
		s.wantNo(canary)
	}
}

func webSpec(replicas uint64) swarm.ServiceSpec {
	return swarm.ServiceSpec{
		Annotations:  swarm.Annotations{Name: "web"},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: lab.TaskImage, Env: []string{"PASSWORD=" + canary}}},
		Mode:         swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}},
	}
}

func (f *fixture) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// scale tries again where the orchestrator has just changed the service.
func (f *fixture) scale(node, service string, replicas uint64) {
	f.Helper()
	f.eventually(fmt.Sprintf("%d replicas", replicas), func() bool {
		now, err := f.client(node).ServiceInspect(f.Context(), service, client.ServiceInspectOptions{})
		f.check(err)
		_, err = f.client(node).ServiceUpdate(f.Context(), service, client.ServiceUpdateOptions{Version: now.Service.Version, Spec: webSpec(replicas)})
		return err == nil
	})
}

func (f *fixture) drain(node, name string) {
	f.Helper()
	f.eventually(name+" is drained", func() bool {
		now, err := f.client(node).NodeInspect(f.Context(), name, client.NodeInspectOptions{})
		f.check(err)
		spec := now.Node.Spec
		spec.Availability = swarm.NodeAvailabilityDrain
		_, err = f.client(node).NodeUpdate(f.Context(), name, client.NodeUpdateOptions{Version: now.Node.Version, Spec: spec})
		return err == nil
	})
}

// showing is a log show --follow that runs.
type showing struct {
	*fixture
	node string
	cmd  *lab.Cmd
	read sync.WaitGroup

	mu  sync.Mutex
	all strings.Builder // of both streams
}

// follow returns when it waits for what comes.
func (f *fixture) follow(node string) *showing {
	f.Helper()
	s := &showing{fixture: f, node: node}
	s.cmd = f.node(node).Command(f.Context(), exe, "log", "show", "--follow", "--unlock-key-file", f.lab.UnlockKeyFile())
	out, err := s.cmd.StdoutPipe()
	f.check(err)
	errs, err := s.cmd.StderrPipe()
	f.check(err)
	f.check(s.cmd.Start())
	for _, lines := range []*bufio.Scanner{bufio.NewScanner(out), bufio.NewScanner(errs)} {
		s.read.Go(func() {
			for lines.Scan() {
				s.add(lines.Text())
			}
		})
	}
	s.within(time.Minute, "following from entry")
	return s
}

func (s *showing) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.WriteString(line + "\n")
}

func (s *showing) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

func (s *showing) within(limit time.Duration, words string) {
	s.Helper()
	begin := time.Now()
	for !strings.Contains(s.text(), words) {
		if time.Since(begin) > limit {
			s.Fatalf("%s did not show %q within %v:\n%s", s.node, words, limit, s.text())
		}
		time.Sleep(10 * time.Millisecond)
	}
	s.Logf("%s: %q after %v", s.node, words, time.Since(begin).Round(time.Millisecond))
}

// interrupt is Ctrl-C, and ends it at once.
func (s *showing) interrupt() {
	s.Helper()
	s.check(s.cmd.Process.Signal(syscall.SIGINT))
	s.read.Wait()
	err := s.cmd.Wait()
	if code := s.cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(s.text(), "swarmdr: interrupted") {
		s.Errorf("%s: exit %d, %v, want 130:\n%s", s.node, code, err, s.text())
	}
}

func (s *showing) wantNo(secret string) {
	s.Helper()
	if strings.Contains(s.text(), secret) {
		s.Errorf("%s shows %s", s.node, secret)
	}
}
