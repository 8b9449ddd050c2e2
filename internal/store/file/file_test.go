package file_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/snapshot/snapshottest"
)

func TestConformance(t *testing.T) {
	snapshottest.Run(t, func(t *testing.T) snapshot.Store {
		return file.New(filepath.Join(t.TempDir(), "not", "there", "yet"))
	})
}

func TestNamesStayInside(t *testing.T) {
	s := file.New(t.TempDir())
	for _, name := range []string{"../x", "/etc/x", "a/../../x", "", ".", "a//b", "a/./b", "a/b/", "a/.partial-b"} {
		err := s.Put(t.Context(), name, func(io.Writer) error { return nil })
		if err == nil {
			t.Errorf("put %q went through", name)
		}
		if _, err := s.Get(t.Context(), name); err == nil {
			t.Errorf("get %q went through", name)
		}
		if err := s.Delete(t.Context(), name); err == nil {
			t.Errorf("delete %q went through", name)
		}
	}
}

// On a file system without O_TMPFILE a killed writer leaves such a file.
func TestListPassesOverPartialFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, ".partial-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for o, err := range file.New(dir).List(t.Context(), "") {
		t.Errorf("listed %v, %v", o, err)
	}
}

func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	err := file.New(dir).Put(t.Context(), "c/n/1", func(io.Writer) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"": 0o700, "c": 0o700, "c/n": 0o700, "c/n/1": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: mode %v, %v", name, info.Mode(), err)
		}
	}
}

// A kill at any moment leaves no object, and no file.
func TestUnfinishedPutHasNoName(t *testing.T) {
	dir := t.TempDir()
	err := file.New(dir).Put(t.Context(), "c/n/1", func(w io.Writer) error {
		if _, err := w.Write([]byte("half")); err != nil {
			return err
		}
		entries, err := os.ReadDir(filepath.Join(dir, "c/n"))
		if err != nil || len(entries) != 0 {
			t.Errorf("while it is written: %v, %v", entries, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestListNeedsADirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range file.New(path).List(t.Context(), "") {
		if n++; err == nil {
			t.Error("a file is listed as a store")
		}
	}
	if n != 1 {
		t.Errorf("%d answers", n)
	}
}

func TestNotReady(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := file.New(filepath.Join(blocked, "store")).Ready(t.Context()); err == nil {
		t.Error("a store below a file is ready")
	}
	if err := file.New("/proc/1/store").Ready(t.Context()); !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a store in /proc: %v", err)
	}
}
