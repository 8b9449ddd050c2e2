package recover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/swarmdr/swarmdr/internal/durable"
	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

// ways are the recoveries that differ in what they do.
func ways() map[string]PlanOptions {
	return map[string]PlanOptions{
		"force-new-cluster":         {Method: ForceNewCluster},
		"force-new-cluster discard": {Method: ForceNewCluster, DiscardTail: true},
		"rebuild":                   {Method: Rebuild},
		"rebuild discard":           {Method: Rebuild, DiscardTail: true},
		"readdress":                 {Advertise: "10.98.0.3"},
	}
}

// Waits take no time: what is polled for is polled in a bubble.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, test) })
}

func TestRun(t *testing.T) {
	for name, plan := range ways() {
		bubble(t, name, func(t *testing.T) {
			s, stateDir := newFakeSwarm(t, fixture.Autolock), t.TempDir()
			before := s.proof()
			o := s.options(stateDir, plan)
			var told []string
			o.Progress = func(text string) { told = append(told, text) }
			p := planned(t, o)
			j, err := Run(t.Context(), p.Token, o)
			if err != nil {
				t.Fatal(err)
			}
			s.wantRecovered(t, j, before)
			wantOnce(t, s)
			if n := len(j.Plan.Steps); !strings.HasPrefix(told[0], fmt.Sprintf("[1/%d] stop", n)) || len(told) < n {
				t.Errorf("told %q", told)
			}
			again, err := Run(t.Context(), p.Token, o)
			if err != nil || len(again.Done) != len(j.Done) {
				t.Errorf("a second run: %+v, %v", again, err)
			}
			wantOnce(t, s)
		})
	}
}

// wantRecovered is what every recovery ends in.
func (s *fakeSwarm) wantRecovered(t *testing.T, j *Journal, before *snapshot.Proof) {
	t.Helper()
	if j.Finished.IsZero() || len(j.Done) != len(j.Plan.Steps) {
		t.Errorf("unfinished: %+v", j.Done)
	}
	p, want := s.proof(), before.Contents
	if s.state != StateActive || s.down || !s.keyInfo().Locked {
		t.Errorf("the survivor is %s, down %v, locked %v", s.state, s.down, s.keyInfo().Locked)
	}
	if p.Contents.NodeID != want.NodeID || p.Contents.ClusterID != want.ClusterID {
		t.Errorf("%+v", p.Contents)
	}
	secrets := want.Objects["secret"]
	if j.Plan.DiscardTail && j.Plan.Method == Rebuild {
		secrets-- // the last one is the tail
	}
	if p.Contents.Objects["secret"] != secrets {
		t.Errorf("%d secrets, want %d", p.Contents.Objects["secret"], secrets)
	}
	if j.Plan.Method == ForceNewCluster && (p.Contents.Commit == p.Contents.Index) == j.Plan.DiscardTail {
		t.Errorf("commit %d, index %d", p.Contents.Commit, p.Contents.Index)
	}
	s.wantAside(t, j, before)
	for _, name := range []string{"m1", "m2"} {
		d := s.others[name]
		if d.id != "new-"+name || d.join.Remote != j.Plan.Address || d.join.Token != "token" || !strings.HasPrefix(d.join.Advertise, "10.99.0.1") {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if nodes, err := s.Nodes(t.Context()); err != nil || countReachable(nodes) != 3 || len(nodes) != 3 {
		t.Errorf("nodes %+v, %v", nodes, err)
	}
}

// wantAside is that the old directory is complete, and that nothing else lies
// beside the new one.
func (s *fakeSwarm) wantAside(t *testing.T, j *Journal, before *snapshot.Proof) {
	t.Helper()
	old, err := snapshot.Prove(os.DirFS(j.Aside), s.swarm.Key)
	if err != nil || old.Contents.Index != before.Contents.Index || old.Contents.Commit != before.Contents.Commit {
		t.Errorf("aside: %+v, %v", old, err)
	}
	entries, err := os.ReadDir(filepath.Dir(s.swarm.Dir))
	if err != nil || len(entries) != 2 {
		t.Errorf("beside the swarm directory: %v, %v", entries, err)
	}
}

// wantOnce is that no effect was repeated that must not be.
func wantOnce(t *testing.T, s *fakeSwarm) {
	t.Helper()
	for _, effect := range []string{"force", "unlock", "join m1", "join m2", "remove m1", "remove m2"} {
		if n := s.count(effect); n > 1 {
			t.Errorf("%s %d times: %v", effect, n, s.calls)
		}
	}
	if s.count("leave") > 0 {
		t.Errorf("left: %v", s.calls)
	}
}

func TestRunOrder(t *testing.T) {
	bubble(t, "force-new-cluster", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		runAll(t, s, PlanOptions{})
		want := []string{
			"stop", "stop", "stop", "start", "force 10.99.0.13:2377 autolock=true",
			"join m1", "dress new-m1 map[] active", "remove m1", "join m2", "dress new-m2 map[] active", "remove m2",
		}
		if !slices.Equal(s.calls, want) {
			t.Errorf("calls\n%s", strings.Join(s.calls, "\n"))
		}
	})
	bubble(t, "rebuild", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		runAll(t, s, PlanOptions{Method: Rebuild})
		if want := []string{"stop", "stop", "stop", "start", "unlock", "join m1"}; !slices.Equal(s.calls[:6], want) {
			t.Errorf("calls\n%s", strings.Join(s.calls, "\n"))
		}
	})
}

func runAll(t *testing.T, s *fakeSwarm, plan PlanOptions) *Journal {
	t.Helper()
	o := s.options(t.TempDir(), plan)
	j, err := Run(t.Context(), planned(t, o).Token, o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// An only manager, not autolocked: nobody is joined again.
func TestRunOfAnOnlyManager(t *testing.T) {
	for name, plan := range ways() {
		bubble(t, name, func(t *testing.T) {
			s := newFakeSwarm(t, fixture.Plain)
			s.state = StateError
			o := s.options(t.TempDir(), plan)
			o.Gather.Managers = nil
			j, err := Run(t.Context(), planned(t, o).Token, o)
			if err != nil || j.Finished.IsZero() {
				t.Fatalf("%+v, %v", j, err)
			}
			if p := s.proof(); s.keyInfo().Locked || len(p.State.Members) != 1 || s.state != StateActive {
				t.Errorf("%+v, %s", p.Contents, s.state)
			}
		})
	}
}

// wantTakenBack is that nothing is left but the engine running on the old
// directory.
func (s *fakeSwarm) wantTakenBack(t *testing.T, o RunOptions) {
	t.Helper()
	if last := s.calls[len(s.calls)-1]; last != "start" || s.down {
		t.Errorf("the engine is down: %v", s.calls)
	}
	if _, err := OpenJournal(o.StateDir); !errors.Is(err, ErrNoJournal) {
		t.Errorf("the journal is left: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(s.swarm.Dir))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the swarm directory: %v, %v", entries, err)
	}
}

// What fails before the new directory is in place is taken back.
func TestRunTakesBack(t *testing.T) {
	atStop := func(n int, do func(s *fakeSwarm) error) func(*fakeSwarm) {
		return func(s *fakeSwarm) {
			stops := 0
			s.hook = func(call string, after bool) error {
				if call == "stop" && after {
					if stops++; stops == n {
						return do(s)
					}
				}
				return nil
			}
		}
	}
	fail := func(*fakeSwarm) error { return errFault }
	for name, c := range map[string]struct {
		fail func(*fakeSwarm)
		want error
	}{
		"stop":               {atStop(1, fail), errFault},
		"prepare":            {atStop(2, fail), errFault},
		"swap":               {atStop(3, fail), errFault},
		"the log is another": {atStop(1, cutLog), ErrEvidenceChanged},
		"damage": {atStop(1, func(s *fakeSwarm) error {
			return os.Remove(filepath.Join(s.swarm.Dir, "certificates/swarm-node.crt"))
		}), snapshot.ErrIncomplete},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newFakeSwarm(t, fixture.Autolock)
			o := s.options(t.TempDir(), PlanOptions{})
			token := planned(t, o).Token
			c.fail(s)
			if _, err := Run(t.Context(), token, o); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			s.hook = nil
			s.wantTakenBack(t, o)
		})
	}
}

// cutLog tears the last record, so that the log ends one entry earlier.
func cutLog(s *fakeSwarm) error {
	segments, err := filepath.Glob(filepath.Join(s.swarm.Dir, "raft/wal-v3-encrypted/*.wal"))
	if err != nil || len(segments) != 1 {
		return fmt.Errorf("segments %v: %w", segments, err)
	}
	data, err := os.ReadFile(segments[0])
	if err != nil {
		return err
	}
	return os.Truncate(segments[0], int64(len(bytes.TrimRight(data, "\x00"))-100))
}

// Ctrl-C while the engine is down brings it up again.
func TestRunInterrupted(t *testing.T) {
	bubble(t, "while it is stopped", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		token := planned(t, o).Token
		ctx, cancel := context.WithCancel(t.Context())
		s.hook = func(call string, after bool) error {
			if call == "stop" && after {
				cancel()
				return ctx.Err()
			}
			return nil
		}
		if _, err := Run(ctx, token, o); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		s.wantTakenBack(t, o)
	})
}

func TestRunRefuses(t *testing.T) {
	bubble(t, "another token", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		if _, err := Run(t.Context(), "aaaaaaaaaa", o); !errors.Is(err, ErrEvidenceChanged) {
			t.Errorf("got %v", err)
		}
		wantUntouched(t, s, o)
	})
	bubble(t, "other options", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		token := planned(t, o).Token
		o.Plan.DiscardTail = true
		if _, err := Run(t.Context(), token, o); !errors.Is(err, ErrEvidenceChanged) {
			t.Errorf("got %v", err)
		}
		wantUntouched(t, s, o)
	})
	bubble(t, "what the plan refuses", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		token := planned(t, o).Token
		s.others["m1"].state = StateLocked
		if _, err := Run(t.Context(), token, o); !errors.Is(err, ErrRevivable) {
			t.Errorf("got %v", err)
		}
		wantUntouched(t, s, o)
	})
	bubble(t, "while another runs", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		token := planned(t, o).Token
		unlock, err := durable.Lock(t.Context(), filepath.Join(o.StateDir, "recover.lock"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), token, o); !errors.Is(err, durable.ErrLocked) {
			t.Errorf("got %v", err)
		}
		wantUntouched(t, s, o)
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
	})
}

func wantUntouched(t *testing.T, s *fakeSwarm, o RunOptions) {
	t.Helper()
	if len(s.calls) > 0 {
		t.Errorf("calls %v", s.calls)
	}
	if _, err := OpenJournal(o.StateDir); !errors.Is(err, ErrNoJournal) {
		t.Errorf("a journal: %v", err)
	}
}

// A recovery that was cut off before it changed anything is judged anew: here
// the lost managers came back in the meantime.
func TestRunCutOffEarly(t *testing.T) {
	bubble(t, "early", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		token := planned(t, o).Token
		if was, err := runKilled(s, 4, func() error { _, err := Run(t.Context(), token, o); return err }); !was || err != nil {
			t.Fatalf("killed %v, %v", was, err)
		}
		s.peersBack = true
		if _, err := Run(t.Context(), token, o); !errors.Is(err, ErrQuorumAlive) {
			t.Errorf("got %v", err)
		}
		if _, err := OpenJournal(o.StateDir); !errors.Is(err, ErrNoJournal) {
			t.Errorf("the journal: %v", err)
		}
		if s.down {
			t.Error("the engine was left down, and the majority is back")
		}
		if left, err := filepath.Glob(s.swarm.Dir + ".swarmdr-*"); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

// A begun recovery is gone on with or ended, not mixed with another.
func TestRunWithAnotherBegun(t *testing.T) {
	bubble(t, "begun", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		token := planned(t, o).Token
		if was, err := runKilled(s, 9, func() error { _, err := Run(t.Context(), token, o); return err }); !was || err != nil {
			t.Fatalf("killed %v, %v", was, err)
		}
		calls := len(s.calls)
		_, err := Run(t.Context(), "aaaaaaaaaa", o)
		if !errors.Is(err, ErrEvidenceChanged) || !strings.Contains(err.Error(), token) {
			t.Errorf("got %v", err)
		}
		if len(s.calls) != calls {
			t.Errorf("calls %v", s.calls[calls:])
		}
	})
}

// An earlier recovery of the same evidence that was undone by hand left its
// old directory: that one is not to be taken for the old one of now.
func TestRunWithAnOldDirectoryInTheWay(t *testing.T) {
	bubble(t, "in the way", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		token := planned(t, o).Token
		aside := s.swarm.Dir + ".swarmdr-old-" + token
		if err := os.Mkdir(aside, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), token, o); err == nil || !strings.Contains(err.Error(), aside) {
			t.Errorf("got %v", err)
		}
		if err := os.Remove(aside); err != nil {
			t.Fatal(err)
		}
		s.wantTakenBack(t, o)
	})
}

// A kill in the middle of the copy leaves a part of it, with a key in clear.
func TestRunWithAPartOfACopy(t *testing.T) {
	bubble(t, "part", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		before := s.proof()
		o := s.options(t.TempDir(), PlanOptions{})
		token := planned(t, o).Token
		part := s.swarm.Dir + ".swarmdr-new-" + token
		if err := os.CopyFS(part, os.DirFS(s.swarm.Dir)); err != nil {
			t.Fatal(err)
		}
		j, err := Run(t.Context(), token, o)
		if err != nil {
			t.Fatal(err)
		}
		s.wantRecovered(t, j, before)
	})
}

func TestRunUnknownStep(t *testing.T) {
	bubble(t, "of a newer version", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		p := planned(t, o)
		p.Steps = []Step{{Kind: StepSwap}, {Kind: "dance"}}
		j, err := newJournal(o.StateDir, p)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.done(0); err != nil {
			t.Fatal(err)
		}
		if _, err := Run(t.Context(), p.Token, o); err == nil || !strings.Contains(err.Error(), "dance") {
			t.Errorf("got %v", err)
		}
		if len(s.calls) > 0 {
			t.Errorf("calls %v", s.calls)
		}
	})
}
