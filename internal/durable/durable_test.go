package durable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/swarmdr/swarmdr/internal/durable"
)

func TestWriteFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, want := range []string{"one", "two"} {
		if err := durable.WriteFile(path, []byte(want), 0o640); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, want)
	}
	wantNames(t, filepath.Dir(path), "f")
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v", st.Mode())
	}
}

func TestCreateFile(t *testing.T) {
	for name, create := range map[string]creator{"unnamed": durable.CreateFile, "named": durable.CreateNamed} {
		t.Run(name, func(t *testing.T) { testCreate(t, create) })
	}
}

type creator func(path string, perm fs.FileMode, fill func(io.Writer) error) error

func testCreate(t *testing.T, create creator) {
	t.Run("content and mode", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f")
		if err := create(path, 0o640, text("one")); err != nil {
			t.Fatal(err)
		}
		wantFile(t, path, "one")
		if st, _ := os.Stat(path); st.Mode().Perm() != 0o640 {
			t.Errorf("mode %v", st.Mode())
		}
		if err := create(path, 0o640, text("two")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a taken name: %v", err)
		}
		wantFile(t, path, "one")
		wantNames(t, filepath.Dir(path), "f")
	})
	t.Run("a missing directory", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "missing", "f")
		if err := create(path, 0o600, text("x")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("one of many writers wins", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f")
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				err := create(path, 0o600, text(fmt.Sprint(i)))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, fs.ErrExist):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d writers won", won.Load())
		}
		wantNames(t, filepath.Dir(path), "f")
	})
	t.Run("a failed fill leaves nothing", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "f")
		want := errors.New("no more")
		err := create(path, 0o600, func(w io.Writer) error {
			return errors.Join(text("half")(w), want)
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v", err)
		}
		wantNames(t, filepath.Dir(path))
	})
}

// A writer that is killed leaves nothing: until it is complete there is no name.
func TestCreateFileHasNoNameBefore(t *testing.T) {
	dir := t.TempDir()
	err := durable.CreateFile(filepath.Join(dir, "f"), 0o600, func(w io.Writer) error {
		wantNames(t, dir)
		return text("half")(w)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantNames(t, dir, "f")
}

func TestWriteFileKeepsTheOldOnFailure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Error("a directory was replaced by a file")
	}
	wantNames(t, filepath.Dir(path), "d")
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	sub, path := filepath.Join(dir, "d"), filepath.Join(dir, "d", "f")
	if err := durable.MkdirAll(sub); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.RemoveFile(sub); err == nil {
		t.Error("a directory was removed as a file")
	}
	wantNames(t, sub, "f")
	for _, remove := range []func(string) error{durable.RemoveFile, durable.RemoveFile, durable.Remove} {
		if err := remove(path); err != nil {
			t.Error(err)
		}
		wantNames(t, sub)
	}
	for range 2 {
		if err := durable.Remove(sub); err != nil {
			t.Error(err)
		}
	}
	if err := durable.Remove(path); err != nil {
		t.Errorf("below a missing directory: %v", err)
	}
	wantNames(t, dir)
}

func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "c")
	for range 2 {
		if err := durable.MkdirAll(path); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range []string{"a", "a/b", "a/b/c"} {
		if st, err := os.Stat(filepath.Join(dir, p)); err != nil || st.Mode() != fs.ModeDir|0o700 {
			t.Errorf("%s: %v, %v", p, st, err)
		}
	}
	if err := durable.WriteFile(filepath.Join(path, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.MkdirAll(filepath.Join(path, "f", "g")); err == nil {
		t.Error("a directory was made below a file")
	}
}

func TestSyncTree(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := durable.SyncTree(dir); err != nil {
		t.Errorf("with a link and a fifo in it: %v", err)
	}
	if err := durable.SyncTree(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing tree: %v", err)
	}
}

func TestFree(t *testing.T) {
	if n, err := durable.Free(t.TempDir()); err != nil || n == 0 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := durable.Free("/nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing directory: %v", err)
	}
}

func TestExchange(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, p := range []string{a, b} {
		if err := os.Mkdir(p, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := durable.WriteFile(filepath.Join(p, "was"), []byte(filepath.Base(p)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := durable.Exchange(a, b); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(a, "was"), "b")
	wantFile(t, filepath.Join(b, "was"), "a")
	if err := durable.Exchange(a, filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("exchange with a missing one: %v", err)
	}
	if err := durable.Rename(a, b); !errors.Is(err, fs.ErrExist) {
		t.Errorf("rename over a directory: %v", err)
	}
	if err := durable.Exchange(a, filepath.Join(b, "was")); err == nil {
		t.Error("exchange across directories went through")
	}
	if err := durable.Rename(a, filepath.Join(dir, "c")); err != nil {
		t.Error(err)
	}
	wantNames(t, dir, "b", "c")
}

func TestScratchHasNoName(t *testing.T) {
	dir := t.TempDir()
	for _, open := range []func(string) (*os.File, error){durable.Scratch, durable.Unlinked} {
		f, err := open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString("plaintext"); err != nil {
			t.Fatal(err)
		}
		wantNames(t, dir)
	}
	if _, err := durable.Scratch(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("scratch in a missing directory: %v", err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := durable.Lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Millisecond)
	defer cancel()
	if _, err := durable.Lock(ctx, path); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("second holder: %v", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	unlock, err = durable.Lock(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s: %q, %v; want %q", filepath.Base(path), got, err, want)
	}
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v in the directory, want %v", got, want)
	}
}
