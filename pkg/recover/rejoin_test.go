package recover

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/raftlog"
)

// rejoinCase is a recovered survivor; m1 is to be joined again.
func rejoinCase(t *testing.T) (r *run, s *fakeSwarm, m1 *fakeDaemon) {
	t.Helper()
	r, s = revivalCase(t, PlanOptions{Method: Rebuild})
	if err := r.revive(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.calls = nil
	return r, s, s.others["m1"]
}

// oldID is the node id of a lost manager.
func (s *fakeSwarm) oldID(hostname string) string {
	for _, n := range s.proof().State.OfKind(raftlog.KindNode) {
		if n.Name == hostname {
			return n.ID
		}
	}
	s.t.Fatalf("no %s", hostname)
	return ""
}

// asVoter makes the daemon a member of the recovered swarm under that id.
func (d *fakeDaemon) asVoter(id string) {
	d.id, d.state = id, StateActive
	d.swarm.joined = append(d.swarm.joined, Node{ID: id, Hostname: d.name, Manager: true, Voter: true, Reachable: true})
}

func TestRejoin(t *testing.T) {
	fresh := "join m1,dress new-m1 map[] active,remove m1"
	for _, c := range []struct {
		name  string
		state func(s *fakeSwarm, m1 *fakeDaemon)
		want  string // the calls
	}{
		{"a new host", func(*fakeSwarm, *fakeDaemon) {}, fresh},
		{"not up yet", func(s *fakeSwarm, m1 *fakeDaemon) {
			m1.down = true
			s.after(30*time.Second, func() { m1.down = false })
		}, fresh},
		{"locked in the lost swarm", func(_ *fakeSwarm, m1 *fakeDaemon) { m1.state = StateLocked }, "leave m1," + fresh},
		{"active in the lost swarm", func(s *fakeSwarm, m1 *fakeDaemon) { m1.state, m1.id = StatePending, s.oldID("m1") }, "leave m1," + fresh},
		{"starting", func(s *fakeSwarm, m1 *fakeDaemon) {
			m1.state = StatePending
			s.after(5*time.Second, func() { m1.id = s.oldID("m1") })
		}, "leave m1," + fresh},
		{"joining", func(s *fakeSwarm, m1 *fakeDaemon) {
			m1.state = StatePending
			s.after(5*time.Second, func() { m1.asVoter("new-m1") })
		}, "dress new-m1 map[] active,remove m1"},
		{"a voter already", func(_ *fakeSwarm, m1 *fakeDaemon) { m1.asVoter("new-m1") }, "dress new-m1 map[] active,remove m1"},
		{"a voter, unreachable yet", func(s *fakeSwarm, m1 *fakeDaemon) {
			m1.asVoter("new-m1")
			s.joined[0].Reachable = false
			s.after(20*time.Second, func() { s.joined[0].Reachable = true })
		}, "dress new-m1 map[] active,remove m1"},
		{"a voter, locked", func(_ *fakeSwarm, m1 *fakeDaemon) { m1.asVoter("new-m1"); m1.state = StateLocked },
			"unlock m1,dress new-m1 map[] active,remove m1"},
		{"back by itself", func(s *fakeSwarm, m1 *fakeDaemon) { m1.asVoter(s.oldID("m1")) }, ""},
		{"the survivor without a leader", func(s *fakeSwarm, _ *fakeDaemon) {
			s.state = StatePending
			s.after(10*time.Second, func() { s.state = StateActive })
		}, fresh},
	} {
		bubble(t, c.name, func(t *testing.T) {
			r, s, m1 := rejoinCase(t)
			c.state(s, m1)
			if c.name == "the survivor without a leader" {
				m1.state = StateError // so that the survivor is asked
				c.want = "leave m1," + c.want
			}
			if err := r.rejoin(t.Context(), "m1"); err != nil {
				t.Error(err)
			}
			if got := strings.Join(s.calls, ","); got != c.want {
				t.Errorf("calls %s, want %s", got, c.want)
			}
		})
	}
}

// A ghost of the same host name, of an earlier reinstallation, is no voter.
func TestRejoinBesideAGhost(t *testing.T) {
	bubble(t, "ghost", func(t *testing.T) {
		r, s, m1 := rejoinCase(t)
		s.joined = append(s.joined, Node{ID: "ghost", Hostname: "m1", Manager: true})
		m1.state = StateLocked
		if err := r.rejoin(t.Context(), "m1"); err != nil {
			t.Error(err)
		}
		if s.count("leave m1") != 1 || s.count("join m1") != 1 {
			t.Errorf("calls %v", s.calls)
		}
	})
}

func TestRejoinRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		state func(r *run, s *fakeSwarm, m1 *fakeDaemon)
		want  error
	}{
		{"never up", func(_ *run, _ *fakeSwarm, m1 *fakeDaemon) { m1.down = true }, ErrTimeout},
		{"never Reachable", func(_ *run, s *fakeSwarm, m1 *fakeDaemon) { m1.asVoter("new-m1"); s.joined[0].Reachable = false }, ErrTimeout},
		{"join fails", func(_ *run, s *fakeSwarm, _ *fakeDaemon) { s.hook = func(string, bool) error { return errFault } }, errFault},
		{"another swarm", func(_ *run, _ *fakeSwarm, m1 *fakeDaemon) { m1.state, m1.id, m1.cluster = StateActive, "x", "other" }, ErrOtherSwarm},
		{"another leader", func(_ *run, s *fakeSwarm, m1 *fakeDaemon) {
			m1.state, m1.id, m1.leader = StateActive, s.oldID("m1"), s.oldID("m2")
		}, ErrQuorumAlive},
		{"not named", func(r *run, _ *fakeSwarm, _ *fakeDaemon) { r.o.Gather.Managers = nil }, nil},
	} {
		bubble(t, c.name, func(t *testing.T) {
			r, s, m1 := rejoinCase(t)
			c.state(r, s, m1)
			err := r.rejoin(t.Context(), "m1")
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), "m1") && !errors.Is(err, errFault) {
				t.Errorf("got %v", err)
			}
			if s.count("leave") > 0 {
				t.Errorf("calls %v", s.calls)
			}
		})
	}
}

// The person is told once what to do.
func TestRejoinTells(t *testing.T) {
	bubble(t, "waiting", func(t *testing.T) {
		r, s, m1 := rejoinCase(t)
		told := []string{}
		r.o.Progress = func(text string) { told = append(told, text) }
		m1.down = true
		s.after(20*time.Second, func() { m1.down = false })
		if err := r.rejoin(t.Context(), "m1"); err != nil {
			t.Error(err)
		}
		if len(told) != 1 || !strings.Contains(told[0], "dockerd on m1") {
			t.Errorf("told %q", told)
		}
	})
}

func TestRemoveGhosts(t *testing.T) {
	bubble(t, "ghosts", func(t *testing.T) {
		r, s, m1 := rejoinCase(t)
		m1.asVoter(s.oldID("m1")) // it came back by itself
		for range 2 {
			if err := r.removeGhosts(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(s.calls, ","); got != "remove m2" {
			t.Errorf("calls %s", got)
		}
	})
	bubble(t, "alive", func(t *testing.T) {
		r, s, _ := rejoinCase(t)
		for i := range r.plan().Evidence.Peers {
			r.plan().Evidence.Peers[i].Alive = true
		}
		if err := r.removeGhosts(t.Context()); err != nil || len(s.calls) > 0 {
			t.Errorf("calls %v, %v", s.calls, err)
		}
	})
}

func TestCompare(t *testing.T) {
	bubble(t, "all there", func(t *testing.T) {
		r, _, _ := rejoinCase(t)
		told := ""
		r.o.Progress = func(text string) { told = text }
		if err := r.compare(t.Context()); err != nil || !strings.HasPrefix(told, "all ") {
			t.Errorf("%q, %v", told, err)
		}
	})
	bubble(t, "lost", func(t *testing.T) {
		r, s, _ := rejoinCase(t)
		r.o.Gather.Survivor = forgetful{s}
		err := r.compare(t.Context())
		if !errors.Is(err, ErrLost) || strings.Count(err.Error(), "secret ") != 2 || strings.Contains(err.Error(), "service ") {
			t.Errorf("got %v", err)
		}
	})
	bubble(t, "without the tail that was given up", func(t *testing.T) {
		r, s := revivalCase(t, PlanOptions{Method: Rebuild, DiscardTail: true})
		if err := errors.Join(r.revive(t.Context()), r.compare(t.Context())); err != nil {
			t.Error(err)
		}
		if s.proof().Contents.Objects["secret"] != 1 {
			t.Error("the tail is there")
		}
	})
}

// forgetful is a survivor that lost its secrets.
type forgetful struct{ *fakeSwarm }

func (f forgetful) Objects(ctx context.Context) (map[string][]string, error) {
	all, err := f.fakeSwarm.Objects(ctx)
	delete(all, "secrets")
	return all, err
}

func TestProve(t *testing.T) {
	bubble(t, "too few", func(t *testing.T) {
		r, _, _ := rejoinCase(t)
		if err := r.prove(t.Context()); !errors.Is(err, ErrTimeout) {
			t.Errorf("got %v", err)
		}
	})
	bubble(t, "all", func(t *testing.T) {
		r, s, m1 := rejoinCase(t)
		m1.asVoter("new-m1")
		s.after(10*time.Second, func() { s.others["m2"].asVoter("new-m2") })
		if err := r.prove(t.Context()); err != nil {
			t.Error(err)
		}
	})
	bubble(t, "autolock is off", func(t *testing.T) {
		r, s, m1 := rejoinCase(t)
		m1.asVoter("new-m1")
		s.others["m2"].asVoter("new-m2")
		open, err := s.proof().NodeKey.Strip()
		if err != nil {
			t.Fatal(err)
		}
		s.write(nodeKeyFile, open)
		if err := r.prove(t.Context()); !errors.Is(err, ErrLost) {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever is asked, an only manager has nobody to join.
func TestProveOfAnOnlyManager(t *testing.T) {
	bubble(t, "plain", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Plain)
		r := &run{s.options(t.TempDir(), PlanOptions{}), &Journal{}}
		if err := r.prove(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
