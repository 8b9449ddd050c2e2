package recover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

func gather(t *testing.T, o GatherOptions) *Evidence {
	t.Helper()
	e, err := Gather(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestGather(t *testing.T) {
	bubble(t, "a survivor that is down", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		before := fingerprint(t, s.swarm.Dir)
		s.down, s.others["m2"].down = true, true
		e := gather(t, s.options("", PlanOptions{}).Gather)
		if e.Hostname != "m3" || e.Contents.Address != "10.99.0.13:2377" || e.EngineError != errDown.Error() || e.Leads || e.Removed || e.Torn {
			t.Errorf("%+v", e)
		}
		if e.Contents.KeyFingerprint != s.swarm.Key.Fingerprint() {
			t.Errorf("%+v", e.Contents)
		}
		var peers []string
		for _, p := range e.Peers {
			peers = append(peers, fmt.Sprintf("%s %s %v", p.Hostname, p.Addr, p.Alive))
		}
		if got := strings.Join(peers, ", "); !strings.Contains(got, "m1 10.99.0.11:2377 false") || !strings.Contains(got, "m2 10.99.0.12:2377 false") || len(peers) != 2 {
			t.Errorf("peers %s", got)
		}
		m1, m2 := e.Managers[0], e.Managers[1]
		if m1.NodeID != s.oldID("m1") || m1.Addr != "10.99.0.11:2377" || m1.Status.State != StateInactive || m1.revivable() {
			t.Errorf("%+v", m1)
		}
		if m2.Error == "" || m2.revivable() {
			t.Errorf("%+v", m2)
		}
		if len(s.calls) > 0 || fingerprint(t, s.swarm.Dir) != before {
			t.Errorf("something was changed: %v", s.calls)
		}
	})
}

// The acknowledged write beyond the commit index is told by its name, and what
// it holds is not.
func TestGatherTellsTheTail(t *testing.T) {
	bubble(t, "tail", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		e := gather(t, s.options("", PlanOptions{}).Gather)
		if len(e.Tail) != 1 || e.Tail[0].What != "create secret last-write" || e.Tail[0].Index != e.Contents.Index {
			t.Errorf("%+v", e.Tail)
		}
	})
	bubble(t, "torn", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		if err := cutLog(s); err != nil {
			t.Fatal(err)
		}
		if e := gather(t, s.options("", PlanOptions{}).Gather); !e.Torn || len(e.Tail) != 0 {
			t.Errorf("%v, %+v", e.Torn, e.Tail)
		}
	})
}

// A directory may be named as a person names it; the plan holds one name.
func TestGatherCleansTheDirectory(t *testing.T) {
	s := newFakeSwarm(t, fixture.Autolock)
	t.Chdir(filepath.Dir(s.swarm.Dir))
	want := planned(t, s.options("", PlanOptions{}))
	for _, dir := range []string{s.swarm.Dir + "/", "swarm", "./swarm/", s.swarm.Dir + "/../swarm"} {
		o := s.options("", PlanOptions{})
		o.Gather.Dir = dir
		if p := planned(t, o); p.Evidence.Dir != s.swarm.Dir || p.Token != want.Token {
			t.Errorf("%s: %s, %s", dir, p.Evidence.Dir, p.Token)
		}
	}
}

// answers is a Prober; it answers in the order of the log's voters.
type answers []string

func (a answers) Probe(_ context.Context, addrs []string) []string { return a[:len(addrs)] }

func TestGatherProbes(t *testing.T) {
	bubble(t, "answers", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options("", PlanOptions{}).Gather
		silent := gather(t, o)
		o.Prober = answers{silent.Peers[0].NodeID, "another"}
		e := gather(t, o)
		if !e.Peers[0].Alive || e.Peers[0].AnswersAs != "" || !e.Peers[1].Alive || e.Peers[1].AnswersAs != "another" {
			t.Errorf("%+v", e.Peers)
		}
		o.Prober = answers{"", ""}
		if e := gather(t, o); e.Peers[0].Alive || e.Peers[1].Alive || e.Peers[1].AnswersAs != "" {
			t.Errorf("%+v", e.Peers)
		}
	})
}

// leading is a survivor that lists a leader until until.
type leading struct {
	*fakeSwarm
	until time.Time
}

func (l leading) Nodes(context.Context) ([]Node, error) {
	if time.Now().After(l.until) {
		return nil, errors.New("no leader")
	}
	return []Node{{ID: "x", Leader: true}}, nil
}

func TestGatherWaitsForAStaleLeader(t *testing.T) {
	for _, c := range []struct {
		name  string
		for_  time.Duration
		alive bool
		leads bool
	}{
		{"steps down", 17 * time.Second, false, false},
		{"stays", time.Hour, false, true},
		{"with a majority, at once", time.Hour, true, true},
	} {
		bubble(t, c.name, func(t *testing.T) {
			s := newFakeSwarm(t, fixture.Autolock)
			s.state = StateActive
			begin := time.Now()
			o := s.options("", PlanOptions{}).Gather
			o.Survivor = leading{s, begin.Add(c.for_)}
			if c.alive {
				o.Prober = answers{"x", "y"}
			}
			if e := gather(t, o); e.Leads != c.leads {
				t.Errorf("leads %v", e.Leads)
			}
			if c.alive && time.Since(begin) > time.Second {
				t.Errorf("after %v", time.Since(begin))
			}
		})
	}
}

// hanging is a survivor that takes a request and does not answer.
type hanging struct{ *fakeSwarm }

func (hanging) Status(context.Context) (Status, error) {
	return Status{}, fmt.Errorf("read status: %w", ErrTimeout)
}

func TestGatherOfAHangingDaemon(t *testing.T) {
	bubble(t, "hangs", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options("", PlanOptions{}).Gather
		o.Survivor = hanging{s}
		begin := time.Now()
		if e := gather(t, o); e.EngineError == "" || e.Leads || len(e.Tail) != 1 {
			t.Errorf("%+v", e)
		}
		if time.Since(begin) < 10*time.Second {
			t.Errorf("it may still write, and was given %v", time.Since(begin))
		}
	})
}

func TestGatherRefuses(t *testing.T) {
	wrong, err := unlock.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	worker := fixture.Copy(t, fixture.Worker).Dir
	for name, c := range map[string]struct {
		change func(s *fakeSwarm, o *GatherOptions)
		want   error
	}{
		"no key":         {func(_ *fakeSwarm, o *GatherOptions) { o.Key = unlock.Key{} }, unlock.ErrLocked},
		"wrong key":      {func(_ *fakeSwarm, o *GatherOptions) { o.Key = wrong }, unlock.ErrWrongKey},
		"a worker":       {func(_ *fakeSwarm, o *GatherOptions) { o.Dir = worker }, raftlog.ErrWorkerDir},
		"no directory":   {func(_ *fakeSwarm, o *GatherOptions) { o.Dir += "x" }, raftlog.ErrNotSwarmDir},
		"no certificate": {func(s *fakeSwarm, _ *GatherOptions) { dropCertificate(s) }, snapshot.ErrIncomplete},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newFakeSwarm(t, fixture.Autolock)
			o := s.options("", PlanOptions{}).Gather
			c.change(s, &o)
			if e, err := Gather(t.Context(), o); !errors.Is(err, c.want) || e != nil {
				t.Errorf("got %v, %v", e, err)
			}
		})
	}
}

func dropCertificate(s *fakeSwarm) {
	if err := os.Remove(filepath.Join(s.swarm.Dir, "certificates/swarm-node.crt")); err != nil {
		s.t.Fatal(err)
	}
}

func TestDescribe(t *testing.T) {
	member := &raftlog.ConfChange{Op: raftlog.Remove, Member: raftlog.Member{RaftID: 0xabc}}
	for want, e := range map[string]raftlog.Entry{
		"empty":                           {},
		"remove member abc":               {ConfChange: member},
		"create secret a, remove service": {Actions: []raftlog.Action{{Op: raftlog.Create, Object: raftlog.Object{Kind: "secret", Name: "a"}}, {Op: raftlog.Remove, Object: raftlog.Object{Kind: "service"}}}},
	} {
		if got := describe(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
