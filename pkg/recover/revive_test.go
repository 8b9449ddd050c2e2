package recover

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// revivalCase is a run whose directory is in place, of the plan's method.
func revivalCase(t *testing.T, o PlanOptions) (*run, *fakeSwarm) {
	t.Helper()
	s := newFakeSwarm(t, fixture.Autolock)
	opts := s.options(t.TempDir(), o)
	opts.Progress = func(string) {}
	j, err := newJournal(opts.StateDir, planned(t, opts))
	if err != nil {
		t.Fatal(err)
	}
	r := &run{opts, j}
	for _, step := range []func(context.Context) error{opts.Control.Stop, r.prepare, r.swap, opts.Control.Start} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.calls = nil
	return r, s
}

func TestRevive(t *testing.T) {
	force, rebuild := PlanOptions{Method: ForceNewCluster}, PlanOptions{Method: Rebuild}
	for _, c := range []struct {
		name   string
		plan   PlanOptions
		state  func(s *fakeSwarm)
		effect string
	}{
		{"forced", force, func(*fakeSwarm) {}, "force"},
		{"forced already", force, func(s *fakeSwarm) { s.lockKey(); s.state = StateActive }, ""},
		{"forced already and restarted", force, func(s *fakeSwarm) { s.lockKey(); s.state = StateLocked }, "unlock"},
		{"rebuilt", rebuild, func(*fakeSwarm) {}, "unlock"},
		{"rebuilt and unlocked already", rebuild, func(s *fakeSwarm) { s.state = StateActive }, ""},
		{"slow to answer", rebuild, func(s *fakeSwarm) { s.down = true; s.after(5*time.Second, func() { s.down = false }) }, "unlock"},
		{"slow to lead", rebuild, func(s *fakeSwarm) { s.state = StatePending; s.after(23*time.Second, func() { s.state = StateActive }) }, ""},
		{"an error that passes", rebuild, func(s *fakeSwarm) { s.state = StateError; s.after(8*time.Second, func() { s.state = StateActive }) }, ""},
		{"slow to lock the key", force, func(s *fakeSwarm) { s.state = StateActive; time.AfterFunc(2*time.Second, s.lockKey) }, ""},
	} {
		bubble(t, c.name, func(t *testing.T) {
			r, s := revivalCase(t, c.plan)
			c.state(s)
			if err := r.revive(t.Context()); err != nil {
				t.Error(err)
			}
			if !s.keyInfo().Locked || s.state != StateActive {
				t.Errorf("the key is locked: %v, the node %s", s.keyInfo().Locked, s.state)
			}
			if want := min(1, len(c.effect)); len(s.calls) != want || want == 1 && !strings.HasPrefix(s.calls[0], c.effect) {
				t.Errorf("calls %v, want %q", s.calls, c.effect)
			}
		})
	}
}

func TestReviveFails(t *testing.T) {
	wrong, err := unlock.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		plan  PlanOptions
		state func(r *run, s *fakeSwarm)
		want  error
		words string
	}{
		{"a wrong key", PlanOptions{Method: Rebuild}, func(r *run, _ *fakeSwarm) { r.o.Gather.Key = wrong }, unlock.ErrWrongKey, ""},
		{"outside of the swarm", PlanOptions{Method: Rebuild}, func(_ *run, s *fakeSwarm) { s.state = StateInactive }, nil, "outside"},
		{"forced in vain", PlanOptions{Method: ForceNewCluster}, func(_ *run, s *fakeSwarm) {
			s.hook = func(_ string, after bool) error {
				if after {
					s.state = StateInactive
				}
				return nil
			}
		}, nil, "outside"},
		{"refused", PlanOptions{Method: ForceNewCluster}, func(_ *run, s *fakeSwarm) { s.lockKey() }, nil, "encrypted"},
		{"never up", PlanOptions{Method: Rebuild}, func(_ *run, s *fakeSwarm) { s.down = true }, ErrTimeout, "the survivor leads"},
		{"an error that stays", PlanOptions{Method: Rebuild}, func(_ *run, s *fakeSwarm) { s.state = StateError }, ErrTimeout, "dockerd is error"},
		{"the key stays open", PlanOptions{Method: ForceNewCluster}, func(_ *run, s *fakeSwarm) { s.state = StateActive }, ErrTimeout, "locked again"},
	} {
		bubble(t, c.name, func(t *testing.T) {
			r, s := revivalCase(t, c.plan)
			c.state(r, s)
			err := r.revive(t.Context())
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("got %v", err)
			}
			if s.count("force") > 1 || s.count("unlock") > 1 {
				t.Errorf("calls %v", s.calls)
			}
		})
	}
}

// What force-new-cluster would overwrite is given as it was.
func TestForceRequest(t *testing.T) {
	bubble(t, "request", func(t *testing.T) {
		r, s := revivalCase(t, PlanOptions{Method: ForceNewCluster})
		if err := r.revive(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := "force 10.99.0.13:2377 autolock=true"; fmt.Sprint(s.calls) != "["+want+"]" {
			t.Errorf("calls %v", s.calls)
		}
	})
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, asked := time.Now(), 0
		ask := func() (bool, error) {
			asked++
			return asked == 5, nil
		}
		if err := poll(t.Context(), time.Minute, "five", ask); err != nil || asked != 5 || time.Since(begin) != 4*pollEvery {
			t.Errorf("%v, asked %d times in %v", err, asked, time.Since(begin))
		}
		if err := poll(t.Context(), 0, "at once", func() (bool, error) { return true, nil }); err != nil {
			t.Errorf("no time: %v", err)
		}
		if err := poll(t.Context(), time.Minute, "fault", func() (bool, error) { return false, errFault }); !errors.Is(err, errFault) {
			t.Errorf("got %v", err)
		}
		never := func() (bool, error) { return false, nil }
		begin = time.Now()
		err := poll(t.Context(), time.Minute, "it is there", never)
		if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "wait until it is there") || time.Since(begin) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := poll(ctx, time.Minute, "x", never); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrTimeout) {
			t.Errorf("the caller's own limit: %v", err)
		}
	})
}
