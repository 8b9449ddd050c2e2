package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/compose"
)

// TestWriteProjectWhole: an export that fails in the middle leaves nothing, and
// what is there stays. The fault is a file that is written twice.
func TestWriteProjectWhole(t *testing.T) {
	parent := t.TempDir()
	twice := compose.File{Path: "secrets/twice", Data: []byte("swarmdr-canary")}
	err := writeProject(filepath.Join(parent, "out"), &compose.Project{Files: []compose.File{twice, twice}})
	if err == nil {
		t.Error("no error")
	}
	wantNames(t, parent)

	if err := os.Mkdir(filepath.Join(parent, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeProject(filepath.Join(parent, "taken"), &compose.Project{Files: []compose.File{twice}}); err == nil {
		t.Error("a directory was replaced")
	}
	wantNames(t, parent, "taken")
	wantNames(t, filepath.Join(parent, "taken"))
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Fatalf("%s holds %v, want %q", dir, entries, want)
	}
	for i, e := range entries {
		if e.Name() != want[i] {
			t.Errorf("%s holds %s, want %s", dir, e.Name(), want[i])
		}
	}
}
