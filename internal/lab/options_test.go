package lab

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		ok   bool
	}{
		{"zero value", Options{}, true},
		{"largest", Options{Managers: MaxManagers, Workers: MaxWorkers, Subnet: "172.16.0.0/12"}, true},
		{"too many managers", Options{Managers: MaxManagers + 1}, false},
		{"negative managers", Options{Managers: -1}, false},
		{"too many workers", Options{Workers: MaxWorkers + 1}, false},
		{"negative workers", Options{Workers: -1}, false},
		{"narrow subnet", Options{Subnet: "10.0.0.0/25"}, false},
		{"IPv6 subnet", Options{Subnet: "fd00::/16"}, false},
		{"no subnet", Options{Subnet: "here"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.o.Validate(); (err == nil) != c.ok {
				t.Errorf("validate: %v", err)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	nodes, err := Options{Managers: MaxManagers, Workers: MaxWorkers, Subnet: "10.7.3.9/24"}.plan("/d", "28")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, n := range nodes {
		if err := n.validate(); err != nil {
			t.Error(err)
		}
		if !strings.HasPrefix(n.Address.String(), "10.7.3.") || seen[n.Address.String()] {
			t.Errorf("address of %s is %s", n.Name, n.Address)
		}
		seen[n.Address.String()] = true
	}
	if first, worker := nodes[0], nodes[MaxManagers]; first.Name != "m1" || worker.Name != "w1" || len(nodes) != MaxManagers+MaxWorkers {
		t.Errorf("plan begins with %s, workers with %s, %d in all", first.Name, worker.Name, len(nodes))
	}
}

func TestCheckDir(t *testing.T) {
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir string
		ok  bool
	}{
		"new":      {"/no/such/lab", true},
		"empty":    {t.TempDir(), true},
		"foreign":  {full, false},
		"longest":  {"/" + strings.Repeat("x", maxDir-1), true},
		"too long": {"/" + strings.Repeat("x", maxDir), false},
		"colon":    {"/a:b", false},
		"blank":    {"/a b", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := checkDir(c.dir); (err == nil) != c.ok {
				t.Errorf("check: %v", err)
			}
		})
	}
	if err := checkDir(full); !errors.Is(err, ErrNotOurs) {
		t.Errorf("foreign directory: %v", err)
	}
}

func TestMakeAndRemoveDirs(t *testing.T) {
	base := t.TempDir()
	dir := filepath.Join(base, "a/b/c")
	made, err := makeDir(dir)
	if err != nil || made != filepath.Join(base, "a") {
		t.Fatalf("made %q: %v", made, err)
	}
	keep := filepath.Join(base, "a/keep")
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := removeDirs(dir, made); err != nil {
		t.Fatal(err)
	}
	if exists(filepath.Join(base, "a/b")) || !exists(keep) {
		t.Error("removed too little or too much")
	}
	if made, err := makeDir(base); err != nil || made != "" {
		t.Errorf("made %q of what was there: %v", made, err)
	}
}

func TestResolve(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(base, filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	got, err := resolve(filepath.Join(base, "link/new/lab"))
	if err != nil || got != filepath.Join(base, "new/lab") {
		t.Errorf("resolved to %s (%v)", got, err)
	}
}

func TestParseVersion(t *testing.T) {
	for _, c := range []struct {
		line, want string
		major      int
	}{
		{"Docker version 20.10.24+dfsg1, build 5d6db84\n", "20.10.24+dfsg1", 20},
		{"Docker version 29.7.2, build abc", "29.7.2", 29},
		{"Docker version dev, build abc", "", 0},
		{"containerd 1.6.20", "", 0},
		{"", "", 0},
	} {
		got, err := parseVersion(c.line)
		if got != c.want || majorVersion(got) != c.major || (err == nil) != (c.want != "") {
			t.Errorf("%q gives %q, %d (%v)", c.line, got, majorVersion(got), err)
		}
	}
}

func TestEnginePath(t *testing.T) {
	dirs := filepath.SplitList(enginePath("/x/usr/sbin/dockerd"))
	if !slices.Equal(dirs[:2], []string{"/x/usr/sbin", "/x/usr/bin"}) || !slices.Contains(dirs, "/usr/sbin") {
		t.Errorf("PATH %q", dirs)
	}
}

func TestFindDockerd(t *testing.T) {
	for _, path := range []string{"/no/such/dockerd", "/etc", "/etc/passwd"} {
		if _, err := findDockerd(path); !errors.Is(err, ErrNoEngine) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestTaskArchive reads the archive of this very test with archive/tar.
func TestTaskArchive(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 1, 511, 512, 513, len(want)} {
		file := filepath.Join(t.TempDir(), "swarmdr")
		if err := os.WriteFile(file, want[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		checkArchive(t, file, want[:size])
	}
}

func checkArchive(t *testing.T, file string, want []byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	archive, err := taskArchive(f)
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(archive)
	header, err := r.Next()
	if err != nil || header.Name != "swarmdr" || header.Mode != 0o755 {
		t.Fatalf("header %+v (%v)", header, err)
	}
	got, err := io.ReadAll(r)
	if err != nil || string(got) != string(want) {
		t.Errorf("%d bytes come back as %d (%v)", len(want), len(got), err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("the archive does not end: %v", err)
	}
}

func TestCheckStatic(t *testing.T) {
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkStatic(shell); !errors.Is(err, ErrNotStatic) {
		t.Errorf("a dynamic executable: %v", err)
	}
	if err := checkStatic("/etc/passwd"); err == nil || errors.Is(err, ErrNotStatic) {
		t.Errorf("no executable: %v", err)
	}
}

// TestOnThread: the calling thread and the main one never change.
func TestOnThread(t *testing.T) {
	if err := requireRoot(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("NOT TESTED: ", err)
	}
	before := namespaceID("/proc/self/ns/net")
	dir := t.TempDir()
	for range 20 {
		path := filepath.Join(dir, "net")
		if err := makeNetNS(path); err != nil {
			t.Fatal(err)
		}
		if id := namespaceID(path); id == before || id == (nsID{}) {
			t.Errorf("namespace %+v, own %+v", id, before)
		}
		if err := setns(path, unix.CLONE_NEWUTS); err == nil {
			t.Error("entered a network as if it were a host name")
		}
		if err := unmountBelow(dir); err != nil {
			t.Fatal(err)
		}
		if err := setns(path, unix.CLONE_NEWNET); !errors.Is(err, ErrGone) {
			t.Errorf("enter what is gone: %v", err)
		}
	}
	if now := namespaceID("/proc/self/ns/net"); now != before {
		t.Error("the main thread changed its network")
	}
}

func TestPollEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := poll(ctx, func() (bool, error) { return false, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("poll: %v", err)
	}
}
