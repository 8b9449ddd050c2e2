package file_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/swarmdr/swarmdr/internal/store/file"
	"github.com/swarmdr/swarmdr/pkg/snapshot"
	"golang.org/x/sys/unix"
)

func verdicts(r snapshot.Report) map[string]snapshot.Verdict {
	m := map[string]snapshot.Verdict{}
	for _, a := range r {
		m[a.Name] = a.Verdict
	}
	return m
}

func TestCheck(t *testing.T) {
	s := file.New(filepath.Join(t.TempDir(), "store"))
	r := s.Check(t.Context())
	if r.Failed() {
		t.Errorf("%+v", r)
	}
	for _, name := range []string{"sync", "put", "write once", "read back", "list after write", "delete", "mode"} {
		if got := verdicts(r)[name]; got != snapshot.CheckOK {
			t.Errorf("%s: %q", name, got)
		}
	}
	for o, err := range s.List(t.Context(), "") {
		t.Errorf("left %v, %v", o, err)
	}
}

func TestCheckOfAFullDisk(t *testing.T) {
	dir := mount(t, "size=1m")
	fill, err := os.Create(filepath.Join(dir, "fill"))
	if err != nil {
		t.Fatal(err)
	}
	defer fill.Close()
	for err == nil {
		_, err = fill.Write(make([]byte, 4096))
	}
	r := file.New(filepath.Join(dir, "store")).Check(t.Context())
	if !r.Failed() {
		t.Errorf("%+v", r)
	}
}

func TestCheckWarns(t *testing.T) {
	dir := mount(t, "size=4m")
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	r := file.New(dir).Check(t.Context())
	for _, name := range []string{"free space", "mode", "disk"} {
		if got := verdicts(r)[name]; got != snapshot.CheckWarn {
			t.Errorf("%s: %q", name, got)
		}
	}
	if r.Failed() || !r.Warned() {
		t.Errorf("%+v", r)
	}
}

func TestCheckWhereNothingCanBe(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := file.New(filepath.Join(blocked, "store")).Check(t.Context()); !r.Failed() {
		t.Errorf("%+v", r)
	}
}

func mount(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, 0) })
	return dir
}
