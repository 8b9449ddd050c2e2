package snapshot_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
)

const (
	keyFile = "certificates/swarm-node.key"
	walDir  = "raft/wal-v3-encrypted/"
	snapDir = "raft/snap-v3-encrypted/"
)

// tree writes files into a new directory; a name that ends in / is a directory.
func tree(t testing.TB, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		path := root + "/" + name
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			continue
		}
		if err := os.WriteFile(path, []byte("content of "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func managerTree(t testing.TB, more ...string) string {
	return tree(t, append(more, keyFile, "certificates/swarm-node.crt", walDir+"0.wal", snapDir+"1.snap", "docker-state.json")...)
}

func stage(t testing.TB, root string, mode snapshot.Mode) (*snapshot.Archive, []snapshot.File) {
	t.Helper()
	var data, packed bytes.Buffer
	staged, err := snapshot.Stage(t.Context(), root, mode, &data, nil)
	if err != nil {
		t.Fatal(err)
	}
	files, err := staged.WriteTar(&packed, bytes.NewReader(data.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	a, err := open(packed.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return a, files
}

func paths(files []snapshot.File) []string {
	var names []string
	for _, f := range files {
		names = append(names, f.Path)
	}
	return names
}

func TestStageOrder(t *testing.T) {
	root := managerTree(t, walDir+"1.wal", snapDir+"2.snap", "state.json", "worker/tasks.db")
	want := []string{
		keyFile, snapDir + "1.snap", snapDir + "2.snap", walDir + "0.wal", walDir + "1.wal",
		"certificates/swarm-node.crt", "docker-state.json", "state.json", "worker/tasks.db",
	}
	if _, files := stage(t, root, snapshot.Cold); !slices.Equal(paths(files), want) {
		t.Errorf("cold: %s", paths(files))
	}
	if _, files := stage(t, root, snapshot.Hot); !slices.Equal(paths(files), want[:len(want)-1]) {
		t.Errorf("hot: %s", paths(files))
	}
}

func TestStageLeavesOut(t *testing.T) {
	root := managerTree(t, walDir+"0.tmp", snapDir+"x.snap.broken", "raft/old.tmp/a", "empty/")
	if err := unix.Mkfifo(filepath.Join(root, "control.sock"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	a, files := stage(t, root, snapshot.Cold)
	_, want := stage(t, managerTree(t), snapshot.Cold)
	if !slices.Equal(paths(files), paths(want)) {
		t.Errorf("got %s, want %s", paths(files), paths(want))
	}
	if info, err := fs.Stat(a, "empty"); err != nil || !info.IsDir() {
		t.Errorf("an empty directory: %v, %v", info, err)
	}
}

// Record modes, don't assume them: worker/tasks.db is 0666 in 0777 from 29 on.
func TestStageKeepsModesAndContent(t *testing.T) {
	root := managerTree(t, "worker/tasks.db")
	for name, mode := range map[string]fs.FileMode{"worker": 0o777, "worker/tasks.db": 0o666, "certificates": 0o755} {
		if err := os.Chmod(filepath.Join(root, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	a, files := stage(t, root, snapshot.Cold)
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(root, f.Path))
		if err != nil {
			t.Fatal(err)
		}
		got, err := fs.ReadFile(a, f.Path)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %q, %v", f.Path, got, err)
		}
		if f.SHA256 != fmt.Sprintf("%x", sha256.Sum256(want)) || f.Size != int64(len(want)) || f.Apparent != 0 {
			t.Errorf("%+v", f)
		}
	}
	err := fs.WalkDir(a, ".", func(name string, d fs.DirEntry, err error) error {
		want, statErr := os.Stat(filepath.Join(root, name))
		got, infoErr := d.Info()
		if err := errors.Join(err, statErr, infoErr); err != nil {
			return err
		}
		if got.Mode() != want.Mode() {
			t.Errorf("%s: mode %v, want %v", name, got.Mode(), want.Mode())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if last := files[len(files)-1]; last.Path != "worker/tasks.db" || last.Mode != "0666" {
		t.Errorf("%+v", last)
	}
}

// A segment is preallocated; how its zeros are stored depends on the file
// system. All data is kept whatever they are, and most zeros are not.
func TestStageTrimsSegments(t *testing.T) {
	const total, block = 2 << 20, 4096
	zeros := map[string]func(f *os.File, data int64) error{
		"sparse":    func(f *os.File, _ int64) error { return f.Truncate(total) },
		"allocated": func(f *os.File, _ int64) error { return unix.Fallocate(int(f.Fd()), 0, 0, total) },
		"written": func(f *os.File, data int64) error {
			_, err := f.WriteAt(make([]byte, total-data), data)
			return err
		},
	}
	sizes := []int64{0, 1, block - 1, block, block + 1, 64*block - 1, 64 * block, 64*block + 1, 1<<20 - 1, total - block, total - 1}
	for how, fill := range zeros {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s/%d", how, size), func(t *testing.T) {
				root := managerTree(t)
				preallocate(t, filepath.Join(root, walDir, "0.wal"), size, fill)
				a, files := stage(t, root, snapshot.Cold)
				f := files[slices.IndexFunc(files, func(f snapshot.File) bool { return f.Path == walDir+"0.wal" })]
				wantTrimmed(t, a, filepath.Join(root, f.Path), f, min(total, size+2*block))
			})
		}
	}
}

// preallocate writes size bytes that are not zero, and what fill does.
func preallocate(t *testing.T, path string, size int64, fill func(*os.File, int64) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.Write(bytes.Repeat([]byte{0xa5}, int(size)))
	if err := errors.Join(err, fill(f, size)); err != nil {
		t.Fatal(err)
	}
}

func wantTrimmed(t *testing.T, a *snapshot.Archive, path string, f snapshot.File, most int64) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(a, f.Path)
	if err != nil || int64(len(got)) != f.Size {
		t.Fatalf("%d bytes, %v; %+v", len(got), err, f)
	}
	if f.Size > most {
		t.Errorf("%d bytes are kept, more than %d", f.Size, most)
	}
	if !bytes.Equal(append(got, make([]byte, len(want)-len(got))...), want) {
		t.Error("data was left out")
	}
	if apparent := int64(len(want)); f.Size != apparent && f.Apparent != apparent || f.Size == apparent && f.Apparent != 0 {
		t.Errorf("%+v of %d", f, apparent)
	}
}

// Only at the end: a hole before data stays.
func TestStageKeepsInnerZeros(t *testing.T) {
	root := managerTree(t)
	path := filepath.Join(root, walDir, "0.wal")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("end"), 1<<20); err != nil {
		t.Fatal(err)
	}
	a, files := stage(t, root, snapshot.Cold)
	wantTrimmed(t, a, path, files[slices.Index(paths(files), walDir+"0.wal")], 1<<20+3)
}

func TestStageRefusesForeignDirectories(t *testing.T) {
	for name, c := range map[string]struct {
		dir  string
		want error
	}{
		"empty":           {t.TempDir(), snapshot.ErrNotManager},
		"a worker's":      {fixture.Copy(t, fixture.Worker).Dir, snapshot.ErrNotManager},
		"no node key":     {tree(t, walDir+"0.wal"), snapshot.ErrNotManager},
		"no raft":         {tree(t, keyFile), snapshot.ErrNotManager},
		"not there":       {filepath.Join(t.TempDir(), "x"), fs.ErrNotExist},
		"not a directory": {filepath.Join(tree(t, "f"), "f"), unix.ENOTDIR},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if _, err := snapshot.Stage(t.Context(), c.dir, snapshot.Hot, &b, nil); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if b.Len() > 0 {
				t.Errorf("%d bytes were written", b.Len())
			}
		})
	}
}

// onErr calls hook when Stage asks it, before each file, whether to go on.
type onErr struct {
	context.Context
	hook func()
}

func (c onErr) Err() error {
	c.hook()
	return c.Context.Err()
}

func TestStageSeesChanges(t *testing.T) {
	write := func(name, text string) func(string) error {
		return func(root string) error { return os.WriteFile(filepath.Join(root, name), []byte(text), 0o600) }
	}
	for name, change := range map[string]func(root string) error{
		"the node key is replaced":    write(keyFile, "another key"),
		"a segment is cut":            write(walDir+"1.wal", "new"),
		"a raft snapshot is taken":    write(snapDir+"2.snap", "new"),
		"a raft snapshot goes":        func(root string) error { return os.Remove(filepath.Join(root, snapDir, "1.snap")) },
		"the node key goes":           func(root string) error { return os.Remove(filepath.Join(root, keyFile)) },
		"the certificate is replaced": write("certificates/.swarm-node.crt", "half"),
	} {
		t.Run(name, func(t *testing.T) {
			root := managerTree(t)
			asked := 0
			ctx := onErr{t.Context(), func() {
				if asked++; asked != 1 {
					return
				}
				if err := change(root); err != nil {
					t.Fatal(err)
				}
			}}
			files, err := snapshot.Stage(ctx, root, snapshot.Hot, io.Discard, nil)
			if !errors.Is(err, snapshot.ErrChanged) && !errors.Is(err, snapshot.ErrNotManager) {
				t.Errorf("got %v, %v", files, err)
			}
			if err := unaffected(t); err != nil {
				t.Errorf("the next one: %v", err)
			}
		})
	}
}

func unaffected(t *testing.T) error {
	_, err := snapshot.Stage(t.Context(), managerTree(t), snapshot.Hot, io.Discard, nil)
	return err
}

// What is only appended to a segment while it is read is no change.
func TestStageOfAGrowingLog(t *testing.T) {
	root := managerTree(t)
	f, err := os.OpenFile(filepath.Join(root, walDir, "0.wal"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	grow := func() {
		if _, err := f.WriteString("one more record"); err != nil {
			t.Error(err)
		}
	}
	if _, err := snapshot.Stage(onErr{t.Context(), grow}, root, snapshot.Hot, io.Discard, nil); err != nil {
		t.Error(err)
	}
}

// onWrite calls hook with what Stage writes.
type onWrite func([]byte) error

func (w onWrite) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func TestStageOfAShrinkingFile(t *testing.T) {
	root := managerTree(t)
	path := filepath.Join(root, snapDir, "1.snap")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	shrink := onWrite(func(p []byte) error {
		if p[0] == 0 { // the first bytes of it
			return os.Truncate(path, 1)
		}
		return nil
	})
	if _, err := snapshot.Stage(t.Context(), root, snapshot.Hot, shrink, nil); !errors.Is(err, snapshot.ErrChanged) {
		t.Errorf("got %v", err)
	}
}

func TestStageEnds(t *testing.T) {
	root := managerTree(t)
	full := onWrite(func([]byte) error { return unix.ENOSPC })
	if _, err := snapshot.Stage(t.Context(), root, snapshot.Cold, full, nil); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := snapshot.Stage(ctx, root, snapshot.Cold, io.Discard, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// What is copied before the engine stops is used if it is still the same.
func TestStageClosed(t *testing.T) {
	root := managerTree(t, walDir+"1.wal", walDir+"2.wal", snapDir+"2.snap", "worker/tasks.db")
	var data bytes.Buffer
	early, err := snapshot.StageClosed(t.Context(), root, &data)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{snapDir + "1.snap", snapDir + "2.snap", walDir + "0.wal", walDir + "1.wal"} {
		if !bytes.Contains(data.Bytes(), []byte("content of "+name)) {
			t.Errorf("%s is closed and was not copied", name)
		}
	}
	if n := bytes.Count(data.Bytes(), []byte("content of ")); n != 4 {
		t.Errorf("%d files are closed, not 4", n)
	}
	must(t, os.WriteFile(filepath.Join(root, snapDir, "2.snap"), []byte("other text of the length"), 0o600))
	must(t, os.Remove(filepath.Join(root, walDir, "0.wal")))
	must(t, os.WriteFile(filepath.Join(root, snapDir, "3.snap"), []byte("new"), 0o600))
	already := data.Len()
	staged, err := snapshot.Stage(t.Context(), root, snapshot.Cold, &data, early)
	if err != nil {
		t.Fatal(err)
	}
	if more := string(data.Bytes()[already:]); strings.Contains(more, "1.snap") || strings.Contains(more, "1.wal") {
		t.Errorf("copied again: %q", more)
	}
	a, err := staged.Archive(bytes.NewReader(data.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	wantTree(t, a, root)
}

// wantTree compares the files in a with those below root.
func wantTree(t *testing.T, a fs.FS, root string) {
	t.Helper()
	count := 0
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		count++
		want, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if got, err := fs.ReadFile(a, name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
		return nil
	})
	if err != nil || count < 5 {
		t.Errorf("%d files, %v", count, err)
	}
}

// Reading never writes: neither content nor a name nor a time of it changes.
func TestStageChangesNothing(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	before := fingerprint(t, s.Dir)
	stage(t, s.Dir, snapshot.Hot)
	stage(t, s.Dir, snapshot.Cold)
	if after := fingerprint(t, s.Dir); after != before {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
}

func fingerprint(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(root, func(path string, info fs.FileInfo, err error) error {
		if err != nil {
			return err
		}
		data := []byte{}
		if info.Mode().IsRegular() {
			data, err = os.ReadFile(path)
		}
		fmt.Fprintf(&b, "%s %v %v %x\n", path, info.Mode(), info.ModTime().UnixNano(), sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
