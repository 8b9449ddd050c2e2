package recover

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/durable"
)

// swapCase is a run that has prepared its directory; each directory holds a
// file that tells which one it was.
func swapCase(t *testing.T) *run {
	t.Helper()
	s := &fakeSwarm{t: t, down: true}
	dir := filepath.Join(t.TempDir(), "swarm")
	r := &run{RunOptions{Control: s}, &Journal{Plan: Plan{Token: "tokentoken", Evidence: Evidence{Dir: dir}}}}
	for path, was := range map[string]string{dir: "old", r.newDir(): "new"} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "was"), []byte(was), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ino, err := inode(r.newDir())
	if err != nil {
		t.Fatal(err)
	}
	r.journal.Prepared, r.journal.Aside = ino, r.asideDir()
	return r
}

// The step may begin again after a kill at any point of it.
func TestSwapResumes(t *testing.T) {
	exchange := func(r *run) error { return durable.Exchange(r.newDir(), r.plan().Evidence.Dir) }
	for name, before := range map[string]func(r *run) error{
		"before the exchange": func(*run) error { return nil },
		"between the two":     exchange,
		"after the rename": func(r *run) error {
			if err := exchange(r); err != nil {
				return err
			}
			return durable.Rename(r.newDir(), r.asideDir())
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := swapCase(t)
			if err := before(r); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := r.swap(t.Context()); err != nil {
					t.Fatal(err)
				}
				wantWas(t, r.plan().Evidence.Dir, "new")
				wantWas(t, r.asideDir(), "old")
				if exists(r.newDir(), ".") {
					t.Error("the prepared name is left")
				}
			}
		})
	}
}

func wantWas(t *testing.T, dir, want string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(dir, "was")); err != nil || string(got) != want {
		t.Errorf("%s was %q, %v", dir, got, err)
	}
}

// Without the prepared directory nothing is moved.
func TestSwapWithNothingPrepared(t *testing.T) {
	r := swapCase(t)
	if err := durable.Remove(r.newDir()); err != nil {
		t.Fatal(err)
	}
	if err := r.swap(t.Context()); err == nil {
		t.Error("it went through")
	}
	wantWas(t, r.plan().Evidence.Dir, "old")
	if !r.untouched(Step{Kind: StepSwap}) {
		t.Error("it does not know that nothing was moved")
	}
}

// Only what is sure to be untouched is taken back.
func TestUntouched(t *testing.T) {
	r := swapCase(t)
	for kind, want := range map[StepKind]bool{
		StepStop: true, StepPrepare: true, StepSwap: true, StepStart: false, StepRevive: false, StepRejoin: false,
	} {
		if r.untouched(Step{Kind: kind}) != want {
			t.Errorf("%s: %v", kind, !want)
		}
	}
	if err := r.swap(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.untouched(Step{Kind: StepSwap}) {
		t.Error("swapped and untouched")
	}
	if err := durable.Remove(r.plan().Evidence.Dir); err != nil {
		t.Fatal(err)
	}
	if r.untouched(Step{Kind: StepSwap}) {
		t.Error("gone and untouched")
	}
}
