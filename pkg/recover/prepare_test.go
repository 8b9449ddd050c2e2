package recover

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/swarmdr/swarmdr/internal/fixture"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"github.com/swarmdr/swarmdr/pkg/unlock"
)

// preparation is a run of a plan for a recorded survivor, and where its new
// directory goes.
func preparation(t *testing.T, s *fixture.Swarm, o PlanOptions) (r *run, dst string) {
	t.Helper()
	proof, err := snapshot.Prove(os.DirFS(s.Dir), s.Key)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(&Evidence{Dir: s.Dir, Contents: proof.Contents}, o)
	if err != nil {
		t.Fatal(err)
	}
	return &run{RunOptions{Gather: GatherOptions{Key: s.Key}}, &Journal{Plan: *p}}, filepath.Join(t.TempDir(), "new")
}

// prepared writes the new directory and sees to it that the old one is as it
// was.
func prepared(t *testing.T, s *fixture.Swarm, o PlanOptions) string {
	t.Helper()
	before := fingerprint(t, s.Dir)
	r, dst := preparation(t, s, o)
	if err := r.prepareDir(s.Dir, dst); err != nil {
		t.Fatal(err)
	}
	if fingerprint(t, s.Dir) != before {
		t.Error("the old directory was changed")
	}
	return dst
}

func fingerprint(t *testing.T, root string) string {
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

func prove(t *testing.T, dir string, key unlock.Key) snapshot.Contents {
	t.Helper()
	p, err := snapshot.Prove(os.DirFS(dir), key)
	if err != nil {
		t.Fatal(err)
	}
	return p.Contents
}

func same(t *testing.T, name, a, b string) bool {
	t.Helper()
	one, err := os.ReadFile(filepath.Join(a, name))
	other, otherErr := os.ReadFile(filepath.Join(b, name))
	if err := errors.Join(err, otherErr); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(one, other)
}

func exists(dir, name string) bool {
	_, err := os.Lstat(filepath.Join(dir, name))
	return err == nil
}

func TestPrepareForce(t *testing.T) {
	for _, name := range fixture.Managers(t) {
		t.Run(name, func(t *testing.T) {
			s := fixture.Copy(t, name)
			want := prove(t, s.Dir, s.Key)
			dst := prepared(t, s, PlanOptions{Method: ForceNewCluster})
			got := prove(t, dst, unlock.Key{}) // without the key: the engine has none
			if got.Autolock || got.Commit != got.Index || got.Index != want.Index || got.Objects["secret"] != want.Objects["secret"] {
				t.Errorf("%+v", got)
			}
			for _, name := range []string{dockerState, "state.json"} {
				if exists(dst, name) {
					t.Errorf("%s makes dockerd dial its old peers", name)
				}
			}
			if !exists(dst, "worker/tasks.db") {
				t.Error("the tasks of this node are lost")
			}
			if info, err := os.Stat(filepath.Join(dst, nodeKeyFile)); err != nil || want.Autolock && info.Mode().Perm() != 0o600 {
				t.Errorf("mode of the key in clear: %v, %v", info.Mode(), err)
			}
			if !want.Autolock && !same(t, nodeKeyFile, dst, s.Dir) {
				t.Error("a key that was not locked was rewritten")
			}
		})
	}
}

func TestPrepareForceDiscardingTheTail(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	want := prove(t, s.Dir, s.Key)
	got := prove(t, prepared(t, s, PlanOptions{Method: ForceNewCluster, DiscardTail: true}), unlock.Key{})
	if got.Commit != want.Commit || got.Commit == got.Index {
		t.Errorf("commit %d, index %d: the engine drops what lies beyond", got.Commit, got.Index)
	}
}

func TestPrepareRebuild(t *testing.T) {
	for _, name := range fixture.Managers(t) {
		t.Run(name, func(t *testing.T) {
			s := fixture.Copy(t, name)
			want := prove(t, s.Dir, s.Key)
			dst := prepared(t, s, PlanOptions{Advertise: "10.98.0.3"})
			got := prove(t, dst, s.Key)
			if got.Voters != 1 || got.Address != "10.98.0.3:2377" || got.NodeID != want.NodeID || got.RaftID != want.RaftID {
				t.Errorf("%+v", got)
			}
			if got.Autolock != want.Autolock || got.Commit != got.Index || fmt.Sprint(got.Objects) != fmt.Sprint(want.Objects) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if !same(t, nodeKeyFile, dst, s.Dir) {
				t.Error("the node key was rewritten")
			}
			if exists(dst, "state.json") || !exists(dst, dockerState) || !exists(dst, "worker/tasks.db") {
				t.Error("the wrong files are there")
			}
		})
	}
}

func TestPrepareRebuildDiscardingTheTail(t *testing.T) {
	s := fixture.Copy(t, fixture.Autolock)
	want := prove(t, s.Dir, s.Key)
	got := prove(t, prepared(t, s, PlanOptions{Method: Rebuild, DiscardTail: true}), s.Key)
	if got.Objects["secret"] != want.Objects["secret"]-1 || got.Address != want.Address {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// A torn record is no acknowledged write; with it some engines do not start.
func TestPrepareOfATornLog(t *testing.T) {
	for _, o := range []PlanOptions{{Method: ForceNewCluster}, {Method: Rebuild}} {
		s := fixture.Copy(t, fixture.Autolock)
		if err := cutLog(&fakeSwarm{swarm: s}); err != nil {
			t.Fatal(err)
		}
		want := prove(t, s.Dir, s.Key)
		dst := prepared(t, s, o)
		p, err := snapshot.Prove(os.DirFS(dst), s.Key)
		if err != nil || p.Log.Torn() != nil || p.Contents.Objects["secret"] != want.Objects["secret"] {
			t.Errorf("%s: %+v, %v", o.Method, p, err)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *run)
		want   error
	}{
		"another index": {func(r *run) { r.journal.Plan.Evidence.Contents.Index++ }, ErrEvidenceChanged},
		"another term":  {func(r *run) { r.journal.Plan.Evidence.Contents.Term++ }, ErrEvidenceChanged},
		"another node":  {func(r *run) { r.journal.Plan.Evidence.Contents.NodeID = "x" }, ErrEvidenceChanged},
		"no key":        {func(r *run) { r.o.Gather.Key = unlock.Key{} }, unlock.ErrLocked},
	} {
		t.Run(name, func(t *testing.T) {
			s := fixture.Copy(t, fixture.Autolock)
			r, dst := preparation(t, s, PlanOptions{})
			c.change(r)
			if err := r.prepareDir(s.Dir, dst); !errors.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
			if exists(dst, ".") {
				t.Error("something was written")
			}
		})
	}
	s := fixture.Copy(t, fixture.Autolock)
	r, dst := preparation(t, s, PlanOptions{})
	if err := os.Mkdir(dst, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.prepareDir(s.Dir, dst); !errors.Is(err, fs.ErrExist) {
		t.Errorf("into a directory that is there: %v", err)
	}
}

func TestCopyTree(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	modes := map[string]fs.FileMode{"a": 0o777, "a/f": 0o666, "b": 0o700, "b/key": 0o600, "out/g": 0o600, "h": 0o644}
	for name, mode := range modes {
		path := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if mode&0o111 != 0 {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range modes {
		if err := os.Chmod(filepath.Join(src, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	addWaste(t, src)
	if err := copyTree(os.DirFS(src), dst, "out", "h"); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := fs.WalkDir(os.DirFS(dst), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		got = append(got, name)
		info, err := d.Info()
		if err != nil || info.Mode().Perm() != modes[name] {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != "a a/f b b/key" {
		t.Errorf("copied %v, %v", got, err)
	}
	if !same(t, "a/f", dst, src) {
		t.Error("another content")
	}
}

// addWaste adds what no manager needs.
func addWaste(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"b/0.tmp", "b/1.wal.broken"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "b/migrating.tmp/x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "b/link")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "b/sock"), 0o600); err != nil {
		t.Fatal(err)
	}
}
