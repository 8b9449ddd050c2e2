package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/durable"
)

func TestCreateDir(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "new")
	fill := func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o600) }
	if err := durable.CreateDir(path, fill); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if text, err := os.ReadFile(filepath.Join(path, "f")); err != nil || string(text) != "x" {
		t.Errorf("%q, %v", text, err)
	}
	if err := durable.CreateDir(path, fill); !errors.Is(err, fs.ErrExist) {
		t.Errorf("again: %v", err)
	}
	broken := errors.New("no more ink")
	if err := durable.CreateDir(path+"2", func(string) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("failing: %v", err)
	}
	wantNames(t, parent, "new")
}

// Another that was made meanwhile is not replaced.
func TestCreateDirRace(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "new")
	err := durable.CreateDir(path, func(string) error { return os.Mkdir(path, 0o755) })
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	wantNames(t, parent, "new")
}

// What a killed writer left goes with the next one, what a living one writes
// stays, and so does what only looks alike.
func TestCreateDirCleansUp(t *testing.T) {
	parent := t.TempDir()
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	stale := fmt.Sprintf("%snew-%d-1", durable.Partial, gone.Process.Pid)
	living := fmt.Sprintf("%snew-%d-1", durable.Partial, os.Getpid())
	for _, name := range []string{stale, living, durable.Partial + "new-x", durable.Partial + "other-1-1"} {
		if err := os.MkdirAll(filepath.Join(parent, name, "deep"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.CreateDir(filepath.Join(parent, "new"), func(string) error { return nil }); err != nil {
		t.Fatal(err)
	}
	wantNames(t, parent, living, durable.Partial+"new-x", durable.Partial+"other-1-1", "new") // sorted
}
