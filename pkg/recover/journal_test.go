package recover

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/swarmdr/swarmdr/internal/fixture"
)

func testJournal(t *testing.T, stateDir string) *Journal {
	t.Helper()
	e, o := parseCase(t, tokenCase)
	p, err := NewPlan(e, o)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJournal(stateDir, p)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestJournal(t *testing.T) {
	stateDir := filepath.Join(t.TempDir(), "not", "yet")
	if _, err := OpenJournal(stateDir); !errors.Is(err, ErrNoJournal) {
		t.Errorf("none: %v", err)
	}
	j := testJournal(t, stateDir)
	for i := range j.Plan.Steps {
		if j.IsDone(i) || !j.Finished.IsZero() {
			t.Errorf("step %d: %+v", i, j)
		}
		if err := j.done(i); err != nil {
			t.Fatal(err)
		}
		again, err := OpenJournal(stateDir)
		if err != nil || !again.IsDone(i) || again.IsDone(i+1) || again.Plan.Token != j.Plan.Token {
			t.Errorf("step %d: %+v, %v", i, again, err)
		}
	}
	again, err := OpenJournal(stateDir)
	if err != nil || again.Finished.IsZero() || !reflect.DeepEqual(again.Plan.Steps, j.Plan.Steps) {
		t.Errorf("%+v, %v", again, err)
	}
	if info, err := os.Stat(journalPath(stateDir)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestJournalSetsTheOldAside(t *testing.T) {
	stateDir := t.TempDir()
	old := testJournal(t, stateDir)
	old.Begun = old.Begun.AddDate(0, 0, -1)
	if err := old.save(); err != nil {
		t.Fatal(err)
	}
	testJournal(t, stateDir)
	aside := journalPath(stateDir) + "." + old.Begun.Format("20060102T150405Z")
	data, err := os.ReadFile(aside)
	if err != nil || !strings.Contains(string(data), old.Plan.Token) {
		t.Errorf("%s: %v", aside, err)
	}
}

func TestDamagedJournal(t *testing.T) {
	stateDir := t.TempDir()
	s := newFakeSwarm(t, fixture.Autolock)
	for _, text := range []string{"", "{", "[]", `{"plan": 1}`} {
		if err := os.WriteFile(journalPath(stateDir), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenJournal(stateDir); err == nil || errors.Is(err, ErrNoJournal) || !strings.Contains(err.Error(), journalPath(stateDir)) {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := Run(t.Context(), "aaaaaaaaaa", s.options(stateDir, PlanOptions{})); err == nil {
			t.Errorf("%q: a run went through", text)
		}
	}
	if len(s.calls) > 0 {
		t.Errorf("calls %v", s.calls)
	}
}

// It lies on the disk of a manager for ever.
func TestJournalHoldsNoSecret(t *testing.T) {
	bubble(t, "finished", func(t *testing.T) {
		s := newFakeSwarm(t, fixture.Autolock)
		o := s.options(t.TempDir(), PlanOptions{})
		if _, err := Run(t.Context(), planned(t, o).Token, o); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(journalPath(o.StateDir))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{s.swarm.Key.Reveal(), "swarmdr-canary", `"token": "token"`, "PRIVATE"} {
			if strings.Contains(string(data), secret) {
				t.Errorf("it holds %.8s…", secret)
			}
		}
	})
}
